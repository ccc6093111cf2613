"""The active part of the chain, for compiled loops over tiles.

A window is a range (begin, end) of sites, counted through the tiles (see `pysv.sectors.layout`). `full` is 2·width, the
number of reals in a tile's row.
"""

from __future__ import annotations

from pysv.compute.compiler import FAST, compiled


@compiled(inline="always", **FAST)
def part_of(tile, window, full):
    """The window's part of a tile, as a slice of the reals of a row; empty if the window does not reach the tile."""
    begin, end = 2 * window[0] - tile * full, 2 * window[1] - tile * full
    return slice(min(max(begin, 0), full), min(max(end, 0), full))


@compiled(inline="always", **FAST)
def tiles_of(window, full):
    """The tiles that a window reaches, as (first, last + 1)."""
    return 2 * window[0] // full, (2 * window[1] + full - 1) // full
