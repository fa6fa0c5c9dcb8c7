"""Literals as Go writes them: numbers, durations, quoted texts, both ways."""

from __future__ import annotations

import math
import re

_DURATION = re.compile(
    r"(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?"
    r"(?:([0-9]+)ms)?"
)
_UNITS = (365 * 86_400_000, 7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000, 1)
_UNIT_NAMES = ("y", "w", "d", "h", "m", "s", "ms")
_MAX_DURATION = (1 << 63) // 1_000_000
_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.?))""",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SCIENTIFIC_FROM = 1e21
_SCIENTIFIC_BELOW = 1e-6
_SHORT_FROM = 1e6
_SHORT_BELOW = 1e-4


def parse_duration(text: str) -> int:
    """Milliseconds of `1h30m`; raises `ValueError`."""
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f'not a valid duration string: "{text}"')
    total = sum(int(part) * unit for part, unit in zip(match.groups(), _UNITS, strict=True) if part)
    if total > _MAX_DURATION:
        raise ValueError("duration out of range")
    return total


def format_duration(milliseconds: int) -> str:
    """`1h30m`; weeks and years only where they are whole."""
    if milliseconds == 0:
        return "0s"
    rest, parts = abs(milliseconds), ["-" if milliseconds < 0 else ""]
    for unit, name in zip(_UNITS, _UNIT_NAMES, strict=True):
        if name in ("y", "w") and rest % unit:
            continue
        if rest >= unit:
            parts.append(f"{rest // unit}{name}")
            rest %= unit
    return "".join(parts)


def parse_number(text: str) -> float:
    """A Go number: decimal, hexadecimal, octal, with underscores, `Inf`, `NaN`."""
    plain = text.replace("_", "")
    sign = -1.0 if plain.startswith("-") else 1.0
    digits = plain.lstrip("+-").lower()
    if digits.startswith("0x"):
        return sign * float(int(digits, 16))
    if len(digits) > 1 and digits[0] == "0" and digits.isdigit() and not set(digits) & {"8", "9"}:
        return sign * float(int(digits, 8))
    value = float(plain)
    if math.isinf(value) and "inf" not in digits:
        raise ValueError(f"{text} is out of range")
    return value


def format_value(value: float) -> str:
    """As Go's `strconv.FormatFloat(value, 'f', -1, 64)`: shortest, never an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text:
        text = _positional(text)
    return text.removesuffix(".0")


def format_json_value(value: float) -> str:
    """As Prometheus' HTTP API writes a sample: an exponent only below 1e-6 and from 1e21."""
    size = abs(value)
    if value and (size < _SCIENTIFIC_BELOW or _SCIENTIFIC_FROM <= size < math.inf):
        return format_scientific(value)
    return format_value(value)


def format_scientific(value: float) -> str:
    """As Go's `'e'` with the fewest digits: `1.5e-07`."""
    digits = repr(value)
    mantissa, _, exponent = digits.partition("e")
    if not exponent:
        mantissa, _, exponent = format(value, ".17e").partition("e")
        for places in range(17):
            candidate = format(value, f".{places}e")
            if float(candidate) == value:
                mantissa, _, exponent = candidate.partition("e")
                break
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}"


def format_short(value: float) -> str:
    """As Go's `%g` with the fewest digits, for messages and expressions."""
    size = abs(value)
    if value and math.isfinite(value) and not _SHORT_BELOW <= size < _SHORT_FROM:
        return format_scientific(value)
    return format_value(value)


def is_label_name(name: str) -> bool:
    """Any text that is UTF-8 and not empty; what was not UTF-8 came in as lone surrogates."""
    return bool(name) and not any("\ud800" <= char <= "\udfff" for char in name)


def unquote(text: str) -> str:
    r"""The text between quotes, escapes resolved; raises `ValueError`. Backquotes take all as is."""
    inner = text[1:-1]
    if text[0] == "`" or "\\" not in inner:
        return inner
    if any(match.group(6) is not None for match in _ESCAPE.finditer(inner)):
        raise ValueError("unknown escape sequence")
    parts: list[bytes] = []
    last = 0
    for match in _ESCAPE.finditer(inner):
        parts += (inner[last : match.start()].encode(), _escaped(match))
        last = match.end()
    parts.append(inner[last:].encode())
    return b"".join(parts).decode("utf-8", "surrogateescape")


def quote(text: str) -> str:
    """In double quotes, as Go's `%q` writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    for char, letter in (("\n", "n"), ("\t", "t"), ("\r", "r")):
        escaped = escaped.replace(char, "\\" + letter)
    return f'"{escaped}"'


def _escaped(match: re.Match[str]) -> bytes:
    simple, byte, short, long, octal, _ = match.groups()
    if simple:
        return _SIMPLE.get(simple, simple).encode()
    if byte:
        return bytes((int(byte, 16),))
    if octal:
        return bytes((int(octal, 8) & 0xFF,))
    return chr(int(short or long, 16)).encode("utf-8", "replace")


def _positional(text: str) -> str:
    mantissa, _, exponent = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    shift = int(exponent)
    digits = whole + fraction
    point = len(whole) + shift
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits}{'0' * (point - len(digits))}"
