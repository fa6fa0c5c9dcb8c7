"""What Gnomon's speed is measured with, its peers beside it. `make bench`, or see `__main__`."""
