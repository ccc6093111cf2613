"""One electron as a snapshot: a mixture of pure states ψ[tile, row, site]."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.blas import zherk

from pysv.model.basis import DOWN, UP, Spins
from pysv.model.couplings import CURRENTS
from pysv.model.density import Block, SpinDensity
from pysv.model.operators import Electron, Factors, Spin, act
from pysv.model.torque import SIGMAS, sd_torque
from pysv.snapshot import State
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.sectors.backend import StateSpace
    from pysv.sectors.hamiltonian import Hamiltonian

_ROWS = 2048
"""Rows in one chunk of a copy."""


@dataclass(frozen=True, eq=False)
class Part:
    """One pure state of a mixture.

    Parameters
    ----------
    weight : float
        Its probability in the mixture.
    space : StateSpace
        Hamiltonian and backend of the state.
    state : complex (tiles, rows, width)
        In the memory of the engine: valid until the engine advances.
    """

    weight: float
    space: StateSpace
    state: Any

    @property
    def hamiltonian(self) -> Hamiltonian:
        """H on the basis of the state."""
        return self.space.hamiltonian

    @cached_property
    def psi(self) -> np.ndarray:
        """Amplitudes, complex ndarray (tiles, rows, width)."""
        return self.space.host(self.state)

    @cached_property
    def marginals(self) -> tuple[np.ndarray, np.ndarray]:
        """Probability of each row, float64 (rows,), and of each site with each electron spin, float64 (2, sites)."""
        return self.space.marginals(self.state)

    @cached_property
    def energy(self) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        return self.space.expectation(self.state)


@dataclass(frozen=True, eq=False)
class PureMixture(State):
    """Density matrix Σ weight |ψ⟩⟨ψ| of one electron and the localized spins.

    Parameters
    ----------
    parts : tuple of Part
        At least one.
    """

    parts: tuple[Part, ...]

    @property
    def sides(self) -> tuple[Spins, Spins]:
        """The localized spins in the two groups of H: FM_p and FM_a of a spin valve."""
        return self.parts[0].hamiltonian.sides

    @property
    def spins(self) -> Spins:
        """All localized spins."""
        return self.parts[0].hamiltonian.basis.spins

    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Probability of the electron on each site, and its spin density ⟨σᶻ⟩ there."""
        spin = sum((part.weight * part.marginals[1] for part in self.parts), np.zeros((2, 1)))
        return spin[UP] + spin[DOWN], spin[UP] - spin[DOWN]

    def electron_spin(self) -> np.ndarray:
        """⟨σ⟩ of the electron (Eq. 23).

        The coherence ⟨↑|ρ_e|↓⟩ pairs rows of equal configuration, which lie in adjacent S^z sectors.
        """
        found = np.zeros(3)
        found[2] = self.electron_densities()[1].sum()
        for part in self.parts:
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

    def currents(self) -> tuple[np.ndarray, np.ndarray]:
        """j_x = (2γ_x/ħ) Im⟨c†_x c_{x+1}⟩, and the same with σᶻ; continuity is d n_x/dt = j_{x−1} − j_x."""
        self._check_currents()
        by_spin = np.zeros((2, self.parts[0].hamiltonian.sites - 1))
        for part in self.parts:
            electron = part.hamiltonian.basis.electron
            for begin in range(0, electron.size, _ROWS):
                some = slice(begin, begin + _ROWS)
                psi = part.hamiltonian.layout.flat(part.psi[:, some]).astype(complex, copy=False)
                flow = (psi[:, :-1].conj() * psi[:, 1:]).imag
                for spin in (UP, DOWN):
                    by_spin[spin] += part.weight * flow[electron[some] == spin].sum(axis=0)
        h = self.parts[0].hamiltonian
        by_spin *= 2 / HBAR * np.array([h.couplings.hopping.get((x, x + 1), 0.0) for x in range(1, h.sites)])
        return by_spin[UP] + by_spin[DOWN], by_spin[UP] - by_spin[DOWN]

    def _check_currents(self) -> None:
        """H has no term that the currents and torques leave out."""
        h = self.parts[0].hamiltonian
        CURRENTS.check_held(h.couplings, h.device, (range(1, h.basis.spins.count + 1),))

    def torques(self) -> np.ndarray:
        """See `pysv.model.torque.sd_torque`."""
        self._check_currents()
        h = self.parts[0].hamiltonian
        found = np.zeros((3, h.basis.spins.count))
        for spin, site in enumerate(h.device.spin_sites):
            coupling = h.couplings.sd.get((site, spin + 1), 0.0)
            means = {
                (one, two): sum(part.weight * _mean(part, site, spin, one, two) for part in self.parts)
                for one in SIGMAS
                for two in SIGMAS
            }
            found[:, spin] = sd_torque(means, coupling, h.basis.spins.levels[spin])
        return found

    def invariants(self) -> dict[str, float]:
        """Norm, energy, Σ⟨σᶻ⟩ + Σ⟨2Sᶻ⟩, and the number of electrons, which is the norm."""
        norm = energy = spin_z = 0.0
        for part in self.parts:
            basis = part.hamiltonian.basis
            weight = part.marginals[0]
            down = basis.spins.down(basis.configuration) + basis.electron
            norm += part.weight * float(weight.sum())
            spin_z += part.weight * float(weight @ (basis.spins.lowest + 1 - 2 * down))
            energy += part.weight * part.energy
        return {"norm": norm, "energy": energy, "spin_z_total": spin_z, "electron_number": norm}

    def spin_density(self) -> SpinDensity:
        """Trace out the electron (position and spin): ρ = Σ w Σ_{σ,x} ψ[σ·, x] ψ[σ·, x]†.

        If every pure state lies in a single S^z sector, ρ is block diagonal in the down count. If each lies
        in sectors of one parity, ρ is block diagonal in the parity.
        """
        spins = self.spins
        if all(len(part.hamiltonian.basis.sectors) == 1 for part in self.parts):
            sums: dict[int, np.ndarray] = {}
            for part in self.parts:
                for _, n_down, rows in part.hamiltonian.basis.groups():
                    for tile in part.psi:
                        sums[n_down] = _add_gram(part.weight, tile[rows], sums.get(n_down))
            inside = ((spins.configurations(d), upper) for d, upper in sorted(sums.items()))
            return SpinDensity(*self.sides, tuple(Block(own, _full_hermitian(upper)) for own, upper in inside))
        parity = all(len({sector % 2 for sector in part.hamiltonian.basis.sectors}) == 1 for part in self.parts)
        everything = np.arange(spins.size)
        sides = [np.flatnonzero(spins.down(everything) % 2 == odd) for odd in (0, 1)] if parity else [everything]
        grams: dict[int, np.ndarray] = {}
        for part in self.parts:
            basis = part.hamiltonian.basis
            for spin in (UP, DOWN):
                held = np.flatnonzero(basis.electron == spin)
                side = int(spins.down(basis.configuration[held[:1]])[0]) % 2 if parity else 0
                places = np.searchsorted(sides[side], basis.configuration[held])
                for tile in part.psi:
                    factor = np.zeros((sides[side].size, tile.shape[1]), dtype=complex)
                    factor[places] = tile[held]
                    grams[side] = _add_gram(part.weight, factor, grams.get(side))
        return SpinDensity(
            *self.sides, tuple(Block(sides[i], _full_hermitian(upper)) for i, upper in sorted(grams.items()))
        )

    def probabilities(self) -> tuple[np.ndarray, np.ndarray]:
        """Configurations of the localized spins and their probabilities (the diagonal of ρ), for any number of spins.

        Returns
        -------
        configuration : int64 ndarray (n,)
        probability : float64 ndarray (n,)
        """
        sums: dict[int, np.ndarray] = {}
        for part in self.parts:
            weights = part.weight * part.marginals[0]
            for _, n_down, rows in part.hamiltonian.basis.groups():
                sums[n_down] = sums[n_down] + weights[rows] if n_down in sums else weights[rows]
        downs = sorted(sums)
        inside = [self.spins.configurations(d) for d in downs]
        return np.concatenate(inside), np.concatenate([sums[d] for d in downs])


