"""Runs in batches that go on: until a later time, with more trajectories, after a signal and after kill −9."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.engines._trajectories import trajectory_seeds
from pysv.errors import DaskUnavailableError, InvalidInputError, ResumeError
from pysv.results.destination import OwnFile
from pysv.run import batches, tasks
from pysv.run.plan import planned
from pysv.run.recorder import Recorder

pytestmark = [
    pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning"),
    pytest.mark.filterwarnings("ignore::pysv.errors.TargetErrorWarning"),
]
ROOT = Path(__file__).parents[2]
PACKET = pysv.WavePacket(center=4, momentum_spread=1.2)
TINY = pysv.Experiment(
    device=pysv.SpinValve(sites=12, polarizer=(6, 6), analyzer=(9, 9)),
    source=PACKET,
    bath=pysv.BosonicBath(temperature=300, strength=0.3),
    times=pysv.times(stop=4, step=1),
)
THERMAL = dataclasses.replace(
    TINY,
    device=pysv.SpinValve(sites=14, polarizer=(6, 7), analyzer=(10, 11)),
    bath=None,
    spins=pysv.Gibbs(temperature=300, pinning=0.02),
)
SAMPLE = pysv.Trajectories(ntraj=12, seeds=5)  # three batches of 4
MANY = pysv.Trajectories(ntraj=600, seeds=3, target_error=0.0125)  # reached by ten batches at 1 fs, by more at 2 fs


def until(experiment, stop):
    return dataclasses.replace(experiment, times=experiment.times.until(stop))


def in_batches(experiment, method, path=None, **options):
    """What `solve` does where a cluster or a target error asks for batches."""
    own = None if path is None else OwnFile(path)
    return batches.solve_in_batches(experiment, method, "python", progress=False, own=own, **options)


def assert_equal(one, other, tolerance=0.0):
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_allclose(one[name], other[name], rtol=0, atol=tolerance, err_msg=str(name))
    for name in ("seeds", "experiment", "status", "left_out", "warnings"):
        assert one.attrs[name] == other.attrs[name], name
    for name in ("ntraj", "batches", "target_error_reached"):
        assert one.attrs.get(name) == other.attrs.get(name), name


@pytest.fixture
def computed(monkeypatch):
    """Labels of the batches that are computed, in full or in part."""
    compute, labels = tasks.Task.compute, []
    monkeypatch.setattr(tasks.Task, "compute", lambda task: labels.append(task.label) or compute(task))
    return labels


@pytest.mark.parametrize(
    ("experiment", "method", "tolerance"),
    [
        (TINY, SAMPLE, 0.0),
        (until(TINY, 2), MANY, 0.0),
        (TINY, pysv.QuTiP(solver="mcsolve", ntraj=8, seeds=3, target_error=1e-6, atol=1e-6, rtol=1e-4), 0.0),
        (THERMAL, pysv.Chebyshev(), 1e-12),  # a stop cuts its work elsewhere
        (THERMAL, pysv.RK4(), 0.0),
    ],
    ids=["trajectories", "target error", "mcsolve", "thermal chebyshev", "thermal rk4"],
)
def test_extended_equals_a_run_made_at_once(experiment, method, tolerance, tmp_path):
    path, stop = tmp_path / "run.nc", experiment.times.stop
    first = in_batches(until(experiment, stop / 2), method, path)
    assert sorted(os.listdir(tmp_path)) == ["run.nc", "run.nc.parts"]
    assert len(os.listdir(tmp_path / "run.nc.parts")) == first.attrs["batches"]
    data = pysv.resume(path, stop=stop, progress=False)
    assert_equal(data, in_batches(experiment, method), tolerance)
    assert (data.attrs["batches"] > first.attrs["batches"]) == (method is MANY)
    assert_equal(pysv.load(path), data)
    assert float(data.attrs["wall_time"]) > float(first.attrs["wall_time"])


def test_extended_on_a_cluster(tmp_path):
    """Batches go to the workers with their states, and come back with them."""
    path, other = tmp_path / "run.nc", tmp_path / "other.nc"
    in_batches(until(TINY, 1), SAMPLE, path, dask="local:1")
    shutil.copytree(tmp_path / "run.nc.parts", tmp_path / "other.nc.parts")
    shutil.copy(path, other)
    there = pysv.resume(path, stop=4, progress=False, dask="local:1")
    here = pysv.resume(other, stop=4, progress=False)
    whole = in_batches(TINY, SAMPLE)
    assert_equal(there, whole)
    assert_equal(here, whole)
    assert there.attrs["wall_time"] > 0
    # The state came back, too: from 4 fs on nothing is computed twice.
    advanced = pysv.load(tmp_path / "run.nc.parts" / "0002.nc")
    assert advanced.time.values.tolist() == [0, 1, 2, 3, 4]


def test_a_batch_is_not_computed_from_the_start(tmp_path, monkeypatch):
    path, heard, usual = tmp_path / "run.nc", [], Recorder.heard
    in_batches(until(TINY, 2), SAMPLE, path)
    monkeypatch.setattr(
        Recorder, "heard", lambda self, index, snapshot: (heard.append(index), usual(self, index, snapshot))
    )
    pysv.resume(path, stop=4, progress=False)
    assert heard == 3 * [3, 4]


@pytest.mark.parametrize("ntraj", [12, 13], ids=["even", "odd"])
def test_more_trajectories(ntraj, tmp_path, computed):
    """Batches that are there stay, but for a last one of an odd number, after which the spins would be out of turn."""
    path = tmp_path / "run.nc"
    in_batches(TINY, dataclasses.replace(SAMPLE, ntraj=ntraj), path)
    computed.clear()
    data = pysv.resume(path, ntraj=20, progress=False)
    more = [] if ntraj == 12 else ["trajectories 9 to 12"]
    assert computed == [*more, "trajectories 13 to 16", "trajectories 17 to 20"]
    assert_equal(data, in_batches(TINY, dataclasses.replace(SAMPLE, ntraj=20)))
    assert json.loads(data.attrs["seeds"]) == list(trajectory_seeds(20, 5))


def test_more_trajectories_in_larger_batches(tmp_path):
    """Batches of 4, then of 6: the same trajectories, summed in another order, and other groups for the errors."""
    path = tmp_path / "run.nc"
    in_batches(until(TINY, 2), SAMPLE, path)
    data = pysv.resume(path, ntraj=60, progress=False)
    whole = in_batches(until(TINY, 2), dataclasses.replace(SAMPLE, ntraj=60))
    assert (data.attrs["batches"], whole.attrs["batches"]) == (11, 10)
    for name in whole.data_vars:
        if not name.endswith(("_error", "_bias")):
            np.testing.assert_allclose(data[name], whole[name], rtol=0, atol=1e-12, err_msg=str(name))


def test_more_seeds_and_a_later_time_at_once(tmp_path):
    """Seeds that are listed are given again, with further ones."""
    path, seeds = tmp_path / "run.nc", tuple(range(100, 116))
    in_batches(until(TINY, 2), pysv.Trajectories(ntraj=8, seeds=seeds[:8]), path)
    longer = pysv.Trajectories(ntraj=16, seeds=seeds)
    with pytest.raises(InvalidInputError, match="seeds lists 8 numbers for ntraj = 16 trajectories; give one for each"):
        pysv.resume(path, ntraj=16, progress=False)
    with pytest.raises(ResumeError, match="has other seeds; give the same ones, to which more may be added"):
        pysv.resume(path, engine=dataclasses.replace(longer, seeds=seeds[::-1]), progress=False)
    assert_equal(pysv.resume(path, stop=4, engine=longer, progress=False), in_batches(TINY, longer))


def test_a_smaller_target_error(tmp_path, computed):
    path = tmp_path / "run.nc"
    used = in_batches(until(TINY, 1), MANY, path).attrs["batches"]
    computed.clear()
    data = pysv.resume(path, target_error=0.007, progress=False)
    assert len(computed) == data.attrs["batches"] - used > 0
    assert data.attrs["target_error_reached"] <= 0.007
    assert_equal(data, in_batches(until(TINY, 1), dataclasses.replace(MANY, target_error=0.007)))
    computed.clear()
    assert_equal(pysv.resume(path, target_error=0.007, progress=False), data)
    assert computed == []


def test_a_target_for_a_run_without_one_keeps_all_that_there_is(tmp_path):
    path = tmp_path / "run.nc"
    in_batches(until(TINY, 1), dataclasses.replace(SAMPLE, ntraj=60), path)  # ten batches of 6
    data = pysv.resume(path, target_error=0.5, ntraj=200, progress=False)
    assert data.attrs["ntraj"] == 60
    assert data.attrs["target_error_reached"] < 0.5


KILLED = """
import os, signal, sys, warnings
import pysv, pysv.run.checkpoint
from pysv.run.recorder import Recorder
sys.path.insert(0, {tests!r})
warnings.simplefilter("ignore")
from test_longer_batches import *
pysv.run.checkpoint.SHARE = 1e9
usual, heard = Recorder.heard, []
def killing(self, index, snapshot):
    heard.append(index)
    if len(heard) == {count}:
        os.kill(os.getpid(), signal.SIGKILL)
    usual(self, index, snapshot)
