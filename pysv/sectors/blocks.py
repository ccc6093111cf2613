"""Rows in blocks: those that one group's part of H joins.

The localized spins fall into two groups that are not coupled to each other, such as the two layers of a spin valve. The
exchange inside a group and the sd exchange with its spins change the electron's spin and the configuration of that
group alone. Rows that share the S^z_tot sector and the configuration of the other group are a *block*: that part of H
never leaves it. It does the same in all blocks with the same down count of the group and the electron together, which
are of one *kind*: small tables, one entry for each *member* of a kind, replace the list of matrix elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pysv.model.basis import Basis


@dataclass(frozen=True, eq=False)
class Blocks:
    """The rows of a basis, block by block of one group.

    Parameters
    ----------
    first : int64 ndarray (blocks + 1,)
        Block b is the rows ``rows[first[b]:first[b + 1]]``.
    rows : int32 ndarray (rows,)
        All rows of the basis, each once.
    kind : int64 ndarray (blocks,)
        Kind of each block: the down count of the group and the electron.
    kind_first : int64 ndarray (kinds + 1,)
        Members of kind n are number ``kind_first[n]`` … ``kind_first[n + 1] - 1`` in the next ones: electron ↑ before
        ↓, configurations ascending, as the rows of a block. Other members are named by their place in the kind.
    configuration : int64 ndarray (members,)
        Configuration of the group.
    exchange_first, exchange : int64 ndarray (members + 1,), int32 ndarray (entries,)
        Members that exchange of two spins makes of member k: ``exchange[exchange_first[k]:exchange_first[k + 1]]``.
    exchange_weight : float64 ndarray (entries,)
        Matrix element of H, eV.
    partner : int32 ndarray (spins, members)
        Member in which the electron and spin i have traded a unit of spin; the member itself where they cannot.
    trade : float64 ndarray (spins, members)
        Matrix element of 2 (σ⁺S⁻ + σ⁻S⁺) between them; 2 for spins 1/2, 0 where they cannot.
    aligned : float64 ndarray (spins, members)
        σᶻ of the electron times 2m of spin i.
    """

    first: np.ndarray
    rows: np.ndarray
    kind: np.ndarray
    kind_first: np.ndarray
    configuration: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    exchange_weight: np.ndarray
    partner: np.ndarray
    trade: np.ndarray
    aligned: np.ndarray

    @classmethod
    def of_group(cls, basis: Basis, group: range, transverse: Mapping[tuple[int, int], float]) -> Blocks:
        """The blocks of one of two groups.

        Parameters
        ----------
        basis : Basis
        group : range
            Numbers, from 1, of the group's spins: the first spins of all, or the last ones.
        transverse : mapping of (int, int) to float
            J of −4J (SˣSˣ + SʸSʸ) for two spins, eV; pairs with a spin outside the group are left out.
        """
        spins = basis.spins.chosen(number - 1 for number in group)
        n = spins.count
        before, after = basis.spins.part(0, group.start - 1), basis.spins.part(group.stop - 1, basis.spins.count)
        others, place, other_place = (after, after.size, 1) if not before.count else (before, 1, spins.size)

        electron, inside = (table.ravel() for table in np.indices((2, spins.size)))
        order = np.lexsort((inside, electron, spins.down(inside) + electron))
        electron, inside = electron[order], inside[order]
        down = spins.down(inside) + electron
        kind_first = np.searchsorted(down, np.arange(spins.lowest + 3))
        position = np.empty((2, spins.size), dtype=np.int32)
        position[electron, inside] = np.arange(down.size) - kind_first[down]

        digits = np.stack([spins.digit(inside, i) for i in range(n)]) if n else np.zeros((0, inside.size), np.int64)
        most = np.array(spins.levels, dtype=np.int64)[:, None] - 1
        places = np.array([spins.place(i) for i in range(n)], dtype=np.int64)[:, None]
        # A spin is raised from digit k ≥ 1 with √(k (2S − k + 1)), and lowered from k to k + 1 with the same of k + 1.
        raising, lowering = (np.sqrt(k * (most - k + 1)) for k in (digits, digits + 1))

        found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for (i, j), coupling in sorted(transverse.items()):
            if coupling and i in group and j in group:
                for up, low in ((i - group.start, j - group.start), (j - group.start, i - group.start)):
                    members = np.flatnonzero((digits[up] > 0) & (digits[low] < most[low]))
                    target = inside[members] - places[up] + places[low]
                    weight = -2 * coupling * raising[up, members] * lowering[low, members]
                    found.append((members, position[electron[members], target], weight))
        member, exchange, weight = (
            (np.concatenate(parts) for parts in zip(*found, strict=True))
            if found
            else (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0))
        )
        sorted_in = np.argsort(member, kind="stable")

        # The electron goes from ↑ to ↓ and the spin up by one, or the other way round.
        can = np.where(electron == 0, digits > 0, digits < most)
        target = np.where(can, inside + np.where(electron == 0, -places, places), inside)
        partner = position[np.where(can, 1 - electron, electron), target]

        rows, kinds = [], []
        for sector in basis.sectors:
            for kind in range(max(0, sector - others.lowest), min(spins.lowest + 1, sector) + 1):
                chosen = slice(kind_first[kind], kind_first[kind + 1])
                fixed = others.configurations(sector - kind)[:, None] * other_place
                rows.append(basis.rows_of(electron[chosen][None, :], inside[chosen] * place + fixed))
                kinds.append(np.full(len(fixed), kind))
        kind_of = np.concatenate(kinds)
        return cls(
            first=np.concatenate(([0], np.cumsum(np.diff(kind_first)[kind_of]))),
            rows=np.concatenate([part.ravel() for part in rows]).astype(np.int32),
            kind=kind_of,
            kind_first=kind_first,
            configuration=inside,
            exchange_first=np.searchsorted(member[sorted_in], np.arange(down.size + 1)),
            exchange=exchange[sorted_in].astype(np.int32),
            exchange_weight=weight[sorted_in],
            partner=partner.astype(np.int32),
            trade=np.where(can, 2 * np.where(electron == 0, raising, lowering), 0.0),
            aligned=(1.0 - 2 * electron) * (most - 2 * digits),
        )
