"""Space and inodes of file systems.

Sizes are kilobytes (1024 bytes) and `in_use` is a fraction between 0 and 1, as in Datadog Agent 5.
`free` is what an ordinary user may still take, so `used + free` can be less than `total`;
`in_use` is `used / (used + free)`, what `df` shows.

A file system that is mounted at several places counts once. One that does not answer (a lost NFS
server) holds up nobody: it is reported by the service check `disk.responds` and left alone until
it answers again.
"""

from gnomon.agent.sources.checks.disk.check import METRICS, SERVICE_CHECKS, Disk, Settings

component = Disk

__all__ = ["METRICS", "SERVICE_CHECKS", "Disk", "Settings", "component"]
