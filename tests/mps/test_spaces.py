"""The search for the heaviest directions of a bond against singular value decompositions of the whole of θ."""

from __future__ import annotations

import numpy as np
import pytest
from numba.typed import List

import pysv
from pysv.mps.backend import FLOOR, Truncation
from pysv.mps.chain import Chain
from pysv.mps.gates import BlockEvolution
from pysv.mps.ground import ground_state
from pysv.mps.spaces import heaviest
from pysv.mps.tenpy import tenpy_dmrg
from pysv.mps.trotter import GateLayer, schedule
from pysv.units import HBAR

EXACT = 1e-3
"""Largest relative error of a discarded weight."""


def unitary(rng, size):
    return np.linalg.qr(rng.standard_normal((size, size)) + 1j * rng.standard_normal((size, size)))[0]


def bond(seed, decay, known, shapes=((90, 80), (70, 120), (12, 9))):
    """θ, Schmidt values and guesses of some charges; the guesses are `known` heavy directions, slightly turned."""
    rng = np.random.default_rng(seed)
    thetas, schmidts, guesses = List(), List(), List()
    for scale, (rows, columns) in zip((1.0, 0.93, 0.81), shapes, strict=True):
        size = min(rows, columns)
        right = unitary(rng, columns)
        weighted = unitary(rng, rows)[:, :size] @ (scale * np.exp(-decay * np.arange(size))[:, None] * right[:size])
        schmidt = rng.uniform(0.05, 1.0, rows)
        turned = right[: min(known, size)] + 0.01 * rng.standard_normal((min(known, size), columns))
        thetas.append(np.ascontiguousarray(weighted / schmidt[:, None]))
        schmidts.append(schmidt)
        guesses.append(np.ascontiguousarray(np.linalg.qr(turned.conj().T)[0].conj().T))
    return thetas, schmidts, guesses


def exact_weights(thetas, schmidts):
    """All weights of all charges, in descending order."""
    found = [
        np.linalg.svd(schmidt[:, None] * theta, compute_uv=False) ** 2
        for theta, schmidt in zip(thetas, schmidts, strict=True)
    ]
    return np.sort(np.concatenate(found))[::-1]


def columns_searched(spaces):
    """Directions of each charge whose space is not the whole one."""
    return [space[2].size for space in spaces if space[1].shape[0] < min(space[0].shape[0], space[1].shape[1])]


