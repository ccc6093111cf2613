"""One state over several processes: the same numbers as in one, whatever is cut where."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import ranks_script
import xarray as xr
from conftest import NARROW, resume_within, solve_within
from mpihome import MPIRUN, needs_mpi

import pysv
from pysv.cli import main
from pysv.compute.ranks import started, world
from pysv.engines.cost import run_places
from pysv.errors import EngineError, InvalidInputError, RanksError
from pysv.measures.sizes import LIMITS


def ranks(count, *words, env=None):
    """Start mpirun with some words for Python."""
    command = [MPIRUN, "-n", str(count), sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=env)


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
    assert python.endswith("'python' runs in one; start it without mpirun, or leave the backend out")
    assert tiny == ["3 ranks divide a chain of 2 sites; start at most 2 of them"] * (count > 2)


@needs_mpi
def test_ranks_with_different_numbers_of_threads(tmp_path, alone):
    done = ranks(2, ranks_script.__file__, tmp_path, "unequal")
    assert done.returncode == 0, done.stderr
    assert_equal(alone["long"], pysv.load(tmp_path / "unequal.nc"), 1e-12)
    held, made = map(int, (tmp_path / "held.txt").read_text("utf-8").split())
    assert made > 2
    assert held == 2  # one whole state of each pure run, for the measures and the checkpoint of a snapshot


@needs_mpi
@pytest.mark.parametrize(
    ("how", "sentence"),
    [("error", "rank 2 ended: no memory for 1.00 TB"), ("killed", "a rank has ended without a word")],
)
def test_a_rank_that_ends_ends_the_run(tmp_path, alone, how, sentence):
    done = ranks(3, ranks_script.__file__, tmp_path, how)
    assert done.returncode not in (0, None)
    said = [line for line in done.stderr.splitlines() if line.startswith("pysv:")]
    assert sum(sentence in line for line in said) == 1
    assert len(said) == 1 or "a rank has ended" in said[-1]  # after a reason, unless mpirun has gone by then
    assert "Traceback" not in done.stderr
    assert_equal(alone["long"], pysv.load(tmp_path / "whole.nc"), 1e-12)


@needs_mpi
def test_a_failure_of_rank_0_is_said(tmp_path):
    done = ranks(2, ranks_script.__file__, tmp_path, "zero")
    assert done.returncode not in (0, None)
    assert "pysv: rank 0 ended: no memory for 1.00 TB" in done.stderr


@needs_mpi
def test_one_may_lead_again(tmp_path):
    done = ranks(2, ranks_script.__file__, tmp_path, "twice")
    assert (done.returncode, sorted(done.stdout.split("\n"))) == (0, ["", "0 2", "1 2"])


@needs_mpi
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_a_snapshot(tmp_path, number):
    (tmp_path / "run.toml").write_text("[device]\nsites = 60\n[evolution]\nstop = 3000\nstep = 0.5\n", "utf-8")
    command = [MPIRUN, "-n", "2", sys.executable, "-m", "pysv", "run", str(tmp_path / "run.toml"), "--out"]
    with subprocess.Popen([*command, str(tmp_path / "run.nc")], stderr=subprocess.PIPE, text=True) as process:
        said = ""
        while not re.search(r"[1-9][.0-9]*/3000 fs", said):  # some snapshots are there
            said += process.stderr.read(1)
        process.send_signal(number)
        process.communicate(timeout=120)
    assert process.returncode == 130
    stopped = pysv.load(tmp_path / "run.nc")
    assert stopped.attrs["status"] == "interrupted"
    assert stopped.time.size > 1


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
    for words, code in ((["--version"], 0), (["run", "--nonsense"], 2)):
        assert ranks(2, "-m", "pysv", *words).returncode == code
    environment = os.environ | {"NUMBA_NUM_THREADS": "abc"}
    done = ranks(2, "-m", "pysv", "engines", env=environment)
    assert (done.returncode, done.stderr.count("NUMBA_NUM_THREADS = 'abc'")) == (2, 1)
    assert "Traceback" not in done.stderr


@needs_mpi
def test_a_script_without_lead_is_on_its_own_on_each_rank(tmp_path):
    done = ranks(2, ranks_script.__file__, tmp_path, "alone")
    assert done.returncode == 0, done.stderr
    for number in (0, 1):
        backend, value = (tmp_path / f"{number}.txt").read_text("utf-8").split()
        whole = pysv.solve(ranks_script.random_experiment(number), progress=False)
        assert (backend, float(value)) == ("python", pytest.approx(float(whole.spin_z[-1, 0]), abs=1e-12))


@needs_mpi
def test_a_cluster_of_dask_under_mpirun_is_refused(tmp_path):
    (tmp_path / "run.toml").write_text(
        "[device]\nsites = 60\n[evolution]\nstop = 2\n[spins]\nkind = 'gibbs'\n", "utf-8"
    )
    done = ranks(2, "-m", "pysv", "run", tmp_path / "run.toml", "--out", tmp_path / "run.nc", "--dask", "local")
    assert done.returncode == 2
    assert "dask spreads runs over workers, and mpirun divides each run; leave one out" in done.stderr
    assert not (tmp_path / "run.nc.parts").exists()


@needs_mpi
@pytest.mark.parametrize("pause", [0.3, 0.8, 1.3])
def test_an_early_signal_ends_with_130(tmp_path, pause):
    (tmp_path / "run.toml").write_text("[device]\nsites = 60\n[evolution]\nstop = 3000\nstep = 0.5\n", "utf-8")
    command = [MPIRUN, "-n", "2", sys.executable, "-m", "pysv", "run", str(tmp_path / "run.toml"), "--quiet", "--out"]
    with subprocess.Popen(
        [*command, str(tmp_path / "run.nc")], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        time.sleep(pause)
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 130, said
    assert "Traceback" not in said


INTERRUPTED = """
import signal, sys
from pysv.compute import ranks
from pysv.cli import main

