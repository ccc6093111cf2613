"""The time loop: resuming, extending, stopping, watching."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
import types

import h5py
import numpy as np
import pytest
import xarray as xr
from conftest import StopAfter

import pysv
from pysv import config
from pysv.errors import InvariantError, MemoryLimitError, ResultFileError, ResumeError
from pysv.results import destination, files
from pysv.run import estimate, one_run, smaller
from pysv.run.invariants import Watch

METHODS = [pysv.Chebyshev(), pysv.RK4(time_step=0.02), pysv.QuTiP()]


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_allclose(one[name], other[name], atol=1e-12, rtol=0, err_msg=str(name))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_resumed_equals_uninterrupted(small, tmp_path, monkeypatch, method):
    whole = pysv.solve(small, engine=method, progress=False)
    path = tmp_path / "run.nc"
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(5))
        part = pysv.solve(small, engine=method, progress=False, out=path)
    assert (part.time.size, part.attrs["status"]) == (5, "interrupted")
    assert_same(pysv.load(path), whole.isel(time=slice(5)))
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(3))
        assert pysv.resume(path, progress=False).time.size == 8
    data = pysv.resume(path, progress=False)
    assert data.attrs["status"] == "complete"
    assert_same(data, whole)
    assert_same(pysv.load(path), whole)
    if method.name == "chebyshev":  # what was prepared beyond the interruption is computed again
        assert whole.attrs["applications_of_h"] <= data.attrs["applications_of_h"]
        assert data.attrs["state_deviation_reached"] < method.tolerance * small.times.stop + 1e-13
    else:
        assert data.attrs.get("applications_of_h") == whole.attrs.get("applications_of_h")
        assert data.attrs.get("state_deviation_reached") == whole.attrs.get("state_deviation_reached")


def test_a_finished_run_is_extended(small, tmp_path):
    path = tmp_path / "run.nc"
    pysv.solve(small, progress=False, out=path)
    data = pysv.resume(path, stop=9, progress=False)
    longer = dataclasses.replace(small, times=pysv.times(stop=9, step=0.5))
    assert_same(data, pysv.solve(longer, progress=False))
    assert "stop = 9.0" in data.attrs["experiment"]
    assert_same(pysv.resume(path, progress=False, experiment=longer), data)  # nothing left to do


def test_a_tilted_run_is_resumed(small, tmp_path, monkeypatch):
    tilted = dataclasses.replace(small, spins=pysv.ProductState(polarizer=(0.3, 1.0), analyzer=(2.0, 0.2)))
    path = tmp_path / "run.nc"
    with monkeypatch.context() as patch:
        patch.setattr(one_run, "CtrlC", StopAfter(4))
        pysv.solve(tilted, progress=False, out=path)
    assert_same(pysv.resume(path, progress=False), pysv.solve(tilted, progress=False))


def test_what_cannot_be_resumed(small, tmp_path):
    path = tmp_path / "run.nc"
    data = pysv.solve(small, progress=False, out=path)
    other = dataclasses.replace(small, device=dataclasses.replace(small.device, sd_exchange=0.4))
    with pytest.raises(
        ResumeError, match=r"run\.nc: was made by another experiment; its \[device\] sd_exchange is 0.5, not 0.4"
    ):
        pysv.resume(path, experiment=other)
    warm = dataclasses.replace(small, bath=pysv.BosonicBath(strength=0.001))
    with pytest.raises(ResumeError, match=r"its \[source\] polarization is the default, not 0.2"):
        pysv.resume(
            path, experiment=dataclasses.replace(small, source=dataclasses.replace(small.source, polarization=0.2))
        )
    with pytest.raises(ResumeError, match=r"was made by another experiment; it has no table \[bath\]"):
        pysv.resume(path, experiment=warm)
    finer = dataclasses.replace(small, times=pysv.times(stop=6, step=0.25))
    with pytest.raises(ResumeError, match=r"its step is 0\.5 fs, not 0\.25 fs"):
        pysv.resume(path, experiment=finer)
    with pytest.raises(ResumeError, match="reaches 6 fs already; give a later --stop"):
        pysv.resume(path, stop=4)
    pysv.save(data, tmp_path / "plain.nc")
    with pytest.raises(ResumeError, match=r"plain\.nc: holds no state to continue from; make it with `pysv run`"):
        pysv.resume(tmp_path / "plain.nc", stop=8)
    state = files.load_state(path)
    files.write(data, path, dataclasses.replace(state, fingerprint="0" * 16))
    with pytest.raises(ResumeError, match="its state and its attributes come from different experiments"):
        pysv.resume(path, stop=8)
    files.write(data, path, dataclasses.replace(state, arrays={}))
    with pytest.raises(ResumeError, match="the saved state holds nothing for 'psi_up'"):
        pysv.resume(path, stop=8)
    files.write(data, path, dataclasses.replace(state, time=7.25))
    with pytest.raises(ResumeError, match="state of the file is at t = 7.25 fs, its last snapshot is at 6 fs"):
        pysv.resume(path, stop=8)


def test_checkpoints_are_whole_and_rate_limited(small, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    written = []
    monkeypatch.setattr("pysv.run.checkpoint.write", lambda data, *rest, **how: written.append(data.time.size))
    pysv.solve(small, progress=False, out=path, checkpoint_every=0.0)
    assert written[-1] == small.times.count
    assert written[0] == 1
    written.clear()
    pysv.solve(small, progress=False, out=path, checkpoint_every=1e6)
    assert written == [small.times.count]


LONG_RUN = """
import pysv, sys
import pysv.run.checkpoint
pysv.run.checkpoint.SHARE = 1.0
pysv.solve(
    pysv.Experiment(
        device=pysv.SpinValve(sites=30, polarizer=(8, 9), analyzer=(12, 14)),
        source=pysv.WavePacket(center=5, momentum_spread=0.9),
        times=pysv.times(stop=5000, step=0.5),
    ),
    out=sys.argv[1], progress=False, checkpoint_every=0.05,
)
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "signal_number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)
def test_killed_and_resumed(small, tmp_path, signal_number):
    """SIGKILL leaves the last whole checkpoint, one SIGINT or SIGTERM saves all that is recorded; all go on alike."""
    path = tmp_path / "run.nc"
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", LONG_RUN, str(path)], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not path.exists() or pysv.load(path).time.size < 3):
        time.sleep(0.02)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if signal_number == signal.SIGKILL else 0), errors.decode()
    count = pysv.load(path).time.size
    assert 1 < count < 10001
    until = float(pysv.load(path).time[-1]) + 3
    data = pysv.resume(path, stop=until, progress=False)
    whole = pysv.solve(dataclasses.replace(small, times=pysv.times(stop=until, step=0.5)), progress=False)
    assert_same(data, whole)
    if signal_number != signal.SIGKILL:
        assert set(os.listdir(tmp_path)) <= {"run.nc", "run.nc.prev"}


