"""What may happen to a result file during a run, and what a run goes on from: nothing is lost, nothing is wrong."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from conftest import StopAfter

import pysv
from pysv import config
from pysv.cli import main
from pysv.errors import (
    InvalidInputError,
    InvariantError,
    OtherPlaceWarning,
    ResultFileError,
    ResumeError,
    UnsavedResultError,
)
from pysv.results import files
from pysv.results.destination import OwnFile, whole_file
from pysv.results.stream import Stream
from pysv.run import checkpoint, one_run
from pysv.run.invariants import Watch
from pysv.run.recorder import Recorder

DATA = Path(__file__).parents[1] / "data" / "0.1.0"


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    xr.testing.assert_allclose(one.drop_attrs(), other.drop_attrs(), rtol=0, atol=1e-12)


def at_snapshot(monkeypatch, number, action):
    """Have something happen when a run records one of its snapshots."""
    usual = Recorder.heard

    def heard(self, index, snapshot):
        usual(self, index, snapshot)
        if index == number:
            action()

    monkeypatch.setattr(Recorder, "heard", heard)


def interrupted(experiment, path, count, monkeypatch, **options):
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(count))
        return pysv.solve(experiment, progress=False, out=path, **options)


HOLDER = """
import sys, time
from pathlib import Path
from pysv.results.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_writers_of_one_file(small, tmp_path):
    """The second is told of the first; a killed process holds nothing."""
    path = tmp_path / "run.nc"
    whole = pysv.solve(small, progress=False, out=path)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        sentence = rf"run\.nc: process {process.pid} on \S+ writes it; wait for it, or name another file"
        with pytest.raises(ResultFileError, match=sentence):
            pysv.solve(small, progress=False, out=path, overwrite=True)
        with pytest.raises(ResultFileError, match=sentence):
            pysv.resume(path, stop=8, progress=False)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert (tmp_path / ".run.nc.lock").exists()
    assert_same(pysv.resume(path, stop=8, progress=False).isel(time=slice(13)), whole)
    assert os.listdir(tmp_path) == ["run.nc"]


