"""Datadog's HTTP wires: series (v1, v2), check runs, events and the payload of Agent 5.

`calls.CALLS` says what each path takes and answers; an ingest route and a listener do the rest.
"""