SLOW_SNAPSHOTS = LONG_RUN.replace(
    "import pysv.run.checkpoint",
    """
import time, pysv.run.checkpoint, pysv.engines._pure_states as purestate
usual = purestate.PureStateEngine.advance
def slow(self, t):
    usual(self, t)
    time.sleep(30 if t > 5 else 0.1)  # the file holds five snapshots before the long sleep begins
purestate.PureStateEngine.advance = slow
""",
)


@pytest.mark.filterwarnings("ignore")
def test_the_second_ctrl_c_stops_at_once_and_keeps_the_record(small, tmp_path):
    path = tmp_path / "run.nc"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SLOW_SNAPSHOTS, str(path)], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not path.exists() or pysv.load(path).time.size < 5):
        time.sleep(0.05)
    time.sleep(1.0)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - begun < 15, errors.decode()
    assert b"KeyboardInterrupt" in errors
    kept = pysv.load(path)
    assert kept.attrs["status"] == "stopped: a second signal (SIGINT) ended it at once"
    until = float(kept.time[-1]) + 1
    whole = pysv.solve(dataclasses.replace(small, times=pysv.times(stop=until, step=0.5)), progress=False)
    assert_same(pysv.resume(path, stop=until, progress=False), whole)


def test_a_run_that_a_second_signal_ended_before_its_first_checkpoint_begins_again(small, tmp_path):
    path = tmp_path / "run.nc"
    whole = pysv.solve(small, out=path, progress=False)
    cut = whole.isel(time=slice(2)).assign_attrs(status="stopped: a second signal (SIGINT) ended it at once")
    pysv.save(cut, path, overwrite=True)  # its record, without a state
    resumed = pysv.resume(path, progress=False)
    assert resumed.attrs["status"] == "complete"
    assert_same(resumed, whole)


