"""What an engine yields: the state of the whole system at one time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pysv.hamiltonian import Hamiltonian
    from pysv.measures import SpinDensity


@dataclass(frozen=True, eq=False)
class Part:
    """One pure state of a snapshot.

    Parameters
    ----------
    weight : float
        Its probability in the mixture.
    hamiltonian : Hamiltonian
    psi : complex ndarray (tiles, rows, width)
        Amplitudes as `hamiltonian.layout` says, in the engine's own memory: valid until the engine advances. None of
        them (tiles = 0) in a summary.
    """

    weight: float
    hamiltonian: Hamiltonian
    psi: np.ndarray

    @cached_property
    def marginals(self) -> tuple[np.ndarray, np.ndarray]:
        """Probability of each row, float64 (rows,), and of each site with each electron spin, float64 (2, sites)."""
        from pysv import jit, reductions, team

        layout, basis = self.hamiltonian.layout, self.hamiltonian.basis
        threads = team.threads_for(self.psi.size)
        rows, sites = reductions.marginals(jit.as_reals(self.psi), basis.electron, threads)
        return rows, sites.reshape(2, -1)[:, : layout.sites]

    @cached_property
    def energy(self) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        return self.hamiltonian.expectation(self.psi)

    def summary(self) -> Part:
        """The same with marginals and energy only: the engine may overwrite the amplitudes."""
        found = replace(self, psi=self.psi[:0])
        found.__dict__.update(marginals=self.marginals, energy=self.energy)  # where cached_property keeps them
        return found


@dataclass(frozen=True, eq=False)
class Sample:
    """How a snapshot's parts were sampled.

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
    """A state that measures itself: several electrons, in whatever form their engine holds them.

    What `pysv.measures` computes from amplitudes ψ[tile, row, site] of one electron, it asks of such a state instead.
    """

    @abstractmethod
    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Electron density and its ⟨σᶻ⟩ on each site, float64 (sites,); see `pysv.measures.electron_densities`."""

    @abstractmethod
    def electron_spin(self) -> np.ndarray:
        """⟨σˣ⟩, ⟨σʸ⟩, ⟨σᶻ⟩ of all electrons together, float64 (3,)."""

    @abstractmethod
    def spin_density(self) -> SpinDensity:
        """Density matrix of the localized spins, all electrons traced out."""

    @abstractmethod
    def invariants(self) -> dict[str, float]:
        """Norm, energy, total spin and number of electrons; see `pysv.measures.invariants`."""

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
    parts : tuple of Part
        The mixture: the density matrix is Σ weight |ψ⟩⟨ψ|. Empty where `state` is given.
    deviation : float or None
        Largest ‖ψ − ψ_exact‖ that the engine bounds or measured; None where it does neither.
    state : State, optional
        In place of `parts`, a state of several electrons.
    sample : Sample, optional
        Where the parts are random trajectories: which ones may be exchanged for each other.
    """

    time: float
    parts: tuple[Part, ...]
    deviation: float | None
    state: State | None = None
    sample: Sample | None = None
