"""Compiled loops of two electrons: ψ[row, x, y], see `pysv.pairs.basis`.

H takes states as reals (rows, sites, width). A complex state has width = 2·sites, its real and imaginary parts
interleaved: neighbours along y are then two reals apart, and loops over y are loops over reals.
"""

from __future__ import annotations

import numpy as np

from pysv.compute.compiler import FAST, compiled
from pysv.compute.hints import apart
from pysv.sectors.numba.chain import one_of


@compiled(inline="always", **FAST)
def _electrons(row, into, before, after, hop_before, hop_after, here, at_two, hopping, scale, beta, step):
    """One x: into ← what moves no localized spin; `before` and `after` are the rows of x − 1 and x + 1."""
    width = row.size
    for j in range(step):  # the first site
        beside = hop_before * before[j] + hop_after * after[j] - scale * one_of(hopping, j) * row[j + step]
        into[j] = (here + scale * at_two[j]) * row[j] - beta * into[j] + beside
    inner, left, own, right = into[step : width - step], row[: width - 2 * step], row[step:], row[2 * step :]
    one, other, energy = before[step:], after[step:], at_two[step:]
    for j in range(inner.size):
        beside = scale * (one_of(hopping, j) * left[j] + one_of(hopping, j + step) * right[j])
        beside -= hop_before * one[j] + hop_after * other[j]
        inner[j] = (here + scale * energy[j]) * own[j] - beta * inner[j] - beside
    for j in range(width - step, width):  # the last site
        beside = hop_before * before[j] + hop_after * after[j] - scale * one_of(hopping, j - step) * row[j - step]
        into[j] = (here + scale * at_two[j]) * row[j] - beta * into[j] + beside


@compiled(inline="always", **FAST)
def _exchange(into, psi, x, reached, weight, first, last, scale):
    """into += scale · Σ weight · partner, two partners in one pass."""
    for k in range(first, last - 1, 2):
        a, b = psi[reached[k], x], psi[reached[k + 1], x]
        u, v = scale * one_of(weight, k), scale * one_of(weight, k + 1)
        for j in range(into.size):
            into[j] += u * a[j] + v * b[j]
    if (last - first) % 2:
        a, u = psi[reached[last - 1], x], scale * one_of(weight, last - 1)
        for j in range(into.size):
            into[j] += u * a[j]


@compiled(inline="always", **FAST)
def _trade_one(target, partner, c, trade, both, step):
    """The electron at x trades its spin on site c; in rows of equal spins that at y does, too, with the other sign."""
    into, row = target[c], partner[c]
    for j in range(into.size):
        into[j] += trade * row[j]
    if both:
        for y in range(target.shape[0]):
            for j in range(step):
                target[y, c * step + j] -= trade * row[y * step + j]


@compiled(inline="always", **FAST)
def _trade_two(target, partner, c, trade, both, step):
    """The same for the electron at y."""
    for x in range(target.shape[0]):
        for j in range(step):
            target[x, c * step + j] += trade * partner[x, c * step + j]
    if both:
        into = target[c]
        for x in range(target.shape[0]):
            for j in range(step):
                into[x * step + j] -= trade * partner[x, c * step + j]


@compiled(inline="always", **FAST)
def _row(r, psi, out, table, scale, shift, beta):
    """out[r] ← scale·(H − shift)ψ − beta·out on row r."""
    kind, diagonal, first, reached, weight = table[:5]
    energy_one, energy_two, hopping, columns = table[5:9]
    partner_one, partner_two, trade_one, trade_two = table[9:]
    sites, width = psi.shape[1:]
    step = width // sites
    source, target, at_two = psi[r], out[r], energy_two[r]
    for x in range(sites):
        row, into, before, after = source[x], target[x], source[x], source[x]
        apart(row, into)
        hop_before, hop_after = 0.0, 0.0
        if x > 0:
            before, hop_before = source[x - 1], -scale * one_of(hopping, (x - 1) * step)
        if x < sites - 1:
            after, hop_after = source[x + 1], -scale * one_of(hopping, x * step)
        here = scale * (diagonal[r] - shift + energy_one[r, x])
        _electrons(row, into, before, after, hop_before, hop_after, here, at_two, hopping, scale, beta, step)
        _exchange(into, psi, x, reached, weight, first[r], first[r + 1], scale)
    same = kind[r] != 1
    factor = scale * (np.sqrt(0.5) if same else np.sqrt(2.0))
    for i in range(columns.size):
        if partner_one[r, i] >= 0:
            trade = factor * one_of(trade_one, (r, i))
            _trade_one(target, psi[partner_one[r, i]], columns[i], trade, same, step)
        if partner_two[r, i] >= 0:
            trade = factor * one_of(trade_two, (r, i))
            _trade_two(target, psi[partner_two[r, i]], columns[i], trade, same, step)


@compiled(**FAST)
def step(worker, threads, psi, out, table, scale, shift, beta):
    """out ← scale·(H − shift)ψ − beta·out on the share of one worker, every `threads`-th row."""
    for r in range(worker, psi.shape[0], threads):
        _row(r, psi, out, table, scale, shift, beta)


@compiled(**FAST)
def accumulate(worker, threads, new, old, total, c_new, c_old, keep):
    """total ← keep·total + c_new·new + c_old·old on the share of one worker, every `threads`-th row."""
    for r in range(worker, total.shape[0], threads):
        one, other, sum_ = new[r].ravel(), old[r].ravel(), total[r].ravel()
        for j in range(sum_.size):
            sum_[j] = keep * sum_[j] + c_new * one[j] + c_old * other[j]
