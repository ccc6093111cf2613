"""The numbers that the kernels of H walk through."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class GroupTable(NamedTuple):
    """One group of spins, by blocks of rows (see `pysv.sectors.blocks`) and tiles of sites (see `pysv.sectors.layout`).

    The real numbers are in the precision of the state.

    Parameters
    ----------
    first, rows, kind, kind_first, exchange_first, exchange, partner : ndarray
        As in `pysv.sectors.blocks.Blocks`.
    exchange_weight : real number or real ndarray (entries,)
        The same, or the one that all exchanges share.
    diagonal : real ndarray (members,)
        What is diagonal in the spins of the group, such as their longitudinal exchange, eV.
    sd_diagonal, sd_trade : real number or real ndarray (spins, members)
        Matrix elements of the sd exchange with spin i: the diagonal one, and the one to its partner, eV. Spins 1/2 with
        one J_sd have J_sd and −2 J_sd: a parallel spin is its own partner.
    tile_first : int64 ndarray (tiles + 1,)
        The group's spins on the sites of tile t are number ``tile_first[t]`` … ``tile_first[t + 1] - 1`` in the next
        two.
    tile_spin, tile_column : int64 ndarray (spins,)
        Spin of the group, and its column in the tile.
    """

    first: np.ndarray
    rows: np.ndarray
    kind: np.ndarray
    kind_first: np.ndarray
    diagonal: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    exchange_weight: np.floating | np.ndarray
    partner: np.ndarray
    sd_diagonal: np.floating | np.ndarray
    sd_trade: np.floating | np.ndarray
    tile_first: np.ndarray
    tile_spin: np.ndarray
    tile_column: np.ndarray

    def sites(self, width: int) -> np.ndarray:
        """Site of each spin of `tile_spin`, counted from 0, with tiles of so many sites."""
        tile = np.repeat(np.arange(self.tile_first.size - 1), np.diff(self.tile_first))
        return np.asarray(tile * width + self.tile_column)


class Table(NamedTuple):
    """H of one electron on S^z sectors.

    Parameters
    ----------
    one, other : GroupTable
        Two groups of spins that are not coupled to each other.
    chain : real number or real ndarray (3, tiles, 2·width)
        γ of all bonds, if there is no potential. Otherwise for each place of the tiles, twice as the memory of a
        complex array: −γ of the bond on its left, −γ of the bond on its right, and ε; 0 beyond the chain. eV.
    """

    one: GroupTable
    other: GroupTable
    chain: np.floating | np.ndarray
