"""The quantum Fisher information rebuilt from spectra: Gaussian steps on paper, a real run, noise, ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from scipy.special import erf

import pysv
from pysv.errors import InvalidInputError
from pysv.probes.rebuild import CUTOFF, low_pass, rebuild_qfi
from pysv.probes.rest import at_rest
from pysv.probes.structure import smoothed_qfi, structure_factor

SIGMA = 2.0


def step(time, width):
    """A step from 0 to 1 at t = 0 whose derivative is a Gaussian of a standard deviation."""
    return 0.5 * (1 + erf(time / (math.sqrt(2) * width)))


def filtered_step(time, width):
    """The step after the low-pass filter, by quadrature over frequencies."""
    frequency = np.linspace(1e-9, CUTOFF / SIGMA, 20001)
    half = CUTOFF / (2 * SIGMA)
    passes = np.where(frequency < half, 1, np.cos(math.pi / 2 * (frequency - half) / half) ** 2)
    shape = passes * np.exp(-((width * frequency) ** 2) / 2) / frequency
    return 0.5 + np.trapezoid(shape * np.sin(np.outer(time, frequency)), frequency, axis=1) / math.pi


def spectra(times, values, first, last, *, rest, spacing=0.5):
    """A structure factor, flat over 1 eV, whose integral belongs to the given smoothed f_Q (time, momentum)."""
    integral = np.asarray(values) / (8 * math.sqrt(math.pi) * SIGMA)
    return xr.DataArray(
        np.repeat(integral[:, :, None], 2, axis=2),
        {"time": times, "momentum": np.arange(integral.shape[1]) + 1.0, "omega": [0.0, 1.0]},
        ("time", "momentum", "omega"),
        attrs={"sigma": SIGMA, "step": spacing, "first": first, "last": last, "at_rest": int(rest)},
    )


@pytest.mark.parametrize("width", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("rest", [True, False])
def test_a_gaussian_step(width, rest):
    """To 1e-3 of its height wherever the record says that it leaves no more open, and there is such a place."""
    own = np.arange(0, 80.1, 0.5)
    inside = own[(own >= (0 if rest else 4 * SIGMA)) & (own <= 80 - 4 * SIGMA)]
    height, place = np.array([0.6, 2.0]), 35.0
    measured = height * step(inside - place, math.sqrt(width**2 + SIGMA**2 / 2))[:, None]
    found = rebuild_qfi(spectra(inside, measured, 0.0, 80.0, rest=rest))
    exact = height * filtered_step(own - place, width)[:, None]
    wrong = np.abs(found.qfi - exact) / height
    sure = (found.qfi_open / height <= 1e-3).values
    assert sure[(own > 25) & (own < 50)].all()
    assert sure[own < 20].all() == rest
    assert float(wrong.values[sure].max()) < 1e-3
    assert (wrong <= found.qfi_open / height + 1e-3).values[np.isfinite(found.qfi.values)].all()
    assert np.isnan(found.qfi.values[-4:]).all()
    if not rest:
        assert np.isnan(found.qfi.values[:4]).all()


def test_what_is_open_is_a_bound():
    """Any f_Q between 0 and 1, however rough."""
    own = np.arange(0, 60.1, 0.5)
    inside = own[(own >= 8) & (own <= 52)]
    wide = np.arange(-40, 100.1, 0.5)
    rng = np.random.default_rng(5)
    for _ in range(20):
        true = rng.integers(0, 2, wide.size).astype(float)
        true[(wide > 28) & (wide < 32)] = 1.0  # its largest value is measured
        lag = np.subtract.outer(inside, wide) / SIGMA
        measured = 0.5 * np.exp(-(lag**2)) @ true / (math.sqrt(math.pi) * SIGMA)
        found = rebuild_qfi(spectra(inside, measured[:, None], 0.0, 60.0, rest=False))
        exact = 0.5 * low_pass(np.subtract.outer(own, wide), SIGMA) @ true
        wrong = np.abs(found.qfi[:, 0] - exact)
        assert bool((wrong <= found.qfi_open[:, 0] / measured.max() + 1e-3).values[np.isfinite(found.qfi[:, 0])].all())


def test_noise_is_carried_through():
    own = np.arange(0, 60.1, 0.5)
    inside = own[(own >= 8) & (own <= 52)]
    measured = np.ones((inside.size, 1))
    error = 1e-3
    clean = rebuild_qfi(spectra(inside, measured, 0.0, 60.0, rest=False), error=error)
    rng = np.random.default_rng(4)
    noisy = [
        rebuild_qfi(
            spectra(inside, measured + 8 * math.sqrt(math.pi) * SIGMA * rng.normal(0, error, measured.shape), 0.0, 60.0,
                    rest=False)
        ).qfi - clean.qfi
        for _ in range(200)
    ]  # fmt: skip
    spread = np.std(noisy, axis=0)[:, 0]
    seen = np.isfinite(spread)
    np.testing.assert_allclose(spread[seen], clean.qfi_error[seen, 0], rtol=0.25)
    middle, end = float(clean.qfi_error[60, 0]), float(clean.qfi_error[seen, 0][-1])
    assert end > 3 * middle  # near the ends noise wins


def test_the_round_trip_of_a_real_run():
    """Correlators → S(k, ω, t) → f_Q against the direct f_Q, smoothed, while an electron passes."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=50, polarizer=(30, 31), analyzer=(36, 37)),
        source=pysv.WavePacket(center=10, momentum_spread=0.6),
        times=pysv.times(60, 0.5),
    ).echo_free()
    correlators = pysv.correlator(experiment, reach=16.5, progress=False)
    momenta = [math.pi / 6, math.pi / 2]
    found = rebuild_qfi(structure_factor(correlators, momenta, np.linspace(-4.1, 4.1, 411), SIGMA))
    own = experiment.times.values
    direct = smoothed_qfi(correlators, momenta, SIGMA).direct.values
    smoothed = 0.5 * low_pass(np.subtract.outer(own, own), SIGMA) @ direct  # f_Q is 0 before
    top = direct.max(axis=0)
    sure = own < 38
    assert (top > 0.3).all()
    assert (found.qfi_open.values[sure] < 2e-3 * top).all()
    np.testing.assert_array_less(np.abs(found.qfi.values - smoothed)[sure], np.broadcast_to(1e-3 * top, (sum(sure), 2)))


