"""Growing columns: a NumPy array with room at its end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Column:
    """One writer appends; a reader takes `view` once and works on that.

    A view never moves: when the room is used up the column goes on in a larger array, and an old
    view keeps the old one.
    """

    __slots__ = ("_data", "_size")

    def __init__(self, data: NDArray[Any]) -> None:
        """Begins with a copy-free `data`."""
        self._data = data
        self._size = len(data)

    def __len__(self) -> int:
        return self._size

    def extend(self, more: ArrayLike) -> None:
        """Appends values."""
        added = np.asarray(more, self._data.dtype)
        size = self._size + len(added)
        if size > len(self._data):
            room = np.empty(max(size, 2 * len(self._data), 1024), self._data.dtype)
            room[: self._size] = self._data[: self._size]
            self._data = room
        self._data[self._size : size] = added
        self._size = size

    @property
    def view(self) -> NDArray[Any]:
        """The values now."""
        size = self._size  # before the data: a larger array holds the same first values
        return self._data[:size]
