"""What an engine yields: the state of the whole system at one time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from pysv.model.density import SpinDensity


EXACT = -1
"""Group of a part that was not drawn."""


@dataclass(frozen=True, eq=False)
class Sample:
    """How the pure states of a mixture were sampled.

    Parameters
    ----------
    stratum : int ndarray (parts,)
        Stratum of each part. The drawn parts of a stratum have equal distributions and weights; their total weight is
        known.
    group : int ndarray (parts,)
        Jackknife group of each part, from 0. Each group has parts of every stratum. `EXACT` for a part that was not
        drawn: it has no statistical error.
    """

    stratum: np.ndarray
    group: np.ndarray


class State(ABC):
    """A state in the form of its engine. It computes its own observables."""

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

    def densities_at_start(self) -> np.ndarray | None:
        """Number of electrons on each site at t = 0, float64 (sites,); None where the source says it."""
        return None

    def spin_directions(self) -> np.ndarray | None:
        """⟨S⟩/S of each localized spin, float64 (3, N), where the state knows it without ρ; None elsewhere."""
        return None

    def currents(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Currents of electrons and of their σᶻ through each bond to the right, 1/fs, float64 (sites − 1,) each."""
        return None

    def torques(self) -> np.ndarray | None:
        """sd part of d⟨S⟩/dt/S of each localized spin, 1/fs, float64 (3, N)."""
        return None

    def extras(self) -> dict[str, np.ndarray | float]:
        """Variables that only this form of state has, by name in the dataset."""
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
        Largest ‖ψ − ψ_exact‖ as the engine bounds or measures it; None if it does neither.
    sample : Sample, optional
        How the parts were sampled, if the state is a mixture of random trajectories.
    """

    time: float
    state: State
    deviation: float | None
    sample: Sample | None = None
