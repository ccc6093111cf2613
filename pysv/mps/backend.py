"""The seam of the backends: what evolves a matrix-product state. All else is shared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pysv.mps.trotter import GateLayer, schedule

if TYPE_CHECKING:
    import numpy as np

    from pysv.mps.chain import Chain
    from pysv.mps.state import MatrixProductState

FLOOR = 1e-15
"""Weights below this, relative to the whole, are rounding and are not kept."""


@dataclass(frozen=True)
class Truncation:
    """What is kept of a bond.

    As few states as keep the discarded weight below `discarded_weight`, but at least `min_bond` (as far as they weigh
    anything) and at most `max_bond`.
    """

    min_bond: int
    max_bond: int
    discarded_weight: float


class Evolution(ABC):
    """Evolves a state in time."""

    @abstractmethod
    def evolve(self, state: MatrixProductState, interval: float, count: int, order: int) -> tuple[np.ndarray, bool]:
        """Evolve by `interval` fs in `count` equal steps of an integrator of `order` 2 or 4, in place.

        The state stays normalised and right-canonical.

        Returns
        -------
        float64 ndarray (L_x − 1,)
            Weight discarded on each bond, added up.
        bool
            Whether the largest bond dimension forced more than the allowed weight to be discarded.
        """


class TrotterEvolution(Evolution):
    """Applies layers of gates to a state.

    Parameters
    ----------
    chain : Chain
    truncation : Truncation
    """

    def __init__(self, chain: Chain, truncation: Truncation) -> None:
        self.chain = chain
        self.truncation = truncation

    def evolve(self, state: MatrixProductState, interval: float, count: int, order: int) -> tuple[np.ndarray, bool]:
        """Trotter steps; see `schedule`."""
        return self.apply(state, schedule(interval, count, order))

    @abstractmethod
    def apply(self, state: MatrixProductState, layers: Sequence[GateLayer]) -> tuple[np.ndarray, bool]:
        """Apply the layers, in place; see `evolve` for what is returned."""
