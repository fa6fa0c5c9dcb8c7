"""Watches certain programs closely: how many processes, and what they use together.

Settings, names and meaning are those of Datadog Agent 5's process check: values are sums over all
processes found, the label `process_name` has the name given in the settings, and the service check
`process.up` says whether as many run as should. What this user may not see of other users'
processes (I/O, open files) is left out.

For counts and top lists of all processes there is the check `processes`.
"""

from gnomon.agent.sources.checks.process.check import (
    METRICS,
    SERVICE_CHECKS,
    ProcessCheck,
    Settings,
)

component = ProcessCheck

__all__ = ["METRICS", "SERVICE_CHECKS", "ProcessCheck", "Settings", "component"]

EXAMPLE = """
init_config:

instances:
  - name: ssh
    search_string: [ssh, sshd]
    thresholds:
      critical: [1, 7]
      warning: [3, 5]
  - name: nodeserver
    search_string: [node server.js]
    exact_match: false
  - name: web
    pid_file: /run/nginx.pid
    collect_children: true
"""
