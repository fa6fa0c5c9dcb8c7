"""Pure bytes to samples and back, one module per wire format."""
