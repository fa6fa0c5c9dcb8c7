"""Open-Falcon: lists of metric values as agents push them, and the transfer's JSON-RPC."""
