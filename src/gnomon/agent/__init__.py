"""The agent: sources, pipeline, sinks."""
