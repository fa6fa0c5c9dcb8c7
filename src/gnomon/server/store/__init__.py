"""Where samples live: the interface, the in-memory reference and the engines behind it."""
