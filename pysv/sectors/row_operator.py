"""Operators of some successive spins on the rows of a state, and the reduced density matrix of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pysv.model.basis import Basis


@dataclass(frozen=True, eq=False)
class RowOperator:
    """An operator of localized spins as a sparse matrix over the rows of a state, from one basis to another.

    Parameters
    ----------
    first : int64 ndarray (rows + 1,)
    source : int32 ndarray (entries,)
        Row r of the result is Σ value · row `source` of the state, over ``first[r] : first[r + 1]``.
    value : complex ndarray (entries,)
    """

    first: np.ndarray
    source: np.ndarray
    value: np.ndarray

    @classmethod
    def of_spins(cls, operator: np.ndarray, own: range, before: Basis, after: Basis) -> RowOperator:
        """An operator over the configurations of some successive spins, from states on one basis to states on another.

        Parameters
        ----------
        operator : complex ndarray (size, size)
        own : range
            Numbers of the spins, from 1, such as those of a layer.
        before, after : Basis
        """
        from scipy.sparse import coo_matrix

        place = before.spins.place(own[-1] - 1)
        inside = before.configuration // place % len(operator)
        # Each row of `before` takes the nonzero elements of one column of the operator.
        targets, columns = np.nonzero(np.abs(operator) > 1e-16 * np.abs(operator).max(initial=1e-300))
        order = np.argsort(columns, kind="stable")
        targets, columns = targets[order], columns[order]
        count = np.bincount(columns, minlength=len(operator))
        begin = np.concatenate(([0], np.cumsum(count)))
        lengths = count[inside]
        source = np.repeat(np.arange(before.rows), lengths)
        entry = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + begin[inside][source]
        configuration = before.configuration[source] + (targets[entry] - inside[source]) * place
        row = after.rows_of(before.electron[source], configuration)
        kept = row >= 0
        value = operator[targets[entry], columns[entry]]
        matrix = coo_matrix((value[kept], (row[kept], source[kept])), (after.rows, before.rows)).tocsr()
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(complex))

    def apply(self, psi: np.ndarray, out: np.ndarray) -> None:
        """out ← Oψ, complex (tiles, rows, width)."""
        from pysv.compute import compiler
        from pysv.sectors.numba import row_operator

        row_operator.apply_rows(compiler.as_reals(psi), compiler.as_reals(out), self.first, self.source, self.value)


def layer_density(psi: np.ndarray, own: range, basis: Basis) -> np.ndarray:
    """Reduced density matrix of some successive spins, such as those of a layer, in a pure state.

    Parameters
    ----------
    psi : complex ndarray (tiles, rows, width)
    own : range
        Numbers of the spins, from 1.
    basis : Basis

    Returns
    -------
    complex ndarray (size, size)
    """
    (tiles, _, width), spins = psi.shape, basis.spins
    size, place = spins.part(own[0] - 1, own[-1]).size, spins.place(own[-1] - 1)
    full = np.zeros((tiles, 2, spins.size, width), dtype=complex)
    full[:, basis.electron, basis.configuration] = psi
    matrix = np.moveaxis(full.reshape(tiles, 2, -1, size, place, width), 3, 0).reshape(size, -1)
    return np.asarray(matrix @ matrix.conj().T)
