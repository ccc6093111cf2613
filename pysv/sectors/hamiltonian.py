"""The Hamiltonian of one electron and the localized spins (Eq. 7) on S^z sectors, without a stored matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pysv.model.basis import Basis
from pysv.sectors.blocks import Blocks
from pysv.sectors.layout import Layout

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from pysv.experiment.device import SpinValve


class LayerTable(NamedTuple):
    """One layer, by blocks of rows (see `pysv.sectors.blocks`) and tiles of sites (see `pysv.sectors.layout`).

    Parameters
    ----------
    first, rows, kind, kind_first, exchange_first, exchange, partner : ndarray
        As in `pysv.sectors.blocks.Blocks`.
    diagonal : real ndarray (members,)
        Longitudinal exchange inside the layer, eV.
    tile_first : int64 ndarray (tiles + 1,)
        The layer's spins on the sites of tile t are number ``tile_first[t]`` … ``tile_first[t + 1] - 1`` in the next
        two.
    tile_spin, tile_column : int64 ndarray (spins,)
        Spin of the layer, and its column in the tile.
    """

    first: np.ndarray
    rows: np.ndarray
    kind: np.ndarray
    kind_first: np.ndarray
    diagonal: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    partner: np.ndarray
    tile_first: np.ndarray
    tile_spin: np.ndarray
    tile_column: np.ndarray


class Table(NamedTuple):
    """H of Eq. 7 on S^z sectors. The real numbers are in the precision of the state.

    Parameters
    ----------
    polarizer, analyzer : LayerTable
    couplings : real ndarray (4,)
        γ, −2 f_s² J, f_e f_s J_sd and −f_s² J_z, eV.
    """

    polarizer: LayerTable
    analyzer: LayerTable
    couplings: np.ndarray


@dataclass(frozen=True, eq=False)
class Hamiltonian:
    """H of Eq. 7 as the tables that `pysv.sectors.numba.recursion` walks through.

    With σ·σ' = σᶻσ'ᶻ + 2(σ⁺σ'⁻ + σ⁻σ'⁺), the exchange of a layer is −f_s² J_z σᶻσᶻ on the diagonal and −2 f_s² J for
    each antiparallel pair of neighbours, whose two spins trade places; the sd exchange on the site of spin i is
    −f_e f_s J_sd for parallel spins, and +f_e f_s J_sd on the diagonal with −2 f_e f_s J_sd off it for antiparallel
    ones (f_e, f_s the factors of the spin convention).

    Parameters
    ----------
    basis : Basis
    layout : Layout
        How a state lies in memory.
    polarizer, analyzer : Blocks
        For either layer, the rows that exchange of its spins, with each other and the electron's, joins.
    columns : int64 ndarray (N,)
        Index (from 0) of the site of each localized spin.
    couplings : float64 ndarray (4,)
        γ, −2 f_s² J, f_e f_s J_sd and −f_s² J_z, eV.
    """

    basis: Basis
    layout: Layout
    polarizer: Blocks
    analyzer: Blocks
    columns: np.ndarray
    couplings: np.ndarray

    @classmethod
    def of_device(cls, device: SpinValve, basis: Basis) -> Hamiltonian:
        """The device's H on the given basis."""
        f_e, f_s = device.electron_factor, device.spin_factor
        polarizer, analyzer = Blocks.of_layers(basis, device.n_polarizer)
        return cls(
            basis=basis,
            layout=Layout.for_rows(basis.rows, device.sites),
            polarizer=polarizer,
            analyzer=analyzer,
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
    def layers(self) -> tuple[int, int]:
        """Numbers of localized spins in FM_p and FM_a."""
        return len(self.polarizer.partner), len(self.analyzer.partner)

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
        """The window of all sites, with the places beyond L_x."""
        return 0, self.layout.places

    @cached_property
    def diagonal(self) -> np.ndarray:
        """Longitudinal exchange of each row, eV, float64 (rows,)."""
        alignment = sum(layer.alignment[layer.of_rows[1]] for layer in (self.polarizer, self.analyzer))
        return np.asarray(self.couplings[3] * alignment)

    def exchange_count(self) -> np.ndarray:
        """Number of exchanges inside the layers that each row takes part in, int64 (rows,)."""
        return np.asarray(self.polarizer.exchange_count() + self.analyzer.exchange_count())

    def table(self, dtype: type = np.float64) -> Table:
        """The argument `table` of the kernels, in the real precision `dtype`; made once."""
        name = np.dtype(dtype).name
        if name not in self._tables:
            n_polarizer = len(self.polarizer.partner)
            self._tables[name] = Table(
                self._layer(self.polarizer, self.columns[:n_polarizer], dtype),
                self._layer(self.analyzer, self.columns[n_polarizer:], dtype),
                self.couplings.astype(dtype),
            )
        return self._tables[name]

    def _layer(self, blocks: Blocks, columns: np.ndarray, dtype: type) -> LayerTable:
        tile, column = np.divmod(columns, self.layout.width)
        order = np.argsort(tile, kind="stable")
        return LayerTable(
            first=blocks.first,
            rows=blocks.rows,
            kind=blocks.kind,
            kind_first=blocks.kind_first,
            diagonal=(self.couplings[3] * blocks.alignment).astype(dtype),
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
        """⟨ψ|H|ψ⟩, eV."""
        from pysv.compute import compiler, thread_pool
        from pysv.sectors.numba.expectation import expectation

        return expectation(compiler.as_reals(psi), self.table(psi.real.dtype.type), thread_pool.threads_for(psi.size))

    def sparse(self) -> csr_matrix:
        """H as a sparse real symmetric matrix over the flattened state (rows, sites), for checks and for QuTiP."""
        from scipy import sparse

        rows, sites = self.basis.rows, self.sites
        hopping, flip, sd, _ = self.couplings
        along = sparse.diags([-hopping, -hopping], [-1, 1], shape=(sites, sites))
        matrix = sparse.kron(sparse.identity(rows), along) + sparse.kron(
            sparse.diags(self.diagonal), sparse.identity(sites)
        )
        columns = iter(self.columns)
        for layer in (self.polarizer, self.analyzer):
            source, target = layer.exchanges()
            swaps = sparse.csr_matrix((np.full(source.size, flip), (source, target)), (rows, rows))
            matrix = matrix + sparse.kron(swaps, sparse.identity(sites))
            for spin in range(len(layer.partner)):
                partner, column, every = layer.traded(spin), next(columns), np.arange(rows)
                trade = sparse.csr_matrix((np.full(rows, -2 * sd), (every, partner)), (rows, rows))
                here = sparse.csr_matrix(([1.0], ([column], [column])), (sites, sites))
                matrix = matrix + sparse.kron(sd * sparse.identity(rows) + trade, here)
        return matrix.tocsr()
