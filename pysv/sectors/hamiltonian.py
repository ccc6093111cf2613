"""The Hamiltonian of one electron and the localized spins (Eq. 7) on S^z sectors, without a stored matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import NotReadyError
from pysv.model.basis import Basis, spin_signs
from pysv.model.couplings import Couplings, Holder
from pysv.model.norm import norm_bound
from pysv.model.operators import Sum, same
from pysv.model.terms import Term, hamiltonian_terms, layers, products
from pysv.sectors.blocks import Blocks
from pysv.sectors.layout import CUT, Cut, Layout
from pysv.sectors.table import LayerTable, Table

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from pysv.experiment.device import SpinValve


_KERNELS = Holder("the kernels of one electron", "use engine 'qutip', whose sparse H holds any term")


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """H of one electron on S^z sectors: as the tables that `pysv.sectors.numba.recursion` walks through, and sparse.

    The tables hold one hopping, one sd exchange, one transverse exchange inside the layers, and whatever is diagonal in
    the localized spins of one layer. With σ·σ' = σᶻσ'ᶻ + 2(σ⁺σ'⁻ + σ⁻σ'⁺), the transverse exchange is −2J for each
    antiparallel pair of spins that exchange, which trade places; the sd exchange on the site of spin i is −J_sd for
    parallel spins, and +J_sd on the diagonal with −2 J_sd off it for antiparallel ones.

    Parameters
    ----------
    basis : Basis
    layout : Layout
        How a state lies in memory.
    device : SpinValve
    terms : tuple of Term
        H.
    products : mapping of Factors to float
        The same as a sum of products.
    couplings : Couplings
        The same, sorted.
    polarizer, analyzer : Blocks
        For either layer, the rows that exchange of its spins, with each other and the electron's, joins.
    cut : Cut
        The rule that gave the layout.
    """

    basis: Basis
    layout: Layout
    device: SpinValve
    terms: tuple[Term, ...]
    products: Sum
    couplings: Couplings
    polarizer: Blocks
    analyzer: Blocks
    cut: Cut

    @classmethod
    def of_device(cls, device: SpinValve, basis: Basis, cut: Cut = CUT) -> Hamiltonian:
        """The device's H on the given basis."""
        terms = hamiltonian_terms(device)
        whole = products(terms)
        couplings = Couplings.of_products(whole)
        layout, polarizer, analyzer = _of_basis(basis, device, couplings, cut)
        return cls(basis, layout, device, terms, whole, couplings, polarizer, analyzer, cut)

    def on(self, basis: Basis) -> Hamiltonian:
        """The same H on another basis; its terms are not sorted again."""
        layout, polarizer, analyzer = _of_basis(basis, self.device, self.couplings, self.cut)
        return replace(self, basis=basis, layout=layout, polarizer=polarizer, analyzer=analyzer)

    def laid_out(self, dtype: type) -> Hamiltonian:
        """The same H with the layout that suits states of this complex type; itself where it has that layout."""
        layout = Layout.for_rows(self.basis.rows, self.sites, dtype, self.cut)
        return self if layout == self.layout else replace(self, layout=layout)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (tiles, rows, width) of a state."""
        return self.layout.tiles, self.basis.rows, self.layout.width

    @property
    def layers(self) -> tuple[int, int]:
        """Numbers of localized spins in FM_p and FM_a."""
        return len(self.polarizer.partner), len(self.analyzer.partner)

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

    @cached_property
    def kernel_couplings(self) -> np.ndarray:
        """γ, −2J and J_sd; see `Holder.kernel_couplings`."""
        return _KERNELS.kernel_couplings(self.couplings, self.device, layers(self.device))

    @property
    def hopping(self) -> float:
        """γ, eV."""
        return float(self.kernel_couplings[0])

    def symmetric(self) -> bool:
        """Whether H is the same after all spins are turned over."""
        turned = ((*factors.turned_over(), value) for factors, value in self.products.items())
        return same(self.products, {factors: sign * value for sign, factors, value in turned})

    def norm_bound(self) -> float:
        """Rigorous bound on ‖H‖, eV; see `pysv.model.norm.norm_bound`."""
        return norm_bound(self.terms, self.basis.n_spins, self.basis.configuration)

    def table(self, dtype: type = np.float64) -> Table:
        """The argument `table` of the kernels, in the real precision `dtype`; made once."""
        name = np.dtype(dtype).name
        if name not in self._tables:
            couplings: np.ndarray = self.kernel_couplings.astype(dtype)
            one, other = layers(self.device)
            own = self._layer(self.polarizer, one, dtype), self._layer(self.analyzer, other, dtype)
            self._tables[name] = Table(*own, couplings)
        return self._tables[name]

    def _layer(self, blocks: Blocks, spins: range, dtype: type) -> LayerTable:
        columns = np.array(self.device.spin_sites[spins[0] - 1 : spins[-1]], dtype=np.int64) - 1
        tile, column = np.divmod(columns, self.layout.width)
        order = np.argsort(tile, kind="stable")
        return LayerTable(
            first=blocks.first,
            rows=blocks.rows,
            kind=blocks.kind,
            kind_first=blocks.kind_first,
            diagonal=self.couplings.energies(spin_signs(blocks.configuration, len(spins)), spins).astype(dtype),
            exchange_first=blocks.exchange_first,
            exchange=blocks.exchange,
            partner=blocks.partner,
            tile_first=np.searchsorted(tile[order], np.arange(self.layout.tiles + 1)),
            tile_spin=order,
            tile_column=column[order],
        )

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
        try:
            return bool(self.kernel_couplings.size)
        except NotReadyError:
            return False

    @cached_property
    def _sparse(self) -> csr_matrix:
        return self.sparse()

    def sparse(self) -> csr_matrix:
        """H as a sparse real symmetric matrix over the flattened state (rows, sites), see `pysv.sectors.sparse`."""
        from pysv.sectors.sparse import sparse_matrix

        return sparse_matrix(self.products, self.basis, self.sites)


def _of_basis(basis: Basis, device: SpinValve, couplings: Couplings, cut: Cut) -> tuple[Layout, Blocks, Blocks]:
    """What depends on the basis: how a state lies in memory, and the blocks of either layer."""
    exchanged = [pair for pair, value in couplings.transverse.items() if value]
    polarizer, analyzer = (Blocks.of_layer(basis, layer, exchanged) for layer in layers(device))
    return Layout.for_rows(basis.rows, device.sites, cut=cut), polarizer, analyzer
