"""Where a run of two electrons starts: the ground state of H + H_{V,B}, or the lowest orbitals of the well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.couplings import Couplings
from pysv.model.terms import OnSite, Ups, preparation_terms
from pysv.pairs.basis import BOTH_DOWN, BOTH_UP, OPPOSITE
from pysv.pairs.hamiltonian import PairHamiltonian

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice
    from pysv.experiment.source import ConfinedElectrons


def ground_state(
    hamiltonian: PairHamiltonian, device: ChainDevice, source: ConfinedElectrons, ups: Ups = None
) -> tuple[np.ndarray, float, float]:
    """Ground state of H + H_{V,B} (Eq. 21) in the sector, by Lanczos iteration (SciPy's `eigsh`).

    Returns
    -------
    float64 ndarray (rows, sites, sites)
    float
        Energy, eV.
    float
        Variance of the energy, eV².
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    prepared = preparation_terms(device, source, ups)
    extra, spins = Couplings.of_terms(prepared), range(1, device.n_spins + 1)
    well = extra.orbital(device.sites).diagonal()
    fields = extra.energies(hamiltonian.basis.spins.moments(hamiltonian.basis.configuration), spins)

    def full(psi: np.ndarray) -> np.ndarray:
        state = np.ascontiguousarray(psi.reshape(hamiltonian.shape))
        found = hamiltonian.apply(state)
        found += (well[:, None] + well[None, :]) * state
        found += fields[:, None, None] * state
        return found.ravel()

    levels = np.linalg.eigh(Couplings.of_terms((*hamiltonian.terms, *prepared)).orbital(device.sites))[1]
    orbital = levels[:, 0]
    start = np.zeros(hamiltonian.shape)
    start[int(np.argmin(np.where(hamiltonian.basis.kind == OPPOSITE, fields, np.inf)))] = np.outer(orbital, orbital)
    operator = LinearOperator((start.size, start.size), matvec=full, dtype=float)
    _, vectors = eigsh(operator, k=1, which="SA", v0=start.ravel(), tol=1e-10)
    psi = vectors[:, 0].reshape(hamiltonian.shape)
    same = hamiltonian.basis.kind != OPPOSITE
    psi[same] = (psi[same] - psi[same].transpose(0, 2, 1)) / 2
    psi /= np.linalg.norm(psi)
    image = full(psi.ravel())
    energy = float(psi.ravel() @ image)
    return psi, energy, float(image @ image) - energy**2


def orbitals_filled(
    hamiltonian: PairHamiltonian, source: ConfinedElectrons, amplitude: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, float]:
    """Two electrons in the lowest orbitals of the well, beside any state of the localized spins.

    Parameters
    ----------
    hamiltonian : PairHamiltonian
    source : ConfinedElectrons
    amplitude : callable
        Amplitudes of configurations of the localized spins, normalised.

    Returns
    -------
    complex128 ndarray (rows, sites, sites)
    float
        Energy of the electrons in the well, eV.
    """
    well = tuple(OnSite(site, -source.well) for site in range(1, source.confined_sites + 1))
    levels, vectors = np.linalg.eigh(Couplings.of_terms((*hamiltonian.terms, *well)).orbital(hamiltonian.sites))
    kind = {(2, 0): BOTH_UP, (1, 1): OPPOSITE, (0, 2): BOTH_DOWN}[source.numbers]
    first, second = vectors[:, 0], vectors[:, 0 if kind == OPPOSITE else 1]
    orbital = np.outer(first, second)
    if kind != OPPOSITE:
        orbital = (orbital - orbital.T) / np.sqrt(2)
    psi = np.zeros(hamiltonian.shape, dtype=complex)
    rows = np.flatnonzero(hamiltonian.basis.kind == kind)
    psi[rows] = amplitude(hamiltonian.basis.configuration[rows])[:, None, None] * orbital
    return psi, float(levels[0] + levels[0 if kind == OPPOSITE else 1])
