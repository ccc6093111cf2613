"""The exchange inside a group in one row of Hψ, in the same pass over the row as the other terms.

A row has as many exchange partners as its group has pairs of spins that can trade: none to nine for ten spins 1/2 in a
row. One loop adds up to four partners, since each further pass reads and writes the row once more. The first loop takes
the remainder, the others take four each. The caller's compiled function `term` gives the other terms, from the row
`own` itself; `others` are its arguments.
"""

from __future__ import annotations

from pysv.compute.compiler import FAST, compiled
from pysv.sectors.numba.chain import one_of


@compiled(inline="always", **FAST)
def _alone(term, out, own, others):
    for j in range(out.size):
        out[j] = term(out, own, j, others)


@compiled(inline="always", **FAST)
def _with_one(term, out, own, others, a, u):
    for j in range(out.size):
        out[j] = term(out, own, j, others) + u * a[j]


@compiled(inline="always", **FAST)
def _with_two(term, out, own, others, a, b, u, v):
    for j in range(out.size):
        out[j] = term(out, own, j, others) + (u * a[j] + v * b[j])


@compiled(inline="always", **FAST)
def _with_three(term, out, own, others, a, b, c, u, v, w):
    for j in range(out.size):
        out[j] = term(out, own, j, others) + ((u * a[j] + v * b[j]) + w * c[j])


@compiled(inline="always", **FAST)
def _with_four(term, out, own, others, a, b, c, d, u, v, w, x):
    for j in range(out.size):
        out[j] = term(out, own, j, others) + ((u * a[j] + v * b[j]) + (w * c[j] + x * d[j]))


@compiled(inline="always", **FAST)
def _add_four(out, a, b, c, d, u, v, w, x):
    for j in range(out.size):
        out[j] += (u * a[j] + v * b[j]) + (w * c[j] + x * d[j])


@compiled(inline="always", **FAST)
def exchange(term, out, own, others, psi, part, rows, first, last, reached, weight, scale):
    """out ← term + scale · Σ weight · partner, the partners ``psi[rows[reached[first:last]], part]``."""
    count = last - first
    if count == 0:
        _alone(term, out, own, others)
        return
    n = first + (count - 1) % 4
    a, u = psi[rows[reached[n]], part], scale * one_of(weight, n)
    if n == first:
        _with_one(term, out, own, others, a, u)
    else:
        b, v = psi[rows[reached[n - 1]], part], scale * one_of(weight, n - 1)
        if n == first + 1:
            _with_two(term, out, own, others, a, b, u, v)
        else:
            c, w = psi[rows[reached[n - 2]], part], scale * one_of(weight, n - 2)
            if n == first + 2:
                _with_three(term, out, own, others, a, b, c, u, v, w)
            else:
                d, x = psi[rows[reached[n - 3]], part], scale * one_of(weight, n - 3)
                _with_four(term, out, own, others, a, b, c, d, u, v, w, x)
    for k in range(n + 1, last, 4):
        a, b = psi[rows[reached[k]], part], psi[rows[reached[k + 1]], part]
        c, d = psi[rows[reached[k + 2]], part], psi[rows[reached[k + 3]], part]
        u, v = scale * one_of(weight, k), scale * one_of(weight, k + 1)
        w, x = scale * one_of(weight, k + 2), scale * one_of(weight, k + 3)
        _add_four(out, a, b, c, d, u, v, w, x)
