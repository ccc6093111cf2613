"""Correlators, Python × Julia, on every engine that offers them in Julia."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import random_experiment
from juliahome import needs_julia, needs_tdmrg
from test_any_device import random_experiment as random_device_experiment

import pysv
from pysv.engines import methods

pytestmark = needs_julia

ALL = {"operators": ("z", "plus", "minus"), "momenta": (0.7,), "progress": False}
STATES = sorted(
    name for name, method in methods().items() if "julia" in method.backends and method.correlators == "states"
)
TIMES = pysv.times(stop=1, step=0.5)


def test_there_are_engines_to_compare():
    assert STATES


def both(experiment, engine):
    """The correlators of an engine in Julia, and those of `chebyshev` in Python."""
    return (
        pysv.correlator(experiment, engine=engine, backend="julia", **ALL),
        pysv.correlator(experiment, engine="chebyshev", backend="python", **ALL),
    )


@pytest.mark.parametrize("engine", STATES)
@pytest.mark.parametrize("seed", range(4))
def test_valves(engine, seed):
    """Random valves of spins 1/2, whose spins start collinear, tilted or thermal."""
    julia, python = both(random_experiment(seed, TIMES), engine)
    assert (julia.attrs["backend"], python.attrs["backend"]) == ("julia", "python")
    np.testing.assert_allclose(julia.operator_correlation, python.operator_correlation, atol=1e-10, rtol=0)
    np.testing.assert_allclose(julia.operator_mean, python.operator_mean, atol=1e-10, rtol=0)


@pytest.mark.parametrize("engine", STATES)
@pytest.mark.parametrize("seed", [1, 4])
def test_any_device(engine, seed):
    experiment = dataclasses.replace(random_device_experiment(seed), record=pysv.Record(), times=TIMES)
    julia, python = both(experiment, engine)
    np.testing.assert_allclose(julia.operator_correlation, python.operator_correlation, atol=1e-10, rtol=0)


@needs_tdmrg
@pytest.mark.parametrize("electrons", [1, 2])
def test_matrix_product_states(electrons):
    device = pysv.SpinValve(sites=8, polarizer=(4, 5), analyzer=(7, 7))
    packet = pysv.WavePacket(center=2, momentum_spread=2.0, spin="up", allow_truncation=True)
    confined = pysv.ConfinedElectrons(electrons=2, confined_sites=3, well=60.0, field=10.0)
    experiment = pysv.Experiment(device=device, source=packet if electrons == 1 else confined, times=TIMES)
    method = pysv.TDMRG(min_bond=1, discarded_weight=1e-14)
    python, julia = (
        pysv.correlator(experiment, engine=method, backend=backend, **ALL) for backend in ("python", "julia")
    )
    np.testing.assert_allclose(julia.operator_correlation, python.operator_correlation, atol=2e-6, rtol=0)
    np.testing.assert_allclose(julia.operator_mean, python.operator_mean, atol=2e-6, rtol=0)
