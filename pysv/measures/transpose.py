"""The partial transpose ρ^{T_p} in blocks, from the eigenstates of ρ.

When ρ conserves the down count, ρ^{T_p} conserves q = d_a − d_p, that of FM_a less that of FM_p. A block of
given q falls into cells (j, j') by the down count of FM_p; with M_k the amplitudes √p_k |k⟩ of the
eigenstates of ρ as matrices (configurations of FM_p, configurations of FM_a),

    (ρ^{T_p})_{iα;i'α'} = ρ_{i'α;iα'} = Σ_k M_k[i', α] M_k*[i, α'],

where the k that count have d = j + j' + q down spins in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pysv.measures.factor import SpinFactor
from pysv.model.basis import Spins


def block_sizes(one: Spins, other: Spins, downs: tuple[int, ...]) -> dict[int, int]:
    """Rows of each block q of ρ^{T_p}, those that hold zeros only aside.

    Parameters
    ----------
    one, other : Spins
        The two parts of the spins, such as FM_p and FM_a.
    downs : tuple of int
        Down counts that occur in ρ.
    """
    sizes = {}
    for q in range(-one.lowest, other.lowest + 1):
        cells = _cells(one, other, downs, q)
        if cells:
            sizes[q] = sum(one.multiplicity(j) * other.multiplicity(j + q) for j in {j for cell in cells for j in cell})
    return sizes


def _cells(one: Spins, other: Spins, downs: tuple[int, ...], q: int) -> list[tuple[int, int]]:
    """Cells (j, j'), j ≤ j', of block q that are not zero; the others follow by Hermitian conjugation."""
    js = [j for j in range(one.lowest + 1) if 0 <= j + q <= other.lowest]
    return [(j, k) for j in js for k in js if j <= k and j + k + q in downs]


@dataclass(frozen=True, eq=False)
class Cell:
    """Cell (j, j') of a block: Σ_k left[i', α, k] right*[i, α', k].

    Parameters
    ----------
    j, other : int
        j ≤ j'.
    left : complex ndarray (C(n_p, j'), C(n_a, j + q), rank)
    right : complex ndarray (C(n_p, j), C(n_a, j' + q), rank)
        The same array as `left` where j = j'.
    """

    j: int
    other: int
    left: np.ndarray
    right: np.ndarray

    @cached_property
    def square(self) -> float:
        """‖cell‖²_F, that of the block of ρ that it comes from: Tr[(left†left)(right†right)]."""
        return float((_gram(self.left) * _gram(self.right).T).sum().real)

    def dense(self) -> np.ndarray:
        """The cell as an array (C(n_p, j) C(n_a, j + q), C(n_p, j') C(n_a, j' + q))."""
        p_other, a, rank = self.left.shape
        p, a_other, _ = self.right.shape
        found = self.left.reshape(-1, rank) @ self.right.reshape(-1, rank).conj().T
        return np.asarray(found.reshape(p_other, a, p, a_other).transpose(2, 1, 0, 3).reshape(p * a, -1))

    def truncated(self, error: float) -> Cell:
        """With as few terms k as leave ‖cell − truncated cell‖_F ≤ error: a singular value decomposition."""
        scaled, turns = [], []
        for side in (self.left, self.right):
            g, v = np.linalg.eigh(_gram(side))
            kept = g > max(g[-1], 0.0) * 1e-14
            scaled.append(np.sqrt(g[kept])[:, None] * v[:, kept].conj().T)
            turns.append(v[:, kept] / np.sqrt(g[kept]))
        u, s, wh = np.linalg.svd(scaled[0] @ scaled[1].conj().T, full_matrices=False)
        lost = np.sqrt(np.cumsum(s[::-1] ** 2))[::-1]
        rank = int((lost > error).sum())
        if rank >= self.left.shape[2]:
            return self
        root = np.sqrt(s[:rank])
        left = self.left @ (turns[0] @ (u[:, :rank] * root))
        same = self.left is self.right
        right = left if same else self.right @ (turns[1] @ (wh[:rank].conj().T * root))
        return Cell(self.j, self.other, left, right)


@dataclass(frozen=True, eq=False)
class TransposedBlock:
    """Block q of ρ^{T_p}.

    Parameters
    ----------
    q : int
        d_a − d_p.
    starts : dict of int to (int, int, int)
        For each j: its first row, and the numbers of configurations of FM_p and of FM_a.
    cells : tuple of Cell
    """

    q: int
    starts: dict[int, tuple[int, int, int]]
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(p * a for _, p, a in self.starts.values())

    @cached_property
    def trace(self) -> float:
        """Tr of the block."""
        # i = i' and α = α' only where j = j'.
        return float(sum((np.abs(cell.left) ** 2).sum() for cell in self.cells if cell.j == cell.other))

    @cached_property
    def square(self) -> float:
        """‖block‖²_F."""
        return sum((1 if cell.j == cell.other else 2) * cell.square for cell in self.cells)

    def place(self, j: int) -> slice:
        """Rows with down count j in FM_p."""
        first, p, a = self.starts[j]
        return slice(first, first + p * a)

    def dense(self) -> np.ndarray:
        """The block as an array (rows, rows) in Fortran order, complete in its upper triangle only."""
        found = np.zeros((self.rows, self.rows), dtype=complex, order="F")
        for cell in self.cells:
            found[self.place(cell.j), self.place(cell.other)] = cell.dense()
        return found

    def truncated(self, error: float) -> TransposedBlock:
        """With fewer terms in the cells, such that ‖block − truncated block‖_F ≤ error."""
        each = error / max(np.sqrt(sum(1 if cell.j == cell.other else 2 for cell in self.cells)), 1.0)
        cells = (cell.truncated(each) for cell in self.cells)
        return TransposedBlock(self.q, self.starts, tuple(cell for cell in cells if cell.left.shape[2]))


def transposed_blocks(factor: SpinFactor) -> Iterator[TransposedBlock]:
    """The blocks of ρ^{T_p} that are not zero.

    Parameters
    ----------
    factor : SpinFactor

    Yields
    ------
    TransposedBlock
    """
    pieces = {states.n_down: states.pieces for states in factor.eigenstates if states.p.size}
    for q in block_sizes(factor.one, factor.other, tuple(pieces)):
        cells = _cells(factor.one, factor.other, tuple(pieces), q)
        starts: dict[int, tuple[int, int, int]] = {}
        first = 0
        for j in sorted({j for cell in cells for j in cell}):
            starts[j] = first, factor.one.multiplicity(j), factor.other.multiplicity(j + q)
            first += starts[j][1] * starts[j][2]
        held = tuple(Cell(j, other, pieces[j + other + q][other], pieces[j + other + q][j]) for j, other in cells)
        yield TransposedBlock(q, starts, held)


class Product:
    """x → (ρ^{T_p} block) x, in single precision, two matrix products a cell.

    Parameters
    ----------
    block : TransposedBlock
    """

    def __init__(self, block: TransposedBlock) -> None:
        self.rows = block.rows
        self._block = block
        self._steps = []
        for cell in block.cells:
            self._steps.append((cell.j, cell.other, *_factors(cell.left, cell.right)))
            if cell.j != cell.other:
                self._steps.append((cell.other, cell.j, *_factors(cell.right, cell.left)))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Σ_k M_k* xᵀ M_k, cell by cell; complex64 (rows,)."""
        out = np.zeros(self.rows, dtype=np.complex64)
        for j, other, analyzer_first, first, second in self._steps:
            _, p, a = self._block.starts[j]
            _, p_other, a_other = self._block.starts[other]
            turned = x[self._block.place(other)].reshape(p_other, a_other).T
            if analyzer_first:
                found = (first @ turned).reshape(p, -1) @ second
            else:
                found = second @ (turned @ first).reshape(-1, a)
            out[self._block.place(j)] += found.ravel()
        return out


def _factors(left: np.ndarray, right: np.ndarray) -> tuple[bool, np.ndarray, np.ndarray]:
    """The two matrices that a cell is applied with, in the cheaper order: whether `right` comes first, and both."""
    p_other, a, rank = left.shape
    p, a_other, _ = right.shape
    if p * p_other * (a_other + a) < a * a_other * (p + p_other):
        first = right.conj().transpose(0, 2, 1).reshape(p * rank, a_other)
        second = left.transpose(2, 0, 1).reshape(rank * p_other, a)
        return True, first.astype(np.complex64), second.astype(np.complex64)
    first = left.transpose(0, 2, 1).reshape(p_other, rank * a)
    second = right.conj().reshape(p, a_other * rank)
    return False, first.astype(np.complex64), second.astype(np.complex64)


def _gram(side: np.ndarray) -> np.ndarray:
    flat = side.reshape(-1, side.shape[2])
    return np.asarray(flat.conj().T @ flat)
