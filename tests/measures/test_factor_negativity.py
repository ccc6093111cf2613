"""Negativity from the factor of ρ: dense blocks against the full partial transpose, samples against dense blocks."""

from __future__ import annotations

import math
from dataclasses import replace

import brute
import numpy as np
import pytest
from conftest import FACTOR, random_experiment, solve_within

import pysv
from pysv.measures import SpinFactor, log_negativity, log_negativity_of_factor, partial_transpose
from pysv.measures.quadrature import trace_norm
from pysv.measures.sizes import Limits
from pysv.measures.transpose import Product, block_sizes, transposed_blocks
from pysv.model.basis import Spins
from pysv.sectors.pure_run import pure_runs


def state(n: int, time: float = 30.0):
    """Snapshot of n+n antiparallel spins, and its factor."""
    experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(n), times=pysv.times(stop=time, step=time))
    engine = pysv.Chebyshev().start(pure_runs(experiment), "python")
    engine.advance(time)
    return engine.snapshot(), SpinFactor.of_mixture(engine.snapshot().state)


@pytest.fixture(scope="module")
def five():
    return state(5)


@pytest.fixture(scope="module")
def six():
    return state(6)


def test_blocks_of_the_partial_transpose_on_random_devices():
    """Layers of unequal sizes, any collinear state: eigenvalues of all blocks together, traces and norms of each."""
    tried = 0
    for seed in range(0, 40, 2):
        experiment = random_experiment(seed)
        runs = pure_runs(experiment)
        if any(len(run.hamiltonian.basis.sectors) > 1 for run in runs):
            continue
        tried += 1
        engine = pysv.Chebyshev().start(runs, "python")
        engine.advance(4.0)
        layers = experiment.device.n_polarizer, experiment.device.n_analyzer
        mixture = engine.snapshot().state
        rho, phi = mixture.spin_density(), SpinFactor.of_mixture(mixture)
        blocks = list(transposed_blocks(phi))
        downs = tuple(states.n_down for states in phi.eigenstates if states.p.size)
        assert {block.q: block.rows for block in blocks} == block_sizes(*map(Spins.of, layers), downs)
        found, expected = [], np.linalg.eigvalsh(brute.partial_transpose(rho.dense(), *layers))
        for block in blocks:
            upper = np.triu(block.dense())
            whole = upper + np.triu(upper, 1).conj().T
            assert block.trace == pytest.approx(whole.trace().real, abs=1e-14)
            assert block.square == pytest.approx(np.linalg.norm(whole) ** 2, abs=1e-14)
            x = np.random.default_rng(seed).normal(size=block.rows).astype(np.complex64)
            np.testing.assert_allclose(Product(block)(x), whole @ x, atol=1e-6)
            found.append(np.linalg.eigvalsh(whole))
        together = np.concatenate(found)
        padded = np.concatenate([together, np.zeros(expected.size - together.size)])
        np.testing.assert_allclose(np.sort(padded), expected, atol=1e-10)
        value, error = log_negativity_of_factor(phi)
        assert error < 1e-9
        assert value == pytest.approx(log_negativity(rho), abs=1e-9)
    assert tried >= 5


def test_five_and_five_against_the_full_partial_transpose(five):
    """The dense 4⁵ × 4⁵ matrix; 0.179 is the number of an independent computation."""
    snapshot, phi = five
    value, error = log_negativity_of_factor(phi)
    rho = snapshot.state.spin_density()
    assert value == pytest.approx(brute.log_negativity(rho.dense(), 5, 5), abs=1e-9)
    assert error < 1e-9
    assert value == pytest.approx(0.179, abs=5e-4)


def test_a_truncated_block_is_as_near_as_it_says(six):
    for block in transposed_blocks(six[1]):
        if 100 < block.rows < 500:
            for error in (1e-4, 1e-7):
                lighter = block.truncated(error)
                assert sum(cell.left.shape[2] for cell in lighter.cells) < sum(c.left.shape[2] for c in block.cells)
                off = np.triu(lighter.dense() - block.dense())
                missed = math.sqrt(2 * np.linalg.norm(off) ** 2 - np.linalg.norm(off.diagonal()) ** 2)
                assert 0.01 * min(error, math.sqrt(block.square)) < missed <= error * (1 + 1e-9)


def test_sampled_blocks_against_dense_ones(six):
    """6+6: the three blocks beyond 600 rows sampled; the same number again, and the error bar is kept."""
    dense, bound = log_negativity_of_factor(six[1], largest_dense=1000)
    assert bound < 1e-9
    value, error = log_negativity_of_factor(six[1], largest_dense=600, error=2e-3)
    assert log_negativity_of_factor(six[1], largest_dense=600, error=2e-3) == (value, error)
    assert value != dense
    assert abs(value - dense) < 2 * error
    assert error < 4e-3


