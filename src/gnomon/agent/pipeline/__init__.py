"""What carries samples from sources to sinks."""
