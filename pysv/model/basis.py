"""Basis of one electron's spin and N localized spins, in sectors of the conserved S^z_tot.

A *configuration* of the localized spins is an integer whose digits, read from the left, are spins 1 … N. The digit of a
spin S is S − m = 0 … 2S: spins 1/2 have binary digits, 0 for ↑ and 1 for ↓. The configuration is the index of the state
in the Kronecker product of the spins, those of the first layer first. A *row* is a spin σ of the electron together with
a configuration; a state of the whole system is an array ψ[row, site].

S^z_tot fixes the total *down count* d = Σ (S − m), electron included: the number of down spins where all are spins 1/2.
A basis is the union of the sectors d that a state occupies: one of them for collinear spins, several for tilted ones,
all Σ 2S + 2 at most (the full product space).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import comb, prod

import numpy as np

UP, DOWN = 0, 1


@lru_cache(maxsize=256)
def configurations(n_spins: int, n_down: int) -> np.ndarray:
    """All configurations with a given number of down spins, ascending.

    Parameters
    ----------
    n_spins : int
        N.
    n_down : int
        Number of spins that point down, 0 … N.

    Returns
    -------
    read-only int64 ndarray (C(N, n_down),)
    """
    found = np.zeros(comb(n_spins, n_down), dtype=np.int64)
    if 0 < n_down <= n_spins:
        # Configurations whose highest digit is 0 come first: Pascal's rule, C(N, d) = C(N−1, d) + C(N−1, d−1).
        split = comb(n_spins - 1, n_down)
        if split:
            found[:split] = configurations(n_spins - 1, n_down)
        found[split:] = configurations(n_spins - 1, n_down - 1) | (1 << (n_spins - 1))
    found.setflags(write=False)
    return found


def down_count(configuration: np.ndarray) -> np.ndarray:
    """Number of down spins 1/2 of each configuration, an int array of the same shape."""
    return np.asarray(np.bitwise_count(configuration), dtype=np.int64)


def spin_signs(configuration: np.ndarray, n_spins: int) -> np.ndarray:
    """σᶻ eigenvalues ±1 of N spins 1/2 in each configuration, an int8 array (n, N)."""
    signs = np.empty((configuration.size, n_spins), np.int8)
    for spin in range(n_spins):  # spin by spin: no array of 64-bit numbers of this size
        signs[:, spin] = 1 - 2 * ((configuration >> (n_spins - 1 - spin)) & 1)
    return signs


def spin_bit(n_spins: int, spin: int) -> int:
    """Mask of spin 1/2 number `spin` (counted from 0) in a configuration."""
    return 1 << (n_spins - 1 - spin)


@dataclass(frozen=True)
class Spins:
    """Localized spins of any length as the digits of a configuration; here they are counted from 0.

    Parameters
    ----------
    levels : tuple of int
        2S + 1 of each spin, at least 2.
    """

    levels: tuple[int, ...]

    @classmethod
    def of(cls, spins: Spins | int) -> Spins:
        """The same; a number stands for so many spins 1/2."""
        return spins if isinstance(spins, Spins) else cls((2,) * spins)

    @property
    def count(self) -> int:
        """N."""
        return len(self.levels)

    @property
    def size(self) -> int:
        """Number of configurations, Π (2S + 1)."""
        return prod(self.levels)

    @property
    def lowest(self) -> int:
        """Down count of the configuration with all spins down, Σ 2S; N for spins 1/2."""
        return sum(self.levels) - self.count

    @property
    def halves(self) -> bool:
        """Whether all are spins 1/2: digits are bits."""
        return all(levels == 2 for levels in self.levels)

    def part(self, first: int, stop: int) -> Spins:
        """Spins `first` to `stop` − 1."""
        return Spins(self.levels[first:stop])

    def chosen(self, numbers: Iterable[int]) -> Spins:
        """Some of the spins, in the given order."""
        return Spins(tuple(self.levels[number] for number in numbers))

    def place(self, spin: int) -> int:
        """Value of the digit of a spin: what lowering the spin by one adds to a configuration."""
        return prod(self.levels[spin + 1 :])

    def digit(self, configuration: np.ndarray, spin: int) -> np.ndarray:
        """S − m of a spin: how often it is lowered, 0 … 2S."""
        place, levels = self.place(spin), self.levels[spin]
        if levels == 2 and place.bit_count() == 1:  # a bit, faster than a division
            return np.asarray((configuration >> (place.bit_length() - 1)) & 1)
        return np.asarray(configuration // place % levels)

    def down(self, configuration: np.ndarray) -> np.ndarray:
        """Down count of each configuration, Σ (S − m), an int array of the same shape."""
        if self.halves:
            return down_count(configuration)
        found = np.zeros(np.shape(configuration), dtype=np.int64)
        for spin in range(self.count):
            found += self.digit(configuration, spin)
        return found

    def moments(self, configuration: np.ndarray) -> np.ndarray:
        """2m of each spin, from 2S to −2S; ±1 for spins 1/2; an int8 array (n, N)."""
        if self.halves:
            return spin_signs(configuration, self.count)
        found = np.empty((configuration.size, self.count), np.int8)
        for spin, levels in enumerate(self.levels):
            found[:, spin] = levels - 1 - 2 * self.digit(configuration, spin)
        return found

    def restricted(self, configuration: np.ndarray, numbers: Iterable[int]) -> np.ndarray:
        """Configurations of some of the spins alone, in the given order."""
        found = np.zeros_like(configuration)
        for number in numbers:
            found = found * self.levels[number] + self.digit(configuration, number)
        return found

    def configurations(self, down: int) -> np.ndarray:
        """All configurations with a given down count, ascending; a read-only int64 array."""
        if self.halves and 0 <= down <= self.count:
            return configurations(self.count, down)
        return _with_down_count(self.levels, down)

    def spanned(self, downs: Iterable[int]) -> np.ndarray:
        """All configurations with one of the given down counts, ascending."""
        return np.sort(np.concatenate([self.configurations(down) for down in downs]))

    def multiplicity(self, down: int) -> int:
        """Number of configurations with a given down count; C(N, d) for spins 1/2."""
        return _multiplicities(self.levels).get(down, 0)

    def sector_rows(self, sector: int) -> int:
        """Number of rows of a sector, electron included: C(N, d) + C(N, d−1) for spins 1/2."""
        return self.multiplicity(sector) + self.multiplicity(sector - 1)


@lru_cache(maxsize=256)
def _with_down_count(levels: tuple[int, ...], down: int) -> np.ndarray:
    if not levels:
        found = np.zeros(int(down == 0), dtype=np.int64)
    else:
        below, size = levels[1:], prod(levels[1:])
        digits = range(min(levels[0], down + 1))
        parts = [_with_down_count(below, down - digit) + digit * size for digit in digits]
        found = np.concatenate([np.empty(0, np.int64), *parts])
    found.setflags(write=False)
    return found


@lru_cache(maxsize=256)
def _multiplicities(levels: tuple[int, ...]) -> dict[int, int]:
    found = {0: 1}
    for own in levels:
        longer: dict[int, int] = {}
        for down, count in found.items():
            for digit in range(own):
                longer[down + digit] = longer.get(down + digit, 0) + count
        found = longer
    return found


@dataclass(frozen=True, eq=False)
class Basis:
    """Rows of a union of S^z_tot sectors, sector by sector, electron ↑ before ↓, configurations ascending.

    Parameters
    ----------
    spins : Spins
    sectors : tuple of int
        Total down counts d, ascending; 2 S^z_tot/ħ = Σ 2S + 1 − 2d.
    electron : int8 ndarray (rows,)
        0 for ↑, 1 for ↓.
    configuration : int64 ndarray (rows,)
    starts : int64 ndarray (2 len(sectors) + 1,)
        Where the rows of each (sector, electron spin) begin; the last entry is the number of rows.
    """

    spins: Spins
    sectors: tuple[int, ...]
    electron: np.ndarray
    configuration: np.ndarray
    starts: np.ndarray

    @classmethod
    def of_sectors(cls, spins: Spins | int, sectors: Iterable[int]) -> Basis:
        """The union of the given sectors; a number stands for so many spins 1/2."""
        localized, chosen = Spins.of(spins), tuple(sorted(set(sectors)))
        electron, configuration = [], []
        for sector in chosen:
            for spin in (UP, DOWN):
                down = sector - spin
                inside = localized.configurations(down) if 0 <= down <= localized.lowest else np.empty(0, np.int64)
                configuration.append(inside)
                electron.append(np.full(inside.size, spin, dtype=np.int8))
        starts = np.concatenate(([0], np.cumsum([part.size for part in configuration])))
        return cls(localized, chosen, np.concatenate(electron), np.concatenate(configuration), starts)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.starts[-1])

    def groups(self) -> Iterable[tuple[int, int, slice]]:
        """Electron spin, down count of the localized spins, and rows of every non-empty (sector, electron spin)."""
        for number, sector in enumerate(self.sectors):
            for spin in (UP, DOWN):
                begin, end = self.starts[2 * number + spin], self.starts[2 * number + spin + 1]
                if end > begin:
                    yield spin, sector - spin, slice(int(begin), int(end))

    def rows_of(self, electron: np.ndarray, configuration: np.ndarray) -> np.ndarray:
        """Rows of given states, −1 for states outside the basis.

        Parameters
        ----------
        electron, configuration : int ndarray
            Of one shape, that of `configuration`, if need be by broadcasting.

        Returns
        -------
        int64 ndarray
        """
        electron = np.asarray(electron)
        configuration = np.asarray(configuration)
        found = np.full(configuration.shape, -1, dtype=np.int64)
        n_down = self.spins.down(configuration)
        for spin, inside, rows in self.groups():
            wanted = (electron == spin) & (n_down == inside)
            if wanted.any():
                found[wanted] = rows.start + np.searchsorted(self.configuration[rows], configuration[wanted])
        return found

    @property
    def mirrored(self) -> tuple[int, ...]:
        """The sectors after all spins are turned over."""
        return tuple(sorted(self.spins.lowest + 1 - sector for sector in self.sectors))
