"""⟨ψ|H|ψ⟩ in one pass over a state for each group of spins, block by block.

States and tables are those of `pysv.sectors.numba.recursion`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiler import FAST, SUM, UNCOUNTED, compiled
from pysv.compute.hints import apart, fetch
from pysv.sectors.layout import SMALL
from pysv.sectors.numba.chain import sd_elements, total_hopping
from pysv.sectors.numba.exchange import exchange

if TYPE_CHECKING:
    from pysv.sectors.table import Table


@compiled(inline="always", **FAST)
def _applied(out, psi, j, others):
    """The diagonal term of L, which is added to the exchange."""
    return others[0] * psi[j]


@compiled(**SUM, **UNCOUNTED)
def _expectation(worker, threads, psi, group, chain, moving, one, scratch, sums):
    """Add ⟨ψ|L|ψ⟩ of every `threads`-th block to ``sums[worker]``, and if `moving` also ⟨ψ|T|ψ⟩."""
    tiles, _, full = psi.shape
    large, whole = psi.nbytes > SMALL, slice(0, full)
    out = scratch[worker]
    apart(psi, scratch)
    for b in range(worker, group.kind.size, threads):
        rows, base = group.rows[group.first[b] : group.first[b + 1]], group.kind_first[group.kind[b]]
        for t in range(tiles):
            here, right = psi[t], psi[min(t + 1, tiles - 1)]
            lines, coming = right.reshape(-1), rows[:0]
            if large and t < tiles - 1:
                coming = rows
            elif large and b + threads < group.kind.size:
                lines, coming = psi[0].reshape(-1), group.rows[group.first[b + threads] : group.first[b + threads + 1]]
            found = 0.0
            for i in range(rows.size):
                if i < coming.size:
                    fetch(lines, coming[i] * full, full)
                p = here[rows[i]]
                first, last = group.exchange_first[base + i], group.exchange_first[base + i + 1]
                exchange(
                    _applied, out, p, (group.diagonal[base + i],), here, whole, rows, first, last, group.exchange,
                    group.exchange_weight, one,
                )  # fmt: skip
                for j in range(full):
                    found += out[j] * p[j]
                if moving:
                    found += total_hopping(chain, t, p, right[rows[i]], t < tiles - 1)
            for n in range(group.tile_first[t], group.tile_first[t + 1]):
                x = 2 * group.tile_column[n]
                spin = group.tile_spin[n]
                partner = group.partner[spin, base : base + rows.size]
                for i in range(rows.size):
                    p, q = here[rows[i]], here[rows[partner[i]]]
                    d, f = sd_elements(group.sd_diagonal, group.sd_trade, spin, base + i, one)
                    for j in range(x, x + 2):
                        found += p[j] * (d * p[j] + f * q[j])
            sums[worker] += found


def expectation(psi: np.ndarray, table: Table, threads: int) -> float:
    """Σ ψ*Hψ, which is real, without storing Hψ."""
    sums, scratch = np.zeros(threads), np.zeros((threads, psi.shape[2]), psi.dtype)
    for group, moving in ((table.one, True), (table.other, False)):  # the hopping counts once
        thread_pool.share(_expectation, threads, psi, group, table.chain, moving, psi.dtype.type(1), scratch, sums)
    return float(sums.sum())
