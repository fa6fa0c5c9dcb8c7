"""Query languages over the shared matrix."""
