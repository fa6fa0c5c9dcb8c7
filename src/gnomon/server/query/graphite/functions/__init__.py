"""The functions, a module for each family. Adding one is writing it: see `declare.function`."""
