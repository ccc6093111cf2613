"""H of two electrons and the localized spins (Eq. 7) on sectors of S^z, without a matrix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.basis import Spins
from pysv.model.couplings import Couplings
from pysv.model.norm import norm_bound
from pysv.model.terms import Term, hamiltonian_terms
from pysv.pairs.basis import PairBasis
from pysv.pairs.table import PairTable
from pysv.sectors.lanczos import SEED, SpectralBounds, ritz_interval

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice


@dataclass(frozen=True, eq=False)
class PairHamiltonian:
    """H of two electrons as the tables of `pysv.pairs.kernels`.

    Parameters
    ----------
    basis : PairBasis
        Rows of all sectors of S^z that the state occupies: one for localized spins along z, several for tilted ones.
    device : ChainDevice
    terms : tuple of Term
        H.
    couplings : Couplings
        The same, sorted.
    table : PairTable
        For real states.
    """

    basis: PairBasis
    device: ChainDevice
    terms: tuple[Term, ...]
    couplings: Couplings
    table: PairTable

    @classmethod
    def of_device(cls, device: ChainDevice, sectors: Iterable[int] | None = None) -> PairHamiltonian:
        """H on some sectors.

        Parameters
        ----------
        device : ChainDevice
        sectors : iterable of int, optional
            Total down counts, electrons included. By default that of ↑↓ beside the first layer up and the others down.

        Raises
        ------
        NotReadyError
            If H has a term that the kernels cannot hold; says which.
        """
        spins, terms = Spins(device.levels), hamiltonian_terms(device)
        if sectors is None:
            sectors = (spins.part(device.layers[0].count, spins.count).lowest + 1,)
        basis, couplings = PairBasis.of_sectors(spins, sectors), Couplings.of_terms(terms)
        return cls(basis, device, terms, couplings, PairTable.of(couplings, device, basis))

    @property
    def sites(self) -> int:
        """L_x."""
        return self.device.sites

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (rows, sites, sites) of a state."""
        return self.basis.rows, self.sites, self.sites

    def norm_bound(self) -> float:
        """Rigorous bound on ‖H‖, eV; see `pysv.model.norm.norm_bound`."""
        return norm_bound(self.terms, self.basis.spins, self.basis.configuration, electrons=2)

    def apply(self, psi: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Hψ, eV, for a real or complex state."""
        out = np.zeros_like(psi) if out is None else out
        self.step(psi, out, 1.0, 0.0, 0.0)
        return out

    def step(self, psi: np.ndarray, out: np.ndarray, scale: float, shift: float, beta: float) -> None:
        """out ← scale·(H − shift)ψ − beta·out, on all threads; `out` must be finite."""
        from pysv.compute import thread_pool
        from pysv.compute.compiler import as_reals
        from pysv.pairs import kernels

        threads, table = thread_pool.threads_for(psi.size), self._interleaved if psi.dtype.kind == "c" else self.table
        thread_pool.share(kernels.step, threads, as_reals(psi), as_reals(out), table, scale, shift, beta)

    @cached_property
    def _interleaved(self) -> PairTable:
        """The table for complex states."""
        return self.table.interleaved()

    def expectation(self, psi: np.ndarray, scratch: np.ndarray | None = None) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        return float(np.vdot(psi, self.apply(psi, scratch)).real)


def pair_bounds(hamiltonian: PairHamiltonian, *, margin: float = 0.01, max_steps: int = 120) -> SpectralBounds:
    """Interval that holds the spectrum of H; see `pysv.sectors.lanczos.spectral_bounds`."""
    now, before = np.random.default_rng(SEED).standard_normal(hamiltonian.shape), np.zeros(hamiltonian.shape)
    now /= np.linalg.norm(now)

    def step(beta: float) -> tuple[float, float]:
        nonlocal now, before
        hamiltonian.step(now, before, 1.0, 0.0, beta)
        alpha = float(np.vdot(now, before))
        before -= alpha * now
        norm = float(np.linalg.norm(before))
        if norm > 0:
            before *= 1 / norm
        now, before = before, now
        return alpha, norm

    return ritz_interval(step, hamiltonian.norm_bound(), margin, max_steps, 8)
