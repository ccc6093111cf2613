"""The Hamiltonian of one electron and the localized spins (Eq. 7) on S^z sectors, without a stored matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import Basis, spin_bit
from pysv.layout import Layout

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
    diagonal : float64 ndarray (rows,)
        Longitudinal exchange, eV.
    first, neighbour : int64 ndarray (rows + 1,), int32 ndarray (entries,)
        Rows reached from row r by one exchange of antiparallel neighbours: ``neighbour[first[r]:first[r + 1]]``.
    columns : int64 ndarray (N,)
        Index (from 0) of the site of each localized spin.
    partner : int32 ndarray (rows, N)
        Row in which electron and spin i have traded their antiparallel spins; −1 where they are parallel.
    couplings : float64 ndarray (3,)
        γ, −2 f_s² J and f_e f_s J_sd, eV.
    """

    basis: Basis
    layout: Layout
    diagonal: np.ndarray
    first: np.ndarray
    neighbour: np.ndarray
    columns: np.ndarray
    partner: np.ndarray
    couplings: np.ndarray

    @classmethod
    def of_device(cls, device: SpinValve, basis: Basis) -> Hamiltonian:
        """Tables of the device's H on the given basis."""
        f_e, f_s = device.electron_factor, device.spin_factor
        diagonal, first, neighbour = exchange_table(
            device,
            basis.spin_signs(),
            lambda rows, mask: basis.rows_of(basis.electron[rows], basis.configuration[rows] ^ mask),
        )
        return cls(
            basis=basis,
            layout=Layout.for_rows(basis.rows, device.sites),
            diagonal=diagonal,
            first=first,
            neighbour=neighbour,
            columns=np.array(device.spin_sites, dtype=np.int64) - 1,
            partner=_partners(basis),
            couplings=np.array([device.hopping, -2 * f_s**2 * device.exchange, f_e * f_s * device.sd_exchange]),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (tiles, rows, width) of a state."""
        return self.layout.tiles, self.basis.rows, self.layout.width

    @property
    def sites(self) -> int:
        """L_x."""
        return self.layout.sites

    @property
    def everywhere(self) -> tuple[int, int]:
        """The window (begin, end) of all tiles."""
        return 0, self.layout.tiles

    def tables(self, dtype: type = np.float64) -> tuple[np.ndarray, ...]:
        """The argument `table` of the kernels, in the real precision `dtype`."""
        tile, column = np.divmod(self.columns, self.layout.width)
        order = np.argsort(tile, kind="stable")
        tile_first = np.concatenate(([0], np.cumsum(np.bincount(tile, minlength=self.layout.tiles))))
        return (
            self.diagonal.astype(dtype, copy=False),
            self.first,
            self.neighbour,
            self.partner,
            tile_first.astype(np.int64),
            order.astype(np.int64),
            column[order],
            self.couplings.astype(dtype, copy=False),
        )

    def apply(self, psi: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Hψ.

        Parameters
        ----------
        psi : complex ndarray (tiles, rows, width)
        out : complex ndarray (tiles, rows, width), optional
            Where to write the result.

        Returns
        -------
        complex ndarray (tiles, rows, width)
            Hψ, eV.
        """
        from pysv import jit, kernels

        out = np.zeros_like(psi) if out is None else out
        reals = map(jit.as_reals, (psi, out))
        kernels.apply(*reals, self.sites, self.everywhere, self.tables(psi.real.dtype.type))
        return out

    def expectation(self, psi: np.ndarray) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        from pysv import jit, kernels

        threads = jit.threads_for(psi.size)
        return kernels.expectation(jit.as_reals(psi), self.sites, self.tables(psi.real.dtype.type), threads)

    def sparse(self) -> csr_matrix:
        """H as a sparse real symmetric matrix over the flattened state (rows, sites), for checks and for QuTiP."""
        from scipy import sparse

        rows, sites = self.basis.rows, self.sites
        hopping, flip, sd = self.couplings
        along = sparse.diags([-hopping, -hopping], [-1, 1], shape=(sites, sites))
        swaps = sparse.csr_matrix((np.full(self.neighbour.size, flip), self.neighbour, self.first), (rows, rows))
        matrix = sparse.kron(sparse.identity(rows), along) + sparse.kron(
            sparse.diags(self.diagonal) + swaps, sparse.identity(sites)
        )
        for spin, column in enumerate(self.columns):
            partner = self.partner[:, spin]
            crossed = np.flatnonzero(partner >= 0)
            diagonal = sparse.diags(np.where(partner >= 0, sd, -sd))
            trade = sparse.csr_matrix((np.full(crossed.size, -2 * sd), (crossed, partner[crossed])), (rows, rows))
            here = sparse.csr_matrix(([1.0], ([column], [column])), (sites, sites))
            matrix = matrix + sparse.kron(diagonal + trade, here)
        return matrix.tocsr()


def exchange_table(
    device: SpinValve, signs: np.ndarray, flipped: Callable[[np.ndarray, int], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The exchange inside both layers on the rows of a basis: diagonal, first and neighbour of `Hamiltonian`.

    Parameters
    ----------
    device : SpinValve
    signs : int8 ndarray (rows, N)
        σᶻ of every localized spin in every row.
    flipped : callable
        Rows that given rows become when the spins of a mask are flipped.
    """
    n = device.n_spins
    bonds = [i for i in range(n - 1) if i != device.n_polarizer - 1]
    # An empty bond list (1+1 spins) must still give a column of zeros.
    aligned = sum((signs[:, i].astype(float) * signs[:, i + 1] for i in bonds), np.zeros(len(signs)))
    rows, targets = [], []
    for i in bonds:
        flippable = np.flatnonzero(signs[:, i] != signs[:, i + 1])
        rows.append(flippable)
        targets.append(flipped(flippable, spin_bit(n, i) | spin_bit(n, i + 1)))
    first, neighbour = _by_row(rows, targets, len(signs))
    return -device.exchange_z * device.spin_factor**2 * aligned, first, neighbour


def _by_row(rows: list[np.ndarray], targets: list[np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (row, target) in compressed-row form."""
    row = np.concatenate([*rows, np.empty(0, np.int64)]).astype(np.int64)
    target = np.concatenate([*targets, np.empty(0, np.int64)]).astype(np.int32)
    order = np.argsort(row, kind="stable")
    first = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=count)))).astype(np.int64)
    return first, target[order]


def _partners(basis: Basis) -> np.ndarray:
    n = basis.n_spins
    partner = np.full((basis.rows, n), -1, dtype=np.int32)
    for spin in range(n):
        down = (basis.configuration & spin_bit(n, spin)) != 0
        crossed = np.flatnonzero(down != (basis.electron == 1))
        partner[crossed, spin] = basis.rows_of(
            1 - basis.electron[crossed], basis.configuration[crossed] ^ spin_bit(n, spin)
        )
    return partner
