"""The functions of PromQL, one entry each, in files by family."""
