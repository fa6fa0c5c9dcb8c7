"""The server's settings file: `server.yaml`."""
