"""Regular expressions that people write into targets."""

from __future__ import annotations

import re

from gnomon.server.query.graphite.grammar import TargetError


def regex(text: str) -> re.Pattern[str]:
    """The compiled pattern; a bad one is an error of the target."""
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise TargetError(f"invalid regular expression {text!r}: {error}") from None


def substitute(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    r"""`re.sub` with `\1` for groups."""
    try:
        return pattern.sub(replacement, text)
    except (re.error, IndexError) as error:
        raise TargetError(f"invalid replacement {replacement!r}: {error}") from None
