"""The chain for matrix-product states: what lives on each site, its charges, and H as terms on bonds (Eqs. 7 and 21).

A site holds the electron states ∅, ↑, ↓, ↑↓ = c†_↑c†_↓|∅⟩ (d = 4). A site with a localized spin is one composite
site, electron ⊗ spin (d = 8, index 2·electron + spin, spin ↑ first), so that every term of H acts on one site or on
two neighbours. Fermions become ordinary states by the Jordan–Wigner transformation along the chain, site by site,
↑ before ↓ on a site; for neighbours c†_x c_{x+1} = (c†F)_x ⊗ c_{x+1} with F = (−1)^n, and no longer string is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pysv.experiment.device import SpinValve
    from pysv.experiment.source import ConfinedElectrons

_NUMBER_UP = np.diag([0.0, 1.0, 0.0, 1.0])
_NUMBER_DOWN = np.diag([0.0, 0.0, 1.0, 1.0])
_PARITY = np.diag([1.0, -1.0, -1.0, 1.0])
_TAKE_UP = np.zeros((4, 4))
_TAKE_UP[0, 1] = _TAKE_UP[2, 3] = 1
_TAKE_DOWN = np.zeros((4, 4))
_TAKE_DOWN[0, 2], _TAKE_DOWN[1, 3] = 1, -1  # c_↓ passes c†_↑
_SPIN_Z = np.diag([1.0, -1.0])
_RAISE = np.array([[0.0, 1.0], [0.0, 0.0]])


@dataclass(frozen=True, eq=False)
class Space:
    """Local states of a site.

    Parameters
    ----------
    has_spin : bool
        Whether a localized spin sits there.
    """

    has_spin: bool

    @property
    def dim(self) -> int:
        """d: 4, or 8 with a localized spin."""
        return 8 if self.has_spin else 4

    def electron(self, matrix: np.ndarray) -> np.ndarray:
        """An operator (4, 4) of the electrons on the site's space (d, d)."""
        return np.kron(matrix, np.eye(2)) if self.has_spin else matrix

    def localized(self, matrix: np.ndarray) -> np.ndarray:
        """An operator (2, 2) of the localized spin on the site's space (8, 8)."""
        return np.kron(np.eye(4), matrix)

    @property
    def up(self) -> np.ndarray:
        """Number of ↑ electrons in each local state, float64 (d,)."""
        return self.electron(_NUMBER_UP).diagonal()

    @property
    def down(self) -> np.ndarray:
        """Number of ↓ electrons in each local state, float64 (d,)."""
        return self.electron(_NUMBER_DOWN).diagonal()

    @property
    def spin_z(self) -> np.ndarray:
        """σᶻ of the localized spin in each local state, float64 (d,); 0 without one."""
        return self.localized(_SPIN_Z).diagonal() if self.has_spin else np.zeros(self.dim)

    @property
    def charges(self) -> np.ndarray:
        """Conserved charges of each local state: electrons, and Σσᶻ of electrons and localized spin, int64 (d, 2)."""
        return np.stack([self.up + self.down, self.up - self.down + self.spin_z], axis=1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Couplings:
    """H of Eqs. 7 and 21 by its numbers, the factors of the spin convention multiplied in.

    Parameters
    ----------
    hopping, sd_exchange, exchange, exchange_z : float
        γ, J_sd, J, J_z with Pauli matrices for both kinds of spin, eV.
    carries : bool ndarray (L_x,)
        Whether a localized spin sits on each site.
    exchanged : bool ndarray (L_x − 1,)
        Whether the localized spins of each pair of neighbours exchange.
    potential, field : float64 ndarray (L_x,)
        Energy of an electron and of σᶻ of the localized spin on each site, eV; 0 for t > 0.
    """

    hopping: float
    sd_exchange: float
    exchange: float
    exchange_z: float
    carries: np.ndarray
    exchanged: np.ndarray
    potential: np.ndarray
    field: np.ndarray

    @classmethod
    def of_device(cls, device: SpinValve, source: ConfinedElectrons | None = None) -> Couplings:
        """Those of a device; with `source`, well and field are on."""
        f_e, f_s = device.electron_factor, device.spin_factor
        sites = np.arange(1, device.sites + 1)
        inside = [np.isin(sites, layer) for layer in (device.polarizer_sites, device.analyzer_sites)]
        potential, field = np.zeros(device.sites), np.zeros(device.sites)
        if source is not None:
            potential[: source.confined_sites] = -source.well
            field = source.field * f_s * (inside[1].astype(float) - inside[0])
        exchanged = (inside[0][:-1] & inside[0][1:]) | (inside[1][:-1] & inside[1][1:])
        return cls(
            device.hopping, f_e * f_s * device.sd_exchange, f_s**2 * device.exchange, f_s**2 * device.exchange_z,
            inside[0] | inside[1], exchanged, potential, field,
        )  # fmt: skip

    def part(self, sites: int) -> Couplings:
        """Those of the first sites."""
        arrays = self.carries[:sites], self.exchanged[: sites - 1], self.potential[:sites], self.field[:sites]
        return Couplings(self.hopping, self.sd_exchange, self.exchange, self.exchange_z, *arrays)

    def onsite(self, site: int, space: Space) -> np.ndarray:
        """Terms on one site (counted from 0), eV, float64 (d, d)."""
        term = np.asarray(self.potential[site] * np.diag(space.up + space.down))
        if space.has_spin:
            flip = np.kron(_TAKE_DOWN.T @ _TAKE_UP, _RAISE)  # c†_↓c_↑ σ⁺
            aligned = np.kron(_NUMBER_UP - _NUMBER_DOWN, _SPIN_Z)
            term -= self.sd_exchange * (aligned + 2 * (flip + flip.T))
            term += self.field[site] * np.diag(space.spin_z)
        return term

    def pair(self, left: int, one: Space, other: Space) -> np.ndarray:
        """Hopping and exchange between sites `left` and `left` + 1 (counted from 0), eV, float64 (d d', d d')."""
        term = np.zeros((one.dim * other.dim,) * 2)
        for take in (_TAKE_UP, _TAKE_DOWN):
            hop = np.kron(one.electron(take.T @ _PARITY), other.electron(take))
            term -= self.hopping * (hop + hop.T)
        if self.exchanged[left]:
            trade = np.kron(one.localized(_RAISE), other.localized(_RAISE.T))
            aligned = np.kron(one.localized(_SPIN_Z), other.localized(_SPIN_Z))
            term -= self.exchange_z * aligned + 2 * self.exchange * (trade + trade.T)
        return term


@dataclass(frozen=True, eq=False)
class Chain:
    """Sites and H of a device.

    Parameters
    ----------
    couplings : Couplings
    spaces : tuple of Space
        Of sites 1 … L_x.
    onsite : tuple of float64 ndarray (d, d)
        Terms on one site: sd exchange, and the fields that prepare the state, eV.
    hops : tuple of float64 ndarray (d d', d d')
        Terms on neighbours: hopping and exchange, eV; element [a d' + a', b d' + b'].
    """

    couplings: Couplings
    spaces: tuple[Space, ...]
    onsite: tuple[np.ndarray, ...]
    hops: tuple[np.ndarray, ...]

    @classmethod
    def of_device(cls, device: SpinValve, source: ConfinedElectrons | None = None) -> Chain:
        """H of Eq. 7, for t > 0; with `source`, H + H_{V,B} of Eq. 21, whose ground state starts the run."""
        couplings = Couplings.of_device(device, source)
        spaces = tuple(Space(bool(carries)) for carries in couplings.carries)
        onsite = tuple(couplings.onsite(site, space) for site, space in enumerate(spaces))
        hops = tuple(couplings.pair(left, *pair) for left, pair in enumerate(pairwise(spaces)))
        return cls(couplings, spaces, onsite, hops)

    @property
    def sites(self) -> int:
        """L_x."""
        return len(self.spaces)

    def part(self, sites: int) -> Chain:
        """The first sites of the chain."""
        return Chain(self.couplings.part(sites), self.spaces[:sites], self.onsite[:sites], self.hops[: sites - 1])

    def diagonal(self, states: list[int], first: int) -> float:
        """Expectation value, in a product of local states, of the terms that act on sites from `first` on, eV."""
        on_sites = sum(float(self.onsite[n][states[n], states[n]]) for n in range(first, self.sites))
        pairs = [states[n] * self.spaces[n + 1].dim + states[n + 1] for n in range(first - 1, self.sites - 1)]
        return on_sites + sum(float(self.hops[first - 1 + n][pair, pair]) for n, pair in enumerate(pairs))

    def bond(self, left: int) -> np.ndarray:
        """All of H that acts on sites `left` and `left` + 1 (counted from 0), the on-site terms shared between bonds.

        The sum over all bonds is H.

        Returns
        -------
        float64 ndarray (d d', d d')
        """
        one, other = self.spaces[left].dim, self.spaces[left + 1].dim
        share_left = 1.0 if left == 0 else 0.5
        share_right = 1.0 if left + 2 == self.sites else 0.5
        return np.asarray(
            self.hops[left]
            + share_left * np.kron(self.onsite[left], np.eye(other))
            + share_right * np.kron(np.eye(one), self.onsite[left + 1])
        )
