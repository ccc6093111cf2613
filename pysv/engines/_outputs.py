"""Where the states of an engine lie: memory for the states of consecutive times that a step gives of each pure run."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from pysv.sectors.layout import zeros

Shape = tuple[int, int, int]


class OwnOutputs:
    """Every run has memory of its own for some states.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Shape (tiles, rows, width) of each run's state.
    dtype : type
        Complex type of the states.
    count : int
        States of a run.
    """

    def __init__(self, shapes: Sequence[Shape], dtype: type, count: int) -> None:
        self._memory = [zeros(count * prod(shape), dtype).reshape(count, *shape) for shape in shapes]

    def room(self, summary: bool) -> int:
        """States of consecutive times that there is room for; `summary`: whether one of the first is enough."""
        del summary
        return int(self._memory[0].shape[0])

    def present(self, place: int) -> list[np.ndarray]:
        """Each run's state number `place` of the last step, (tiles, rows, width)."""
        return [states[place] for states in self._memory]

    def next(self, run: int, count: int) -> tuple[np.ndarray, Sequence[int]]:
        """Memory of a run for its next `count` states, (count, tiles, rows, width).

        With it, for each place in that memory, the number of the state, in the order of time, that is to lie there.
        """
        return self._memory[run][:count], range(count)

    def passing(self, run: int, count: int) -> np.ndarray | None:
        """Of `count` states that a step has given of a run, the one that the next run will overwrite."""
        del run, count
        return None


class SharedOutputs:
    """Two runs with a state each, and between them memory that both use in turn for the first of two states.

    In memory, run 0 | shared | run 1: for either run, its own state and the shared one are neighbours.

    Parameters
    ----------
    shapes, dtype
        As in `OwnOutputs`, of two runs.
    """

    def __init__(self, shapes: Sequence[Shape], dtype: type) -> None:
        one, other = (prod(shape) for shape in shapes)
        shared = max(one, other)
        memory = zeros(one + shared + other, dtype)
        self._pairs = (
            memory[: 2 * one].reshape(2, *shapes[0]),
            memory[one + shared - other :].reshape(2, *shapes[1]),
        )

    # Of run 0 the first state of its pair is its own, of run 1 the second one.

    def room(self, summary: bool) -> int:
        """Two states, if a summary of the first is enough."""
        return 2 if summary else 1

    def present(self, place: int) -> list[np.ndarray]:
        """Each run's own state."""
        del place
        return [pair[run] for run, pair in enumerate(self._pairs)]

    def next(self, run: int, count: int) -> tuple[np.ndarray, Sequence[int]]:
        """See `OwnOutputs.next`: the last state becomes the run's own."""
        if count == 1:
            return self._pairs[run][run : run + 1], (0,)
        return self._pairs[run], (1, 0) if run == 0 else (0, 1)

    def passing(self, run: int, count: int) -> np.ndarray | None:
        """The shared state, if there are two."""
        return np.asarray(self._pairs[run][1 - run]) if count == 2 else None
