"""What changes samples on their way."""
