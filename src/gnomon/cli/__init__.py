"""The command line: one module per verb; each parses, calls a main, prints."""
