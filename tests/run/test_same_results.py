"""The same run once more: with another number of threads, and after a stop. Every engine, on all that it serves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from conftest import FACTOR, NARROW, StopAfter, solve_within
from juliahome import needs_julia
from threadpoolctl import threadpool_limits

import pysv
from pysv.engines import methods
from pysv.engines.base import Engine, Method
from pysv.run import one_run

CHAIN = pysv.SpinValve(sites=14, polarizer=(7, 8), analyzer=(10, 10))
SHORT = pysv.SpinValve(sites=10, polarizer=(6, 6), analyzer=(8, 8))
PACKET = pysv.Experiment(
    device=CHAIN, source=pysv.WavePacket(center=4, momentum_spread=1.2), times=pysv.times(stop=3, step=0.5)
)
ASKED = {
    "packet": PACKET,
    "tilted": dataclasses.replace(PACKET, spins=pysv.ProductState(polarizer=(0.3, 1.0), analyzer=(2.0, 0.2))),
    "thermal": dataclasses.replace(PACKET, spins=pysv.Gibbs(temperature=300)),
    "bath": dataclasses.replace(PACKET, device=SHORT, bath=pysv.BosonicBath(temperature=300)),
    "two electrons": dataclasses.replace(
        PACKET, device=SHORT, source=pysv.ConfinedElectrons(electrons=2, confined_sites=4, allow_leak=True)
    ),
    "train": pysv.Experiment(
        device=dataclasses.replace(CHAIN, sites=40),
        source=pysv.Train(center=6, momentum_spread=1.2, pulses=6, interval=40.0),
    ),
}
"""One experiment of each kind that some engine serves and another may refuse."""

SERVED = [
    pytest.param(made(), name, id=f"{made.name}, {name}", marks=() if "python" in made.backends else needs_julia)
    for made in methods().values()
    for name, experiment in ASKED.items()
    if made().refused(experiment) is None
]
pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")


def assert_equal(one: xr.Dataset, other: xr.Dataset, tolerance: float) -> None:
    """No variable differs by more than the tolerance, relative to its largest number if that is above 1."""
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        scale = max(1.0, float(abs(one[name]).max()))
        np.testing.assert_allclose(other[name], one[name], atol=tolerance * scale, rtol=0, err_msg=str(name))


def prepares_several(method: Method, experiment: pysv.Experiment) -> bool:
    """Whether the engine computes several snapshots at once, so that a stop cuts its work elsewhere."""
    return type(method.begin(experiment, method.able()[0])).expect is not Engine.expect


def test_every_engine_has_a_run():
    assert {param.values[0].name for param in SERVED} == set(methods())


@pytest.mark.parametrize(("method", "name"), SERVED)
def test_one_thread_and_two(method, name, monkeypatch):
    """To 1e-13: threads share the work, and their sums may be rounded in another order."""
    found = []
    for threads in (1, 2):
        with monkeypatch.context() as patch, threadpool_limits(threads):
            patch.setattr("pysv.compute.thread_pool.largest", lambda count=threads: count)
            patch.setattr("pysv.compute.thread_pool.threads_for", lambda amplitudes, count=threads: count)
            found.append(pysv.solve(ASKED[name], engine=method, progress=False))
    assert_equal(*found, 1e-13)


@pytest.mark.parametrize(
    ("method", "name"),
    [one for one in SERVED if one.values[1] == "packet" and one.values[0].quantum and not one.marks],
)
def test_one_thread_and_two_on_tiles(method, name, monkeypatch):
    """The same for states that count as large, which all threads share."""
    found = []
    for threads in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr("pysv.compute.thread_pool.largest", lambda count=threads: count)
            patch.setattr("pysv.compute.thread_pool.threads_for", lambda amplitudes, count=threads: count)
            found.append(solve_within(FACTOR, ASKED[name], method, cut=NARROW))
    assert_equal(*found, 1e-13)


@pytest.mark.parametrize(("method", "name"), SERVED)
def test_stopped_twice_and_resumed(method, name, tmp_path, monkeypatch):
    """Bit for bit, or to 1e-12 where an engine computes several snapshots at once."""
    whole = pysv.solve(ASKED[name], engine=method, progress=False)
    path = tmp_path / "run.nc"
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(3))
        part = pysv.solve(ASKED[name], engine=method, progress=False, out=path)
        assert part.attrs["status"] == "interrupted"
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(2))
        assert pysv.resume(path, progress=False).time.size == part.time.size + 2
    data = pysv.resume(path, progress=False)
    assert data.attrs["status"] == "complete"
    assert_equal(whole, data, 1e-12 if prepares_several(method, ASKED[name]) else 0.0)