def test_overlapping_runs_give_back_the_blas_threads(small):
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_info

    def threads():
        return sorted(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    before = threads()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: pysv.solve(small, progress=False), range(6)))
    assert threads() == before


def test_a_state_that_is_not_finite_stops_the_run(small, monkeypatch):
    from pysv.engines._pure_states import PureStateEngine

    usual = PureStateEngine.advance

    def spoiled(self, time):
        usual(self, time)
        if time > 2:
            self.psi[0][0, 0] = math.nan

    monkeypatch.setattr(PureStateEngine, "advance", spoiled)
    with pytest.raises(InvariantError, match=r"norm is nan at t = 2.5 fs: the state is not finite; take a smaller"):
        pysv.solve(small, progress=False, engine="rk4")


@pytest.mark.parametrize(("start", "allowed"), [(-6.0, 6e-3), (0.2, 1e-3), (0.0, 1e-3)])
def test_the_drift_of_spin_counts_relative_to_its_value(start, allowed):
    """In one sector S^z is a number times the norm, and drifts as many times more."""
    seen = {"norm": 1.0, "energy": 3.0, "electron_number": 1.0}
    drifts = iter((0.0, 0.9 * allowed, 1.1 * allowed))
    state = types.SimpleNamespace(invariants=lambda: {**seen, "spin_z_total": start + next(drifts)})
    watch, snapshot = Watch(1e-3, 2.0), types.SimpleNamespace(time=1.0, state=state)
    watch.heard(0, snapshot)
    watch.heard(1, snapshot)
    with pytest.raises(InvariantError, match=r"spin_z_total drifted by .* the limit is"):
        watch.heard(2, snapshot)


def test_an_unstable_step_stops_the_run_and_keeps_what_was_good(small, tmp_path):
    path = tmp_path / "run.nc"
    with pytest.raises(
        InvariantError, match=r"norm drifted by .* until t = .* fs; the limit is 1\.0e-03; take a smaller"
    ):
        pysv.solve(small, progress=False, engine=pysv.RK4(time_step=0.5, measure_error=False), out=path)
    kept = pysv.load(path)
    assert kept.attrs["status"].startswith("stopped: norm drifted by")
    assert abs(kept.norm - 1).max() < 1e-3
    with h5py.File(path) as file:
        assert "checkpoint" not in file
    with pytest.raises(ResumeError, match=r"stopped: norm drifted by .*; the file holds no earlier state, run again"):
        pysv.resume(path)


def test_a_failed_extension_keeps_the_good_state(small, tmp_path, monkeypatch):
    """The record up to the failure is kept, and the run goes on from the last good state."""
    from pysv.engines._pure_states import PureStateEngine

    path = tmp_path / "run.nc"
    pysv.solve(small, progress=False, out=path)
    usual = PureStateEngine.advance

    def spoiled(self, time):
        usual(self, time)
        if time > 7:
            self.psi[0][0, 0] = math.nan

    with monkeypatch.context() as patch:
        patch.setattr(PureStateEngine, "advance", spoiled)
        with pytest.raises(InvariantError):
            pysv.resume(path, stop=9, progress=False)
    kept = pysv.load(path)
    assert float(kept.time[-1]) == 7
    assert kept.attrs["status"].startswith("stopped: norm is nan at t = 7.5 fs")
    assert kept.attrs["drift_norm"] < 1e-12
    longer = dataclasses.replace(small, times=pysv.times(stop=9, step=0.5))
    assert_same(pysv.resume(path, progress=False), pysv.solve(longer, progress=False))


def test_a_loose_tolerance_may_drift_by_as_much(small):
    """The drift that stops a run follows the tolerance that the user asked for."""
    data = pysv.solve(small, engine=pysv.Chebyshev(tolerance=1e-4), progress=False)
    assert 1e-9 < data.attrs["state_deviation_reached"] <= 6e-4
    assert data.attrs["status"] == "complete"


def test_intervals_longer_than_one_expansion(small):
    """3000 fs in one interval: several expansions, and the same state as in small intervals."""
    long = dataclasses.replace(small, times=pysv.times(stop=3000, step=3000))
    steps = dataclasses.replace(small, times=pysv.times(stop=3000, step=100))
    one, other = (pysv.solve(experiment, progress=False).isel(time=-1) for experiment in (long, steps))
    for name in ("spin_z", "log_negativity", "entropy_total", "electron_density"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-8)


