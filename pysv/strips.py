"""Rows in strips: the product structure of the two layers, which the kernels walk along.

A *strip* is all rows that share the electron's spin, the configuration of FM_p and the S^z_tot sector. They are
consecutive, one for each configuration of FM_a that the sector leaves, in ascending order. An exchange inside FM_p, or
between the electron and a spin of FM_p, therefore takes a whole strip to a whole strip of equal length, and an exchange
inside FM_a permutes the rows of a strip, in the same way for all strips of the same length: two small tables replace
the list of matrix elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np

from pysv.basis import Basis, configurations, down_count, spin_signs

_PIECE = 256
"""Rows of a piece at most: with the row of a tile about a kilobyte, a piece fits in the second cache."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Configurations of one layer, by number of down spins, and what an exchange of neighbours does to them.

    Parameters
    ----------
    configuration : int64 ndarray (n,)
        All 2^spins configurations, those with fewer down spins first, ascending among equals.
    starts : int64 ndarray (spins + 2,)
        Where the configurations with j down spins begin.
    rank : int64 ndarray (n,)
        Place of each configuration among those with as many down spins; indexed by the configuration itself.
    alignment : float64 ndarray (n,)
        Σ σᶻσᶻ over the bonds of the layer.
    first, neighbour : int64 ndarray (n + 1,), int32 ndarray (entries,)
        Ranks of the configurations that one exchange of antiparallel neighbours reaches from the k-th:
        ``neighbour[first[k]:first[k + 1]]``.
    """

    configuration: np.ndarray
    starts: np.ndarray
    rank: np.ndarray
    alignment: np.ndarray
    first: np.ndarray
    neighbour: np.ndarray

    @classmethod
    def of_spins(cls, spins: int) -> Chain:
        """An open chain of spins."""
        configuration = np.concatenate([configurations(spins, j) for j in range(spins + 1)])
        starts = np.concatenate(([0], np.cumsum([comb(spins, j) for j in range(spins + 1)])))
        rank = np.empty(1 << spins, dtype=np.int64)
        rank[configuration] = np.arange(1 << spins) - starts[down_count(configuration)]
        signs = spin_signs(configuration, spins).astype(float)
        bonds = np.array([3 << shift for shift in range(spins - 1)], dtype=np.int64)
        both = configuration[:, None] & bonds
        which, bond = np.nonzero((both != 0) & (both != bonds))
        first = np.concatenate(([0], np.cumsum(np.bincount(which, minlength=1 << spins))))
        neighbour = rank[configuration[which] ^ bonds[bond]].astype(np.int32)
        return cls(
            configuration, starts, rank, (signs[:, 1:] * signs[:, :-1]).sum(axis=1), first.astype(np.int64), neighbour
        )

    def flips(self) -> np.ndarray:
        """For either spin σ of the electron, rank of the configuration whose spin i was antiparallel to σ and is now
        flipped, −1 where it was parallel; int32 (2, spins, n)."""  # fmt: skip
        spins = self.starts.size - 2
        bits = np.array([1 << shift for shift in reversed(range(spins))], dtype=np.int64)
        down = (self.configuration & bits[:, None]) != 0
        target = self.rank[self.configuration ^ bits[:, None]]
        return np.stack([np.where(down, target, -1), np.where(down, -1, target)]).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Strips:
    """The strips of a basis.

    Parameters
    ----------
    first : int64 ndarray (strips + 1,)
        First row of each strip.
    electron, outer : int64 ndarray (strips,)
        Spin of the electron and configuration of FM_p.
    inner : int64 ndarray (strips,)
        Place of the first row's configuration in the list of FM_a's (`Chain.configuration`).
    cross : int64 ndarray (strips,)
        The strip of the other electron spin with the same FM_p and sector, −1 where there is none.
    alignment : float64 ndarray (strips,)
        Σ σᶻσᶻ over the bonds of FM_p.
    exchange_first, exchange : int64 ndarray (strips + 1,), int32 ndarray (entries,)
        Strips that one exchange of antiparallel neighbours in FM_p reaches.
    partner : int32 ndarray (strips, n_p)
        Strip in which the electron and spin i of FM_p have traded their antiparallel spins, −1 where parallel.
    analyzer : Chain
        FM_a.
    pieces : int64 ndarray (pieces, 3)
        Strip, first row within it and the one behind the last: the order in which the rows are worked on. Strips that
        an exchange inside FM_p joins come soon after one another, so that they meet in the cache.
    """

    first: np.ndarray
    electron: np.ndarray
    outer: np.ndarray
    inner: np.ndarray
    cross: np.ndarray
    alignment: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    partner: np.ndarray
    analyzer: Chain
    pieces: np.ndarray

    @classmethod
    def of_basis(cls, basis: Basis, n_polarizer: int) -> Strips:
        """Strips of a basis whose left `n_polarizer` spins are FM_p."""
        n_analyzer = basis.n_spins - n_polarizer
        polarizer, analyzer = Chain.of_spins(n_polarizer), Chain.of_spins(n_analyzer)
        outer_of_row = basis.configuration >> n_analyzer
        sector_of_row = down_count(basis.configuration) + basis.electron
        # The three labels of a strip as one number.
        label_of_row = (sector_of_row * 2 + basis.electron) << n_polarizer | outer_of_row
        first = np.concatenate(([0], np.flatnonzero(np.diff(label_of_row)) + 1))
        label, electron, outer = label_of_row[first], basis.electron[first].astype(np.int64), outer_of_row[first]
        places = np.full(int(label.max()) + (4 << n_polarizer), -1, dtype=np.int64)
        places[label] = np.arange(label.size)
        flip_electron = np.where(electron == 0, 1 << n_polarizer, -(1 << n_polarizer))

        where = polarizer.starts[down_count(outer)] + polarizer.rank[outer]
        strip, entry = _entries(polarizer.first, where)
        reached = polarizer.starts[down_count(outer)][strip] + polarizer.neighbour[entry]
        exchange = places[(label - outer)[strip] + polarizer.configuration[reached]]
        exchange_first = np.concatenate(([0], np.cumsum(np.bincount(strip, minlength=label.size))))

        bits = np.array([1 << shift for shift in reversed(range(n_polarizer))], dtype=np.int64)
        antiparallel = ((outer[:, None] & bits) != 0) != (electron[:, None] == 1)
        traded = places[(label + flip_electron - outer)[:, None] + (outer[:, None] ^ bits)]

        ends = np.append(first, basis.rows)
        order = np.lexsort((*_neighbourly(outer, n_polarizer), down_count(outer), electron, sector_of_row[first]))
        pieces = [
            (strip, begin, min(begin + _PIECE, ends[strip + 1] - ends[strip]))
            for strip in order
            for begin in range(0, ends[strip + 1] - ends[strip], _PIECE)
        ]
        return cls(
            first=ends.astype(np.int64),
            electron=electron,
            outer=outer,
            inner=analyzer.starts[down_count(basis.configuration[first]) - down_count(outer)],
            cross=places[label + flip_electron],
            alignment=polarizer.alignment[where],
            exchange_first=exchange_first.astype(np.int64),
            exchange=exchange.astype(np.int32),
            partner=np.where(antiparallel, traded, -1).astype(np.int32),
            analyzer=analyzer,
            pieces=np.array(pieces, dtype=np.int64),
        )

    @cached_property
    def of_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Strip of each row and its place in the strip, int64 (rows,) each."""
        lengths = np.diff(self.first)
        strip = np.repeat(np.arange(lengths.size), lengths)
        return strip, np.arange(strip.size) - self.first[strip]

    def exchanges(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows, and the rows that one exchange of antiparallel neighbours in a layer makes of them, int64 (n,) each."""
        strip, place = self.of_rows
        row, entry = _entries(self.exchange_first, strip)
        in_polarizer = self.first[self.exchange[entry]] + place[row]
        other, entry = _entries(self.analyzer.first, self.inner[strip] + place)
        in_analyzer = self.first[strip[other]] + self.analyzer.neighbour[entry]
        return np.concatenate([row, other]), np.concatenate([in_polarizer, in_analyzer])

    def traded(self, spin: int) -> np.ndarray:
        """Row in which the electron and spin `spin` (from 0) have traded antiparallel spins, −1 where parallel."""
        strip, place = self.of_rows
        n_polarizer = self.partner.shape[1]
        if spin < n_polarizer:
            other = self.partner[strip, spin]
            return np.where(other < 0, -1, self.first[other] + place)
        rank = self.analyzer.flips()[self.electron[strip], spin - n_polarizer, self.inner[strip] + place]
        return np.where(rank < 0, -1, self.first[self.cross[strip]] + rank)

    def exchange_count(self) -> np.ndarray:
        """Number of exchanges that each row takes part in, int64 (rows,)."""
        strip, place = self.of_rows
        return np.asarray(np.diff(self.exchange_first)[strip] + np.diff(self.analyzer.first)[self.inner[strip] + place])


def _neighbourly(configuration: np.ndarray, spins: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys for `np.lexsort` that put configurations which an exchange joins close together.

    Down spins in the left half, whose exchange with the right half is one bond of many, and the sum of the places of
    the down spins, which every exchange changes by one: within a half, all that an exchange reaches is a level away.
    """
    places = np.arange(spins)
    level = ((configuration[:, None] >> places & 1) * places).sum(axis=1)
    return configuration, level, down_count(configuration >> spins // 2)


def _entries(first: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For lists in compressed form, the entries of the chosen ones: which of the chosen, and the place of the entry."""
    count = np.diff(first)[chosen]
    which = np.repeat(np.arange(chosen.size), count)
    begin = np.concatenate(([0], np.cumsum(count)))
    return which, np.arange(which.size) - begin[which] + first[chosen[which]]
