"""One suite of tests for each seam, run over every implementation of it.

Derive a class from a suite in a test module and say how the thing under test is made; pytest
collects the rest. Third parties do the same for their components.
"""
