"""Rows in blocks: those that one layer's part of H joins.

The exchange inside FM_p and the sd exchange with its spins change the electron's spin and the configuration of FM_p
alone. Rows that share the S^z_tot sector and the configuration of FM_a are a *block* of FM_p: that part of H never
leaves it. It does the same in all blocks with as many down spins on the layer and the electron together, which are of
one *kind*: small tables, one entry for each *member* of a kind, replace the list of matrix elements. A block of FM_a
shares the configuration of FM_p.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pysv.model.basis import Basis, configurations, down_count, spin_bit


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
    configuration : int64 ndarray (members,)
        Configuration of the layer.
    exchange_first, exchange : int64 ndarray (members + 1,), int32 ndarray (entries,)
        Members that one exchange of two antiparallel spins makes of member k:
        ``exchange[exchange_first[k]:exchange_first[k + 1]]``.
    partner : int32 ndarray (spins, members)
        Member in which the electron and spin i have traded their antiparallel spins; the member itself where they are
        parallel.
    """

    first: np.ndarray
    rows: np.ndarray
    kind: np.ndarray
    kind_first: np.ndarray
    configuration: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    partner: np.ndarray

    @classmethod
    def of_layer(cls, basis: Basis, spins: range, exchanged: Iterable[tuple[int, int]]) -> Blocks:
        """The blocks of one of two layers.

        Parameters
        ----------
        basis : Basis
        spins : range
            Numbers, from 1, of the layer's spins.
        exchanged : iterable of (int, int)
            Pairs of spins that exchange; those of other layers are left out.
        """
        count, others = len(spins), basis.n_spins - len(spins)
        shift = basis.n_spins - spins[-1]
        own = (pair for pair in exchanged if set(pair) <= set(spins))
        bonds = sorted(spin_bit(count, i - spins[0]) | spin_bit(count, j - spins[0]) for i, j in own)
        return cls._of(basis, count, others, shift, 0 if shift else count, np.array(bonds, dtype=np.int64))

    @classmethod
    def _of(cls, basis: Basis, spins: int, others: int, shift: int, other_shift: int, bonds: np.ndarray) -> Blocks:
        """Blocks of the layer of `spins` spins, whose configuration stands `shift` digits from the right."""
        electron, layer = (table.ravel() for table in np.indices((2, 1 << spins)))
        order = np.lexsort((layer, electron, down_count(layer) + electron))
        electron, layer = electron[order], layer[order]
        down = down_count(layer) + electron
        kind_first = np.searchsorted(down, np.arange(spins + 3))
        place = np.empty((2, 1 << spins), dtype=np.int32)
        place[electron, layer] = np.arange(down.size) - kind_first[down]

        both = layer[:, None] & bonds
        member, bond = np.nonzero((both != 0) & (both != bonds))
        bits = np.array([1 << digit for digit in reversed(range(spins))], dtype=np.int64)[:, None]
        antiparallel = ((layer & bits) != 0) != (electron == 1)

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
            configuration=layer,
            exchange_first=np.searchsorted(member, np.arange(down.size + 1)),
            exchange=place[electron[member], layer[member] ^ bonds[bond]],
            partner=np.where(antiparallel, place[1 - electron, layer ^ bits], place[electron, layer]),
        )
