"""Regular expressions that stand in settings."""

from __future__ import annotations

import re

from gnomon.core.errors import SettingsError


def pattern(key: str, text: str) -> re.Pattern[str] | None:
    """The compiled expression, None for the empty text; `SettingsError` names the key."""
    if not text:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise SettingsError(f"{key}: {text!r} is not a regular expression: {error}") from None
