"""Compiled loops over single sites of a state, at the edges of a section of the chain.

States are passed as in `pysv.sectors.numba.recursion`: reals, shape (tiles, rows, 2·width). ``2 * column`` is the place
of a site in a row of its tile.
"""

from __future__ import annotations

from pysv.compute.compiler import FAST, SUM, compiled


@compiled(**FAST)
def pack(psi, tile, column, rows, buffer):
    """buffer[i] ← the amplitude of row rows[i] on a site; `buffer` is (count, 2)."""
    x = 2 * column
    for i in range(rows.size):
        buffer[i, 0] = psi[tile, rows[i], x]
        buffer[i, 1] = psi[tile, rows[i], x + 1]


@compiled(**FAST)
def add(out, tile, column, rows, buffer, factor):
    """out ← out + factor · buffer on a site; `buffer` is (count, 2), row by row of `rows`."""
    x = 2 * column
    for i in range(rows.size):
        out[tile, rows[i], x] += factor * buffer[i, 0]
        out[tile, rows[i], x + 1] += factor * buffer[i, 1]


@compiled(**SUM)
def overlap(psi, tile, column, rows, buffer):
    """Σ of the amplitudes on a site times those of the buffer, as real vectors."""
    x = 2 * column
    found = 0.0
    for i in range(rows.size):
        found += psi[tile, rows[i], x] * buffer[i, 0] + psi[tile, rows[i], x + 1] * buffer[i, 1]
    return found
