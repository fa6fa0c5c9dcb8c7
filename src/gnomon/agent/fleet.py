"""What the agent tells the server of itself."""
