"""What samples come from."""
