"""Backends of matrix-product states: they find ground states and evolve states. Everything else is shared.

A backend is one module with an object ``BACKEND`` and one line in `_HOMES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from pysv.mps.trotter import GateLayer, schedule

if TYPE_CHECKING:
    import numpy as np

    from pysv.mps.chain import Chain
    from pysv.mps.state import MatrixProductState

_HOMES = {"python": "pysv.mps.tenpy", "julia": "pysv.mps.julia"}

FLOOR = 1e-15
"""Weights below this, relative to the total, are rounding and are discarded."""
SWEEPS = 30
"""Largest number of DMRG sweeps."""
SMALLEST_WEIGHT = 1e-16
"""DMRG discards squared Schmidt values below this."""


@dataclass(frozen=True)
class GroundState:
    """Accuracy of a ground state.

    Parameters
    ----------
    energy : float
        ⟨H + H_{V,B}⟩, eV.
    variance : float
        ⟨(H + H_{V,B})²⟩ − energy², eV².
    change : float
        Change of the energy in the last sweep, eV; 0 for an exact method.
    sweeps : int
    """

    energy: float
    variance: float
    change: float
    sweeps: int


@dataclass(frozen=True)
class Truncation:
    """Rule for the truncation of a bond.

    The bond keeps the fewest states with a discarded weight below `discarded_weight`, but at least `min_bond` (without
    those of negligible weight) and at most `max_bond`.
    """

    min_bond: int
    max_bond: int
    discarded_weight: float


class Evolution(ABC):
    """Time evolution of a state.

    Parameters
    ----------
    chain : Chain
    truncation : Truncation
    """

    def __init__(self, chain: Chain, truncation: Truncation) -> None:
        self.chain = chain
        self.truncation = truncation

    @abstractmethod
    def evolve(self, state: MatrixProductState, interval: float, count: int, order: int) -> tuple[np.ndarray, bool]:
        """Evolve by `interval` fs in `count` equal steps of an integrator of `order` 2 or 4, in place.

        The state stays normalised and right-canonical.

        Returns
        -------
        float64 ndarray (L_x − 1,)
            Weight discarded on each bond, summed over the steps.
        bool
            Whether `max_bond` forced an update to discard more than the allowed weight.
        """


class TrotterEvolution(Evolution):
    """Time evolution by layers of gates."""

    def evolve(self, state: MatrixProductState, interval: float, count: int, order: int) -> tuple[np.ndarray, bool]:
        """Trotter steps; see `schedule`."""
        return self.apply(state, schedule(interval, count, order))

    @abstractmethod
    def apply(self, state: MatrixProductState, layers: Sequence[GateLayer]) -> tuple[np.ndarray, bool]:
        """Apply the layers in place; returns the same as `evolve`."""


Search = Callable[["Chain", list[int], int], "tuple[MatrixProductState, GroundState]"]
"""Finds the ground state of a chain, given an initial product of local states and the largest bond dimension."""


@dataclass(frozen=True)
class Backend:
    """A way to find ground states and to evolve states.

    Parameters
    ----------
    search : callable
        Finds the ground state.
    evolutions : mapping of str to callable
        For each method of `pysv.TDMRG`, a function of a chain and a truncation that returns an `Evolution`.
    cites : tuple of str
        Keys of its references; see `pysv.results.citations`.
    """

    search: Search
    evolutions: Mapping[str, Callable[[Chain, Truncation], Evolution]]
    cites: tuple[str, ...]


def backend(name: str) -> Backend:
    """A backend by its name."""
    found: Backend = import_module(_HOMES[name]).BACKEND
    return found
