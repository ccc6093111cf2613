"""One state over several processes: the same numbers as in one, whatever is cut where."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import ranks_script
import xarray as xr
from conftest import NARROW, resume_within, solve_within
from mpihome import MPIRUN, needs_mpi

import pysv
from pysv.cli import main
from pysv.errors import EngineError, InvalidInputError, RanksError
from pysv.measures.sizes import LIMITS


def ranks(count, *words, timeout=300):
    """Start mpirun with some words for Python."""
    command = [MPIRUN, "-n", str(count), sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="module", params=[2, 3])
def compared(request, tmp_path_factory):
    """Number of ranks, and the folder with their results."""
    folder = tmp_path_factory.mktemp(f"ranks{request.param}")
    short = pysv.times(stop=4, step=1)
    begun = ranks_script.dataclasses.replace(ranks_script.LONG, times=short)
    solve_within(LIMITS, begun, pysv.Chebyshev(), out=folder / "begun.nc", cut=NARROW)
    done = ranks(request.param, ranks_script.__file__, folder, "compare")
    assert done.returncode == 0, done.stderr
    return request.param, folder


@pytest.fixture(scope="module")
def alone():
    """The same runs in this process."""
    found = {}
    for name, experiment, engine, cut in ranks_script.experiments():
        found[name] = solve_within(LIMITS, experiment, engine, cut=cut)
    return found


def assert_equal(one, other, tolerance):
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_allclose(other[name], one[name], atol=tolerance, rtol=0, err_msg=name)


@needs_mpi
def test_all_ranks_together_are_one_process(compared, alone):
    count, folder = compared
    for name, data in alone.items():
        with xr.open_dataset(folder / f"{name}.nc", engine="h5netcdf", decode_timedelta=False) as found:
            assert (found.attrs["backend"], found.attrs["ranks"]) == ("mpi", count)
            assert_equal(data, found, 2e-5 if "single" in name else 1e-12)


@needs_mpi
def test_edges_are_all_that_is_sent(compared):
    """Per application of H and cut: one site of each neighbour, 16 bytes an amplitude."""
    count, folder = compared
    found = pickle.loads((folder / "sent.pickle").read_bytes())
    expected = [
        2 * (count - 1) * rows * 16 * own for rows, own in zip(found["rows"], found["applications"], strict=True)
    ]
    assert min(found["applications"]) > 20
    assert found["sent"] == expected


@needs_mpi
def test_a_run_goes_on_with_other_ranks(compared, alone):
    """Stopped on several and resumed on one, and the other way round."""
    _, folder = compared
    resumed = resume_within(LIMITS, folder / "stopped.nc", stop=10.0, cut=NARROW)
    assert resumed.attrs["backend"] == "python"
    assert_equal(alone["long"], resumed, 1e-12)
    assert_equal(alone["long"], pysv.load(folder / "begun.nc"), 1e-12)


@needs_mpi
def test_what_cannot_be_divided_is_refused(compared):
    count, folder = compared
    rk4, python, *tiny = (folder / "said.txt").read_text("utf-8").splitlines()
    assert rk4 == f"mpirun started {count} processes, and engine 'rk4' runs in one; start it without mpirun"
    assert f"{count} processes, and engine 'chebyshev' with backend 'python' runs in one" in python
    assert tiny == ["3 ranks divide a chain of 2 sites; start at most 2 of them"] * (count > 2)


@needs_mpi
@pytest.mark.parametrize(
    ("how", "sentence"), [("error", "no memory for 1.00 TB"), ("killed", "killed, or out of memory")]
)
def test_a_rank_that_ends_ends_the_run(tmp_path, alone, how, sentence):
    done = ranks(3, ranks_script.__file__, tmp_path, how)
    assert done.returncode not in (0, None)
    said = [line for line in done.stderr.splitlines() if line.startswith("pysv:")]
    assert any(sentence in line for line in said)
    assert "Traceback" not in done.stderr
    assert_equal(alone["long"], pysv.load(tmp_path / "whole.nc"), 1e-12)


@needs_mpi
def test_command_line(tmp_path):
    (tmp_path / "run.toml").write_text("[device]\nsites = 60\n[evolution]\nstop = 2\n", "utf-8")
    done = ranks(2, "-m", "pysv", "run", tmp_path / "run.toml", "--out", tmp_path / "two.nc", "--quiet")
    assert (done.returncode, done.stdout.count("complete")) == (0, 1), done.stderr
    assert main(["run", str(tmp_path / "run.toml"), "--out", str(tmp_path / "one.nc"), "--quiet"]) == 0
    one, two = (pysv.load(tmp_path / f"{name}.nc") for name in ("one", "two"))
    assert_equal(one, two, 1e-12)
    assert two.attrs["backend_reason"] == "mpirun started 2 processes"
    again = ranks(2, "-m", "pysv", "run", tmp_path / "run.toml", "--out", tmp_path / "two.nc", "--quiet")
    assert (again.returncode, again.stderr.count("exists already")) == (2, 1)


def test_without_mpirun():
    with pytest.raises(RanksError, match="mpirun -n RANKS"):
        pysv.solve(ranks_script.LONG, backend="mpi", progress=False)


def test_without_mpi4py(monkeypatch, capsys):
    """Under mpirun, and without mpi4py, every process would do the whole run."""
    from pysv.compute import ranks as module

    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    module.world.cache_clear()
    with pytest.raises(RanksError, match=r"mpi4py cannot be loaded .*pysv-spinvalve\[mpi\]"):
        module.lead(lambda: 0)
    monkeypatch.setenv("PMI_RANK", "1")
    assert module.lead(lambda: 0) == 2


def test_estimate_of_ranks(capsys, tmp_path):
    experiment = pysv.Experiment(device=pysv.SpinValve(polarizer=(40, 47), analyzer=(52, 59)))
    whole, two, eight = (pysv.estimate(experiment, ranks=count) for count in (1, 2, 8))
    assert whole.shares is None
    states = whole.memory - 280_000_000
    assert two.shares.other < 0.6 * states + 5e8
    assert eight.shares.other < 0.2 * states + 5e8
    assert eight.shares.seconds < two.shares.seconds
    assert two.memory >= two.shares.leader + two.shares.other
    with pytest.raises(EngineError, match="has no backend 'mpi'"):
        pysv.estimate(experiment, "rk4", ranks=2)
    with pytest.raises(InvalidInputError, match="ranks = 0 must be between 1"):
        pysv.estimate(experiment, ranks=0)
    (tmp_path / "run.toml").write_text("", "utf-8")
    assert main(["estimate", str(tmp_path / "run.toml"), "--ranks", "4"]) == 0
    assert "ranks        4: rank 0 takes" in capsys.readouterr().out
