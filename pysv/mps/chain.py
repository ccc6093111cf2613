"""The chain for matrix-product states: what lives on each site, its charges, and H as terms on bonds (Eqs. 7 and 21).

A site holds the electron states ∅, ↑, ↓, ↑↓ = c†_↑c†_↓|∅⟩ (d = 4). A site with a localized spin is one composite
site, electron ⊗ spin (d = 8, index 2·electron + spin, spin ↑ first), so that every term of H acts on one site or on
two neighbours. Fermions become ordinary states by the Jordan–Wigner transformation along the chain, site by site,
↑ before ↓ on a site; for neighbours c†_x c_{x+1} = (c†F)_x ⊗ c_{x+1} with F = (−1)^n, and no longer string is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import NotReadyError
from pysv.model.couplings import Couplings
from pysv.model.operators import SIGMA, Electron, Factors, Spin
from pysv.model.terms import Ups, hamiltonian_terms, preparation_terms, products

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice
    from pysv.experiment.source import ConfinedElectrons

_NUMBER_UP = np.diag([0.0, 1.0, 0.0, 1.0])
_NUMBER_DOWN = np.diag([0.0, 0.0, 1.0, 1.0])
_PARITY = np.diag([1.0, -1.0, -1.0, 1.0])
_TAKE_UP = np.zeros((4, 4))
_TAKE_UP[0, 1] = _TAKE_UP[2, 3] = 1
_TAKE_DOWN = np.zeros((4, 4))
_TAKE_DOWN[0, 2], _TAKE_DOWN[1, 3] = 1, -1  # c_↓ passes c†_↑
_TAKE = (_TAKE_UP, _TAKE_DOWN)


@dataclass(frozen=True, eq=False)
class Space:
    """Local states of a site.

    Parameters
    ----------
    has_spin : bool
        Whether a localized spin sits there.
    keeps_spin : bool
        Whether Σσᶻ is a conserved charge beside the number of electrons; not so for tilted spins.
    """

    has_spin: bool
    keeps_spin: bool = True

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
        return self.localized(SIGMA["z"]).diagonal() if self.has_spin else np.zeros(self.dim)

    @property
    def charges(self) -> np.ndarray:
        """Conserved charges of each local state: electrons, and Σσᶻ of electrons and localized spin, int64 (d, 2).

        Where Σσᶻ is no charge, 0 stands for it.
        """
        spin = self.keeps_spin * (self.up - self.down + self.spin_z)
        return np.stack([self.up + self.down, spin], axis=1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Chain:
    """Sites and H of a device.

    Parameters
    ----------
    spaces : tuple of Space
        Of sites 1 … L_x.
    spin_sites : tuple of int
        Site, from 1, of each localized spin.
    products : dict of Factors to float
        H, as a sum of products.
    onsite : tuple of float64 ndarray (d, d)
        Terms on one site: sd exchange, fields and potentials, eV.
    hops : tuple of float64 ndarray (d d', d d')
        Terms on neighbours: hopping and exchange, eV; element [a d' + a', b d' + b'].
    """

    spaces: tuple[Space, ...]
    spin_sites: tuple[int, ...]
    products: dict[Factors, float]
    onsite: tuple[np.ndarray, ...]
    hops: tuple[np.ndarray, ...]

    @classmethod
    def of_device(
        cls, device: ChainDevice, source: ConfinedElectrons | None = None, ups: Ups = None, *, keeps_spin: bool = True
    ) -> Chain:
        """H of Eq. 7, for t > 0; with `source`, H + H_{V,B} of Eq. 21, whose ground state starts the run.

        `keeps_spin` says whether states have a definite S^z, see `Space`.

        Raises
        ------
        NotReadyError
            If a term acts on sites that are not neighbours.
        """
        terms = (*hamiltonian_terms(device), *(() if source is None else preparation_terms(device, source, ups)))
        return cls._of_products(products(terms), device.sites, device.spin_sites, keeps_spin)

    @classmethod
    def of_electrons(cls, device: ChainDevice, source: ConfinedElectrons) -> Chain:
        """The electrons alone in the well: what H and H_{V,B} have without localized spins."""
        terms = products((*hamiltonian_terms(device), *preparation_terms(device, source)))
        return cls._of_products({f: value for f, value in terms.items() if not f.spins}, device.sites, (), True)

    @classmethod
    def _of_products(
        cls, whole: dict[Factors, float], sites: int, spin_sites: tuple[int, ...], keeps_spin: bool
    ) -> Chain:
        carries = [site in spin_sites for site in range(1, sites + 1)]
        spaces = tuple(Space(has_spin, keeps_spin) for has_spin in carries)
        onsite = tuple(np.zeros((space.dim,) * 2) for space in spaces)
        hops = tuple(np.zeros((one.dim * other.dim,) * 2) for one, other in pairwise(spaces))
        for factors, value in whole.items():
            first, last = _reach(factors, spin_sites)
            if value and last > first + 1:
                raise NotReadyError(
                    f"H has the product {factors} of {value:g} eV, which joins sites {first} and {last}, and engine "
                    "'tdmrg' holds terms of one site or two neighbours; use engine 'qutip' for one electron"
                )
            if value:
                electrons = tuple(Electron(to - first, of - first, sigma) for to, of, sigma in factors.electrons)
                spins = tuple(Spin(spin_sites[n - 1] - first, sigma) for n, sigma in factors.spins)
                target = onsite[first - 1] if last == first else hops[first - 1]
                target += value * _operator(electrons, spins, tuple(carries[first - 1 : last]))
        return cls(spaces, spin_sites, whole, onsite, hops)

    @property
    def couplings(self) -> Couplings:
        """H, sorted."""
        return Couplings.of_products(self.products)

    @property
    def sites(self) -> int:
        """L_x."""
        return len(self.spaces)

    def part(self, sites: int) -> Chain:
        """The first sites of the chain."""
        inside = {f: value for f, value in self.products.items() if _reach(f, self.spin_sites)[1] <= sites}
        return Chain(self.spaces[:sites], self.spin_sites, inside, self.onsite[:sites], self.hops[: sites - 1])

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


def _reach(factors: Factors, spin_sites: tuple[int, ...]) -> tuple[int, int]:
    """First and last site that a product acts on; the first one for a number."""
    sites = [site for one in factors.electrons for site in (one.to, one.of)]
    sites += [spin_sites[spin.number - 1] for spin in factors.spins]
    return min(sites, default=1), max(sites, default=1)


@lru_cache(maxsize=256)
def _operator(electrons: tuple[Electron, ...], spins: tuple[Spin, ...], carries: tuple[bool, ...]) -> np.ndarray:
    """A product on one site or two neighbours, which are number 0 and 1, float64 (d, d) or (d d', d d').

    `carries` says which of them have a localized spin; those of `spins` go by the site's number.
    """
    spaces = [Space(has_spin) for has_spin in carries]

    def whole(parts: dict[int, np.ndarray]) -> np.ndarray:
        return reduce(np.kron, (parts.get(place, np.eye(space.dim)) for place, space in enumerate(spaces)))

    def take(place: int, matrix: np.ndarray) -> np.ndarray:
        string = {left: spaces[left].electron(_PARITY) for left in range(place)}
        return whole({**string, place: spaces[place].electron(matrix)})

    found = whole({})
    for to, of, sigma in electrons:
        elements = zip(*np.nonzero(SIGMA[sigma]), strict=True)
        found = found @ sum(SIGMA[sigma][s, r] * take(to, _TAKE[s]).T @ take(of, _TAKE[r]) for s, r in elements)
    for place, sigma in spins:
        found = found @ whole({place: spaces[place].localized(SIGMA[sigma])})
    return np.asarray(found)
