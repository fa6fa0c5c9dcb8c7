"""Sets logging up: one line a record, to standard error, with the time in the local zone."""

from __future__ import annotations

import logging
import sys

LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def set_up(level: str) -> logging.Logger:
    """The root of our loggers; foreign libraries speak from `warning` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    logging.getLogger().handlers[:] = [handler]
    logging.getLogger().setLevel(logging.WARNING)
    ours = logging.getLogger("gnomon")
    ours.setLevel(level.upper())
    return ours
