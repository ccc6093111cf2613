"""Basis of one electron's spin and N localized spins, in sectors of the conserved S^z_tot.

A *configuration* of the localized spins is an integer whose binary digits, read from the left, are spins 1 … N with
0 for ↑ and 1 for ↓: it is the index of the state in the Kronecker product of the spins, FM_p first. A *row* is a spin
σ of the electron together with a configuration; a state of the whole system is an array ψ[row, site].

S^z_tot fixes the total number d of down spins, electron included. A basis is the union of the sectors d that a state
occupies: one of them for collinear spins, several for tilted ones, all N + 2 at most (the full product space).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import comb

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
    """Number of down spins of each configuration, an int array of the same shape."""
    return np.asarray(np.bitwise_count(configuration), dtype=np.int64)


def sector_rows(n_spins: int, sector: int) -> int:
    """Number of rows of the sector with `sector` down spins in all: C(N, d) + C(N, d−1)."""
    return comb(n_spins, sector) + (comb(n_spins, sector - 1) if sector else 0)


@dataclass(frozen=True, eq=False)
class Basis:
    """Rows of a union of S^z_tot sectors, sector by sector, electron ↑ before ↓, configurations ascending.

    Parameters
    ----------
    n_spins : int
        N.
    sectors : tuple of int
        Total numbers d of down spins, ascending; 2 S^z_tot/ħ = N + 1 − 2d.
    electron : int8 ndarray (rows,)
        0 for ↑, 1 for ↓.
    configuration : int64 ndarray (rows,)
    starts : int64 ndarray (2 len(sectors) + 1,)
        Where the rows of each (sector, electron spin) begin; the last entry is the number of rows.
    """

    n_spins: int
    sectors: tuple[int, ...]
    electron: np.ndarray
    configuration: np.ndarray
    starts: np.ndarray

    @classmethod
    def of_sectors(cls, n_spins: int, sectors: Iterable[int]) -> Basis:
        """The union of the given sectors."""
        chosen = tuple(sorted(set(sectors)))
        electron, configuration = [], []
        for sector in chosen:
            for spin in (UP, DOWN):
                n_down = sector - spin
                inside = configurations(n_spins, n_down) if 0 <= n_down <= n_spins else np.empty(0, np.int64)
                configuration.append(inside)
                electron.append(np.full(inside.size, spin, dtype=np.int8))
        starts = np.concatenate(([0], np.cumsum([part.size for part in configuration])))
        return cls(n_spins, chosen, np.concatenate(electron), np.concatenate(configuration), starts)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.starts[-1])

    def groups(self) -> Iterable[tuple[int, int, slice]]:
        """Electron spin, number of down localized spins, and rows of every non-empty (sector, electron spin)."""
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
        n_down = down_count(configuration)
        for spin, inside, rows in self.groups():
            wanted = (electron == spin) & (n_down == inside)
            if wanted.any():
                found[wanted] = rows.start + np.searchsorted(self.configuration[rows], configuration[wanted])
        return found

    @property
    def mirrored(self) -> tuple[int, ...]:
        """The sectors after all spins are turned over."""
        return tuple(sorted(self.n_spins + 1 - sector for sector in self.sectors))

    def spin_signs(self) -> np.ndarray:
        """⟨σᶻ⟩ = ±1 of every localized spin in every row, an int8 array (rows, N)."""
        return spin_signs(self.configuration, self.n_spins)


def spin_signs(configuration: np.ndarray, n_spins: int) -> np.ndarray:
    """σᶻ eigenvalues ±1 of spins 1 … N in each configuration, an int8 array (n, N)."""
    signs = np.empty((configuration.size, n_spins), np.int8)
    for spin in range(n_spins):  # spin by spin: no array of 64-bit numbers of this size
        signs[:, spin] = 1 - 2 * ((configuration >> (n_spins - 1 - spin)) & 1)
    return signs


def spin_bit(n_spins: int, spin: int) -> int:
    """Mask of localized spin `spin` (counted from 0) in a configuration."""
    return 1 << (n_spins - 1 - spin)
