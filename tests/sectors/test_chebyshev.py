"""The Chebyshev expansion: coefficients, error bound, spectral bounds and their safety check."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import random_experiment
from hypothesis import given, settings
from hypothesis import strategies as st

import pysv
from pysv.errors import SpectralBoundsError
from pysv.sectors import chebyshev
from pysv.sectors.lanczos import SpectralBounds, spectral_bounds
from pysv.sectors.pure_run import pure_runs


@given(st.floats(1e-6, 400), st.floats(1e-14, 1e-3))
def test_coefficients_expand_the_exponential_within_their_bound(z, tolerance):
    c, bound = chebyshev.coefficients(z, tolerance)
    x = np.cos(np.linspace(0, np.pi, 101))
    error = np.abs(np.polynomial.chebyshev.chebval(x, c) - np.exp(-1j * z * x)).max()
    assert bound <= tolerance
    assert error <= bound + 1e-15 * (10 + z)
    assert c.size % 2 == 0  # K is odd


def test_the_drift_that_stops_a_run_is_small():
    assert pysv.Chebyshev().drift_tolerance(60.0) < 2e-9


def test_no_more_terms_than_needed():
    """The number of terms grows like z, with a correction like z^{1/3}."""
    for z in (1.0, 10.0, 100.0, 1000.0):
        assert chebyshev.coefficients(z, 1e-13)[0].size < z + 18 * z ** (1 / 3) + 12


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_lanczos_bounds_hold_the_spectrum(seed):
    for run in pure_runs(random_experiment(seed)):
        bounds = spectral_bounds(run.hamiltonian)
        energies = np.linalg.eigvalsh(run.hamiltonian.sparse().toarray())
        assert bounds.low <= energies[0]
        assert energies[-1] <= bounds.high
        assert max(-energies[0], energies[-1]) <= run.hamiltonian.norm_bound()
        # and they are not wasteful
        assert bounds.high - bounds.low <= 1.06 * (energies[-1] - energies[0]) + 1e-9


def test_bounds_that_miss_the_spectrum_are_noticed(small, monkeypatch):
    def narrow(hamiltonian, **options):
        right = spectral_bounds(hamiltonian, **options)
        return SpectralBounds(right.low, right.high - 0.15 * (right.high - right.low), right.steps)

    monkeypatch.setattr("pysv.engines.chebyshev.spectral_bounds", narrow)
    with pytest.raises(SpectralBoundsError, match=r"outside \[-\d.*eV; raise bound_margin above 0\.01"):
        pysv.solve(dataclasses.replace(small, times=pysv.times(stop=30, step=10)), progress=False)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7, 1e-10])
def test_the_stated_deviation_bounds_the_true_one(small, tolerance):
    exact = pysv.Chebyshev().start(pure_runs(small), "python")
    loose = pysv.Chebyshev(tolerance=tolerance).start(pure_runs(small), "python")
    for time in (1.0, 2.5, 6.0):
        exact.advance(time)
        loose.advance(time)
        stated = loose.snapshot().deviation
        for one, other in zip(exact.psi, loose.psi, strict=True):
            assert np.linalg.norm(one - other) <= stated
        assert stated <= tolerance * time + 1e-12


def test_long_and_short_intervals_agree(small):
    long, short = (pysv.Chebyshev().start(pure_runs(small), "python") for _ in range(2))
    long.advance(40.0)
    for time in np.linspace(0.5, 40, 80):
        short.advance(float(time))
    for one, other in zip(long.psi, short.psi, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11)


def test_one_expansion_never_serves_more_than_its_length():
    """Long intervals are cut, not expanded whole: the choice must not compute their coefficients."""
    method = pysv.Chebyshev()
    assert method.together(1e7, 8, 4.0) == 1
    assert method.together(100.0, 8, 4.0) == 1
    assert 2 <= method.together(1.0, 8, 4.0) <= 8
    parts, interval = chebyshev.substeps(1e4, 4.0)
    assert parts * method.terms(interval, 4.0) == pytest.approx(4.0 * 1e4 / 0.6582, rel=0.3)


@pytest.mark.parametrize("last", range(1, 12, 2))
def test_every_term_is_added_once(last):
    """The sum that the mixes describe, on numbers T_n that stand for states."""
    rng = np.random.default_rng(last)
    c, states = rng.standard_normal(last + 1) + 1j * rng.standard_normal(last + 1), rng.standard_normal(last + 3)
    total = 7.0  # whatever the array held
    for step, mix in enumerate(chebyshev.recursion_mix(c, 1j, last + 2)):
        if mix[5]:
            factors = mix[:4:2] + 1j * mix[1:4:2]
            total = mix[4] * total + factors[0] * states[step + 1] + factors[1] * states[step]
    assert total == pytest.approx(1j * (c @ states[: last + 1]), abs=1e-13)