def _mean(part: Part, site: int, spin: int, one: str, two: str) -> complex:
    """⟨σ S⟩ of the electron on a site and a localized spin, for operators "+", "-", "z" (2Sᶻ)."""
    basis, layout = part.hamiltonian.basis, part.hamiltonian.layout
    product = Factors((Electron(site, site, one),), (Spin(spin + 1, two),))
    value, electron, configuration = act(product, basis.electron, basis.configuration, basis.spins)
    source = np.flatnonzero(value)
    target = basis.rows_of(electron[source], configuration[source])
    source, target = source[target >= 0], target[target >= 0]
    tile, column = divmod(site - 1, layout.width)
    psi = part.psi[tile, :, column].astype(complex, copy=False)
    return complex(np.vdot(psi[target], value[source] * psi[source]))


def _overlap(psi: np.ndarray, bra: np.ndarray, ket: np.ndarray) -> complex:
    """Σ_n ⟨ψ[bra_n]|ψ[ket_n]⟩ over pairs of rows, (n,) each, in double precision, chunk by chunk."""
    found = 0j
    for tile in psi:
        for begin in range(0, bra.size, _ROWS):
            some = slice(begin, begin + _ROWS)
            found += np.vdot(*(tile[rows[some]].astype(complex, copy=False) for rows in (bra, ket)))
    return complex(found)


def _add_gram(weight: float, factor: np.ndarray, total: np.ndarray | None) -> np.ndarray:
    """total + weight·(ΦΦ†)*, upper triangle only, in Fortran order for BLAS.

    Φᵀ is Fortran-ordered without a copy; zherk forms (Φᵀ)†Φᵀ, the complex conjugate of ΦΦ†.
    """
    if total is None:
        return np.asarray(zherk(weight, factor.T, trans=2))
    return np.asarray(zherk(weight, factor.T, beta=1.0, c=total, trans=2, overwrite_c=1))


def _full_hermitian(upper: np.ndarray) -> np.ndarray:
    """ρ from the conjugated upper triangle of `_add_gram`."""
    full = upper + upper.conj().T  # zherk leaves zeros below the diagonal
    np.fill_diagonal(full, upper.diagonal().real)
    return np.asarray(full.conj())
