"""Snapshots at times of one's own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import pysv
from pysv.engines import methods
from pysv.engines.base import Method
from pysv.errors import ExperimentFileError, InvalidInputError, ResumeError

LIST = (0.0, 0.3, 1.0, 1.05, 4.0)
SMALL = pysv.Experiment(
    device=pysv.SpinValve(sites=14, polarizer=(7, 7), analyzer=(9, 9)),
    source=pysv.WavePacket(center=4, momentum_spread=1.2, spin="down"),
    times=pysv.times(at=LIST),
)


def engines() -> list[Method]:
    """Each engine in Python that runs the closed experiment."""
    known = (method() for method in methods().values())
    return [method for method in known if "python" in method.backends and method.refused(SMALL) is None]


@pytest.mark.parametrize("method", engines(), ids=lambda method: method.name)
def test_every_engine_takes_a_list(method):
    """Every time of the list has the state that an even grid has there."""
    found = pysv.solve(SMALL, engine=method, progress=False)
    np.testing.assert_array_equal(found.time, LIST)
    even = pysv.solve(dataclasses.replace(SMALL, times=pysv.times(4.0, 0.05)), engine=method, progress=False)
    tolerance = {"qutip": 1e-5, "rk4": 1e-4, "tdmrg": 1e-3}.get(method.name, 1e-7)
    for name in ("spin_z", "electron_density"):
        np.testing.assert_allclose(found[name], even[name].sel(time=list(LIST), method="nearest"), atol=tolerance)


def test_a_short_step_before_a_very_long_one():
    """One expansion must not serve two snapshots that are far apart."""
    found = pysv.solve(dataclasses.replace(SMALL, times=pysv.times(at=[0.1, 600.0])), progress=False)
    alone = pysv.solve(dataclasses.replace(SMALL, times=pysv.times(600.0, 300.0)), progress=False)
    np.testing.assert_allclose(found.spin_z[1], alone.spin_z[2], atol=1e-8)
    assert found.norm.size == 2


def test_a_list_in_a_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[evolution]\nat = [0, 2.5, 10]\n")
    asked = pysv.read(path).experiment
    assert asked.times == pysv.times(at=[0, 2.5, 10])
    assert asked.times.count == 3
    assert pysv.config.loads(pysv.config.dumps(asked)).experiment == asked
    for text, sentence in (
        ("at = [0, 2, 2]", r"\[evolution\] at\[2\] = 2 fs must be later than the time before, 2 fs"),
        ("at = [0, 2]\nstop = 60.0", "stop would be ignored beside the list at"),
        ("at = [-1, 2]", r"at\[0\] = -1 must be at least 0"),
        ("at = [0]", "must go beyond 0 fs"),
        ("at = 3", "must be a list of times"),
    ):
        path.write_text(f"[evolution]\n{text}\n")
        with pytest.raises(ExperimentFileError, match=sentence):
            pysv.read(path)


def test_a_list_is_resumed(tmp_path):
    path = tmp_path / "r.nc"
    whole = pysv.solve(SMALL, progress=False)
    short = dataclasses.replace(SMALL, times=pysv.times(at=LIST[:3]))
    pysv.solve(short, progress=False, out=path)
    with pytest.raises(InvalidInputError, match=r"stop = 4 fs is not among the times of the run"):
        pysv.resume(path, stop=4.0, progress=False)
    other = dataclasses.replace(SMALL, times=pysv.times(at=(0.0, 0.3, 1.2, 4.0)))
    with pytest.raises(ResumeError, match="not the first ones"):
        pysv.resume(path, experiment=other, progress=False)
    found = pysv.resume(path, experiment=SMALL, progress=False)
    np.testing.assert_array_equal(found.time, LIST)
    np.testing.assert_allclose(found.spin_z, whole.spin_z, atol=1e-12)


def test_pulses_of_a_train_at_some_times():
    train = pysv.Train(center=4, momentum_spread=1.2, pulses=4, interval=30.0)
    found = pysv.solve(dataclasses.replace(SMALL, source=train, times=pysv.times(at=[0, 30, 120])), progress=False)
    every = pysv.solve(dataclasses.replace(SMALL, source=train, times=pysv.times(120, 30)), progress=False)
    np.testing.assert_allclose(found.spin_z, every.spin_z[[0, 1, 4]], atol=1e-12)
    with pytest.raises(InvalidInputError, match="at = 45 fs must be a whole number of intervals of 30 fs"):
        dataclasses.replace(SMALL, source=train, times=pysv.times(at=[0, 45]))
