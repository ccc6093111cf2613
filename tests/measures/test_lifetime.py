"""Lifetimes and half-times of decays that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

import pysv
from pysv.errors import InvalidInputError

TIMES = np.arange(0.0, 151.0, 2.5)


def quantity(values, times=TIMES, **errors) -> xr.Dataset:
    data = xr.Dataset({"log_negativity": ("time", np.asarray(values, dtype=float))}, {"time": times})
    return data.assign({f"log_negativity_{name}": ("time", bars) for name, bars in errors.items()})


def rise_and_fall(tau: float, peak: float = 20.0) -> np.ndarray:
    """Zero, a rise to 0.1, and an exponential decay."""
    return 0.1 * np.where(peak > TIMES, TIMES / peak, np.exp(-(TIMES - peak) / tau))


@pytest.mark.parametrize("tau", [15.0, 63.0, 110.0])
def test_an_exponential_decay(tau):
    found = pysv.lifetime(quantity(rise_and_fall(tau)))
    assert found.begin == 20.0
    assert found.first == pytest.approx(0.1)
    assert found.observed == 130.0
    assert found.decay == pytest.approx(tau, rel=1e-6)
    assert found.decay_error < 1e-4 * tau
    assert not found.longer
    if found.half is not None:
        half = tau * math.log(2)
        # A chord over an interval h is above an exponential by at most (h/τ)²/8 of it, which delays the half-time.
        assert 0 <= found.half - half <= 1.01 * 2.5**2 / (8 * tau)
        assert found.half - half <= 2 * found.half_error + 1e-3


def test_a_slow_decay_is_longer_than_the_run():
    found = pysv.lifetime(quantity(rise_and_fall(900.0)))
    assert found.decay == pytest.approx(900, rel=1e-6)
    assert found.longer
    assert found.half is None
    assert str(found) == "lifetime longer than the run (> 130 fs; extrapolated 900.0 fs), half-time > 130 fs"


@pytest.mark.parametrize("values", [np.minimum(TIMES, 30.0), np.ones(TIMES.size), 1 + 1e-3 * TIMES])
def test_what_does_not_decay(values):
    found = pysv.lifetime(quantity(values), begin=30.0)
    assert found.decay == math.inf
    assert str(found) == "lifetime longer than the run (> 120 fs: no decay), half-time > 120 fs"


def test_a_sudden_end():
    """A linear fall to zero: the half-time is exact, and the error of τ says that this is no exponential."""
    found = pysv.lifetime(quantity(np.clip(1 - (TIMES - 10) / 80, 0, 1)))
    assert found.begin == 0.0  # the first of several equal values
    exact = pysv.lifetime(quantity(np.clip(1 - (TIMES - 10) / 80, 0, 1)), begin=10.0)
    assert exact.half == pytest.approx(40.0, abs=1e-9)
    assert exact.decay_error > 0.02 * exact.decay
    assert exact.decay < exact.observed


def test_a_fit_with_error_bars_covers_the_true_lifetime():
    """Of 300 noisy decays, as many as they should are within one and two errors; likewise for the half-time."""
    rng = np.random.default_rng(7)
    tau, bars = 60.0, np.full(TIMES.size, 0.03)
    found = [
        pysv.lifetime(quantity(np.exp(-TIMES / tau) + rng.normal(0, bars), error=bars), begin=0.0) for _ in range(300)
    ]
    deviations = np.array([(one.decay - tau) / one.decay_error for one in found])
    for within, share in ((1, 0.683), (2, 0.954)):
        assert abs(np.mean(np.abs(deviations) < within) - share) < 3.5 * math.sqrt(share * (1 - share) / 300)


def test_snapshots_without_a_value_are_passed_over():
    values = rise_and_fall(40.0)
    values[1::2] = np.nan
    found = pysv.lifetime(quantity(values))
    assert found.decay == pytest.approx(40, rel=1e-6)


def test_a_quantity_that_is_no_variable():
    data = quantity(rise_and_fall(40.0))
    assert pysv.lifetime(2 * data.log_negativity).decay == pytest.approx(40, rel=1e-6)


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (quantity(TIMES), {"variable": "spin"}, "the run holds no 'spin'; it holds log_negativity"),
        (quantity(TIMES), {}, "snapshots of log_negativity from its maximum or `begin` on: 1, where a lifetime needs at least 4"),
        (quantity(TIMES), {"begin": 900.0}, "snapshots of log_negativity from its maximum or `begin` on: 0"),
        (quantity(0 * TIMES), {}, "log_negativity is 0 at 0 fs, a lifetime needs a positive value; take another `begin`"),
        (
            xr.Dataset({"spin_z": (("time", "spin"), np.ones((61, 2)))}, {"time": TIMES}),
            {"variable": "spin_z"},
            "'spin_z' depends on time, spin, a lifetime is that of a quantity over time alone; select or average first",
        ),
    ],
)  # fmt: skip
def test_what_has_no_lifetime(data, options, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        pysv.lifetime(data, **options)


def test_the_fit_of_a_run():
    """Without electron and exchange, x baths flip a spin at a rate that is known: ⟨σ^z⟩ falls with 2Γ_0."""
    bath = pysv.BosonicBath(temperature=300)
    device = pysv.SpinValve(sites=40, polarizer=(20, 20), analyzer=(24, 24), sd_exchange=0.0)
    experiment = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=10, momentum_spread=0.6), bath=bath, times=pysv.times(60, 2)
    )
    with pytest.warns(pysv.errors.BathValidityWarning):
        data = pysv.solve(experiment, engine=pysv.LowRank(tolerance=1e-7), progress=False)
    found = pysv.lifetime(data.spin_z.isel(spin=0), "spin_z")
    # L = √(2π J(0)) σ^x with J(0) = Γ k_B T/ω_m; σ^x flips ⟨σ^z⟩, hence d⟨σ^z⟩/dt = −2 · 2π J(0) ⟨σ^z⟩/ħ.
    rate = 2 * 2 * math.pi * 0.0144 * 8.617333262e-5 * 300 / 0.6582119569
    assert found.decay == pytest.approx(1 / rate, rel=1e-5)
