"""The electron's spin and where it is (Eq. 23), and the conserved quantities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import DOWN, UP, down_count

if TYPE_CHECKING:
    from pysv.engines.snapshot import Snapshot

_ROWS = 2048
"""Rows that are copied at a time."""


def electron_densities(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """Probability of finding the electron on each site, and its spin density ⟨σᶻ⟩ there.

    Several electrons are added up: the mean number of electrons on each site.

    Parameters
    ----------
    snapshot : Snapshot

    Returns
    -------
    density, spin_density_z : float64 ndarray (sites,)
    """
    if snapshot.state is not None:
        return snapshot.state.electron_densities()
    spin = sum((part.weight * part.marginals[1] for part in snapshot.parts), np.zeros((2, 1)))
    return spin[UP] + spin[DOWN], spin[UP] - spin[DOWN]


def electron_spin(snapshot: Snapshot) -> np.ndarray:
    """⟨σˣ⟩, ⟨σʸ⟩, ⟨σᶻ⟩ of the electron, all sites together (Eq. 23), float64 (3,).

    The coherence ⟨↑|ρ_e|↓⟩ pairs rows of equal configuration, which lie in neighbouring S^z sectors.
    """
    if snapshot.state is not None:
        return snapshot.state.electron_spin()
    found = np.zeros(3)
    _, spin_density = electron_densities(snapshot)
    found[2] = spin_density.sum()
    for part in snapshot.parts:
        basis = part.hamiltonian.basis
        if len(basis.sectors) == 1:
            continue
        up = np.flatnonzero(basis.electron == UP)
        down = basis.rows_of(np.full(up.size, DOWN), basis.configuration[up])
        up, down = up[down >= 0], down[down >= 0]
        # Σ ψ_↑ ψ_↓* = (⟨σˣ⟩ − i⟨σʸ⟩)/2
        coherence = part.weight * _overlap(part.psi, down, up)
        found[0] += 2 * coherence.real
        found[1] -= 2 * coherence.imag
    return found


def _overlap(psi: np.ndarray, bra: np.ndarray, ket: np.ndarray) -> complex:
    """Σ ψ* ψ of some rows and others, (n,) each; summed in double precision, some rows at a time."""
    found = 0j
    for tile in psi:
        for begin in range(0, bra.size, _ROWS):
            some = slice(begin, begin + _ROWS)
            found += np.vdot(*(tile[rows[some]].astype(complex, copy=False) for rows in (bra, ket)))
    return complex(found)


def invariants(snapshot: Snapshot) -> dict[str, float]:
    """Norm, energy (eV), Σ⟨σᶻ⟩ of electron and localized spins, and number of electrons.

    With one electron, the number of electrons is the norm.
    """
    if snapshot.state is not None:
        return snapshot.state.invariants()
    norm = energy = spin_z = 0.0
    for part in snapshot.parts:
        basis = part.hamiltonian.basis
        weight = part.marginals[0]
        down = down_count(basis.configuration) + basis.electron
        norm += part.weight * float(weight.sum())
        spin_z += part.weight * float(weight @ (basis.n_spins + 1 - 2 * down))
        energy += part.weight * part.energy
    return {"norm": norm, "energy": energy, "spin_z_total": spin_z, "electron_number": norm}
