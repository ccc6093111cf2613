"""Compiled loops of two electrons: ψ[row, x, y], see `pysv.pairs.basis`. Real and complex states alike."""

from __future__ import annotations

import numpy as np

from pysv.compute.compiler import FAST, compiled
from pysv.sectors.numba.chain import one_of


@compiled(inline="always", **FAST)
def _row(r, psi, out, table, scale, shift, beta):
    """out[r] ← scale·(H − shift)ψ − beta·out on row r."""
    sites = psi.shape[1]
    source, target = psi[r], out[r]
    at_one, at_two = table.energy_one[r], table.energy_two[r]
    for x in range(sites):
        here = table.diagonal[r] - shift + at_one[x]
        row, into = source[x], target[x]
        for y in range(sites):
            into[y] = scale * (here + at_two[y]) * row[y] - beta * into[y]
        for y in range(sites - 1):
            into[y] -= scale * one_of(table.hopping, y) * row[y + 1]
        for y in range(1, sites):
            into[y] -= scale * one_of(table.hopping, y - 1) * row[y - 1]
        if x > 0:
            row, hop = source[x - 1], scale * one_of(table.hopping, x - 1)
            for y in range(sites):
                into[y] -= hop * row[y]
        if x < sites - 1:
            row, hop = source[x + 1], scale * one_of(table.hopping, x)
            for y in range(sites):
                into[y] -= hop * row[y]
        for k in range(table.exchange_first[r], table.exchange_first[r + 1]):
            row, weight = psi[table.exchange[k], x], scale * one_of(table.exchange_weight, k)
            for y in range(sites):
                into[y] += weight * row[y]
    opposite = table.kind[r] == 1
    for i in range(table.columns.size):
        c = table.columns[i]
        other = table.partner_one[r, i]  # the electron at x trades its spin
        if other >= 0:
            trade = scale * one_of(table.trade_one, (r, i))
            if opposite:
                for y in range(sites):
                    target[c, y] += trade * np.sqrt(2.0) * psi[other, c, y]
            else:
                for y in range(sites):
                    target[c, y] += trade * np.sqrt(0.5) * psi[other, c, y]
                    target[y, c] -= trade * np.sqrt(0.5) * psi[other, c, y]
        other = table.partner_two[r, i]  # the electron at y trades its spin
        if other >= 0:
            trade = scale * one_of(table.trade_two, (r, i))
            if opposite:
                for x in range(sites):
                    target[x, c] += trade * np.sqrt(2.0) * psi[other, x, c]
            else:
                for x in range(sites):
                    target[x, c] += trade * np.sqrt(0.5) * psi[other, x, c]
                    target[c, x] -= trade * np.sqrt(0.5) * psi[other, x, c]


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
