"""The Hamiltonian of one electron and the localized spins (Eq. 7) on S^z sectors, without a stored matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import Basis
from pysv.layout import Layout
from pysv.strips import Strips
from pysv.table import Table

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from pysv.device import SpinValve


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """H of Eq. 7 as the tables that `pysv.kernels` walks through.

    With σ·σ' = σᶻσ'ᶻ + 2(σ⁺σ'⁻ + σ⁻σ'⁺), the exchange of a layer is −f_s² J_z σᶻσᶻ on the diagonal and −2 f_s² J for
    each antiparallel pair of neighbours, whose two spins trade places; the sd exchange on the site of spin i is
    −f_e f_s J_sd for parallel spins, and +f_e f_s J_sd on the diagonal with −2 f_e f_s J_sd off it for antiparallel
    ones (f_e, f_s the factors of the spin convention).

    Parameters
    ----------
    basis : Basis
    layout : Layout
        How a state lies in memory.
    strips : Strips
        The rows, and which of them an exchange of spins joins.
    columns : int64 ndarray (N,)
        Index (from 0) of the site of each localized spin.
    couplings : float64 ndarray (4,)
        γ, −2 f_s² J, f_e f_s J_sd and −f_s² J_z, eV.
    """

    basis: Basis
    layout: Layout
    strips: Strips
    columns: np.ndarray
    couplings: np.ndarray

    @classmethod
    def of_device(cls, device: SpinValve, basis: Basis) -> Hamiltonian:
        """The device's H on the given basis."""
        f_e, f_s = device.electron_factor, device.spin_factor
        return cls(
            basis=basis,
            layout=Layout.for_rows(basis.rows, device.sites),
            strips=Strips.of_basis(basis, device.n_polarizer),
            columns=np.array(device.spin_sites, dtype=np.int64) - 1,
            couplings=np.array(
                [
                    device.hopping,
                    -2 * f_s**2 * device.exchange,
                    f_e * f_s * device.sd_exchange,
                    -(f_s**2) * device.exchange_z,
                ]
            ),
        )

    def laid_out(self, dtype: type) -> Hamiltonian:
        """The same H with the layout that suits states of this complex type; itself where it has that layout."""
        layout = Layout.for_rows(self.basis.rows, self.sites, dtype)
        return self if layout == self.layout else replace(self, layout=layout)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (tiles, rows, width) of a state."""
        return self.layout.tiles, self.basis.rows, self.layout.width

    @property
    def amplitudes(self) -> int:
        """Complex numbers of a state, without the places beyond the chain."""
        return self.basis.rows * self.layout.sites

    @property
    def sites(self) -> int:
        """L_x."""
        return self.layout.sites

    @property
    def everywhere(self) -> tuple[int, int]:
        """The window (begin, end) of all tiles."""
        return 0, self.layout.tiles

    @cached_property
    def diagonal(self) -> np.ndarray:
        """Longitudinal exchange of each row, eV, float64 (rows,)."""
        strip, place = self.strips.of_rows
        alignment = self.strips.alignment[strip] + self.strips.analyzer.alignment[self.strips.inner[strip] + place]
        return np.asarray(self.couplings[3] * alignment)

    def table(self, dtype: type = np.float64) -> Table:
        """The argument `table` of the kernels, in the real precision `dtype`; made once."""
        name = np.dtype(dtype).name
        if name not in self._tables:
            strips, chain = self.strips, self.strips.analyzer
            tile, column = np.divmod(self.columns, self.layout.width)
            order = np.argsort(tile, kind="stable")
            tile_first = np.concatenate(([0], np.cumsum(np.bincount(tile, minlength=self.layout.tiles))))
            self._tables[name] = Table(
                first=strips.first,
                electron=strips.electron,
                inner=strips.inner,
                cross=strips.cross,
                outer_diagonal=(self.couplings[3] * strips.alignment).astype(dtype),
                inner_diagonal=(self.couplings[3] * chain.alignment).astype(dtype),
                outer_first=strips.exchange_first,
                outer_exchange=strips.exchange,
                inner_first=chain.first,
                inner_exchange=chain.neighbour,
                outer_partner=strips.partner,
                inner_partner=chain.flips(),
                pieces=strips.pieces,
                tile_first=tile_first.astype(np.int64),
                tile_spin=order.astype(np.int64),
                tile_column=column[order],
                couplings=self.couplings.astype(dtype),
            )
        return self._tables[name]

    def shares(self, dtype: type, count: int) -> list[Table]:
        """The same table for each of some shares of the rows, which lie together and are about equally many."""
        table = self.table(dtype)
        pieces = table.pieces
        rows = np.concatenate(([0], np.cumsum(pieces[:, 2] - pieces[:, 1])))
        cuts = np.unique(np.searchsorted(rows, np.linspace(0, rows[-1], count + 1)))
        return [table._replace(pieces=pieces[begin:end]) for begin, end in pairwise(cuts)]

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
        from pysv import jit, kernels

        out = np.zeros_like(psi) if out is None else out
        kernels.apply(jit.as_reals(psi), jit.as_reals(out), self.sites, self.table(psi.real.dtype.type))
        return out

    def expectation(self, psi: np.ndarray) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        from pysv import jit, kernels, team

        table = self.table(psi.real.dtype.type)
        return kernels.expectation(jit.as_reals(psi), self.sites, table, team.threads_for(psi.size))

    def sparse(self) -> csr_matrix:
        """H as a sparse real symmetric matrix over the flattened state (rows, sites), for checks and for QuTiP."""
        from scipy import sparse

        rows, sites = self.basis.rows, self.sites
        hopping, flip, sd, _ = self.couplings
        along = sparse.diags([-hopping, -hopping], [-1, 1], shape=(sites, sites))
        source, target = self.strips.exchanges()
        swaps = sparse.csr_matrix((np.full(source.size, flip), (source, target)), (rows, rows))
        matrix = sparse.kron(sparse.identity(rows), along) + sparse.kron(
            sparse.diags(self.diagonal) + swaps, sparse.identity(sites)
        )
        for spin, column in enumerate(self.columns):
            partner = self.strips.traded(spin)
            crossed = np.flatnonzero(partner >= 0)
            diagonal = sparse.diags(np.where(partner >= 0, sd, -sd))
            trade = sparse.csr_matrix((np.full(crossed.size, -2 * sd), (crossed, partner[crossed])), (rows, rows))
            here = sparse.csr_matrix(([1.0], ([column], [column])), (sites, sites))
            matrix = matrix + sparse.kron(diagonal + trade, here)
        return matrix.tocsr()
