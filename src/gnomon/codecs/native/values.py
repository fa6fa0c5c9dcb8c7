"""A column of doubles as short integers where they are short decimals, else as they are.

Most readings of a host are whole numbers or have a few decimal digits, so a value is written as the
integer `m` of `m / 10**digits` if that division gives back exactly the same double. What remains
(ratios, -0.0, NaN, infinities) is kept as eight bytes. Byte planes, XOR and delta with the run
before were measured as well: behind zstd each of them made real host data larger, not smaller.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from math import copysign

import msgspec

from gnomon.codecs.native.limits import Limits, integers, packed
from gnomon.core.errors import DecodeError

DIGITS = (0, 1, 2, 3, 6)
"""Decimal digits of the classes 0 to 4."""
AS_IS = len(DIGITS)
"""The class of doubles that are no short decimals."""

_SCALES = tuple((code, 10.0**digits) for code, digits in enumerate(DIGITS))
_EXACT = 2.0**53
_BIG_ENDIAN = sys.byteorder == "big"


class Values(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The columns of one class each, in row order, and the class of each row."""

    classes: bytes
    """One byte a row; a single byte if all rows are of one class."""
    decimals: tuple[msgspec.Raw, msgspec.Raw, msgspec.Raw, msgspec.Raw, msgspec.Raw]
    """Integers of the classes 0 to 4."""
    doubles: bytes
    """Eight bytes each, little-endian."""


def pack_values(values: Iterable[float]) -> Values:
    """Sorts the values into classes."""
    classes = bytearray()
    decimals: tuple[list[int], ...] = tuple([] for _ in DIGITS)
    doubles = array("d")
    for value in values:
        # The common case first: a whole number other than -0.0.
        if value.is_integer() and -_EXACT < value < _EXACT and (value or copysign(1, value) > 0):
            classes.append(0)
            decimals[0].append(int(value))
            continue
        code, number = _decimal(value)
        classes.append(code)
        if code == AS_IS:
            doubles.append(value)
        else:
            decimals[code].append(number)
    if _BIG_ENDIAN:
        doubles.byteswap()
    one = bytes(classes[:1])
    short = one if classes and classes.count(one) == len(classes) else bytes(classes)
    zero, tenths, hundredths, thousandths, millionths = map(packed, decimals)
    return Values(short, (zero, tenths, hundredths, thousandths, millionths), doubles.tobytes())


def unpack_values(packed_values: Values, count: int, limits: Limits) -> array[float]:
    """`count` values; raises `DecodeError` if there are more or fewer."""
    columns = _columns(packed_values, limits)
    classes = packed_values.classes
    if len(classes) == 1:
        classes *= count
    sizes = [len(column) for column in columns]
    if len(classes) != count or sizes != [classes.count(code) for code in range(len(columns))]:
        raise DecodeError("the values are not as many as the samples")
    if count in sizes:
        return columns[sizes.index(count)]
    sources = [iter(column) for column in columns]
    return array("d", map(next, map(sources.__getitem__, classes)))


def _columns(packed_values: Values, limits: Limits) -> list[array[float]]:
    """The values of each class."""
    if len(packed_values.doubles) % 8:
        raise DecodeError("a column of doubles that is cut short")
    columns: list[array[float]] = []
    for raw, (_, scale) in zip(packed_values.decimals, _SCALES, strict=True):
        whole = integers(raw, limits.samples, "values")
        columns.append(array("d", [number / scale for number in whole] if scale > 1 else whole))
    doubles = array("d")
    doubles.frombytes(packed_values.doubles)
    if _BIG_ENDIAN:
        doubles.byteswap()
    columns.append(doubles)
    return columns


def _decimal(value: float) -> tuple[int, int]:
    """The class of a value that is not whole, and its integer."""
    if value.is_integer():
        return AS_IS, 0
    for code, scale in _SCALES[1:]:
        scaled = value * scale
        if -_EXACT < scaled < _EXACT:
            whole = round(scaled)
            if whole / scale == value:
                return code, whole
    return AS_IS, 0