def test_a_run_that_does_not_fit_is_refused_before_it_allocates():
    huge = pysv.Experiment(
        device=pysv.SpinValve(sites=400, polarizer=(44, 72), analyzer=(78, 106)), source=pysv.WavePacket(spin="up")
    )
    begun = time.monotonic()
    with pytest.raises(
        MemoryLimitError,
        match=r"the run needs \d.* [PE]B \(\d.* amplitudes, 61 snapshots\), the limit is .*; \d+\+\d+ spins would fit \(\d.* GB\); take fewer",
    ):
        pysv.solve(huge, progress=False)
    assert time.monotonic() - begun < 5
    needed = pysv.estimate(huge)
    assert not needed.fits
    spin_by_spin = pysv.ProductState(polarizer=((0.1, 0.0),) * 29, analyzer=((3.0, 0.0),) * 29)
    with pytest.raises(MemoryLimitError, match=r"the free memory\); take fewer"):
        pysv.solve(dataclasses.replace(huge, spins=spin_by_spin), progress=False)


def test_what_would_fit_is_the_largest_that_fits(monkeypatch):
    """With the memory of 5+5 spins, 6+5 spins are refused and 5+5 are named."""
    unequal = pysv.Experiment(device=pysv.SpinValve.with_layers(6, 5))
    equal = dataclasses.replace(unequal, device=pysv.SpinValve.with_layers(5, first=44, spacer=5))
    room = pysv.estimate(equal).memory / estimate.SHARE
    monkeypatch.setattr(estimate, "available_memory", lambda: int(room) + 1)
    with pytest.raises(MemoryLimitError, match=r"; 5\+5 spins would fit"):
        estimate.check_fits(unequal)
    estimate.check_fits(equal)


def test_what_would_fit_of_any_device(monkeypatch):
    """With the memory of the device that is named, the one before it is refused."""

    def device(sites, *couplings, others=1):
        lists = dict(zip(("sd_exchange", "exchange", "field"), couplings, strict=True))
        return pysv.Device(
            layers=[
                pysv.Layer(name="big", sites=sites, spin=1.0, **lists),
                pysv.Layer(name="small", sites=[60, 59 + others], spin=2.5),
            ]
        )

    four = device([40, 43], (0.1, 0.2, 0.3, 0.4), (0.5, 0.6, 0.7), (1.0, 2.0, 3.0, 4.0))
    three = device([40, 42], (0.1, 0.2, 0.3), (0.5, 0.6), (1.0, 2.0, 3.0))
    one_lone = device([40, 40], (0.1,), 0.5, (1.0,))
    assert smaller.with_fewer_spins(four) == three
    assert smaller.with_fewer_spins(one_lone) is None
    for large, fits, words in (
        (four, three, "3 spins in 'big' and 1 in 'small'"),
        (device([40, 42, 44], (0.1, 0.2, 0.3), (0.5, 0.6), 1.0), device([40, 40], (0.1,), 0.5, 1.0), "1 spin in 'big' and 1 in 'small'"),
        (device([40, 41, 44], (0.1, 0.2, 0.3), (0.5, 0.6), 1.0), device([40, 41], (0.1, 0.2), (0.5,), 1.0), "2 spins in 'big' and 1 in 'small'"),
        (device([40, 42, 43, 44], 0.1, 0.5, 1.0), device([40, 42, 43], 0.1, 0.5, 1.0), "3 spins in 'big' and 1 in 'small'"),
        # 6² configurations against 3³: spins are taken from the small layer, once, and then from the big one
        (device([40, 42], 0.1, 0.5, 1.0, others=2), device([40, 41], 0.1, 0.5, 1.0), "2 spins in 'big' and 1 in 'small'"),
    ):  # fmt: skip
        experiments = [pysv.Experiment(device=own, spins=pysv.Parallel()) for own in (large, fits)]
        room = pysv.estimate(experiments[1]).memory / estimate.SHARE
        monkeypatch.setattr(estimate, "available_memory", lambda room=room: int(room) + 1)
        with pytest.raises(MemoryLimitError, match=rf"; {words} would fit \("):
            estimate.check_fits(experiments[0])
        estimate.check_fits(experiments[1])


