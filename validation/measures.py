"""Measures: states with a known answer, QuTiP on random states, another form of the same."""

from __future__ import annotations

import math
from collections.abc import Iterator

import brute
import numpy as np
import qutip
from rows import Row, difference
from test_measures import basis_state, pure, random_blocks, random_density

from pysv.measures import (
    SpinDensity,
    entropy,
    layer_entropy,
    log_negativity,
    mutual_information,
    partial_transpose,
    qfi,
    qfi_paper,
    w_fidelity,
)
from pysv.measures.correlations import correlations

LN2 = math.log(2)


def on_paper(reduced: bool) -> Iterator[Row]:
    bell = pure(basis_state(0, 1) + basis_state(1, 0), 1, 1)
    found = max(
        difference(log_negativity(bell), LN2), difference(mutual_information(bell), 2 * LN2), abs(entropy(bell))
    )
    yield Row("Bell state: negativity, mutual information, entropy", "ln 2, 2 ln 2, 0", "1+1 spins", found, 1e-12)
    singlet = (basis_state(0, 1) - basis_state(1, 0)) / math.sqrt(2)
    triplet = pure(basis_state(0, 1) + basis_state(1, 0), 1, 1)
    found = max(
        difference(correlations(SpinDensity.from_dense(np.outer(singlet, singlet), 1, 1)), [[3, -3], [-3, 3]]),
        difference(correlations(triplet), [[3, 1], [1, 3]]),
    )
    yield Row("singlet, triplet: `spin_correlation`", "⟨σ_1·σ_2⟩ = −3, 1", "1+1 spins", found, 1e-12)
    weights = np.linspace(0, 1, 21)
    found = max(
        difference(
            log_negativity(SpinDensity.from_dense(w * np.outer(singlet, singlet) + (1 - w) * np.eye(4) / 4, 1, 1)),
            math.log(3 * (1 + w) / 4 + abs(1 - 3 * w) / 4),
        )
        for w in weights
    )
    yield Row("Werner states: negativity", "ln max[1, (1+3w)/2]", f"{len(weights)} weights", found, 1e-12)
    ghz = pure(basis_state(0, 0, 0, 0) + basis_state(1, 1, 1, 1), 2, 2)
    fisher = qfi(ghz, np.arange(4.0), np.array([0.0]))[0]
    found = max(difference(log_negativity(ghz), LN2), difference(fisher, 4))
    yield Row("GHZ state: negativity, QFI per spin", "ln 2, N", "2+2 spins", found, 1e-12)
    w = pure(sum(basis_state(*bits) for bits in np.eye(4, dtype=int)), 2, 2)
    found = max(difference(w_fidelity(w, 0), 1), difference(log_negativity(w), LN2))
    yield Row("W state: fidelity, negativity", "1, ln 2", "2+2 spins", found, 1e-12)


def random_states(reduced: bool) -> Iterator[Row]:
    shapes = [(n_p, n_a, rank) for n_p in (1, 2, 3) for n_a in (1, 2) for rank in (1, 2, 5)]
    seeds = range(1 if reduced else 10)
    entropies, transposes, negativities, fisher, blocks, bounds = [], [], [], [], [], []
    for seed in seeds:
        for n_p, n_a, rank in shapes:
            matrix = random_density(seed, n_p, n_a, rank)
            rho, peer = SpinDensity.from_dense(matrix, n_p, n_a), qutip.Qobj(matrix, dims=[[2**n_p, 2**n_a]] * 2)
            entropies += [
                difference(entropy(rho), qutip.entropy_vn(peer)),
                difference(layer_entropy(rho, "polarizer"), qutip.entropy_vn(peer.ptrace(0))),
                difference(layer_entropy(rho, "analyzer"), qutip.entropy_vn(peer.ptrace(1))),
            ]
            transposed = qutip.partial_transpose(peer, [1, 0])
            transposes.append(difference(next(iter(partial_transpose(rho))), transposed.full()))
            negativities.append(difference(log_negativity(rho), math.log(transposed.norm("tr"))))
            positions, k = np.arange(1.0, n_p + n_a + 1), np.array([0.4, 1.7])
            true, variance = qfi(rho, positions, k), qfi_paper(rho, positions, k) / 4
            fisher.append(difference(true, [brute.qfi_true(matrix, positions, x) for x in k]))
            bounds.append(float((true - variance).max()))
        for n_p, n_a in ((2, 2), (3, 2)):
            split = random_blocks(2 * seed, n_p, n_a)
            blocks.append(difference(log_negativity(split), brute.log_negativity(split.dense(), n_p, n_a)))
    cases = f"{len(seeds) * len(shapes)} states"
    yield Row("von Neumann entropies", "`qutip.entropy_vn`", cases, max(entropies), 1e-9)
    yield Row("partial transpose", "`qutip.partial_transpose`", cases, max(transposes), 1e-14)
    yield Row("logarithmic negativity", "QuTiP's trace norm", cases, max(negativities), 1e-9)
    yield Row("true Fisher information", "the defining double sum", cases, max(fisher), 1e-9)
    yield Row("true Fisher information − 4 Var/N: largest", "never above 0", cases, max(max(bounds), 0.0), 1e-9)
    yield Row("negativity block by block", "dense ρ", f"{len(blocks)} states", max(blocks), 1e-9)


def rows(reduced: bool) -> Iterator[Row]:
    yield from on_paper(reduced)
    yield from random_states(reduced)
