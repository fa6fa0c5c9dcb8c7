"""The durable queue between the pipeline and a sink."""
