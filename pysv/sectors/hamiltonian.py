"""The Hamiltonian of one electron and the localized spins (Eq. 7) on S^z sectors, without a stored matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.errors import NotReadyError
from pysv.model.basis import Basis, Spins
from pysv.model.couplings import Couplings, Holder
from pysv.model.layer import sides, spin_groups
from pysv.model.norm import norm_bound
from pysv.model.operators import Sum, same
from pysv.model.terms import Term, hamiltonian_terms, products
from pysv.sectors.blocks import Blocks
from pysv.sectors.layout import CUT, Cut, Layout
from pysv.sectors.shared import Shared
from pysv.sectors.table import GroupTable, Table

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from pysv.experiment.device import ChainDevice


_KERNELS = Holder("the kernels of one electron", "use engine 'qutip', whose sparse H holds any term")


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """H of one electron on S^z sectors: as the tables that `pysv.sectors.numba.recursion` walks through, and sparse.

    The tables hold hops between neighbours, potentials, the sd exchange with each spin, the exchange inside each of two
    groups of layers, and whatever is diagonal in the localized spins of one group. With σ·2S = σᶻ 2Sᶻ + 2(σ⁺S⁻ + σ⁻S⁺),
    the exchange of two spins 1/2 is −2J where they are antiparallel, which trade places; the sd exchange on the site of
    spin i is −J_sd for parallel spins, and +J_sd on the diagonal with −2 J_sd off it for antiparallel ones.

    Parameters
    ----------
    basis : Basis
    layout : Layout
        How a state lies in memory.
    device : ChainDevice
    terms : tuple of Term
        H.
    products : mapping of Factors to float
        The same as a sum of products.
    couplings : Couplings
        The same, sorted.
    groups : (Blocks, Blocks)
        For either group of spins, the rows that exchange of its spins, with each other and the electron's, joins.
    cut : Cut
        The rule that gave the layout.
    """

    basis: Basis
    layout: Layout
    device: ChainDevice
    terms: tuple[Term, ...]
    products: Sum
    couplings: Couplings
    groups: tuple[Blocks, Blocks]
    cut: Cut

    @classmethod
    def of_device(cls, device: ChainDevice, basis: Basis, cut: Cut = CUT) -> Hamiltonian:
        """The device's H on the given basis."""
        terms = hamiltonian_terms(device)
        whole = products(terms)
        couplings = Couplings.of_products(whole)
        layout, groups = _of_basis(basis, device, couplings, cut)
        return cls(basis, layout, device, terms, whole, couplings, groups, cut)

    def on(self, basis: Basis) -> Hamiltonian:
        """The same H on another basis; its terms are not sorted again."""
        layout, groups = _of_basis(basis, self.device, self.couplings, self.cut)
        return replace(self, basis=basis, layout=layout, groups=groups)

    def laid_out(self, dtype: type) -> Hamiltonian:
        """The same H with the layout that suits states of this complex type; itself where it has that layout."""
        layout = Layout.for_rows(self.basis.rows, self.sites, dtype, self.cut)
        return self if layout == self.layout else replace(self, layout=layout)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (tiles, rows, width) of a state."""
        return self.layout.tiles, self.basis.rows, self.layout.width

    @property
    def sides(self) -> tuple[Spins, Spins]:
        """The localized spins of the two groups; those of FM_p and of FM_a in a spin valve."""
        return sides(self.device)

    @property
    def amplitudes(self) -> int:
        """Complex numbers of a state, without the places beyond the chain."""
        return self.basis.rows * self.layout.sites

    @property
    def large(self) -> bool:
        """Whether a state uses whole cache lines and all threads."""
        return self.cut.is_large(self.amplitudes)

    @property
    def sites(self) -> int:
        """L_x."""
        return self.layout.sites

    @property
    def everywhere(self) -> tuple[int, int]:
        """The window of all sites, with the places beyond L_x."""
        return 0, self.layout.places

    @property
    def largest_hopping(self) -> float:
        """Largest |γ| of the hops along the chain, eV."""
        return max(map(abs, self.couplings.hopping.values()), default=0.0)

    def symmetric(self) -> bool:
        """Whether H is the same after all spins are turned over."""
        turned = ((*factors.turned_over(), value) for factors, value in self.products.items())
        return same(self.products, {factors: sign * value for sign, factors, value in turned})

    def norm_bound(self) -> float:
        """Rigorous bound on ‖H‖, eV; see `pysv.model.norm.norm_bound`."""
        return norm_bound(self.terms, self.basis.spins, self.basis.configuration)

    def table(self, dtype: type = np.float64) -> Table:
        """The argument `table` of the kernels, in the real precision `dtype`; made once.

        Raises
        ------
        NotReadyError
            If H has a term that the kernels cannot hold; says which.
        """
        name = np.dtype(dtype).name
        if name not in self._tables:
            ranges = spin_groups(self.device)
            _KERNELS.check_held(self.couplings, self.device, ranges)
            one, other = (self._group(*own, dtype) for own in zip(self.groups, ranges, strict=True))
            shared = Shared.of_device(self.device, self.couplings)
            chain = self._chain(dtype) if shared.hopping is None else np.dtype(dtype).type(shared.hopping)
            self._tables[name] = Table(_with_numbers(one, shared), _with_numbers(other, shared), chain)
        return self._tables[name]

    def _sd(self, spins: range) -> np.ndarray:
        """J_sd of each of some spins, eV."""
        return np.array([self.couplings.sd.get((self.device.spin_sites[n - 1], n), 0.0) for n in spins])

    def _group(self, blocks: Blocks, spins: range, dtype: type) -> GroupTable:
        columns = np.array(self.device.spin_sites[spins.start - 1 : spins.stop - 1], dtype=np.int64) - 1
        first, order, column = self.layout.places_of(columns)
        moments = self.basis.spins.part(spins.start - 1, spins.stop - 1).moments(blocks.configuration)
        sd = self._sd(spins)[:, None]
        return GroupTable(
            first=blocks.first,
            rows=blocks.rows,
            kind=blocks.kind,
            kind_first=blocks.kind_first,
            diagonal=self.couplings.energies(moments, spins).astype(dtype),
            exchange_first=blocks.exchange_first,
            exchange=blocks.exchange,
            exchange_weight=blocks.exchange_weight.astype(dtype),
            partner=blocks.partner,
            sd_diagonal=(-sd * blocks.aligned).astype(dtype),
            sd_trade=(-sd * blocks.trade).astype(dtype),
            tile_first=first,
            tile_spin=order,
            tile_column=column,
        )

    def _chain(self, dtype: type) -> np.ndarray:
        """Hopping and potential of each place as `Table.chain`."""
        bonds = np.array([self.couplings.hopping.get((x, x + 1), 0.0) for x in range(1, self.sites)])
        found = np.zeros((3, self.layout.places))
        found[0, 1 : self.sites] = found[1, : self.sites - 1] = -bonds
        for site, energy in self.couplings.potential.items():
            found[2, site - 1] = energy
        return np.repeat(found, 2, axis=1).reshape(3, self.layout.tiles, -1).astype(dtype)

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {}

    def apply(self, psi: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Hψ.

        Parameters
        ----------
        psi : complex ndarray (tiles, rows, width)
        out : complex ndarray (tiles, rows, width), optional
            Where to write the result; it shares no memory with `psi`.

        Returns
        -------
        complex ndarray (tiles, rows, width)
            Hψ, eV.
        """
        from pysv.compute import compiler
        from pysv.sectors.numba import recursion

        out = np.zeros_like(psi) if out is None else out
        recursion.apply(compiler.as_reals(psi), compiler.as_reals(out), self.sites, self.table(psi.real.dtype.type))
        return out

    def expectation(self, psi: np.ndarray) -> float:
        """⟨ψ|H|ψ⟩, eV; by the kernels, or by the sparse matrix where they cannot hold H."""
        from pysv.compute import compiler, thread_pool
        from pysv.sectors.numba.expectation import expectation

        if not self._held:
            flat = self.layout.flat(psi).ravel()
            return float(np.vdot(flat, self._sparse @ flat).real)
        return expectation(compiler.as_reals(psi), self.table(psi.real.dtype.type), thread_pool.threads_for(psi.size))

    @cached_property
    def _held(self) -> bool:
        """Whether the kernels can hold H."""
        try:
            return bool(self.table())
        except NotReadyError:
            return False

    @cached_property
    def _sparse(self) -> csr_matrix:
        return self.sparse()

    def sparse(self) -> csr_matrix:
        """H as a sparse real symmetric matrix over the flattened state (rows, sites), see `pysv.sectors.sparse`."""
        from pysv.sectors.sparse import sparse_matrix

        return sparse_matrix(self.products, self.basis, self.sites)


def _with_numbers(group: GroupTable, shared: Shared) -> GroupTable:
    """The group with one number where all entries of both groups are the same, which saves the kernels their loads."""
    real = group.diagonal.dtype.type
    common: dict[str, Any] = {}
    if shared.exchange is not None:
        common["exchange_weight"] = real(shared.exchange)
    if shared.sd is not None:
        common |= {"sd_diagonal": real(shared.sd), "sd_trade": real(-2 * shared.sd)}
    return group._replace(**common)


def _of_basis(
    basis: Basis, device: ChainDevice, couplings: Couplings, cut: Cut
) -> tuple[Layout, tuple[Blocks, Blocks]]:
    """What depends on the basis: how a state lies in memory, and the blocks of either group."""
    one, other = (Blocks.of_group(basis, group, couplings.transverse) for group in spin_groups(device))
    return Layout.for_rows(basis.rows, device.sites, cut=cut), (one, other)
