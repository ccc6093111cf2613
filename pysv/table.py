"""The numbers that the kernels of H walk through."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """H of Eq. 7 on S^z sectors, by strips of rows (see `pysv.strips`) and tiles of sites (see `pysv.layout`).

    Julia's `Hamiltonian` has the same fields in the same order. The real numbers are in the precision of the state.

    Parameters
    ----------
    first : int64 ndarray (strips + 1,)
        First row of each strip.
    electron, inner, cross : int64 ndarray (strips,)
        Spin of the electron; place of the first row's configuration in the list of FM_a's; strip of the other electron
        spin, −1 where there is none.
    outer_diagonal : real ndarray (strips,)
        Longitudinal exchange inside FM_p, eV.
    inner_diagonal : real ndarray (configurations,)
        The same inside FM_a.
    outer_first, outer_exchange : int64 ndarray (strips + 1,), int32 ndarray (entries,)
        Strips that one exchange inside FM_p reaches from strip s:
        ``outer_exchange[outer_first[s]:outer_first[s + 1]]``.
    inner_first, inner_exchange : int64 ndarray (configurations + 1,), int32 ndarray (entries,)
        Rows of the strip, counted from its first, that one exchange inside FM_a reaches from a configuration.
    outer_partner : int32 ndarray (strips, n_p)
        Strip in which the electron and spin i of FM_p have traded their antiparallel spins, −1 where parallel.
    inner_partner : int32 ndarray (2, n_a, configurations)
        For either spin of the electron, row of the crossed strip in which it and spin i of FM_a have traded, −1 where
        parallel.
    pieces : int64 ndarray (pieces, 3)
        Strip, first row in it and the one behind the last, of what is worked on at a time.
    tile_first : int64 ndarray (tiles + 1,)
        The spins on the sites of tile t are number ``tile_first[t]`` … ``tile_first[t + 1] - 1`` in the next two.
    tile_spin, tile_column : int64 ndarray (N,)
        Spin, and its column in the tile.
    couplings : real ndarray (4,)
        γ, −2 f_s² J, f_e f_s J_sd and −f_s² J_z, eV.
    """

    first: np.ndarray
    electron: np.ndarray
    inner: np.ndarray
    cross: np.ndarray
    outer_diagonal: np.ndarray
    inner_diagonal: np.ndarray
    outer_first: np.ndarray
    outer_exchange: np.ndarray
    inner_first: np.ndarray
    inner_exchange: np.ndarray
    outer_partner: np.ndarray
    inner_partner: np.ndarray
    pieces: np.ndarray
    tile_first: np.ndarray
    tile_spin: np.ndarray
    tile_column: np.ndarray
    couplings: np.ndarray
