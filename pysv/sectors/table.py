"""The numbers that the kernels of H walk through."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class LayerTable(NamedTuple):
    """One layer, by blocks of rows (see `pysv.sectors.blocks`) and tiles of sites (see `pysv.sectors.layout`).

    Parameters
    ----------
    first, rows, kind, kind_first, exchange_first, exchange, partner : ndarray
        As in `pysv.sectors.blocks.Blocks`.
    diagonal : real ndarray (members,)
        What is diagonal in the spins of the layer, such as its longitudinal exchange, eV.
    tile_first : int64 ndarray (tiles + 1,)
        The layer's spins on the sites of tile t are number ``tile_first[t]`` … ``tile_first[t + 1] - 1`` in the next
        two.
    tile_spin, tile_column : int64 ndarray (spins,)
        Spin of the layer, and its column in the tile.
    """

    first: np.ndarray
    rows: np.ndarray
    kind: np.ndarray
    kind_first: np.ndarray
    diagonal: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    partner: np.ndarray
    tile_first: np.ndarray
    tile_spin: np.ndarray
    tile_column: np.ndarray


class Table(NamedTuple):
    """H of Eq. 7 on S^z sectors. The real numbers are in the precision of the state.

    Parameters
    ----------
    polarizer, analyzer : LayerTable
    couplings : real ndarray (3,)
        γ, −2 f_s² J and f_e f_s J_sd, eV.
    """

    polarizer: LayerTable
    analyzer: LayerTable
    couplings: np.ndarray
