"""The Schmidt values of the benchmark of orders against amplitudes in the whole Fock space."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import pysv
from pysv.engines.fock import Fock
from pysv.mps.backend import Truncation
from pysv.mps.chain import Chain
from pysv.mps.gates import BlockEvolution
from pysv.mps.ground import ground_state
from pysv.mps.tenpy import tenpy_dmrg
from pysv.mps.trotter import schedule
from pysv.pairs.hamiltonian import PairHamiltonian
from pysv.units import HBAR

SPINS_OF = ((0, 0), (0, 1), (1, 1))
"""Spins of both electrons in each kind of rows."""


@pytest.fixture(scope="module")
def orders():
    """The module benchmarks/orders.py."""
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.append(folder)
    import orders

    yield orders
    sys.path.remove(folder)


def brute(hamiltonian, psi, part):
    """Occupations of all modes, those of the part in front; the sign is that of the order of two creation operators."""
    up, down, held = part
    basis, sites = hamiltonian.basis, up.size
    modes = [(x, s) for s in (0, 1) for x in range(sites)]
    ordered = sorted(modes, key=lambda mode: not (up, down)[mode[1]][mode[0]])
    place, inside = {mode: n for n, mode in enumerate(ordered)}, int(up.sum() + down.sum())
    held_in, held_out = np.flatnonzero(held).tolist(), np.flatnonzero(~held).tolist()
    left, right = (basis.spins.restricted(basis.configuration, own) for own in (held_in, held_out))
    matrix = np.zeros((2 ** (inside + len(held_in)), 2 ** (2 * sites - inside + len(held_out))), dtype=complex)
    for row, kind in enumerate(basis.kind):
        one, two = SPINS_OF[kind]
        for (x, y), value in np.ndenumerate(psi[row]):
            i, j = place[x, one], place[y, two]
            if i != j:
                occupied = (1 << i) | (1 << j)
                here = (occupied % (1 << inside)) * 2 ** len(held_in) + left[row]
                there = (occupied >> inside) * 2 ** len(held_out) + right[row]
                # Equal spins: half of the amplitude times √2 in (x, y), and again in (y, x).
                matrix[here, there] += np.sign(j - i) * value / (1 if one != two else np.sqrt(2))
    return np.sort(np.linalg.svd(matrix, compute_uv=False) ** 2)[::-1]


@pytest.mark.parametrize("seed", range(6))
def test_two_electrons_on_any_part_of_the_modes_and_spins(orders, seed):
    rng = np.random.default_rng(seed)
    device = pysv.SpinValve(sites=4, polarizer=(2, 2), analyzer=(3, 3))
    hamiltonian = PairHamiltonian.of_device(device, (2,))
    psi = rng.standard_normal(hamiltonian.shape) + 1j * rng.standard_normal(hamiltonian.shape)
    same = hamiltonian.basis.kind != 1
    psi[same] -= psi[same].transpose(0, 2, 1).copy()
    psi /= np.linalg.norm(psi)
    part = tuple(rng.random(count) < 0.5 for count in (4, 4, 2))
    found, exact = orders.pair_spectrum(hamiltonian, psi, part), brute(hamiltonian, psi, part)
    common = min(found.size, exact.size)
    np.testing.assert_allclose(found[:common], exact[:common], atol=1e-13)
    np.testing.assert_allclose([found.sum(), exact[:common].sum()], 1, atol=1e-13)


def test_a_folded_matrix_product_state_has_the_weights_of_two_exact_electrons(orders):
    device = pysv.SpinValve(sites=16, polarizer=(6, 7), analyzer=(10, 11))
    source, stop = pysv.ConfinedElectrons(electrons=2, confined_sites=3), 8 * HBAR
    engine = Fock().begin(
        pysv.Experiment(device=device, source=source, times=pysv.times(stop=stop, step=stop)), "python"
    )
    engine.advance(stop)
    state, _ = ground_state(device, source, 100, tenpy_dmrg)
    BlockEvolution(Chain.of_device(device), Truncation(1, 1000, 1e-13)).apply(state, schedule(stop, 80, 4))
    spectra = orders.folded_spectra(state, orders.folded(device), 1e-12)
    (order,) = (order for name, order in orders.orders(device) if name == "folded")
    parts = list(orders.parts(device, order))
    assert len(parts) == len(spectra) == device.sites - 1
    for spectrum, part in zip(spectra, parts, strict=True):
        exact = orders.pair_spectrum(engine.hamiltonian, engine.psi, part)
        common = min(exact.size, spectrum.size)
        np.testing.assert_allclose(spectrum[:common], exact[:common], atol=3e-6)  # of the Trotter steps
        assert [orders.states(spectrum, some) for some in orders.LEFT_OUT] == [
            orders.states(exact, some) for some in orders.LEFT_OUT
        ]
        np.testing.assert_allclose(spectrum.sum(), 1, atol=1e-9)
