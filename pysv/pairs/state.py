"""Two electrons as a snapshot: densities, currents, torques, and ρ of the localized spins."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pysv.model.density import Block, SpinDensity
from pysv.model.layer import sides
from pysv.model.operators import Factors, Spin, act
from pysv.model.torque import SIGMAS, sd_torque
from pysv.pairs.basis import BOTH_DOWN, BOTH_UP, KINDS, OPPOSITE
from pysv.pairs.entropy import half_entropy
from pysv.pairs.hamiltonian import PairHamiltonian
from pysv.snapshot import State
from pysv.units import HBAR

_RAISED = ((OPPOSITE, BOTH_DOWN, 1), (BOTH_UP, OPPOSITE, 2))
"""σ⁺ makes the first kind of the second one: kinds of the bra and the ket, and the electron's axis of ψ[row, x, y]."""


class PairState(State):
    """A two-electron state as a snapshot.

    Parameters
    ----------
    hamiltonian : PairHamiltonian
    psi : complex ndarray (rows, sites, sites)
    energy : float
        ⟨H⟩, eV.
    start : float64 ndarray (sites,), optional
        Electrons on each site at t = 0.
    """

    def __init__(
        self, hamiltonian: PairHamiltonian, psi: np.ndarray, energy: float, start: np.ndarray | None = None
    ) -> None:
        self.hamiltonian = hamiltonian
        self.psi = psi
        self._energy = energy
        self._start = start

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """|ψ|² of each row, and the number of ↑ and of ↓ electrons on each site."""
        kind = self.hamiltonian.basis.kind
        rows = np.zeros(kind.size)
        up, down = np.zeros((2, self.hamiltonian.sites))
        for row, (one, psi) in enumerate(zip(kind, self.psi, strict=True)):
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

    def densities_at_start(self) -> np.ndarray | None:
        """Number of electrons on each site at t = 0."""
        return self._start

    def electron_spin(self) -> np.ndarray:
        """⟨σ⟩ of both electrons: ⟨σ⁺⟩ = (⟨σˣ⟩ + i⟨σʸ⟩)/2 pairs rows of equal configuration in adjacent S^z sectors."""
        basis, raised = self.hamiltonian.basis, 0j
        for bra, ket, _ in _RAISED if len(basis.sectors) > 1 else ():
            here = basis.of_kind(ket)
            there = basis.rows_of(bra, basis.configuration[here])
            # √2, because both electrons of a row of equal spins can be the one that is turned.
            pairs = zip(there, self.psi[here], strict=True)
            raised += np.sqrt(2) * sum(np.vdot(self.psi[row], psi) for row, psi in pairs if row >= 0)
        return np.array([2 * raised.real, 2 * raised.imag, self.electron_densities()[1].sum()])

    def currents(self) -> tuple[np.ndarray, np.ndarray]:
        """j_x = (2γ_x/ħ) Im⟨c†_x c_{x+1}⟩ of both electrons, and the same with σᶻ."""
        h = self.hamiltonian
        up, down = np.zeros((2, h.sites - 1))
        for one, psi in zip(h.basis.kind, self.psi, strict=True):
            into_first, into_second = (down if one == BOTH_DOWN else up), (up if one == BOTH_UP else down)
            into_first += (psi[:-1].conj() * psi[1:]).imag.sum(axis=1)
            into_second += (psi[:, :-1].conj() * psi[:, 1:]).imag.sum(axis=0)
        speed = 2 / HBAR * np.array([h.couplings.hopping.get((x, x + 1), 0.0) for x in range(1, h.sites)])
        return speed * (up + down), speed * (up - down)

    def torques(self) -> np.ndarray:
        """See `pysv.model.torque.sd_torque`."""
        h = self.hamiltonian
        found = np.zeros((3, h.device.n_spins))
        for spin, site in enumerate(h.device.spin_sites):
            means = {(one, two): self._mean(site, spin, one, two) for one in SIGMAS for two in SIGMAS}
            coupling = h.couplings.sd.get((site, spin + 1), 0.0)
            found[:, spin] = sd_torque(means, coupling, h.basis.spins.levels[spin])
        return found

    def _mean(self, site: int, spin: int, one: str, two: str) -> complex:
        """⟨σ S⟩ of the electrons on a site and a localized spin, for operators "+", "-", "z" (2Sᶻ)."""
        basis, found = self.hamiltonian.basis, 0j
        at_site = {1: self.psi[:, site - 1], 2: self.psi[:, :, site - 1]}
        localized = Factors((), (Spin(spin + 1, two),))
        value, _, after = act(localized, np.zeros_like(basis.configuration), basis.configuration, basis.spins)
        for bra, ket, axis, factor in _ELECTRON[one]:
            source = np.arange(basis.rows)[basis.of_kind(ket)]
            source = source[value[source] != 0]
            target = basis.rows_of(bra, after[source])
            source, target = source[target >= 0], target[target >= 0]
            psi = at_site[axis]
            found += factor * np.vdot(psi[target], value[source, None] * psi[source])
        return complex(found)

    def spin_density(self) -> SpinDensity:
        """ρ of the localized spins, with both electrons traced out.

        In one S^z sector it has one block for each pair of electron spins, in sectors of one parity one for even and
        one for odd down counts, otherwise a single one.
        """
        basis, spins = self.hamiltonian.basis, self.hamiltonian.basis.spins
        grams = {}
        for kind in KINDS:
            here = basis.of_kind(kind)
            if here.stop > here.start:
                phi = self.psi[here].reshape(here.stop - here.start, -1)
                grams[kind] = basis.configuration[here], phi @ phi.conj().T
        if len(basis.sectors) == 1:
            blocks = [Block(own, (gram + gram.conj().T) / 2) for _, (own, gram) in sorted(grams.items(), reverse=True)]
            return SpinDensity(*sides(self.hamiltonian.device), tuple(blocks))
        everything, parities = np.arange(spins.size), {sector % 2 for sector in basis.sectors}
        odd = spins.down(everything) % 2
        places = [np.flatnonzero(odd == one) for one in (0, 1)] if len(parities) == 1 else [everything]
        blocks = []
        for inside in places:
            matrix = np.zeros((inside.size,) * 2, dtype=complex)
            for own, gram in grams.values():
                held = np.flatnonzero(np.isin(own, inside))
                there = np.searchsorted(inside, own[held])
                matrix[np.ix_(there, there)] += gram[np.ix_(held, held)]
            blocks.append(Block(inside, (matrix + matrix.conj().T) / 2))
        return SpinDensity(*sides(self.hamiltonian.device), tuple(blocks))

    def invariants(self) -> dict[str, float]:
        """Norm, energy, Σσᶻ + Σ2Sᶻ and number of electrons."""
        basis, (rows, up, down) = self.hamiltonian.basis, self._weights
        spins = basis.spins.lowest - 2 * basis.spins.down(basis.configuration)
        return {
            "norm": float(rows.sum()),
            "energy": self._energy,
            "spin_z_total": float(rows @ spins + up.sum() - down.sum()),
            "electron_number": float(up.sum() + down.sum()),
        }

    def extras(self) -> dict[str, np.ndarray | float]:
        """S_half only: each other bond would take as long."""
        return {"entropy_half": half_entropy(self.hamiltonian, self.psi)}


_ELECTRON = {
    "z": [(kind, kind, axis, -1.0 if kind + axis > 2 else 1.0) for kind in KINDS for axis in (1, 2)],
    "+": [(bra, ket, axis, np.sqrt(2)) for bra, ket, axis in _RAISED],
    "-": [(ket, bra, axis, np.sqrt(2)) for bra, ket, axis in _RAISED],
}
"""What σ of the electrons on a site does: kinds of the bra and the ket, axis of the electron, factor."""
