"""Every error that may cross a boundary, so that a caller can catch broad or narrow.

::

    GnomonError
    ├── SettingsError      what a person wrote cannot be used: file, line, key, what was expected
    ├── DecodeError        bytes that are not of the format they claim
    ├── Retryable          may work later: busy, unreachable, timed out
    │   └── Full           nothing more can be taken now (queue, disk, limit)
    ├── Permanent          will never work as it is: refused, forbidden, malformed
    │   ├── Corrupt        a file of ours is damaged; says which and what was saved
    │   └── LimitExceeded  over a declared limit; says which, and how to raise it
    └── NoData             there is nothing to collect here (not an error of the check)
        └── NeedsSetup     there is, but a person must allow it first; says how

Each carries one clear line for a person, with what to do next where that is known.
"""

from __future__ import annotations

from collections.abc import Iterable


class GnomonError(Exception):
    """The root of all errors raised on purpose."""


class SettingsError(GnomonError):
    """`file:line: key: what, did you mean ...`: one line for each thing found wrong."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class DecodeError(GnomonError):
    """Bytes that are not of the format they claim to be."""


class Retryable(GnomonError):
    """The same call may work later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """`retry_after`: seconds the other side asked for."""
        super().__init__(message)
        self.retry_after = retry_after


class Full(Retryable):
    """Nothing more can be taken now."""


class Permanent(GnomonError):
    """The same call will never work; what it carried is dropped and counted."""


class Corrupt(Permanent):
    """A file of ours is damaged."""


class LimitExceeded(Permanent):
    """Over a declared limit."""


class NoData(GnomonError):
    """There is nothing to collect here: the file, device or service does not exist."""


class NeedsSetup(NoData):
    """A person has to allow it first; `hint` is what to run or write, ready to be copied."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when something close is known, else the empty string."""
    from difflib import get_close_matches  # noqa: PLC0415  # only when something is wrong already

    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
