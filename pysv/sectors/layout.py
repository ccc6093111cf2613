"""Memory layout of a state: ψ[tile, row, site of the tile].

The sites are cut into tiles. A small state has one tile: it is ψ[row, site] with one leading axis. A state that exceeds
the cache has tiles of whole cache lines, so small that a block of some hundred rows (see `pysv.sectors.blocks`) on one
tile fits in the cache. Sites beyond L_x in the last tile hold zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pysv.compute.compiler import CACHE_LINE

SMALL = 4_000_000
"""Largest state that is one tile of all sites, in bytes of double precision."""
_ROW_LINES = 26
"""Most cache lines in a tile's row of a large state. With longer rows a block does not fit in the cache; shorter rows
are more numerous, and each row has some overhead."""

_RANDOM_ROWS = 8192
"""Rows of a part of a random vector."""


def zeros(count: int, dtype: type) -> np.ndarray:
    """Zeros (count,) that begin at a cache line; `numpy.zeros` may begin inside one."""
    size = count * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    begin = -memory.ctypes.data % CACHE_LINE
    return memory[begin : begin + size].view(dtype)


def line_width(dtype: type) -> int:
    """Sites in a cache line."""
    return CACHE_LINE // np.dtype(dtype).itemsize


def tile_width(sites: int, dtype: type = np.complex128) -> int:
    """Width of the fewest equal tiles, in whole cache lines."""
    line = line_width(dtype)
    tiles = -(-sites // (_ROW_LINES * line))
    return -(-sites // (tiles * line)) * line


@dataclass(frozen=True)
class Cut:
    """Which states are large, and how their sites are cut into tiles.

    Parameters
    ----------
    small : int
        Largest state that is one tile of all sites, in bytes of double precision.
    width : callable
        Width of a tile of a large state, from the sites of the chain and the complex type.
    """

    small: int = SMALL
    width: Callable[[int, type], int] = tile_width

    def is_large(self, amplitudes: int) -> bool:
        """Whether a state of so many amplitudes uses whole cache lines and all threads."""
        return 16 * amplitudes > self.small


CUT = Cut()


@dataclass(frozen=True)
class Layout:
    """Tiles of a chain.

    Parameters
    ----------
    sites : int
        L_x.
    width : int
        Sites of a tile.
    """

    sites: int
    width: int

    @classmethod
    def for_rows(cls, rows: int, sites: int, dtype: type = np.complex128, cut: Cut = CUT) -> Layout:
        """The layout for states of this many rows and this complex type: one tile if they fit in the cache."""
        return cls(sites, cut.width(sites, dtype) if cut.is_large(rows * sites) else sites)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return -(-self.sites // self.width)

    @property
    def places(self) -> int:
        """Sites of all tiles, including those beyond L_x."""
        return self.tiles * self.width

    def window(self, begin: int, end: int, dtype: type) -> tuple[int, int]:
        """Range (begin, end) of the cache lines that contain the sites begin … end − 1."""
        line = line_width(dtype)
        first, last = begin // self.width * self.width, (end - 1) // self.width * self.width
        begin = first + (begin - first) // line * line
        return begin, last + min(self.width, -(-(end - last) // line) * line)

    def places_of(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Some sites, counted from 0, tile by tile.

        Returns
        -------
        int64 ndarray (tiles + 1,)
            Those on tile t are number ``first[t]`` … ``first[t + 1] - 1`` of the next two.
        int64 ndarray (count,)
            Their numbers in `columns`.
        int64 ndarray (count,)
            Their columns in the tile.
        """
        tile, column = np.divmod(columns, self.width)
        order = np.argsort(tile, kind="stable")
        return np.searchsorted(tile[order], np.arange(self.tiles + 1)), order, column[order]

    def slices(self) -> Iterator[tuple[slice, slice]]:
        """For each tile, its sites on the chain and the columns that hold them."""
        for begin in range(0, self.sites, self.width):
            end = min(begin + self.width, self.sites)
            yield slice(begin, end), slice(0, end - begin)

    def write_product(self, psi: np.ndarray, amplitude: np.ndarray, packet: np.ndarray) -> None:
        """Write the product of a spin part (rows,) and an orbital (sites,) into a state (tiles, rows, width)."""
        psi[...] = 0
        occupied = np.flatnonzero(amplitude)
        for tile, (sites, columns) in enumerate(self.slices()):
            psi[tile, occupied, columns] = np.outer(amplitude[occupied], packet[sites])

    def random_parts(self, rows: int, seed: int) -> Iterator[tuple[int, slice, np.ndarray]]:
        """Random reals for a state, part by part: tile, range of rows, and values (rows of the part, 2·columns)."""
        rng = np.random.default_rng(seed)
        for tile, (_, columns) in enumerate(self.slices()):
            for begin in range(0, rows, _RANDOM_ROWS):
                some = slice(begin, min(begin + _RANDOM_ROWS, rows))
                yield tile, some, rng.random((some.stop - begin, 2 * columns.stop)) - 0.5

    def tiled(self, psi: np.ndarray) -> np.ndarray:
        """A state (rows, sites) in this layout, as a new array (tiles, rows, width)."""
        out = np.zeros((self.tiles, psi.shape[0], self.width), dtype=psi.dtype)
        for tile, (sites, columns) in enumerate(self.slices()):
            out[tile, :, columns] = psi[:, sites]
        return out

    def flat(self, psi: np.ndarray) -> np.ndarray:
        """A state of this layout as (rows, sites); a view if there is one tile."""
        if self.tiles == 1:
            return np.asarray(psi[0, :, : self.sites])
        out = np.empty((psi.shape[1], self.sites), dtype=psi.dtype)
        for tile, (sites, columns) in enumerate(self.slices()):
            out[:, sites] = psi[tile, :, columns]
        return out