def test_two_runs_of_one_process(small, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    caught = []

    def another():
        with pytest.raises(ResultFileError, match=rf"run\.nc: process {os.getpid()} on .* writes it"):
            pysv.solve(small, progress=False, out=path, overwrite=True)
        caught.append(True)

    at_snapshot(monkeypatch, 3, another)
    pysv.solve(small, progress=False, out=path)
    assert caught == [True]


@pytest.mark.parametrize("written", [False, True], ids=["before the first write", "after it"])
def test_a_file_that_appears_during_a_run_stays(small, tmp_path, monkeypatch, written):
    path = tmp_path / "run.nc"

    def appears():
        if written:
            path.unlink()
        path.write_text("precious")

    at_snapshot(monkeypatch, 3, appears)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    with pytest.warns(OtherPlaceWarning, match=r"run\.nc: another file has appeared there; the result is in .*run-2\."):
        data = pysv.solve(small, progress=False, out=path, checkpoint_every=0.0 if written else 1e6)
    assert path.read_text() == "precious"
    assert data.encoding["source"] == str(tmp_path / "run-2.nc")
    assert pysv.resume(tmp_path / "run-2.nc", stop=7, progress=False).attrs["status"] == "complete"


def test_the_command_line_says_where_the_result_is(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    at_snapshot(monkeypatch, 3, lambda: Path("run.nc").write_text("precious"))
    assert main(["run", "small.toml", "--out", "run.nc", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("run-2.nc: complete")


def test_a_file_that_is_deleted_during_a_run_is_written_again(small, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    at_snapshot(monkeypatch, 3, path.unlink)
    pysv.solve(small, progress=False, out=path, checkpoint_every=0.0)
    assert pysv.load(path).time.size == small.times.count


def full_in(folder, monkeypatch, times=10**9):
    """Have a disk without room for the next files of a folder."""
    usual, failed = Stream._put, []

    def put(self, data, place):
        if Path(self._file.name).parent == folder and len(failed) < times:
            failed.append(place)
            raise OSError(28, "No space left on device")
        return usual(self, data, place)

    monkeypatch.setattr(Stream, "_put", put)


def test_a_disk_that_is_full_for_a_while_does_not_end_the_run(small, tmp_path, monkeypatch, capsys):
    path = tmp_path / "run.nc"
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    full_in(tmp_path, monkeypatch, times=3)
    data = pysv.solve(small, progress=False, out=path, checkpoint_every=0.0)
    said = capsys.readouterr().err
    assert said.count("cannot be written (No space left on device); the run goes on and tries again") == 1
    xr.testing.assert_identical(pysv.load(path), data)
    assert os.listdir(tmp_path) == ["run.nc"]


def test_a_disk_that_is_full_at_the_end_does_not_cost_the_result(small, tmp_path, monkeypatch):
    path, other = tmp_path / "run.nc", tmp_path / "other"
    other.mkdir()
    interrupted(small, path, 5, monkeypatch)
    monkeypatch.setattr(checkpoint, "refuges", lambda folder: [other])
    full_in(tmp_path, monkeypatch)
    before = path.read_bytes()
    with pytest.warns(OtherPlaceWarning, match=r"No space left on device\); the result is in .*other.run\.nc"):
        data = pysv.resume(path, progress=False)
    assert path.read_bytes() == before
    xr.testing.assert_identical(pysv.load(other / "run.nc"), data)
    assert pysv.resume(other / "run.nc", stop=7, progress=False).attrs["status"] == "complete"
    assert sorted(os.listdir(tmp_path)) == ["other", "run.nc"]


@contextlib.contextmanager
def file_size(most):
    """No file may become larger: the system refuses the write, as on a full disk."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@pytest.mark.parametrize("most", [0, 100, 3000, 20_000, 40_000])
def test_hdf5_survives_a_write_that_fails_anywhere(small, tmp_path, most):
    path = tmp_path / "run.nc"
    with file_size(most), pytest.raises(UnsavedResultError, match="the result is in memory only") as caught:
        pysv.solve(small, progress=False, out=path)
    assert os.listdir(tmp_path) == []
    assert_same(caught.value.data, pysv.solve(small, progress=False))
    assert pysv.load(pysv.save(caught.value.data, path)).attrs["status"] == "complete"


def test_the_room_asked_for_is_enough(small, tmp_path):
    """Never less than the file takes, and not much more."""
    for name, experiment in {
        "small": small,
        "matrix": dataclasses.replace(small, record=pysv.Record(density_matrix=True)),
        "long": dataclasses.replace(small, times=pysv.times(stop=300, step=0.5)),
    }.items():
        path = tmp_path / f"{name}.nc"
        pysv.solve(experiment, progress=False, out=path)
        stored, state = files.split_complex(pysv.load(path)), files.load_state(path)
        assert path.stat().st_size <= files._needed(stored, state) <= 1.5 * path.stat().st_size + 65_536


@pytest.mark.parametrize(
    "shape", [(1,), (7,), (10**7,), (601, 201), (1, 12870, 201), (3, 5, 7), (100, 256, 256), (2, 2, 10**6, 3)]
)
def test_chunks_hold_the_array_with_little_room_to_spare(shape):
    chunks = files._chunks(shape, 16)
    assert np.prod(chunks) * 16 <= 2 * files._CHUNK
    padded = np.prod([-(-size // chunk) * chunk for size, chunk in zip(shape, chunks, strict=True)])
    assert padded <= 1.01 * np.prod(shape)


def test_the_checkpoint_before_is_kept_until_the_run_is_complete(small, tmp_path, monkeypatch):
    path, before = tmp_path / "run.nc", tmp_path / "run.nc.prev"
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    interrupted(small, path, 5, monkeypatch, checkpoint_every=0.0)
    assert pysv.load(before).time.size == 5  # the write after the last snapshot, before that of the interruption
    spoiled = bytearray(path.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    path.write_bytes(spoiled)
    path.write_bytes(spoiled[:1000])
    with pytest.raises(ResultFileError, match=r"truncated; the checkpoint before is in .*run\.nc\.prev: rename it to"):
        pysv.resume(path, progress=False)
    before.rename(path)
    assert_same(pysv.resume(path, progress=False, checkpoint_every=0.0), pysv.solve(small, progress=False))
    assert os.listdir(tmp_path) == ["run.nc"]


def test_a_checkpoint_that_was_left_beside_a_complete_run_is_removed(small, tmp_path):
    """Its process was killed after the last write."""
    path, before = tmp_path / "run.nc", tmp_path / "run.nc.prev"
    whole = pysv.solve(small, progress=False, out=path)
    shutil.copy(path, before)
    assert_same(pysv.resume(path, progress=False), whole)
    assert os.listdir(tmp_path) == ["run.nc"]


def test_the_checkpoint_of_another_run_is_not_taken_for_one_of_this(small, tmp_path, monkeypatch):
    path, before = tmp_path / "run.nc", tmp_path / "run.nc.prev"
    before.write_text("of a run that was replaced")
    interrupted(small, path, 5, monkeypatch, overwrite=True)
    assert not before.exists()


def test_parts_of_dead_processes_are_removed(small, tmp_path):
    """Those of a living one, and files of other names, stay."""
    path = tmp_path / "run.nc"
    for name in (".run.nc.abcd_123.part", ".run.nc.0a1b2c3d.part", ".run.nc.prev.0a1b2c3d.part"):
        (tmp_path / name).write_bytes(b"0" * 100)
    others = {".other.nc.0a1b2c3d.part", ".run.nc.notes.part", "run.nc.part"}
    for name in others:
        (tmp_path / name).touch()
    with whole_file(path) as alive:
        alive.write_text("being written")
        pysv.save(pysv.solve(small, progress=False), path)
        assert alive.read_text() == "being written"
        assert set(os.listdir(tmp_path)) == others | {"run.nc", alive.name}
    assert set(os.listdir(tmp_path)) == others | {"run.nc"}


def test_links_and_modes_stay(small, tmp_path, monkeypatch):
    """And the umask, which all threads of a process share, is never touched."""
    real, link = tmp_path / "real.nc", tmp_path / "link.nc"
    link.symlink_to("real.nc")
    monkeypatch.setattr(os, "umask", None)
    interrupted(small, link, 4, monkeypatch)
    assert link.is_symlink()
    real.chmod(0o600)
    interrupted_again = pysv.resume(link, stop=7, progress=False)
    assert interrupted_again.attrs["status"] == "complete"
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    real.chmod(0o640)
    pysv.save(interrupted_again, real, overwrite=True)
    assert real.stat().st_mode & 0o777 == 0o640
    one, other = tmp_path / "one", tmp_path / "two"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(ResultFileError, match="one"):
        pysv.save(interrupted_again, one)


def test_no_output_replaces_its_input(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "small.toml", "--out", "run.png", "--quiet"]) == 0
    Path("link.toml").symlink_to("small.toml")
    shutil.copy("run.png", "run-poster.png")
    os.link("run.png", "same.png")
    Path("points").mkdir()
    os.link("small.toml", "points/source.center=5.nc")
    before = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
    for words in (
        "run small.toml --out small.toml --force",
        "run small.toml --out link.toml --force",
        "sweep small.toml --set source.center=5,6 --out points --force",
        "plot run.png",
        "plot run.png --out same.png",
        "movie run-poster.png --out run.gif",
    ):
        capsys.readouterr()
        assert main([*words.split(), "--quiet"] if words[0] in "rsm" else words.split()) == 2, words
        assert "is the file that is read, and would be replaced; name another output" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == before


def test_a_state_that_is_not_that_of_the_record(small, tmp_path, monkeypatch):
    """Measured again it gives other numbers, whether a digest was there or not."""
    path = tmp_path / "run.nc"
    tilted = dataclasses.replace(
        small,
        spins=pysv.ProductState(polarizer=(0.3, 1.0), analyzer=(2.0, 0.2)),
        source=dataclasses.replace(small.source, spin="up"),
    )
    data = interrupted(tilted, path, 6, monkeypatch)
    state = files.load_state(path)
    (name,) = (name for name in state.arrays if name.startswith("psi"))
    turned, scaled = state.arrays[name].copy(), 1.0000001 * state.arrays[name]
    turned[:, ::2] *= np.exp(0.01j)  # norm and densities stay, the spins do not
    wrong = {
        "spin_x": (data, dataclasses.replace(state, arrays=state.arrays | {name: turned})),
        "norm": (data, dataclasses.replace(state, arrays=state.arrays | {name: scaled})),
        "norm ": (data, dataclasses.replace(state, arrays=state.arrays | {name: np.nan * turned})),
        "electron_density": (data.isel(time=slice(5)), dataclasses.replace(state, time=2.0)),
    }
    for variable, (record, saved) in wrong.items():
        files.write(record, path, saved)
        sentence = r"run\.nc: its saved state gives another \w+ at t = .* one of them is damaged; start a new run"
        with pytest.raises(ResumeError, match=sentence) as caught:
            pysv.resume(path, progress=False)
        assert variable.strip() in str(caught.value) or variable in ("electron_density", "spin_x")
    record = data.copy(deep=True)
    record["energy"][2] = np.inf
    files.write(record, path, state)
    with pytest.raises(ResumeError, match=r"run\.nc: the record is damaged \(energy is not finite at some time\)"):
        pysv.resume(path, progress=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda file: file.__delitem__("log_negativity"), "the record lacks log_negativity, which this run records"),
        (lambda file: file["checkpoint"].attrs.__setitem__("time", 1.0), "its saved state gives another"),
        (lambda file: file["checkpoint/psi_up"].__setitem__((0, 0, 3), 0.5), "its saved state gives another"),
        (lambda file: file["energy"].__setitem__(1, np.nan), "the record is damaged"),
        (lambda file: file["time"].__setitem__(1, 0.25), "its times are not the first ones of the experiment"),
    ],
    ids=["variable", "time", "state", "energy", "times"],
)
def test_a_file_without_a_digest_is_measured(tmp_path, change, sentence):
    path = Path(shutil.copy(DATA / "chebyshev.nc", tmp_path / "run.nc"))
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(ResumeError, match=rf"run\.nc: {sentence}"):
        pysv.resume(path, stop=3, progress=False)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize("name", ["rk4", "qutip", "low-rank", "trajectories", "tdmrg-packet"])
def test_a_restart_changes_no_bit(name, tmp_path, monkeypatch):
    """All engines but chebyshev, whose series spans several snapshots."""
    asked = config.loads(pysv.load(DATA / f"{name}.nc").attrs["experiment"])
    experiment = dataclasses.replace(asked.experiment, times=pysv.times(stop=1.5, step=0.5))
    whole = pysv.solve(experiment, engine=asked.engine, progress=False)
    interrupted(experiment, tmp_path / "run.nc", 2, monkeypatch, engine=asked.engine)
    data = pysv.resume(tmp_path / "run.nc", progress=False)
    assert set(data.data_vars) == set(whole.data_vars)
    for variable in whole.data_vars:
        np.testing.assert_array_equal(data[variable], whole[variable], err_msg=str(variable))


@pytest.mark.parametrize("where", ["start", "now"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_a_drift(where, value):
    usual = {"norm": 1.0, "energy": 3.0, "spin_z_total": 0.0, "electron_number": 1.0}
    values = [usual, usual | {"energy": value}][:: 1 if where == "now" else -1]
    watch = Watch(1e-3, 2.0)
    if where == "start":
        watch.resume(values[0], dict.fromkeys(usual, 0.0))
    else:
        watch.heard(0, types.SimpleNamespace(time=0.0, state=types.SimpleNamespace(invariants=lambda: values[0])))
    with pytest.raises(InvariantError, match="energy is .* at t = 1 fs"):
        watch.heard(1, types.SimpleNamespace(time=1.0, state=types.SimpleNamespace(invariants=lambda: values[1])))


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ({"stop": 1e-12, "step": 1e-12}, "stop = 1e-12 must be at least 1e-06 (fs)"),
        ({"stop": 1.0, "step": 1e-10}, "step = 1e-10 must be at least 1e-06 (fs)"),
        ({"at": [0, 1e-9]}, "at[1] = 1e-09 fs must be at least 1e-06 fs later than the time before, 0.0 fs"),
        ({"at": [1e-10]}, "at[0] = 1e-10 fs must be 0, or at least 1e-06 fs"),
    ],
)
def test_times_too_close(times, sentence):
    with pytest.raises(InvalidInputError, match=re.escape(sentence)):
        pysv.times(**times)


def test_the_shortest_times_are_distinct(small):
    shortest = dataclasses.replace(small, times=pysv.times(stop=3e-6, step=1e-6))
    assert pysv.solve(shortest, progress=False).time.values.tolist() == [0.0, 1e-6, 2e-6, 3e-6]
    assert len(set(pysv.times(at=[k * 1e-6 for k in range(100)]).values)) == 100


def test_a_result_goes_to_the_first_free_name(tmp_path):
    for name in ("run.nc", "run-2.nc"):
        (tmp_path / name).write_text(name)
    with OwnFile(tmp_path / "run.nc", replace=False) as own, whole_file(own.path, own) as partial:
        partial.write_text("new")
    assert own.moved
    assert own.path.name == "run-3.nc"
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == ["run-2.nc", "new", "run.nc"]