@pytest.mark.slow
def test_sampled_blocks_against_dense_ones_at_seven_and_seven():
    _, phi = state(7)
    dense, bound = log_negativity_of_factor(phi, largest_dense=3432)
    assert bound < 1e-9
    value, error = log_negativity_of_factor(phi, largest_dense=1000)
    assert abs(value - dense) < 2 * error
    assert error < 3e-3


@pytest.mark.slow
def test_six_and_six_against_the_full_partial_transpose(six):
    snapshot, phi = six
    rho = snapshot.state.spin_density()
    expected = brute.log_negativity(rho.dense(), 6, 6)
    assert log_negativity_of_factor(phi)[0] == pytest.approx(expected, abs=1e-9)
    assert log_negativity(rho) == pytest.approx(expected, abs=1e-9)


def known(seed: int, rows: int = 200):
    """A Hermitian matrix with a few large eigenvalues and many small ones of either sign, as ρ^{T_p} has them."""
    random = np.random.default_rng(seed)
    eigenvalues = random.choice([-1, 1], rows, p=[0.4, 0.6]) * 10 ** random.uniform(-6, -2, rows)
    vectors, _ = np.linalg.qr(random.normal(size=(rows, rows)) + 1j * random.normal(size=(rows, rows)))
    return eigenvalues, ((vectors * eigenvalues) @ vectors.conj().T).astype(np.complex64)


def test_the_error_bar_of_the_quadrature():
    """Over 24 matrices, one standard deviation holds about two thirds of the time, three of them nearly always."""
    deviations = []
    for seed in range(24):
        eigenvalues, matrix = known(seed)
        exact = np.abs(eigenvalues).sum()
        found = trace_norm(
            lambda x, matrix=matrix: matrix @ x, 200, eigenvalues.sum(), (eigenvalues**2).sum(), 0.02 * exact, seed
        )
        assert found.statistical <= 0.02 * exact or found.probes == 64
        assert found.probes >= 4
        deviations.append(abs(found.value - exact) / (found.statistical + found.systematic))
    assert np.mean(np.array(deviations) < 1) > 0.6
    assert max(deviations) < 3


def test_more_probes_for_a_smaller_error():
    eigenvalues, matrix = known(1)
    exact = np.abs(eigenvalues).sum()
    few, many = (
        trace_norm(lambda x: matrix @ x, 200, eigenvalues.sum(), (eigenvalues**2).sum(), share * exact, 0)
        for share in (0.05, 0.01)
    )
    assert few.probes < many.probes
    assert many.statistical < few.statistical
    assert many.products > few.products


def test_a_matrix_of_low_rank_ends_the_lanczos_steps():
    vector = np.ones(50) / np.sqrt(50)
    found = trace_norm(lambda x: (-0.5 * vector * (vector @ x)).astype(np.complex64), 50, -0.5, 0.25, 1e-4, 3)
    assert found.value == pytest.approx(0.5, abs=1e-4)
    assert found.products <= 3 * found.probes


def test_the_partial_transpose_of_the_density_matrix_has_the_same_blocks(five):
    snapshot, phi = five
    rho = snapshot.state.spin_density()
    ours = sorted(block.rows for block in transposed_blocks(phi))
    assert ours == sorted(len(block) for block in partial_transpose(rho))


def test_a_large_run_records_the_negativity_and_its_error(small):
    usual = pysv.solve(small, progress=False)
    assert usual.attrs["seeds"] == "none: the run is deterministic"
    assert "log_negativity_error" not in usual
    data = solve_within(FACTOR, small)
    np.testing.assert_allclose(data.log_negativity, usual.log_negativity, atol=1e-9)
    assert float(data.log_negativity_error.max()) < 1e-9
    assert 0 <= float(data.discarded_weight_factor.max()) < 1e-11
    assert data.attrs["seeds"].endswith("the same at every snapshot)")
    sampled = solve_within(FACTOR, replace(small, record=pysv.Record(largest_dense=0)))
    difference = np.abs(sampled.log_negativity - usual.log_negativity)
    assert float(sampled.log_negativity_error.max()) > 1e-6
    assert (difference <= 4 * sampled.log_negativity_error + 1e-9).all()
    data = solve_within(Limits(block=1, sampled=1), small)
    assert "log_negativity" not in data
    assert "samples up to 1" in data.attrs["left_out"]
    assert data.attrs["seeds"] == usual.attrs["seeds"]
