"""Pure sample algorithms shared by agent and server."""