Recorder.heard = killing
{command}
"""


def killed(count, command, folder):
    """Run a command in a process of its own that kills itself at one of its snapshots."""
    code = KILLED.format(tests=str(Path(__file__).parent), count=count, command=textwrap.dedent(command))
    own = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=own, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_killed_in_the_middle_of_a_batch(tmp_path, monkeypatch):
    """The first time, and once more while it is extended; every checkpoint counts."""
    path, parts = tmp_path / "run.nc", tmp_path / "run.nc.parts"
    start = "in_batches(until(TINY, 3), SAMPLE, Path('run.nc').resolve(), checkpoint_every=0.0)"
    killed(7, start, tmp_path)  # the third snapshot of the second batch
    assert not path.exists()
    assert pysv.load(parts / "0001.nc").time.values.tolist() == [0, 1]
    heard, usual = [], Recorder.heard
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "heard", lambda self, n, one: (heard.append(n), usual(self, n, one)))
        data = pysv.resume(path, progress=False)
    assert heard == [2, 3, 0, 1, 2, 3]
    assert_equal(data, in_batches(until(TINY, 3), SAMPLE))
    further = "pysv.resume('run.nc', stop=9, progress=False, checkpoint_every=0.0)"
    killed(9, further, tmp_path)
    assert pysv.load(path).time[-1] == 3
    assert pysv.load(parts / "0001.nc").time[-1] == 5
    with pytest.raises(ResumeError, match=r"run.nc: is under way to 9 fs already; give a later --stop"):
        pysv.resume(path, stop=4, progress=False)
    assert_equal(pysv.resume(path, progress=False), in_batches(until(TINY, 9), SAMPLE))
    assert sorted(os.listdir(parts)) == ["0000.nc", "0001.nc", "0002.nc"]


def test_killed_in_a_point_of_a_sweep(tmp_path, monkeypatch):
    """A point goes on from its checkpoint, one with batches from the checkpoint of its batch."""
    grid = {"bath.temperature": [100.0, 300.0]}
    for method, snapshots, point in [
        (SAMPLE, 5 + 3, "bath.temperature=300.nc"),
        (dataclasses.replace(SAMPLE, target_error=1e-9), 5 * 3 + 5 + 3, "bath.temperature=300.nc.parts/0001.nc"),
    ]:
        folder = tmp_path / f"{snapshots}"
        with monkeypatch.context() as patch:
            whole = pysv.sweep(TINY, grid, engine=method, progress=False)
        command = f"""
            for name in ("solve", "resume"):
                import pysv.run.sweep as sweep
                from functools import partial
                setattr(sweep, name, partial(getattr(sweep, name), checkpoint_every=0.0))
            pysv.sweep(TINY, {grid}, engine={method!r}, out={str(folder)!r}, progress=False)
        """.replace("Trajectories(", "pysv.Trajectories(")
        killed(snapshots, command, tmp_path)
        assert pysv.load(folder / point).time.values.tolist() == [0, 1]
        heard, usual = [], Recorder.heard
        with monkeypatch.context() as patch:
            patch.setattr(
                Recorder, "heard", lambda self, n, one, heard=heard, usual=usual: (heard.append(n), usual(self, n, one))
            )
            done = pysv.sweep(TINY, grid, engine=method, progress=False, out=folder)
        assert heard[:3] == [2, 3, 4]
        for one, other in zip(done.points, whole.points, strict=True):
            assert_equal(one.data, other.data)
        extended = pysv.resume(folder / "bath.temperature=100.nc", stop=5, progress=False)
        assert extended.time[-1] == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_in_the_middle_of_a_batch(number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text(pysv.config.dumps(TINY, dataclasses.replace(SAMPLE, target_error=1e-9)))
    usual, heard = Recorder.heard, []

    def signalled(self, index, snapshot):
        usual(self, index, snapshot)
        heard.append(index)
        if len(heard) == 7:
            signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "heard", signalled)
        assert main(["run", "run.toml", "--quiet"]) == 130
    assert "`pysv resume run.nc` goes on with the batches that are missing" in capsys.readouterr().err
    assert heard == [0, 1, 2, 3, 4, 0, 1]
    assert pysv.load("run.nc.parts/0001.nc").attrs["status"] == "interrupted"
    assert main(["resume", "run.nc", "--quiet"]) == 0
    assert "run.nc: complete, 4 fs, 5 snapshots" in capsys.readouterr().out
    whole = pysv.solve(TINY, engine=dataclasses.replace(SAMPLE, target_error=1e-9), progress=False)
    assert_equal(pysv.load("run.nc"), whole)
    assert main(["resume", "run.nc", "--quiet", "--stop", "5", "--ntraj", "20", "--target-error", "0"]) == 0
    assert_equal(pysv.load("run.nc"), in_batches(until(TINY, 5), dataclasses.replace(SAMPLE, ntraj=20)))


def test_what_is_refused(tmp_path):
    path = tmp_path / "run.nc"
    short = until(TINY, 2)
    in_batches(short, SAMPLE, path)
    with_target = tmp_path / "target.nc"
    in_batches(short, dataclasses.replace(SAMPLE, target_error=1e-3), with_target)
    for given, sentence in [
        ({"ntraj": 8}, "run.nc: has 12 trajectories already, more than ntraj = 8; give a larger one"),
        ({"stop": 1}, "run.nc: reaches 2 fs already; give a later --stop to extend it"),
        ({"experiment": dataclasses.replace(short, times=pysv.times(stop=4, step=0.5))}, "run.nc: its times are not the first ones of the experiment; they must be the same"),
        ({"engine": "chebyshev"}, "run.nc: was made with Trajectories("),
        ({"engine": pysv.Trajectories(ntraj=20, seeds=5, tolerance=1e-3)}, "run.nc: was made with Trajectories("),
        ({"experiment": dataclasses.replace(short, source=dataclasses.replace(PACKET, center=5))}, "run.nc: was made by another experiment"),
        ({"observables": {"mine": lambda rho: 1.0}}, "run.nc: was started with the functions none as observables"),
    ]:  # fmt: skip
        with pytest.raises((ResumeError, InvalidInputError), match=re.escape(sentence)):
            pysv.resume(path, progress=False, **given)
    with pytest.raises(
        ResumeError, match=r"was run with target_error = 0.001 already, less than 0.1; give a smaller one"
    ):
        pysv.resume(with_target, target_error=0.1, progress=False)
    shutil.rmtree(tmp_path / "run.nc.parts")
    sentence = "run.nc: the states of its batches are not in the folder .*run.nc.parts; put the folder back beside the file, or run again and keep the batches"
    for given in ({"stop": 3}, {"ntraj": 20}):
        with pytest.raises(ResumeError, match=sentence):
            pysv.resume(path, progress=False, **given)
    assert pysv.resume(path, progress=False).attrs["ntraj"] == 12  # it is complete


def test_single_and_merged_runs_are_told_apart(tmp_path):
    short = dataclasses.replace(until(TINY, 1), record=pysv.Record(density_matrix=True))
    path = tmp_path / "one.nc"
    runs = [
        pysv.solve(short, engine=pysv.Trajectories(ntraj=4, seeds=n), progress=False, out=tmp_path / f"{name}.nc")
        for n, name in ((1, "one"), (2, "two"))
    ]
    for given in ({"ntraj": 8}, {"target_error": 0.1}, {"dask": "local"}):
        with pytest.raises(
            ResumeError,
            match=f"one.nc: was not computed in batches, so that {next(iter(given))} would be ignored; leave it out, or run further trajectories with other seeds",
        ):
            pysv.resume(path, progress=False, **given)
    merged = pysv.save(pysv.merge(*runs), tmp_path / "merged.nc")
    with pytest.raises(
        ResumeError,
        match="merged.nc: was merged from several runs and holds no state; resume each of them, and merge them again",
    ):
        pysv.resume(merged, stop=2, progress=False)
    thermal = tmp_path / "thermal.nc"
    in_batches(until(THERMAL, 1), pysv.Chebyshev(), thermal)
    with pytest.raises(
        InvalidInputError, match="thermal.nc: ntraj would be ignored, because the run has no random trajectories"
    ):
        pysv.resume(thermal, ntraj=8, progress=False)


def test_batches_that_are_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("run.toml").write_text(pysv.config.dumps(until(TINY, 1), dataclasses.replace(SAMPLE, target_error=1e-9)))
    assert main(["run", "run.toml", "--quiet", "--drop-batches"]) == 0
    assert sorted(os.listdir()) == ["run.nc", "run.toml"]
    assert main(["resume", "run.nc", "--stop", "2", "--quiet"]) == 2
    assert "the states of its batches are not in the folder" in capsys.readouterr().err.splitlines()[-1]
    for engine, out in ((SAMPLE, "a.nc"), (dataclasses.replace(SAMPLE, target_error=0.1), None)):
        with pytest.raises(InvalidInputError, match="keep_batches = False would be ignored"):
            pysv.solve(TINY, engine=engine, out=out, keep_batches=False, progress=False)
    assert sorted(os.listdir()) == ["run.nc", "run.toml"]


def test_force_begins_anew_where_a_run_is_complete(tmp_path, computed):
    """Batches of another run under that name are no obstacle then; those of an interrupted run are used."""
    path = tmp_path / "run.nc"
    method = dataclasses.replace(SAMPLE, target_error=1e-9)
    for seeds in (5, 5, 6):
        computed.clear()
        data = pysv.solve(
            until(TINY, 1), engine=dataclasses.replace(method, seeds=seeds), out=path, overwrite=True, progress=False
        )
        assert len(computed) == 3
    assert json.loads(data.attrs["seeds"]) == list(trajectory_seeds(12, 6))
    shutil.copy(path, tmp_path / "kept.nc")
    with pytest.raises(DaskUnavailableError):
        pysv.solve(until(TINY, 1), engine=method, out=path, overwrite=True, progress=False, dask="tcp://127.0.0.1:9")
    assert pysv.resume(path, stop=2, progress=False).time[-1] == 2  # the cluster was not there, the batches are


def test_batches_of_another_run_are_not_mixed_in(tmp_path):
    one, other = tmp_path / "one.nc", tmp_path / "other.nc"
    in_batches(until(TINY, 1), SAMPLE, one)
    in_batches(until(TINY, 1), dataclasses.replace(SAMPLE, seeds=6), other)
    shutil.rmtree(tmp_path / "one.nc.parts")
    shutil.move(tmp_path / "other.nc.parts", tmp_path / "one.nc.parts")
    with pytest.raises(ResumeError, match="the states of its batches are not in the folder"):
        pysv.resume(one, stop=2, progress=False)


def test_a_damaged_batch_is_computed_again(tmp_path):
    path = tmp_path / "run.nc"
    in_batches(until(TINY, 1), SAMPLE, path)
    batch = tmp_path / "run.nc.parts" / "0001.nc"
    batch.write_bytes(batch.read_bytes()[:-100])
    assert_equal(pysv.resume(path, stop=2, progress=False), in_batches(until(TINY, 2), SAMPLE))


def test_the_room_that_batches_take(tmp_path):
    for experiment, method in ((TINY, SAMPLE), (THERMAL, pysv.Chebyshev())):
        path = tmp_path / f"{method.name}.nc"
        longer = dataclasses.replace(
            experiment, times=pysv.times(stop=4, step=0.02)
        )  # so that the record is most of it
        in_batches(longer, method, path)
        taken = sum(own.stat().st_size for own in (tmp_path / f"{method.name}.nc.parts").iterdir())
        said = pysv.estimate(longer, method)
        assert 0.8 < said.batches / taken < 1.5
        assert "on disk, with target_error or --dask" in str(said)
    assert pysv.estimate(TINY, pysv.LowRank()).batches == 0
    assert "batches " not in str(pysv.estimate(TINY, pysv.LowRank()))


def test_results_from_files_do_not_fill_the_memory(tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    whole = in_batches(until(TINY, 1), SAMPLE, path)
    monkeypatch.setattr(tasks, "HELD", 0)
    assert_equal(in_batches(until(TINY, 1), SAMPLE, path), whole)


def test_batches_that_are_there_come_first():
    """The rest is cut as it would have been."""
    labels = [batch.label for batch in planned(TINY, dataclasses.replace(SAMPLE, ntraj=60), (4, 4))]
    assert labels[:4] == [f"trajectories {a} to {b}" for a, b in ((1, 4), (5, 8), (9, 14), (15, 20))]
    seeds = [
        seed for batch in planned(TINY, dataclasses.replace(SAMPLE, ntraj=61), (4, 4)) for seed in batch.method.seeds
    ]
    assert seeds == list(trajectory_seeds(61, 5))
