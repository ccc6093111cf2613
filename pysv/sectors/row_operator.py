"""Operators of one layer on the rows of a state, and the reduced density matrix of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pysv.model.basis import Basis


@dataclass(frozen=True, eq=False)
class RowOperator:
    """An operator of one layer as a sparse matrix over the rows of a state, from one basis to another.

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
    def of_layer(cls, operator: np.ndarray, layer: str, n_analyzer: int, before: Basis, after: Basis) -> RowOperator:
        """An operator over the configurations of one layer, from states on basis `before` to states on `after`.

        Parameters
        ----------
        operator : complex ndarray (2^n, 2^n)
        layer : {"polarizer", "analyzer"}
        n_analyzer : int
            Number of spins in FM_a, the low bits of a configuration.
        before, after : Basis
        """
        from scipy.sparse import coo_matrix

        shift, mask = (n_analyzer, ~((1 << n_analyzer) - 1)) if layer == "polarizer" else (0, (1 << n_analyzer) - 1)
        inside = (before.configuration & mask) >> shift
        # Each row of `before` takes the nonzero elements of one column of the operator.
        targets, columns = np.nonzero(np.abs(operator) > 1e-16 * np.abs(operator).max(initial=1e-300))
        order = np.argsort(columns, kind="stable")
        targets, columns = targets[order], columns[order]
        count = np.bincount(columns, minlength=len(operator))
        begin = np.concatenate(([0], np.cumsum(count)))
        lengths = count[inside]
        source = np.repeat(np.arange(before.rows), lengths)
        entry = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + begin[inside][source]
        configuration = (before.configuration[source] & ~mask) | (targets[entry] << shift)
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


def layer_density(psi: np.ndarray, layer: str, n_polarizer: int, n_analyzer: int, basis: Basis) -> np.ndarray:
    """Reduced density matrix of one layer in a pure state.

    Parameters
    ----------
    psi : complex ndarray (tiles, rows, width)
    layer : {"polarizer", "analyzer"}
    n_polarizer, n_analyzer : int
    basis : Basis

    Returns
    -------
    complex ndarray (2^n, 2^n)
    """
    tiles, _, width = psi.shape
    full = np.zeros((tiles, 2, 1 << (n_polarizer + n_analyzer), width), dtype=complex)
    full[:, basis.electron, basis.configuration] = psi
    split = full.reshape(tiles, 2, 1 << n_polarizer, 1 << n_analyzer, width)
    matrix = np.moveaxis(split, 2 if layer == "polarizer" else 3, 0)
    matrix = matrix.reshape(matrix.shape[0], -1)
    return np.asarray(matrix @ matrix.conj().T)
