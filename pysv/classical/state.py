"""Electrons beside classical vectors as a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import InvalidInputError
from pysv.model.couplings import CURRENTS
from pysv.snapshot import State
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.classical.hamiltonian import ClassicalHamiltonian
    from pysv.classical.start import Electrons
    from pysv.model.density import SpinDensity


@dataclass(frozen=True, eq=False)
class ClassicalState(State):
    """States of the electrons, and a vector for each localized spin.

    Parameters
    ----------
    hamiltonian : ClassicalHamiltonian
    electrons : Electrons
    vectors : float64 ndarray (N, 3)
        n of each localized spin.
    start : Electrons
        At t = 0.
    """

    hamiltonian: ClassicalHamiltonian
    electrons: Electrons
    vectors: np.ndarray
    start: Electrons

    def _spins(self) -> np.ndarray:
        """⟨σˣ⟩, ⟨σʸ⟩, ⟨σᶻ⟩ of the electrons on each site, float64 (3, sites)."""
        up, down = np.moveaxis(self.electrons.psi, 2, 0)
        flip, z = 2 * up.conj() * down, np.abs(up) ** 2 - np.abs(down) ** 2
        return np.asarray(np.einsum("r,arx->ax", self.electrons.weights, np.array([flip.real, flip.imag, z])))

    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of electrons and their ⟨σᶻ⟩ on each site."""
        return _numbers(self.electrons), self._spins()[2]

    def densities_at_start(self) -> np.ndarray:
        """Number of electrons on each site at t = 0."""
        return _numbers(self.start)

    def electron_spin(self) -> np.ndarray:
        """⟨σ⟩ of all electrons together."""
        return np.asarray(self._spins().sum(axis=1))

    def spin_directions(self) -> np.ndarray:
        """The vectors."""
        return self.vectors.T

    def spin_density(self) -> SpinDensity:
        """There is none.

        Raises
        ------
        InvalidInputError
        """
        raise InvalidInputError("classical vectors have no density matrix; use engine 'chebyshev'")

    def invariants(self) -> dict[str, float]:
        """Norm, energy, Σ⟨σᶻ⟩ + Σ 2S n_z, and number of electrons.

        The norm of several electrons is the determinant of the overlaps of their states.
        """
        weights, psi = self.electrons.weights, self.electrons.psi
        flat = psi.reshape(len(psi), -1)
        overlaps = flat.conj() @ flat.T
        number = float(weights @ overlaps.diagonal().real)
        spin_z = float(self.electron_spin()[2] + 2 * self.hamiltonian.lengths @ self.vectors[:, 2])
        return {
            "norm": float(np.linalg.det(overlaps).real) if self.electrons.together else number,
            "energy": self.hamiltonian.energy(weights, psi, self.vectors),
            "spin_z_total": spin_z,
            "electron_number": number,
        }

    def _check_currents(self) -> None:
        """H has no term that the currents and torques leave out."""
        h = self.hamiltonian
        CURRENTS.check_held(h.couplings, h.device, (range(1, h.device.n_spins + 1),))

    def currents(self) -> tuple[np.ndarray, np.ndarray]:
        """j_x = (2γ_x/ħ) Im⟨c†_x c_{x+1}⟩, and the same with σᶻ; continuity is d n_x/dt = j_{x−1} − j_x."""
        self._check_currents()
        psi, hopping = self.electrons.psi, self.hamiltonian.couplings.hopping
        rate = 2 / HBAR * np.array([hopping.get((x, x + 1), 0.0) for x in range(1, psi.shape[1])])
        flow = (psi[:, :-1].conj() * psi[:, 1:]).imag
        up, down = rate * np.einsum("r,rxs->sx", self.electrons.weights, flow)
        return up + down, up - down

    def torques(self) -> np.ndarray:
        """(2J/ħ) n × ⟨σ_x⟩ at the site x of each spin, for −J σ·2S n: the sd part of dn/dt."""
        self._check_currents()
        h, spins = self.hamiltonian, self._spins()
        found = np.zeros((3, len(self.vectors)))
        for number, site in enumerate(h.device.spin_sites):
            coupling = h.couplings.sd.get((site, number + 1), 0.0)
            found[:, number] = 2 * coupling / HBAR * np.cross(self.vectors[number], spins[:, site - 1])
        return found


def _numbers(electrons: Electrons) -> np.ndarray:
    """Number of electrons on each site."""
    return np.asarray(np.einsum("r,rxs->x", electrons.weights, np.abs(electrons.psi) ** 2))
