r"""Regular expressions as Go's RE2 has them, for Python's `re`.

Most are the same in both. Translated are flags in the middle of an expression (`a((?i)b)`), the
groups `(?<name>...)`, the quoting `\Q...\E`, the end of text `\z` and the classes `[[:alpha:]]`.
What only Python knows (back-references, look-around) is refused, as RE2 refuses it.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(
    r"""
      \\Q(?P<quoted>.*?)(?:\\E|$)
    | (?P<escape>\\(?:p\{\^?\w+\}|P\{\^?\w+\}|.))
    | (?P<posix>\[:\^?\w+:\])
    | (?P<flags>\(\?[a-zA-Z]*(?:-[a-zA-Z]+)?\))
    | (?P<look>\(\?(?:=|!|<=|<!|\#|\(|P=|P>))
    | (?P<name>\(\?<)
    | (?P<scoped>\(\?[a-zA-Z]*(?:-[a-zA-Z]+)?:|\(\?P<|\()
    | (?P<close>\))
    | (?P<rest>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPES = {r"\z": r"\Z", r"\C": r"[\s\S]"}
_UNGREEDY = "U"


class RegexError(ValueError):
    """Not a regular expression of RE2."""


@lru_cache(maxsize=4096)
def python_regex(pattern: str) -> str:
    """The pattern for Python; raises `RegexError`."""
    translated = _translated(pattern) if _special(pattern) else pattern
    try:
        re.compile(translated)
    except (re.error, OverflowError, RecursionError) as error:
        raise RegexError(f"error parsing regexp: {error}") from None
    return translated


def _special(pattern: str) -> bool:
    return "(?" in pattern or "\\" in pattern or "[:" in pattern


def _translated(pattern: str) -> str:
    out: list[str] = []
    groups: list[list[str]] = [[]]
    """For each open group, the flags switched on inside it, each a group of its own here."""
    in_class = False
    for token in _TOKEN.finditer(pattern):
        kind, text = str(token.lastgroup), token.group()
        if kind == "rest" and text == "|" and not in_class:
            # Flags last over alternatives, a group of ours must not.
            out.append(")" * len(groups[-1]) + "|" + "".join(groups[-1]))
        elif in_class or kind in ("quoted", "escape", "rest"):
            out.append(_plain(kind, token, in_class=in_class))
            in_class = _still_in_class(kind, text, pattern, token.start(), in_class=in_class)
        elif kind == "look":
            raise RegexError(f"error parsing regexp: invalid or unsupported Perl syntax: `{text}`")
        elif kind == "flags":
            groups[-1].append(_flags(text))
            out.append(groups[-1][-1])
        elif kind == "close":
            out.append(")" * (len(groups.pop()) if len(groups) > 1 else 0) + ")")
        else:
            out.append("(?P<" if kind == "name" else text)
            groups.append([])
    return "".join(out) + ")" * len(groups[0])


def _plain(kind: str, token: re.Match[str], *, in_class: bool) -> str:
    text = token.group()
    if kind == "quoted":
        return re.escape(token["quoted"])
    if kind == "posix" and in_class:
        return _posix(text)
    if kind == "escape":
        if text[1].isdigit() and text[1] != "0" and not in_class:
            raise RegexError(f"error parsing regexp: invalid escape sequence: `{text}`")
        return _ESCAPES.get(text, text)
    return text


def _posix(text: str) -> str:
    name = text[2:-2]
    if name.lstrip("^") not in _POSIX or name.startswith("^"):
        raise RegexError(f"error parsing regexp: invalid character class range: `{text}`")
    return _POSIX[name]


def _still_in_class(kind: str, text: str, pattern: str, start: int, *, in_class: bool) -> bool:
    if kind != "rest":
        return in_class
    if not in_class:
        return text == "["
    # A bracket that stands first in a class is a member of it.
    first = pattern[:start].endswith(("[", "[^")) and not pattern[:start].endswith("\\[")
    return text != "]" or first


def _flags(text: str) -> str:
    """`(?i)` opens a group that lasts to the end of the one it stands in."""
    body = text[2:-1]
    if _UNGREEDY in body:
        raise RegexError("error parsing regexp: the flag U is not supported")
    on, _, off = body.partition("-")
    flags = on + (f"-{off}" if off else "")
    return f"(?{flags}:"
