"""What expressions evaluate to.

A `Vector` is an instant vector at every step at once: a row for each series, a column for each
step. A cell may be missing, which is not the same as holding NaN, so presence is a mask of its own.
The name of a series stands beside its labels and not among them: most operators drop it, and
grouping and matching mostly ignore it. As Prometheus 3 does with delayed name removal, an operator
only marks a row for dropping (`drop`), and the name goes when the answer is made.

A cell is a float. Native histograms will be a second, object-typed matrix beside `values`; every
operator that builds a `Vector` goes through the methods here, so that they have one place to go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from gnomon.core.model import NAME_LABEL, Labels
from gnomon.server.query.series import Float64s, Int64s

Bools: TypeAlias = NDArray[np.bool_]
Scalar: TypeAlias = Float64s
"""One value for each step."""
Identity: TypeAlias = tuple[str, Labels]
"""Name and labels: what makes a series distinct."""

METADATA_LABELS = ("__type__", "__unit__")
"""Labels that describe the value and so go with the name when an operator changes its meaning."""
STALE_BITS = 0x7FF0_0000_0000_0002
"""The NaN that marks the end of a series; other NaNs are values."""


class Vector(NamedTuple):
    """An instant vector over all steps. Shapes: n rows, n x steps."""

    names: Sequence[str]
    labels: Sequence[Labels]
    values: Float64s
    present: Bools
    drop: Bools
    """Rows whose name (and metadata labels) go when the answer is made."""

    @property
    def steps(self) -> int:
        """How many columns."""
        return int(self.values.shape[1])

    def identities(self) -> list[Identity]:
        """Name and labels of each row."""
        return list(zip(self.names, self.labels, strict=True))

    def with_values(self, values: Float64s, present: Bools | None = None) -> Vector:
        """The same series with other values, still under their names."""
        return self._replace(values=values, present=self.present if present is None else present)

    def transformed(self, values: Float64s, present: Bools | None = None) -> Vector:
        """The same series with values that mean something else: the name is to be dropped."""
        changed = self.with_values(values, present)
        return changed._replace(drop=np.ones(len(self.names), dtype=np.bool_))

    def take(self, rows: Int64s | Sequence[int]) -> Vector:
        """Some rows, in this order."""
        index = np.asarray(rows, dtype=np.int64)
        picked = ints(index)
        return Vector(
            [self.names[row] for row in picked],
            [self.labels[row] for row in picked],
            self.values[index],
            self.present[index],
            self.drop[index],
        )

    def without_empty(self) -> Vector:
        """Without rows that have no cell at all."""
        alive = self.present.any(axis=1)
        return self if bool(alive.all()) else self.take(np.flatnonzero(alive))

    def stretched(self, steps: int) -> Vector:
        """A vector of one step, the same at each of `steps`."""
        shape = (len(self.names), steps)
        return self._replace(
            values=np.broadcast_to(self.values, shape), present=np.broadcast_to(self.present, shape)
        )


class Samples(NamedTuple):
    """A range vector's data: raw samples of each series, one after the other (CSR)."""

    names: Sequence[str]
    labels: Sequence[Labels]
    drop: Bools
    offsets: Int64s
    """Row i owns samples `offsets[i]` up to `offsets[i + 1]`."""
    timestamps: Int64s
    values: Float64s

    @property
    def counts(self) -> Int64s:
        """Samples of each row."""
        return np.diff(self.offsets)


Value: TypeAlias = Vector | Scalar | str | Samples


def ints(array: NDArray[np.int64]) -> list[int]:
    """A one-dimensional array as a list."""
    return cast(list[int], array.tolist())


def empty_vector(steps: int) -> Vector:
    """No series."""
    return Vector(
        [],
        [],
        np.empty((0, steps)),
        np.empty((0, steps), dtype=np.bool_),
        np.empty(0, dtype=np.bool_),
    )


def single(values: Scalar, labels: Labels = (), present: Bools | None = None) -> Vector:
    """One nameless series."""
    shown = np.ones(len(values), dtype=np.bool_) if present is None else present
    return Vector([""], [labels], values[None, :], shown[None, :], np.zeros(1, dtype=np.bool_))


def concatenated(first: Vector, second: Vector) -> Vector:
    """The rows of both."""
    return Vector(
        [*first.names, *second.names],
        [*first.labels, *second.labels],
        np.concatenate((first.values, second.values)),
        np.concatenate((first.present, second.present)),
        np.concatenate((first.drop, second.drop)),
    )


def full_labels(name: str, labels: Labels) -> Labels:
    """The labels with the name among them, in order."""
    return tuple(sorted(((NAME_LABEL, name), *labels))) if name else labels


def split_name(labels: Labels) -> Identity:
    """The opposite of `full_labels`."""
    name = ""
    rest: list[tuple[str, str]] = []
    for pair in labels:
        if pair[0] == NAME_LABEL:
            name = pair[1]
        else:
            rest.append(pair)
    return name, tuple(rest)


def label_of(identity: Identity, name: str) -> str:
    """The value of a label, "" when it is not there."""
    if name == NAME_LABEL:
        return identity[0]
    for key, value in identity[1]:
        if key == name:
            return value
    return ""
