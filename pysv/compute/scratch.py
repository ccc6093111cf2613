"""Memory that one array gives back and a later one takes."""

from __future__ import annotations

import math
from weakref import WeakValueDictionary

import numpy as np

_ROOM = 1.25
"""Memory is allocated this much larger than asked for, since arrays mostly grow; untouched pages cost nothing."""

_SPARE = 2
"""Memory serves an array that is this much smaller at most: a larger one will be asked for, too."""


class Scratch:
    """Large complex arrays without the cost of new memory.

    The operating system clears each page of a new array, and takes the page back when the array goes. For arrays that
    are written once and read once this takes a third of the time. An array of a `Scratch` is like any other; it is only
    the caller's promise, by `give`, that nobody uses it any more, which makes its memory serve again.
    """

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []
        self._taken: WeakValueDictionary[int, np.ndarray] = WeakValueDictionary()

    def take(self, *shape: int) -> np.ndarray:
        """A complex array of this shape with any content."""
        count = math.prod(shape)
        fitting = [memory for memory in self._free if count <= len(memory) <= _SPARE * count]
        outgrown = [memory for memory in self._free if count / _SPARE < len(memory) < count]
        memory = min(fitting, key=len) if fitting else np.empty(int(_ROOM * count), complex)
        gone = memory if fitting else max(outgrown, key=len, default=None)
        self._free = [other for other in self._free if other is not gone]
        self._taken[id(memory)] = memory
        return memory[:count].reshape(shape)

    def give(self, array: np.ndarray) -> None:
        """Give back an array of `take`, or a view of it; any other array is left alone."""
        memory = self._taken.pop(id(array.base), None)
        if memory is not None:
            self._free.append(memory)

    def clear(self) -> None:
        """Leave the memory that is free to others."""
        self._free.clear()
