"""What comes in over HTTP: decode, limit, append."""
