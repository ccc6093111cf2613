"""Compiled loops of two electrons: ψ[row, x, y], see `pysv.pairs.hamiltonian`. Real and complex states alike."""

from __future__ import annotations

import numpy as np

from pysv.compute.compiler import FAST, compiled


@compiled(inline="always", **FAST)
def _row(r, psi, out, table, scale, shift, beta):
    """out[r] ← scale·(H − shift)ψ − beta·out on row r."""
    kind, diagonal, first, neighbour, aligned, columns, partner_one, partner_two, couplings = table
    hopping, flip, sd = couplings
    sites = psi.shape[1]
    source, target = psi[r], out[r]
    # Sign of σᶻ of the electron at x and of the one at y.
    one = -1.0 if kind[r] == 2 else 1.0
    two = 1.0 if kind[r] == 0 else -1.0
    hop = scale * hopping
    for x in range(sites):
        here = scale * (diagonal[r] - shift - sd * one * aligned[r, x])
        row, into = source[x], target[x]
        for y in range(sites):
            into[y] = (here - scale * sd * two * aligned[r, y]) * row[y] - beta * into[y]
        for y in range(sites - 1):
            into[y] -= hop * row[y + 1]
        for y in range(1, sites):
            into[y] -= hop * row[y - 1]
        if x > 0:
            row = source[x - 1]
            for y in range(sites):
                into[y] -= hop * row[y]
        if x < sites - 1:
            row = source[x + 1]
            for y in range(sites):
                into[y] -= hop * row[y]
        for k in range(first[r], first[r + 1]):
            row = psi[neighbour[k], x]
            for y in range(sites):
                into[y] += scale * flip * row[y]
    trade = -2 * scale * sd
    for i in range(columns.size):
        c = columns[i]
        other = partner_one[r, i]  # the electron at x exchanges its spin
        if other >= 0:
            if kind[r] == 1:
                for y in range(sites):
                    target[c, y] += trade * np.sqrt(2.0) * psi[other, c, y]
            else:
                for y in range(sites):
                    target[c, y] += trade * np.sqrt(0.5) * psi[other, c, y]
                    target[y, c] -= trade * np.sqrt(0.5) * psi[other, c, y]
        other = partner_two[r, i]  # the electron at y exchanges its spin
        if other >= 0:
            if kind[r] == 1:
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
