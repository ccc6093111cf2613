"""Two electrons as a snapshot: densities, ρ of the localized spins, and the entropy of half of the system."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.basis import down_count, spin_bit, spin_signs
from pysv.model.density import Block, SpinDensity
from pysv.model.layer import sides
from pysv.pairs.hamiltonian import BOTH_DOWN, BOTH_UP, OPPOSITE, PairHamiltonian
from pysv.snapshot import State

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice


class PairState(State):
    """A two-electron state as a snapshot.

    Parameters
    ----------
    hamiltonian : PairHamiltonian
    device : ChainDevice
    psi : complex ndarray (rows, sites, sites)
    energy : float
        ⟨H⟩, eV.
    """

    def __init__(self, hamiltonian: PairHamiltonian, device: ChainDevice, psi: np.ndarray, energy: float) -> None:
        self._hamiltonian = hamiltonian
        self._device = device
        self._psi = psi
        self._energy = energy

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """|ψ|² of each row, and the number of ↑ and of ↓ electrons on each site."""
        kind = self._hamiltonian.basis.kind
        rows = np.zeros(kind.size)
        up, down = np.zeros((2, self._device.sites))
        for row, (one, psi) in enumerate(zip(kind, self._psi, strict=True)):
            square = psi.real**2 + psi.imag**2
            first, second = square.sum(axis=1), square.sum(axis=0)
            rows[row] = first.sum()
            into_first, into_second = (down if one == BOTH_DOWN else up), (up if one == BOTH_UP else down)
            into_first += first
            into_second += second
        return rows, up, down

    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of electrons and their Σσᶻ on each site."""
        _, up, down = self._weights
        return up + down, up - down

    def electron_spin(self) -> np.ndarray:
        """z from the sites; x and y vanish in a state of definite S^z."""
        return np.array([0.0, 0.0, self.electron_densities()[1].sum()])

    def spin_density(self) -> SpinDensity:
        """ρ of the localized spins, with both electrons traced out: one block for each pair of electron spins."""
        basis = self._hamiltonian.basis
        blocks = []
        for kind in (BOTH_DOWN, OPPOSITE, BOTH_UP):
            rows = np.flatnonzero(basis.kind == kind)
            if rows.size:
                phi = self._psi[rows].reshape(rows.size, -1)
                matrix = phi @ phi.conj().T
                blocks.append(Block(basis.configuration[rows], (matrix + matrix.conj().T) / 2))
        return SpinDensity(*sides(self._device), tuple(blocks))

    def invariants(self) -> dict[str, float]:
        """Norm, energy, Σσᶻ and number of electrons."""
        basis, (rows, up, down) = self._hamiltonian.basis, self._weights
        spins = spin_signs(basis.configuration, basis.n_spins).sum(axis=1)
        return {
            "norm": float(rows.sum()),
            "energy": self._energy,
            "spin_z_total": float(rows @ spins + up.sum() - down.sum()),
            "electron_number": float(up.sum() + down.sum()),
        }

    def bonds(self) -> dict[str, np.ndarray | float]:
        """S_half only: each other bond would take as long."""
        return {"entropy_half": half_entropy(self._hamiltonian, self._device, self._psi)}


def half_entropy(hamiltonian: PairHamiltonian, device: ChainDevice, psi: np.ndarray) -> float:
    """Entanglement entropy of sites L_x/2 + 1 … L_x with the localized spins on them, nats.

    The state is split into parts with 0, 1 and 2 electrons in the right half, which do not interfere. The creation
    operators of the left half stand in front, hence the amplitude of an ↑ electron on the right and a ↓ electron on the
    left changes sign.
    """
    from pysv.model.density import entropy_of_spectrum

    basis, cut, n = hamiltonian.basis, device.sites // 2, device.n_spins
    right_spins = [spin for spin, site in enumerate(device.spin_sites) if site > cut]
    left_spins = [spin for spin, site in enumerate(device.spin_sites) if site <= cut]
    left = _restricted(basis.configuration, left_spins, n)
    right = _restricted(basis.configuration, right_spins, n)
    rows_left, rows_right = 1 << len(left_spins), 1 << len(right_spins)
    spectrum = []
    none = np.zeros((rows_right, rows_right), dtype=complex)
    two = np.zeros((rows_left, rows_left), dtype=complex)
    for square, same, other, inner in ((none, left, right, psi[:, :cut, :cut]), (two, right, left, psi[:, cut:, cut:])):
        for kind in (BOTH_UP, OPPOSITE, BOTH_DOWN):
            for shared in np.unique(same):
                rows = np.flatnonzero((basis.kind == kind) & (same == shared))
                if not rows.size:
                    continue
                phi = inner[rows].reshape(rows.size, -1)
                square[np.ix_(other[rows], other[rows])] += phi.conj() @ phi.T
        spectrum.append(np.linalg.eigvalsh(square))
    single = np.zeros((2, rows_left, cut, 2, rows_right, device.sites - cut), dtype=complex)
    for row, kind in enumerate(basis.kind):
        here, there = left[row], right[row]
        if kind == OPPOSITE:
            single[0, here, :, 1, there] += psi[row, :cut, cut:]
            single[1, here, :, 0, there] -= psi[row, cut:, :cut].T
        else:
            spin = 0 if kind == BOTH_UP else 1
            single[spin, here, :, spin, there] += np.sqrt(2) * psi[row, :cut, cut:]
    downs_left = np.add.outer([0, 1], down_count(np.arange(rows_left))).ravel()
    matrix = single.reshape(2 * rows_left, cut, 2 * rows_right * (device.sites - cut))
    for downs in np.unique(downs_left):
        block = matrix[downs_left == downs].reshape(-1, matrix.shape[2])
        block = block[:, np.any(block != 0, axis=0)]
        if block.size:
            small = block if block.shape[0] <= block.shape[1] else block.T
            spectrum.append(np.linalg.eigvalsh(small @ small.conj().T))
    return entropy_of_spectrum(np.concatenate(spectrum))


def _restricted(configuration: np.ndarray, spins: list[int], n_spins: int) -> np.ndarray:
    """Configurations restricted to some of the spins, int64 like `configuration`."""
    found = np.zeros_like(configuration)
    for spin in spins:
        found = 2 * found + ((configuration & spin_bit(n_spins, spin)) != 0)
    return found