began = ranks.world
def world():
    found = began()
    if found.rank == 0:
        signal.raise_signal(signal.SIGINT)
    return found

ranks.world = world
sys.argv = ["pysv", "doctor"]
sys.exit(main())
"""


@needs_mpi
def test_a_signal_while_mpi_starts_ends_all_ranks(tmp_path):
    (tmp_path / "script.py").write_text(INTERRUPTED, "utf-8")
    assert ranks(2, tmp_path / "script.py").returncode == 130


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
    module.started.cache_clear()
    ran = []
    with pytest.raises(RanksError, match=r"mpi4py cannot be loaded .*pysv-spinvalve\[mpi\]"):
        module.lead(lambda: ran.append(1) or 0)
    assert not ran
    monkeypatch.setenv("PMI_RANK", "1")
    assert module.lead(lambda: 0) == 2


@pytest.mark.parametrize(
    ("environment", "count"),
    [
        ({}, 1), ({"PMI_SIZE": "3"}, 3), ({"OMPI_COMM_WORLD_SIZE": "4"}, 4), ({"PMI_SIZE": "x"}, 1),
        ({"PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "5"}, 5), ({"SLURM_STEP_NUM_TASKS": "5"}, 1),
    ],
)  # fmt: skip
def test_how_many_were_started(monkeypatch, environment, count):
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert started.__wrapped__() == count


def test_the_mpirun_of_another_mpi(monkeypatch):
    monkeypatch.setattr("pysv.compute.ranks.started", lambda: 3)
    mpi = types.ModuleType("mpi4py")
    mpi.MPI = types.SimpleNamespace(COMM_WORLD=types.SimpleNamespace(size=1))
    monkeypatch.setitem(sys.modules, "mpi4py", mpi)
    with pytest.raises(RanksError, match="started 3 processes, and mpi4py sees 1: it uses another MPI"):
        world.__wrapped__()


def test_estimate_of_ranks(capsys, tmp_path):
    experiment = pysv.Experiment(device=pysv.SpinValve(polarizer=(40, 47), analyzer=(52, 59)))
    whole, two, eight = (pysv.estimate(experiment, ranks=count) for count in (1, 2, 8))
    assert whole.shares is None
    method = pysv.Chebyshev()
    cost = method.cost(experiment)
    states = method.memory(run_places(experiment))
    assert two.shares.other - eight.shares.other == pytest.approx(states * (1 / 2 - 1 / 8), abs=2)
    assert two.shares.leader - two.shares.other == cost.disk
    assert eight.shares.seconds < two.shares.seconds
    with pytest.raises(EngineError, match="has no backend 'mpi'"):
        pysv.estimate(experiment, "rk4", ranks=2)
    for count in (0, 202):
        with pytest.raises(InvalidInputError, match=f"ranks = {count} must be between 1 and 201"):
            pysv.estimate(experiment, ranks=count)
    with pytest.raises(InvalidInputError, match="ranks = 2 divides a run, and backend 'python' keeps it in one"):
        pysv.estimate(experiment, backend="python", ranks=2)
    (tmp_path / "run.toml").write_text("", "utf-8")
    assert main(["estimate", str(tmp_path / "run.toml"), "--ranks", "4"]) == 0
    assert "ranks        4: rank 0 takes" in capsys.readouterr().out