def test_the_filter_is_its_own_fourier_transform():
    frequency = np.linspace(0, CUTOFF / SIGMA, 40001)
    half = CUTOFF / (2 * SIGMA)
    passes = np.where(frequency < half, 1, np.cos(math.pi / 2 * (frequency - half) / half) ** 2)
    lags = np.array([0.0, 0.4, 1.7, math.pi / half, 2 * math.pi / half, 9.3])
    exact = [np.trapezoid(passes * np.cos(frequency * lag), frequency) / math.pi for lag in lags]
    np.testing.assert_allclose(low_pass(lags, SIGMA), exact, atol=1e-7)


@pytest.mark.parametrize(
    ("spins", "rests"),
    [
        (pysv.Antiparallel(), True),
        (pysv.Parallel(), True),
        (pysv.ProductState(polarizer=(0.3, 0.0)), False),
        (pysv.ProductState(polarizer=((0.0, 0.0), (math.pi, 0.0))), False),
        (pysv.Gibbs(temperature=100.0), False),
    ],
)
def test_which_spins_rest(spins, rests):
    device = pysv.SpinValve(sites=30, polarizer=(10, 11), analyzer=(15, 16))
    experiment = pysv.Experiment(device=device, source=pysv.WavePacket(center=5, momentum_spread=0.9), spins=spins)
    assert at_rest(experiment) is rests


def test_what_rests_needs_no_windows():
    """A pulse that begins before the run gives what a run with an earlier start gives."""
    source = pysv.WavePacket(center=60, momentum_spread=0.6)
    early = pysv.Experiment(
        device=pysv.SpinValve(sites=110, polarizer=(90, 90), analyzer=(94, 94)),
        source=source,
        times=pysv.times(28, 0.5),
    )
    late = pysv.Experiment(
        device=early.device, source=pysv.Amplitudes(values=moved(early, 4.0), spin="unpolarized"),
        times=pysv.times(24, 0.5),
    )  # fmt: skip
    omega = np.linspace(-3, 3, 61)
    one = structure_factor(pysv.correlator(early, progress=False), [1.0], omega, 1.0, np.arange(5.0, 23.0))
    other = structure_factor(pysv.correlator(late, progress=False), [1.0], omega, 1.0, np.arange(1.0, 19.0))
    assert float(one.max()) > 0.01
    np.testing.assert_allclose(other.values, one.values, atol=1e-6)


def moved(experiment, time):
    """Amplitudes of the free packet after some time."""
    from scipy.linalg import expm

    sites = np.arange(1, experiment.device.sites + 1)
    source = experiment.source
    packet = np.exp(1j * source.momentum * sites - (source.momentum_spread * (sites - source.center)) ** 2 / 4)
    hop = -experiment.device.hopping * (np.eye(sites.size, k=1) + np.eye(sites.size, k=-1))
    return expm(-1j * hop * time / 0.6582119569) @ packet


def test_too_little_is_refused():
    one = spectra(np.array([10.0]), [[1.0]], 0.0, 20.0, rest=False)
    with pytest.raises(InvalidInputError, match="known at fewer than two times; take a longer run"):
        rebuild_qfi(one)
    with pytest.raises(InvalidInputError, match="error = -1 must be at least 0"):
        rebuild_qfi(one, error=-1.0)