@pytest.mark.parametrize("decay", [0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("known", [0, 5, 20])
@pytest.mark.parametrize("most", [10, 30, 60])
def test_a_full_bond_discards_hardly_more_than_it_must(most, known, decay):
    thetas, schmidts, guesses = bond(known + most, decay, known)
    spaces, sizes, total, whole, limited = heaviest(thetas, schmidts, guesses, True, 1, most, 1e-14, FLOOR)
    weights = exact_weights(thetas, schmidts)
    assert limited
    assert sizes.sum() == most
    assert whole == pytest.approx(weights.sum(), rel=1e-12)
    lost = weights[most:].sum()
    assert whole - total == pytest.approx(lost, rel=EXACT, abs=1e-14 * whole)
    if known == 20 and most == 30:
        assert columns_searched(spaces)  # what was compared is a search


@pytest.mark.parametrize("allowed", [1e-4, 1e-7, 1e-11])
@pytest.mark.parametrize("known", [0, 5, 20])
def test_a_growing_bond_keeps_as_few_as_it_may(known, allowed):
    thetas, schmidts, guesses = bond(known, 0.4, known)
    _, sizes, total, whole, limited = heaviest(thetas, schmidts, guesses, False, 1, 1000, allowed, FLOOR)
    weights = exact_weights(thetas, schmidts)
    fewest = int(np.searchsorted(np.cumsum(weights), (1 - allowed) * weights.sum())) + 1
    assert not limited
    assert fewest <= sizes.sum() <= fewest + 1
    assert whole - total <= allowed * whole * (1 + 1e-9)


def test_directions_are_orthonormal_and_hold_their_weights():
    thetas, schmidts, guesses = bond(3, 0.2, 20)
    spaces, sizes, _, _, _ = heaviest(thetas, schmidts, guesses, True, 1, 30, 1e-14, FLOOR)
    assert columns_searched(spaces)
    for theta, schmidt, (basis, image, weights, mixing, _), size in zip(thetas, schmidts, spaces, sizes, strict=True):
        directions = mixing[:, weights.size - size :]
        if basis.shape[1]:
            np.testing.assert_allclose(image.T, theta @ basis, atol=1e-12 * abs(theta).max())
            directions = basis @ directions
        np.testing.assert_allclose(directions.conj().T @ directions, np.eye(size), atol=1e-12)
        applied = schmidt[:, None] * (theta @ directions)
        np.testing.assert_allclose((abs(applied) ** 2).sum(axis=0), weights[weights.size - size :], rtol=1e-9)


def test_a_guess_of_light_directions_does_no_harm():
    """Directions that are orthogonal to the heavy ones: where the search fails, the whole space is found."""
    thetas, schmidts, guesses = bond(5, 0.1, 0)
    for k, (theta, schmidt) in enumerate(zip(thetas, schmidts, strict=True)):
        right = np.linalg.svd(schmidt[:, None] * theta)[2]
        guesses[k] = np.ascontiguousarray(right[min(theta.shape) // 2 :][:20])
    _, sizes, total, whole, _ = heaviest(thetas, schmidts, guesses, True, 1, 40, 1e-14, FLOOR)
    weights = exact_weights(thetas, schmidts)
    assert sizes.sum() == 40
    assert whole - total == pytest.approx(weights[40:].sum(), rel=EXACT)


def dense(state, site):
    """A tensor without its blocks, (left, local, right)."""
    left, right = state.legs[site], state.legs[site + 1]
    rows, columns = (np.concatenate(([0], np.cumsum(leg.sizes))) for leg in (left, right))
    found = np.zeros((left.dimension, state.spaces[site].dim, right.dimension), complex)
    for a, p, b, block in state.blocks(site):
        found[rows[a] : rows[a + 1], p, columns[b] : columns[b + 1]] = block
    return found


@pytest.mark.parametrize(("electrons", "most"), [(2, 24), (4, 60), (8, 60)])
def test_full_bonds_against_decompositions_of_the_whole(electrons, most):
    """A layer of gates discards on each bond what a decomposition of the whole of θ without charges leaves over."""
    device = pysv.SpinValve(sites=20, polarizer=(11, 12), analyzer=(14, 15))
    chain = Chain.of_device(device)
    source = pysv.ConfinedElectrons(electrons=electrons, confined_sites=8, well=20.0)
    state, _ = ground_state(device, source, most, tenpy_dmrg)
    evolution = BlockEvolution(chain, Truncation(1, most, 1e-9))
    evolution.apply(state, schedule(8 * HBAR, 80, 2))
    before, duration = state.copy(), 0.1 * HBAR
    lost, limited = evolution.apply(state, [GateLayer(1, duration)])
    full = [n for n in range(1, chain.sites - 1, 2) if before.dimensions[n] >= most]
    assert limited
    assert len(full) > 2
    for n in full:
        energies, states = np.linalg.eigh(chain.bond(n))
        gate = (states * np.exp(-1j * duration / HBAR * energies)) @ states.conj().T
        one, other = dense(before, n), dense(before, n + 1)
        pair = np.einsum("apb,bqc->apqc", one, other)
        moved = np.einsum("xy,ayc->axc", gate, pair.reshape(len(one), -1, other.shape[2])).reshape(pair.shape)
        weighted = before.legs[n].schmidt[:, None] * moved.reshape(len(one), -1)
        weights = np.linalg.svd(weighted.reshape(len(one) * one.shape[1], -1), compute_uv=False) ** 2
        expected = weights[state.legs[n + 1].dimension :].sum() / weights.sum()
        assert lost[n] == pytest.approx(expected, rel=EXACT, abs=1e-13)
