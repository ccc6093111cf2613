"""Correlators beyond the run against correlators of a longer one."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import pysv
from pysv.errors import EngineError, InvalidInputError
from pysv.probes.afterwards import long_correlator
from pysv.probes.structure import connected

EXPERIMENT = pysv.Experiment(
    device=pysv.SpinValve(sites=60, polarizer=(20, 21), analyzer=(24, 25), sd_exchange=0.4),
    source=pysv.WavePacket(center=9, momentum_spread=0.8),
    times=pysv.times(60, 1.0),
).echo_free()
MOMENTA = [math.pi / 6, math.pi / 2]


@pytest.mark.parametrize("spin", ["unpolarized", "down"])
def test_against_a_longer_run(spin):
    """The electron has left after 40 fs but for a thousandth; until then both are the same."""
    experiment = dataclasses.replace(EXPERIMENT, source=dataclasses.replace(EXPERIMENT.source, spin=spin))
    exact = connected(pysv.correlator(experiment, progress=False), MOMENTA)
    short = dataclasses.replace(experiment, times=pysv.times(40, 1.0))
    found = long_correlator(short, MOMENTA, stop=60, progress=False)
    assert found.shape == (2, 61, 61)
    np.testing.assert_allclose(found[:, :41, :41], exact[:, :41, :41], atol=1e-10)
    np.testing.assert_allclose(found, exact, atol=2e-3)
    assert float(abs(found[:, 45:, 20]).max()) > 0.1
    np.testing.assert_allclose(found.values, found.values.conj().transpose(0, 2, 1), atol=1e-12)
    assert found.attrs.items() >= exact.attrs.items()


def test_without_coupling_it_is_exact():
    """A layer that the electron does not feel."""
    device = dataclasses.replace(EXPERIMENT.device, sd_exchange=0.0)
    experiment = dataclasses.replace(EXPERIMENT, device=device, spins=pysv.Bell(pair=(1, 3)), times=pysv.times(20, 1.0))
    exact = connected(pysv.correlator(experiment, progress=False), MOMENTA)
    short = dataclasses.replace(experiment, times=pysv.times(4, 1.0))
    found = long_correlator(short, MOMENTA, stop=20, progress=False)
    assert float(abs(np.diff(found[0, 5:, 2])).max()) > 0.01
    np.testing.assert_allclose(found, exact, atol=1e-9)


def test_what_it_does_not_serve():
    tilted = dataclasses.replace(EXPERIMENT, spins=pysv.ProductState(polarizer=(0.3, 0.0)))
    with pytest.raises(EngineError, match="spins of definite"):
        long_correlator(tilted, MOMENTA, stop=80, progress=False)
    with pytest.raises(InvalidInputError, match="stop = 30 must be at least 60"):
        long_correlator(EXPERIMENT, MOMENTA, stop=30, progress=False)
    listed = dataclasses.replace(EXPERIMENT, times=pysv.times(at=[0, 1, 3]))
    with pytest.raises(InvalidInputError, match="equally spaced"):
        long_correlator(listed, MOMENTA, stop=80, progress=False)
