"""What an engine yields: the state of the whole system at one time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pysv.model.density import SpinDensity


@dataclass(frozen=True, eq=False)
class Sample:
    """How the pure states of a mixture were sampled.

    Parameters
    ----------
    stratum : int ndarray (parts,)
        Parts of one stratum are equally distributed and of equal weight; the strata's weights are fixed.
    group : int ndarray (parts,)
        Number of the jackknife group of each part; each group has parts of every stratum.
    """

    stratum: np.ndarray
    group: np.ndarray


class State(ABC):
    """A state that measures itself, in whatever form its engine holds it."""

    @abstractmethod
    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of electrons and their ⟨σᶻ⟩ on each site, float64 (sites,) each."""

    @abstractmethod
    def electron_spin(self) -> np.ndarray:
        """⟨σˣ⟩, ⟨σʸ⟩, ⟨σᶻ⟩ of all electrons together (Eq. 23), float64 (3,)."""

    @abstractmethod
    def spin_density(self) -> SpinDensity:
        """Density matrix of the localized spins, all electrons traced out."""

    @abstractmethod
    def invariants(self) -> dict[str, float]:
        """Norm, energy (eV), Σ⟨σᶻ⟩ of electrons and localized spins, and number of electrons."""

    def bonds(self) -> dict[str, np.ndarray | float]:
        """Variables that only this form of a state has, by their names in the dataset."""
        return {}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """State of the whole system at one time.

    Parameters
    ----------
    time : float
        fs.
    state : State
        Valid until the engine advances.
    deviation : float or None
        Largest ‖ψ − ψ_exact‖ that the engine bounds or measured; None where it does neither.
    sample : Sample, optional
        Where the state is a mixture of random trajectories: which ones may be exchanged for each other.
    """

    time: float
    state: State
    deviation: float | None
    sample: Sample | None = None
