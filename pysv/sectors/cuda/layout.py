"""Memory layout of a state on the device, and the threads that go through it.

ψ[tile, row, place] holds reals: the real parts of the tile's W sites, then their imaginary parts. W sites of one kind
fill a line of the device's cache, so that the threads of a warp read whole lines. Sites beyond L_x hold zeros.

A thread has one amplitude. All rows of a tile come before the next tile, in the order of the basis, in which most
partners of a row are near: the lines that a row needs of others are in the second-level cache still, or already.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pysv.sectors.backend import Shape

LINE = 128
"""Bytes of a line of the device's cache."""
THREADS = 256
"""Threads of a block, a multiple of the 32 of a warp."""
BLOCKS = 4096
"""Most blocks of a loop over a flat array, enough for any device."""
CHUNKS = 512
"""Most chunks of rows in a sum: each thread adds up one chunk, and the host adds up the chunks."""

Extent = tuple[int, int] | int
Launch = tuple[Extent, Extent]
"""Number of blocks, and of threads in a block, in two dimensions or one."""


def line_sites(real: type) -> int:
    """Sites of a tile."""
    return LINE // np.dtype(real).itemsize


def device_shape(shape: Shape, real: type) -> Shape:
    """Shape (tiles, rows, reals of a row) on the device of a state (tiles, rows, width)."""
    tiles, rows, width = shape
    line = line_sites(real)
    return -(-tiles * width // line), rows, 2 * line


def state_bytes(shape: Shape, real: type) -> int:
    """Bytes on the device of a state (tiles, rows, width)."""
    return prod(device_shape(shape, real)) * np.dtype(real).itemsize


def tiles_of(begin: int, end: int, line: int) -> tuple[int, int]:
    """First tile and number of tiles that hold the sites begin … end − 1."""
    first = begin // line
    return first, -(-end // line) - first


def threads_over(rows: int, tiles: int, line: int) -> Launch:
    """A thread for each row, or chunk of rows, and each site of some tiles."""
    deep = max(1, THREADS // line)
    return (-(-rows // deep), tiles), (line, deep)


def chunks(rows: int) -> tuple[int, int]:
    """Rows of a chunk, and number of chunks."""
    size = -(-rows // CHUNKS)
    return size, -(-rows // size)
