"""⟨ψ|H|ψ⟩ in one pass over a state for each layer, block by block.

States and tables are those of `pysv.sectors.numba.recursion`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiler import FAST, SUM, UNCOUNTED, compiled
from pysv.compute.hints import apart, fetch
from pysv.sectors.layout import SMALL
from pysv.sectors.numba.exchange import exchange

if TYPE_CHECKING:
    from pysv.sectors.table import Table


@compiled(inline="always", **FAST)
def _applied(out, psi, j, diagonal, weight):
    """The diagonal term of L, which is added to the exchange."""
    return diagonal * psi[j]


@compiled(**SUM, **UNCOUNTED)
def _expectation(worker, threads, psi, layer, couplings, hop, scratch, sums):
    """Add ⟨ψ|L + T|ψ⟩ of every `threads`-th block to ``sums[worker]``."""
    tiles, _, full = psi.shape
    flip, sd, large, whole = couplings[1], couplings[2], psi.nbytes > SMALL, slice(0, full)
    out = scratch[worker]
    apart(psi, scratch)
    for b in range(worker, layer.kind.size, threads):
        rows, base = layer.rows[layer.first[b] : layer.first[b + 1]], layer.kind_first[layer.kind[b]]
        for t in range(tiles):
            here, right = psi[t], psi[min(t + 1, tiles - 1)]
            lines, coming = right.reshape(-1), rows[:0]
            if large and t < tiles - 1:
                coming = rows
            elif large and b + threads < layer.kind.size:
                lines, coming = psi[0].reshape(-1), layer.rows[layer.first[b + threads] : layer.first[b + threads + 1]]
            found = 0.0
            for i in range(rows.size):
                if i < coming.size:
                    fetch(lines, coming[i] * full, full)
                p = here[rows[i]]
                first, last = layer.exchange_first[base + i], layer.exchange_first[base + i + 1]
                diagonal = layer.diagonal[base + i]
                exchange(_applied, out, p, here, whole, rows, first, last, layer.exchange, flip, diagonal, flip)
                for j in range(full):
                    found += out[j] * p[j]
                if hop != 0:
                    hopped = 0.0
                    for j in range(full - 2):
                        hopped += p[j] * p[j + 2]
                    if t < tiles - 1:
                        for j in range(2):
                            hopped += p[full - 2 + j] * right[rows[i], j]
                    found -= 2 * hop * hopped
            for n in range(layer.tile_first[t], layer.tile_first[t + 1]):
                x = 2 * layer.tile_column[n]
                partner = layer.partner[layer.tile_spin[n], base : base + rows.size]
                for i in range(rows.size):
                    p, q = here[rows[i]], here[rows[partner[i]]]
                    for j in range(x, x + 2):
                        found += sd * p[j] * (p[j] - 2 * q[j])
            sums[worker] += found


def expectation(psi: np.ndarray, table: Table, threads: int) -> float:
    """Σ ψ*Hψ, which is real, without storing Hψ."""
    sums, scratch = np.zeros(threads), np.zeros((threads, psi.shape[2]), psi.dtype)
    hopping = table.couplings[0]
    for layer, hop in ((table.polarizer, hopping), (table.analyzer, 0 * hopping)):  # the hopping counts once
        thread_pool.share(_expectation, threads, psi, layer, table.couplings, hop, scratch, sums)
    return float(sums.sum())
