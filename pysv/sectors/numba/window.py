"""The part of the chain that is worked on, in compiled loops over tiles.

A window is a range (begin, end) of sites, counted through the tiles (see `pysv.sectors.layout`). `full` is 2·width: the
reals of a tile's row.
"""

from __future__ import annotations

from pysv.compute.compiler import FAST, compiled


@compiled(inline="always", **FAST)
def part_of(tile, window, full):
    """The window's part of a tile, as reals of a row: a slice, empty where the window does not reach into the tile."""
    begin, end = 2 * window[0] - tile * full, 2 * window[1] - tile * full
    return slice(min(max(begin, 0), full), min(max(end, 0), full))


@compiled(inline="always", **FAST)
def tiles_of(window, full):
    """The tiles that a window reaches into: the first of them, and the one after the last."""
    return 2 * window[0] // full, (2 * window[1] + full - 1) // full
