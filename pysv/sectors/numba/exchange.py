"""The exchange inside a group in one row of Hψ, in the same pass over the row as the other terms.

A row has as many exchange partners as its group has pairs of spins that can trade: none to nine for ten spins 1/2 in a
row. Each pass reads and writes the row once, so the first pass adds two to five partners (or the only one), and each
further pass adds four. The caller's compiled function `term` gives the other terms, from the row `own` itself; `others`
are its arguments.
"""

from __future__ import annotations

from pysv.compute.compiler import FAST, compiled
from pysv.sectors.numba.chain import weighted, weights_of


@compiled(inline="always", **FAST)
def _alone(term, out, own, others):
    for j in range(out.size):
        out[j] = term(out, own, j, others)


@compiled(inline="always", **FAST)
def _with(term, out, own, others, partners, weights):
    for j in range(out.size):
        out[j] = term(out, own, j, others) + weighted(weights, partners, j)


@compiled(inline="always", **FAST)
def _so_far(out, own, j, others):
    return out[j]


@compiled(inline="always", **FAST)
def exchange(term, out, own, others, psi, part, rows, first, last, reached, weight, scale):
    """out ← term + scale · Σ weight · partner, the partners ``psi[rows[reached[first:last]], part]``."""
    if first == last:
        _alone(term, out, own, others)
        return
    n = min(last - first, 2 + (last - first - 2) % 4)
    one = (psi[rows[reached[first]], part],)
    if n == 1:
        _with(term, out, own, others, one, weights_of(weight, first, scale, one))
    else:
        two = (*one, psi[rows[reached[first + 1]], part])
        if n == 2:
            _with(term, out, own, others, two, weights_of(weight, first, scale, two))
        else:
            three = (*two, psi[rows[reached[first + 2]], part])
            if n == 3:
                _with(term, out, own, others, three, weights_of(weight, first, scale, three))
            else:
                four = (*three, psi[rows[reached[first + 3]], part])
                if n == 4:
                    _with(term, out, own, others, four, weights_of(weight, first, scale, four))
                else:
                    five = (*four, psi[rows[reached[first + 4]], part])
                    _with(term, out, own, others, five, weights_of(weight, first, scale, five))
    for k in range(first + n, last, 4):
        a, b = psi[rows[reached[k]], part], psi[rows[reached[k + 1]], part]
        c, d = psi[rows[reached[k + 2]], part], psi[rows[reached[k + 3]], part]
        _with(_so_far, out, own, others, (a, b, c, d), weights_of(weight, k, scale, (a, b, c, d)))
