"""Batches of trajectories and of thermal states, on Dask and without it; target errors; clusters that are not there."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socketserver
import threading
import time

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.engines._trajectories import trajectory_seeds
from pysv.errors import (
    DaskUnavailableError,
    EngineError,
    InvalidInputError,
    MemoryLimitError,
    ResultExistsError,
    TargetErrorWarning,
)
from pysv.measures.registry import targets
from pysv.results.destination import OwnFile
from pysv.run import batches, dask, tasks

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
SAMPLE = pysv.Trajectories(ntraj=46, seeds=5)  # batches of 4, the last one of 6


@pytest.fixture
def bathed(small) -> pysv.Experiment:
    return dataclasses.replace(
        small, bath=pysv.BosonicBath(temperature=300, strength=0.1), times=pysv.times(stop=4, step=2)
    )


@pytest.fixture
def thermal(small) -> pysv.Experiment:
    return dataclasses.replace(small, spins=pysv.Gibbs(temperature=300, pinning=0.02), times=pysv.times(stop=4, step=2))


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as made:
        yield made


def same_bits(one, other):
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name], other[name], err_msg=str(name))


def in_batches(experiment, method, backend="python", out=None, **options):
    own = None if out is None else OwnFile(out)
    return batches.solve_in_batches(experiment, method, backend, progress=False, own=own, **options)


def test_batches_are_the_same_trajectories(bathed):
    whole = pysv.solve(bathed, engine=SAMPLE, progress=False)
    parts = in_batches(bathed, SAMPLE)
    assert set(parts.data_vars) == set(whole.data_vars)
    for name in whole.data_vars:
        if not name.endswith(("_error", "_bias")):
            np.testing.assert_allclose(parts[name], whole[name], atol=1e-12, rtol=0, err_msg=str(name))
    for name in ("spin_z", "entropy_total", "electron_spin_z"):
        ratio = parts[f"{name}_error"][-1].mean() / whole[f"{name}_error"][-1].mean()
        assert 0.5 < float(ratio) < 2, name
    plain = dataclasses.replace(SAMPLE, sampling="plain")  # its bias is larger than the noise of the estimates
    biases = [
        run.entropy_total_bias[-1]
        for run in (in_batches(bathed, plain), pysv.solve(bathed, engine=plain, progress=False))
    ]
    assert float(biases[0] / biases[1]) == pytest.approx(1, abs=0.7)
    for name in ("seeds", "experiment", "engine", "left_out", "warnings"):
        assert parts.attrs[name] == whole.attrs[name], name
    assert (parts.attrs["batches"], parts.attrs["ntraj"]) == (11, 46)


def test_pure_runs_in_batches_are_the_thermal_run(thermal):
    for engine in (pysv.Chebyshev(), pysv.RK4()):
        whole = pysv.solve(thermal, engine=engine, progress=False)
        parts = in_batches(thermal, engine)
        for name in whole.data_vars:
            np.testing.assert_allclose(parts[name], whole[name], atol=1e-12, rtol=0, err_msg=str(name))
        assert parts.attrs["batches"] > 5
        assert parts.attrs["applications_of_h"] > 0


def test_the_number_of_workers_changes_no_bit(bathed, thermal, cluster):
    for experiment, engine in ((bathed, SAMPLE), (thermal, pysv.Chebyshev())):
        runs = [in_batches(experiment, engine, dask=dask) for dask in (None, "local:1", cluster.scheduler_address)]
        same_bits(runs[0], runs[1])
        same_bits(runs[0], runs[2])


def test_a_lost_worker_costs_only_its_own_tasks(bathed, cluster):
    """A worker is killed while it is at work: every batch is there in the end, and those that were finished stay."""
    longer = dataclasses.replace(bathed, times=pysv.times(stop=30, step=10))
    expected = in_batches(longer, SAMPLE)
    killed: list[str] = []
    lost = 1  # at most one result was on its way when its worker died

    def kill() -> None:
        nonlocal lost
        scheduler = cluster.scheduler
        while not killed:
            for worker in list(scheduler.workers.values()):
                if worker.processing and len(finished()) >= 3:
                    killed.append(worker.address)
                    lost += len(worker.has_what)  # results that nobody has fetched yet
                    os.kill(pids[worker.address], signal.SIGKILL)
                    return
            time.sleep(0.002)

    def finished() -> list[str]:
        return [key for key, _, end, *_ in list(cluster.scheduler.transition_log)[before:] if end == "memory"]

    before = len(cluster.scheduler.transition_log)
    with cluster.get_client() as client:
        pids = client.run(os.getpid)
    killer = threading.Thread(target=kill)
    killer.start()
    data = in_batches(longer, SAMPLE, dask=cluster.scheduler_address)
    killer.join()
    same_bits(data, expected)
    again = [key for key in finished() if key.startswith("compute_alone")]
    assert len(set(again)) == 11
    assert len(again) <= 11 + lost


def test_a_sweep_on_a_cluster(bathed, cluster, tmp_path):
    grid = {"bath.temperature": [100, 300, 500]}
    engine = pysv.Trajectories(ntraj=4)
    here = pysv.sweep(bathed, grid, engine=engine, progress=False)
    there = pysv.sweep(bathed, grid, engine=engine, progress=False, dask=cluster.scheduler_address, out=tmp_path / "s")
    for one, other in zip(here.points, there.points, strict=True):
        same_bits(one.data, other.data)
    same_bits(pysv.load(tmp_path / "s" / "sweep.nc"), here.combined)


def test_finished_batches_are_kept(bathed, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    compute, done = tasks.Task.compute, []

    def counted(task):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task.label)
        return compute(task)

    monkeypatch.setattr(tasks.Task, "compute", counted)
    with pytest.raises(KeyboardInterrupt):
        in_batches(bathed, SAMPLE, out=path)
    assert not path.exists()
    assert sorted(os.listdir(tmp_path / "run.nc.parts")) == ["0000.nc", "0001.nc", "0002.nc", "run.toml"]
    with pytest.raises(ResultExistsError, match=r"0000.nc: holds another run than trajectories 1 to 4; choose another"):
        in_batches(bathed, dataclasses.replace(SAMPLE, seeds=6), out=path)
    monkeypatch.setattr(tasks.Task, "compute", lambda task: done.append(task.label) or compute(task))
    done.clear()
    data = in_batches(bathed, SAMPLE, out=path)
    assert len(done) == 8
    assert len(os.listdir(tmp_path / "run.nc.parts")) == 11
    monkeypatch.undo()
    same_bits(data, in_batches(bathed, SAMPLE))
    same_bits(pysv.load(path), data)


def test_trajectories_are_added_until_the_target_error(bathed):
    """A smaller target takes more trajectories; what was reached is the largest error of the dataset."""
    used = []
    for target in (0.2, 0.0025):
        engine = pysv.Trajectories(ntraj=1000, seeds=3, target_error=target)
        data = pysv.solve(bathed, engine=engine, progress=False)
        errors = {str(name): float(data[name].max()) for name in data.data_vars if name.endswith("_error")}
        largest = max(errors[f"{name}_error"] for name in targets())
        assert data.attrs["target_error_reached"] == pytest.approx(largest, rel=1e-5)
        assert largest <= target
        assert len(data.attrs["warnings"].splitlines()) == 1  # the bath is doubtful, the target is reached
        seeds = json.loads(data.attrs["seeds"])
        assert seeds == list(trajectory_seeds(1000, 3)[: len(seeds)])
        used.append(len(seeds))
    assert used[0] == 200  # ten batches at least, for the errors
    assert used[0] < used[1] < 1000
    plain = pysv.solve(bathed, engine=pysv.Trajectories(ntraj=used[1], seeds=3), progress=False)
    np.testing.assert_allclose(data.entropy_total, plain.entropy_total, atol=1e-12)


def test_a_target_error_of_one_variable(bathed):
    engine = pysv.Trajectories(ntraj=400, target_error=0.002, target_variable="log_negativity")
    data = pysv.solve(bathed, engine=engine, progress=False)
    assert data.attrs["target_variable"] == "log_negativity"
    assert data.attrs["target_error_reached"] == pytest.approx(float(data.log_negativity_error.max()), rel=1e-4)
    assert data.attrs["target_error_reached"] <= 0.002
    assert float(data.spin_z_error.max()) > 0.002


def test_a_target_error_of_qutip_trajectories(bathed):
    tiny = dataclasses.replace(
        bathed, device=pysv.SpinValve(sites=12, polarizer=(6, 6), analyzer=(9, 9)), times=pysv.times(stop=2, step=2)
    )
    engine = pysv.QuTiP(solver="mcsolve", ntraj=40, target_error=0.5, target_variable="spin_z", atol=1e-6, rtol=1e-4)
    data = pysv.solve(tiny, engine=engine, progress=False)
    assert (data.attrs["engine"], data.attrs["ntraj"]) == ("qutip", 40)
    assert data.attrs["target_error_reached"] == pytest.approx(float(data.spin_z_error.max()), rel=1e-6)


def test_a_target_that_is_not_reached_is_said_to_be_so(bathed):
    engine = pysv.Trajectories(ntraj=40, target_error=1e-3)
    sentence = r"target_error = 0.001 is not reached: 40 trajectories have 0\.\d+; about ntraj = \d+ would do"
    with pytest.warns(TargetErrorWarning, match=sentence):
        data = pysv.solve(bathed, engine=engine, progress=False)
    assert re.search(sentence, data.attrs["warnings"])
    assert data.attrs["ntraj"] == 40


def test_density_matrix_as_it_is_asked_for(bathed):
    record = pysv.Record(density_matrix=True, every={"density_matrix": 2, "qfi": 0})
    data = in_batches(dataclasses.replace(bathed, record=record), SAMPLE)
    kept = np.isfinite(data.density_matrix).all(dim=("ket", "bra"))
    assert kept.values.tolist() == [True, False, True]
    assert "qfi" not in data
    assert "qfi: not asked for" in data.attrs["left_out"]


def test_what_is_refused(bathed, small, monkeypatch):
    for make, sentence in [
        (lambda: pysv.Trajectories(target_variable="spin_z"), "target_variable = 'spin_z' would be ignored without a target_error"),
        (lambda: pysv.Trajectories(target_error=-1), "target_error = -1 must be at least 0"),
        (lambda: pysv.Trajectories(target_error=0.1, target_variable="spin_zz"), "target_variable: unknown variable 'spin_zz'; did you mean 'spin_z'?"),
    ]:  # fmt: skip
        with pytest.raises(InvalidInputError, match=re.escape(sentence)):
            make()
    for experiment, method, error, sentence in [
        (bathed, pysv.Trajectories(ntraj=6), InvalidInputError, "ntraj = 6 is too few for batches; take at least 8"),
        (
            bathed,
            pysv.LowRank(),
            EngineError,
            "engine 'low-rank' runs this experiment as a whole; leave --dask out, or use it with",
        ),
    ]:
        with pytest.raises(error, match=sentence):
            in_batches(experiment, method)
    with pytest.raises(EngineError, match=r"target_error of engine 'qutip' is for open systems"):
        pysv.solve(small, engine=pysv.QuTiP(target_error=0.1), progress=False)
    with pytest.raises(EngineError, match=r"14 spins: batches are put together from the density matrix"):
        in_batches(pysv.Experiment(device=pysv.SpinValve.with_layers(7)), pysv.Chebyshev())
    with pytest.raises(InvalidInputError, match=r"target_variable = 'bond_dimension' is not measured in this run"):
        in_batches(bathed, pysv.Trajectories(target_error=0.1, ntraj=40, target_variable="bond_dimension"))
    monkeypatch.setattr(batches, "available_memory", lambda: 10_000)
    with pytest.raises(
        MemoryLimitError, match=r"density matrices of all snapshots, which need .* take fewer snapshots"
    ):
        in_batches(bathed, SAMPLE)


@pytest.mark.parametrize("dask", ["", 3, "local:0", "local:many", "local:2000"])
def test_clusters_that_cannot_be(bathed, dask):
    with pytest.raises(InvalidInputError, match=r"^dask = "):
        in_batches(bathed, SAMPLE, dask=dask)


def test_an_unreachable_scheduler_is_one_sentence_within_15_seconds(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    begun = time.monotonic()
    assert main(["run", str(experiment_file), "--dask", "tcp://127.0.0.1:9", "--quiet"]) == 2
    assert time.monotonic() - begun < 15
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        "pysv: no Dask scheduler answers at 'tcp://127.0.0.1:9'; start one with `dask scheduler`, check the address, or "
        "use --dask local"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


def test_something_else_at_the_address(bathed, monkeypatch):
    class Answers(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    monkeypatch.setattr(dask, "PATIENCE", 2)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        with pytest.raises(DaskUnavailableError, match="no Dask scheduler answers at"):
            in_batches(bathed, SAMPLE, dask=f"tcp://127.0.0.1:{port}")
        server.shutdown()
    for address in ("nonsense", "tcp://no.such.host.invalid:1", "foo://a:1"):
        with pytest.raises(DaskUnavailableError, match="no Dask scheduler answers at"):
            in_batches(bathed, SAMPLE, dask=address)


def test_a_scheduler_without_workers_or_with_other_ones(bathed, cluster, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(dask, "__version__", "9.9.9")
    with pytest.raises(
        DaskUnavailableError, match=r"the Dask worker \S+ has pysv 0.1.0, not 9.9.9; install this version"
    ):
        in_batches(bathed, SAMPLE, dask=cluster.scheduler_address)
    monkeypatch.setattr(dask, "PATIENCE", 2)
    sentence = "has no workers; start some with `dask worker"
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(DaskUnavailableError, match=sentence),
    ):
        in_batches(bathed, SAMPLE, dask=empty.scheduler_address)


def test_the_bar_counts_tasks(bathed, capsys):
    batches.solve_in_batches(bathed, SAMPLE, "python", progress=True)
    assert "11/11" in capsys.readouterr().err
