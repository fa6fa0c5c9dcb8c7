"""Graphite's target language over the store: what graphite-web answers, from NumPy arrays.

The way of a target: `grammar` parses it, `evaluate` walks it, `source` finds the series (`tree`,
`tagged`) and samples them at their own step (`sampling`), the functions of `functions/` compute,
`render` writes the answer. A function is declared in one place (see `declare`) and known
everywhere: to the evaluator, to `/functions`, to the reference page and to completion.
"""
