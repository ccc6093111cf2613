"""Backends of matrix-product states: what finds the ground state, and what evolves it. All else is shared.

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
"""Weights below this, relative to the whole, are rounding and are not kept."""


SWEEPS = 30
"""Sweeps of DMRG at most."""
SMALLEST_WEIGHT = 1e-16
"""Squares of Schmidt values below this are not kept by DMRG."""


@dataclass(frozen=True)
class GroundState:
    """How well the ground state is known.

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


Search = Callable[["Chain", list[int], int], "tuple[MatrixProductState, GroundState]"]
"""Finds the ground state of a chain from a product of local states, with a largest bond dimension."""


@dataclass(frozen=True)
class Backend:
    """How a backend finds and evolves states.

    Parameters
    ----------
    search : callable
        Finds the ground state.
    evolutions : mapping of str to callable
        By the method of `pysv.TDMRG`, what makes an `Evolution` of a chain and a truncation.
    cites : tuple of str
        Keys of what is to be cited for it; see `pysv.results.citations`.
    """

    search: Search
    evolutions: Mapping[str, Callable[[Chain, Truncation], Evolution]]
    cites: tuple[str, ...]


def backend(name: str) -> Backend:
    """A backend by its name."""
    found: Backend = import_module(_HOMES[name]).BACKEND
    return found
