"""Rows in blocks: those that one layer's part of H joins.

The exchange inside FM_p and the sd exchange with its spins change the electron's spin and the configuration of FM_p
alone. Rows that share the S^z_tot sector and the configuration of FM_a are a *block* of FM_p: that part of H never
leaves it. It does the same in all blocks with as many down spins on the layer and the electron together, which are of
one *kind*: small tables, one entry for each *member* of a kind, replace the list of matrix elements. A block of FM_a
shares the configuration of FM_p.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pysv.model.basis import Basis, configurations, down_count, spin_signs


@dataclass(frozen=True, eq=False)
class Blocks:
    """The rows of a basis, block by block of one layer.

    Parameters
    ----------
    first : int64 ndarray (blocks + 1,)
        Block b is the rows ``rows[first[b]:first[b + 1]]``.
    rows : int32 ndarray (rows,)
        All rows of the basis, each once.
    kind : int64 ndarray (blocks,)
        Kind of each block: the number of down spins on the layer and the electron.
    kind_first : int64 ndarray (kinds + 1,)
        Members of kind n are number ``kind_first[n]`` … ``kind_first[n + 1] - 1`` in the next four: electron ↑ before
        ↓, configurations ascending, as the rows of a block. Other members are named by their place in the kind.
    alignment : float64 ndarray (members,)
        Σ σᶻσᶻ over the bonds of the layer.
    exchange_first, exchange : int64 ndarray (members + 1,), int32 ndarray (entries,)
        Members that one exchange of antiparallel neighbours makes of member k:
        ``exchange[exchange_first[k]:exchange_first[k + 1]]``.
    partner : int32 ndarray (spins, members)
        Member in which the electron and spin i have traded their antiparallel spins; the member itself where they are
        parallel.
    """

    first: np.ndarray
    rows: np.ndarray
    kind: np.ndarray
    kind_first: np.ndarray
    alignment: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    partner: np.ndarray

    @classmethod
    def of_layers(cls, basis: Basis, n_polarizer: int) -> tuple[Blocks, Blocks]:
        """The blocks of FM_p, the left `n_polarizer` spins, and those of FM_a."""
        n_analyzer = basis.n_spins - n_polarizer
        polarizer = cls._of(basis, n_polarizer, n_analyzer, n_analyzer, 0)
        return polarizer, cls._of(basis, n_analyzer, n_polarizer, 0, n_analyzer)

    @classmethod
    def _of(cls, basis: Basis, spins: int, others: int, shift: int, other_shift: int) -> Blocks:
        """Blocks of the layer of `spins` spins, whose configuration stands `shift` digits from the right."""
        electron, layer = (table.ravel() for table in np.indices((2, 1 << spins)))
        order = np.lexsort((layer, electron, down_count(layer) + electron))
        electron, layer = electron[order], layer[order]
        down = down_count(layer) + electron
        kind_first = np.searchsorted(down, np.arange(spins + 3))
        place = np.empty((2, 1 << spins), dtype=np.int32)
        place[electron, layer] = np.arange(down.size) - kind_first[down]

        bonds = np.array([3 << digit for digit in range(spins - 1)], dtype=np.int64)
        both = layer[:, None] & bonds
        member, bond = np.nonzero((both != 0) & (both != bonds))
        bits = np.array([1 << digit for digit in reversed(range(spins))], dtype=np.int64)[:, None]
        antiparallel = ((layer & bits) != 0) != (electron == 1)
        signs = spin_signs(layer, spins).astype(float)

        rows, kinds = [], []
        for sector in basis.sectors:
            for kind in range(max(0, sector - others), min(spins + 1, sector) + 1):
                inside = slice(kind_first[kind], kind_first[kind + 1])
                fixed = configurations(others, sector - kind)[:, None] << other_shift
                rows.append(basis.rows_of(electron[inside][None, :], layer[inside] << shift | fixed))
                kinds.append(np.full(len(fixed), kind))
        kind_of = np.concatenate(kinds)
        return cls(
            first=np.concatenate(([0], np.cumsum(np.diff(kind_first)[kind_of]))),
            rows=np.concatenate([part.ravel() for part in rows]).astype(np.int32),
            kind=kind_of,
            kind_first=kind_first,
            alignment=(signs[:, 1:] * signs[:, :-1]).sum(axis=1),
            exchange_first=np.searchsorted(member, np.arange(down.size + 1)),
            exchange=place[electron[member], layer[member] ^ bonds[bond]],
            partner=np.where(antiparallel, place[1 - electron, layer ^ bits], place[electron, layer]),
        )

    @cached_property
    def of_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Block of each row and which member it is, int64 (rows,) each."""
        block, member = np.empty((2, self.rows.size), dtype=np.int64)
        sizes = np.diff(self.first)
        block[self.rows] = np.repeat(np.arange(sizes.size), sizes)
        place = np.arange(self.rows.size) - np.repeat(self.first[:-1], sizes)
        member[self.rows] = place + np.repeat(self.kind_first[self.kind], sizes)
        return block, member

    def exchange_count(self) -> np.ndarray:
        """Number of exchanges that each row takes part in, int64 (rows,)."""
        return np.asarray(np.diff(self.exchange_first)[self.of_rows[1]])

    def exchanges(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows, and the rows that one exchange of antiparallel neighbours makes of them, (n,) each."""
        block, member = self.of_rows
        count = self.exchange_count()
        source = np.repeat(np.arange(block.size), count)
        which = np.arange(source.size) - np.repeat(np.cumsum(count) - count, count)
        entry = self.exchange_first[member[source]] + which
        return source, self.rows[self.first[block[source]] + self.exchange[entry]]

    def traded(self, spin: int) -> np.ndarray:
        """Row in which the electron and spin `spin` of the layer, from 0, have traded antiparallel spins, (rows,).

        The row itself where they are parallel.
        """
        block, member = self.of_rows
        return np.asarray(self.rows[self.first[block] + self.partner[spin, member]])