def test_what_would_fit_of_a_single_layer(monkeypatch):
    lone = [pysv.Device(layers=[pysv.Layer(sites=[40, 39 + count])]) for count in (3, 5)]
    assert [smaller.spins_in_words(device) for device in lone] == ["3 spins in 'L1'", "5 spins in 'L1'"]
    three = pysv.Device(layers=[pysv.Layer(sites=[site, site]) for site in (40, 50, 60)])
    assert smaller.spins_in_words(three) == "1 spin in 'L1', 1 in 'L2' and 1 in 'L3'"
    monkeypatch.setattr(estimate, "available_memory", lambda: 1000)
    with pytest.raises(MemoryLimitError, match=r"the free memory\); take fewer"):
        estimate.check_fits(pysv.Experiment(device=lone[1]))


def test_a_huge_device_is_refused_soon():
    huge = pysv.Device(
        sites=400, layers=[pysv.Layer(name=name, sites=[a, a + 28]) for name, a in (("A", 44), ("B", 78))]
    )
    begun = time.monotonic()
    with pytest.raises(MemoryLimitError, match=r"; \d+ spins in 'A' and \d+ in 'B' would fit \(\d.* GB\); take fewer"):
        pysv.solve(pysv.Experiment(device=huge, source=pysv.WavePacket(spin="up")), progress=False)
    assert time.monotonic() - begun < 5


def test_the_estimate_of_a_run_that_does_not_fit():
    needed = pysv.estimate(pysv.Experiment(device=pysv.SpinValve(sites=400, polarizer=(44, 72), analyzer=(78, 106))))
    assert "does not fit" in str(needed)


def test_the_estimate_counts_what_the_run_does(small):
    data = pysv.solve(small, progress=False)
    needed = pysv.estimate(small)
    assert needed.amplitudes == sum(run.psi.size for run in _runs(small))
    assert needed.applications == pytest.approx(data.attrs["applications_of_h"], rel=0.35)
    for row in ("engine", "pure run     electron up: sector of 3 down spins, 20 rows", "memory", "matvecs", "time"):
        assert row in str(needed)
    assert needed.memory > 16 * 3 * needed.amplitudes
    magnon = pysv.Experiment(
        device=pysv.SpinValve.with_layers(10),
        source=pysv.WavePacket(spin="down"),
        spins=pysv.ProductState(polarizer=(0.0, 0.0), analyzer=(0.0, 0.0)),
    )
    assert pysv.estimate(magnon).memory < 1e9  # one sector of 21 rows, whatever 2^20 is
    tilted = dataclasses.replace(small, spins=pysv.ProductState(polarizer=(0.3, 0.0)))
    assert pysv.estimate(tilted).sectors[0][1] == (3, 4, 5)


def _runs(experiment):
    from pysv.sectors.pure_run import pure_runs

    return pure_runs(experiment)


def test_progress_is_in_femtoseconds(small, capsys):
    pysv.solve(small, progress=True)
    shown = capsys.readouterr().err
    assert "6/6 fs" in shown
    assert "Δnorm" in shown
    pysv.solve(small, progress=False)
    assert capsys.readouterr().err == ""


def test_a_schedule_measures_only_then(small):
    scheduled = dataclasses.replace(
        small, record=pysv.Record(density_matrix=True, every={"qfi": 2, "entropies": 3, "log_negativity": 0})
    )
    data, full = pysv.solve(scheduled, progress=False), pysv.solve(small, progress=False)
    index = np.arange(data.time.size)
    for name, due in (("qfi", index % 2 == 0), ("mutual_information", index % 3 == 0), ("w_fidelity", index >= 0)):
        assert np.array_equal(np.isfinite(data[name].values).reshape(index.size, -1).all(axis=1), due)
        np.testing.assert_array_equal(data[name].values[due], full[name].values[due])
    assert "log_negativity" not in data
    assert "log_negativity: not asked for" in data.attrs["left_out"]
    again = config.loads(data.attrs["experiment"]).experiment
    assert again == scheduled


def test_a_disk_without_room_is_noticed_first(small, tmp_path, monkeypatch):
    path = tmp_path / "run.nc"
    with monkeypatch.context() as patch:
        patch.setattr(destination.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1000))
        with pytest.raises(ResultFileError, match=r"run\.nc: needs .* kB on a disk with 1 kB free; make room"):
            pysv.solve(small, progress=False, out=path)
        assert list(tmp_path.iterdir()) == []
