"""The agent's settings files: `agent.yaml` and `conf.d/*.yaml`."""
