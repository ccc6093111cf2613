"""Python × Julia: the same experiment on both backends, on every engine that has both."""

from __future__ import annotations

import dataclasses
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import FACTOR, SMALL_DEVICE, narrow, random_experiment, solve_within
from hypothesis import given, settings
from hypothesis import strategies as st
from juliahome import needs_julia
from test_any_device import random_experiment as random_device_experiment

import pysv
from pysv.engines import methods
from pysv.measures.sizes import LIMITS
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.layout import CUT
from pysv.sectors.pure_run import pure_runs

pytestmark = needs_julia

BOTH = sorted(name for name, method in methods().items() if set(method.backends) >= {"python", "julia"})
ONE_ELECTRON = [name for name in BOTH if methods()[name]().refusal(random_experiment(1)) is None]


def assert_equal(one, other, tolerance=1e-10):
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_allclose(other[name], one[name], atol=tolerance, rtol=0, err_msg=name)


def test_there_are_engines_to_compare():
    assert ONE_ELECTRON
    assert set(BOTH) > set(ONE_ELECTRON)  # of the others see test_several_backends.py


@pytest.mark.parametrize("engine", ONE_ELECTRON)
@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), step=st.sampled_from((0.3, 1.5, 3.0)))
def test_backends_agree_on_random_experiments(engine, seed, step):
    experiment = random_experiment(seed, pysv.times(stop=3, step=step))
    python, julia = (
        pysv.solve(experiment, engine=engine, backend=backend, progress=False) for backend in ("python", "julia")
    )
    assert_equal(python, julia)
    assert (python.attrs["backend"], julia.attrs["backend"]) == ("python", "julia")


@pytest.mark.parametrize("shape", ["one tile", "tiled"])
@pytest.mark.parametrize("seed", range(8))
def test_backends_agree_on_any_device(seed, shape):
    """Layers, spins, hoppings and potentials of all kinds; KrylovKit as the third."""
    experiment = random_device_experiment(seed)
    cut = {"one tile": CUT, "tiled": narrow(3)}[shape]
    python, julia = (
        solve_within(LIMITS, experiment, engine="chebyshev", backend=backend, cut=cut)
        for backend in ("python", "julia")
    )
    assert_equal(python, julia)
    if shape == "one tile":
        krylov = pysv.solve(experiment, engine=pysv.Krylov(tolerance=1e-13), progress=False)
        assert_equal(python.drop_vars("state_deviation"), krylov.drop_vars("state_deviation"))


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_krylov_agrees_with_chebyshev(seed):
    experiment = random_experiment(seed, pysv.times(stop=3, step=1.5))
    chebyshev = pysv.solve(experiment, engine="chebyshev", backend="python", progress=False)
    krylov = pysv.solve(experiment, engine=pysv.Krylov(tolerance=1e-13), progress=False)
    assert krylov.attrs["backend"] == "julia"
    assert_equal(chebyshev.drop_vars("state_deviation"), krylov.drop_vars("state_deviation"))


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_the_spectral_bounds_hold_the_extremes_that_krylovkit_finds(seed):
    runs = pure_runs(random_experiment(seed))
    bounds, extremes = pysv.Chebyshev().start(runs, "python").bounds, pysv.Krylov().start(runs, "julia").extremes
    for run, inner, outer in zip(runs, extremes, bounds, strict=True):
        exact = np.linalg.eigvalsh(run.hamiltonian.sparse().toarray())
        np.testing.assert_allclose(inner, (exact[0], exact[-1]), atol=1e-5)
        assert outer.low < inner[0] + 1e-5
        assert outer.high > inner[1] - 1e-5


def test_no_call_of_julia_looks_long_for_the_ends_of_the_spectrum(monkeypatch):
    """Python hears Ctrl-C between the calls: each applies H a few times only."""
    from pysv.julia import session

    real, counts = session.call, [1]

    def counted(name, *arguments):
        result = real(name, *arguments)
        if name == "ends!":
            counts.append(int(result[-1]))
        return result

    monkeypatch.setattr(session, "call", counted)
    engine = pysv.Krylov().start(pure_runs(LARGER)[:1], "julia")
    assert len(counts) > 5
    assert max(np.diff(counts)) <= 10
    assert engine.work().applications == counts[-1]


LARGER = pysv.Experiment(
    device=pysv.SpinValve(sites=90, polarizer=(40, 42), analyzer=(46, 48)),
    source=pysv.WavePacket(center=20),
    times=pysv.times(stop=4, step=1),
)


@pytest.mark.parametrize("width", [1, 7, 16])
@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-10), ("single", 2e-4)])
def test_backends_agree_on_tiles(width, precision, tolerance):
    method = pysv.Chebyshev(precision=precision, tolerance=1e-13 if precision == "double" else 1e-7)
    python, julia = (
        solve_within(LIMITS, LARGER, method, backend, cut=narrow(width)) for backend in ("python", "julia")
    )
    assert_equal(python, julia, tolerance)


def test_backends_agree_where_two_runs_have_two_outputs():
    rarely = dataclasses.replace(
        LARGER, record=pysv.Record(every=pysv.Every(entropies=3, log_negativity=0, w_fidelity=0, qfi=0))
    )
    python, julia = (solve_within(FACTOR, rarely, backend=backend, cut=narrow(16)) for backend in ("python", "julia"))
    assert python.attrs["applications_of_h"] == julia.attrs["applications_of_h"]
    assert_equal(python, julia)


def test_many_pure_runs_side_by_side(monkeypatch):
    """The pure runs of a thermal state, in calls of three, on intervals of several expansions."""
    monkeypatch.setattr("pysv.sectors.julia._JOBS", 3)
    for module in ("sectors.chebyshev", "engines.chebyshev"):
        monkeypatch.setattr(f"pysv.{module}.LARGEST_Z", 10.0)
    thermal = pysv.Experiment(
        device=pysv.SpinValve(**SMALL_DEVICE), source=pysv.WavePacket(center=5, momentum_spread=0.9),
        spins=pysv.Gibbs(temperature=3000),
        times=pysv.times(stop=6, step=3),
    )  # fmt: skip
    assert len(pure_runs(thermal)) > 6
    python, julia = (pysv.solve(thermal, backend=backend, progress=False) for backend in ("python", "julia"))
    assert_equal(python, julia)
    assert python.attrs["applications_of_h"] == julia.attrs["applications_of_h"]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_nothing(monkeypatch, threads):
    from pysv.julia import session

    if threads > session.threads():
        pytest.skip(f"Julia runs on {session.threads()} threads here")
    reference = pysv.solve(LARGER, backend="python", progress=False)
    monkeypatch.setattr("pysv.sectors.julia.threads_for", lambda hamiltonian: threads)
    assert_equal(reference, pysv.solve(LARGER, backend="julia", progress=False))


@pytest.mark.parametrize("call", [1, 300_000, 100_000_000])
@pytest.mark.parametrize("steps", [3, 4])
@pytest.mark.parametrize("real", [np.float64, np.float32])
def test_julia_works_on_the_memory_of_numpy(real, steps, call, monkeypatch):
    """Julia's arrays begin where NumPy's do, its call allocates next to nothing, and its results are in NumPy's arrays."""
    from pysv.julia import session
    from pysv.sectors.backend import Steps
    from pysv.sectors.host import HostSpace
    from pysv.sectors.julia import JuliaSpace

    hamiltonian: Hamiltonian = pure_runs(LARGER)[0].hamiltonian
    shape = (hamiltonian.shape[0], hamiltonian.shape[1], 2 * hamiltonian.shape[2])
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape).astype(real) for _ in range(2)] + [np.zeros((1, *shape), real)]
    others = [array.copy() for array in arrays]
    addresses = [array.ctypes.data for array in arrays]
    factors = np.array([[0.5, 0.1, 0.0], *[[1.0, 0.1, 1.0]] * (steps - 1)], real)
    mixes = rng.standard_normal((steps, 1, 6)).astype(real)
    monkeypatch.setattr("pysv.sectors.julia.CALL", call)  # one step a call, some, all

    seen = [session.call("address_of_view", real is np.float32, where, *reversed(shape)) for where in addresses]
    assert seen == addresses
    JuliaSpace(hamiltonian, real).recursion(Steps(*arrays, hamiltonian.everywhere, factors, mixes))
    HostSpace(hamiltonian, real).recursion(Steps(*others, hamiltonian.everywhere, factors, mixes))
    assert [array.ctypes.data for array in arrays] == addresses
    for array, other in zip(arrays, others, strict=True):
        assert np.abs(array).max() > 0.1
        np.testing.assert_allclose(array, other, rtol=0, atol=300 * np.finfo(real).eps)


def test_arrays_that_julia_would_misread_are_refused():
    from pysv.julia import session

    array = np.zeros((4, 6))
    assert session.address(array, (4, 6), np.float64) == array.ctypes.data
    for wrong in (array.T, array[:, ::2], array.astype(np.float32), np.asfortranarray(array)):
        with pytest.raises(ValueError, match=r"where C-ordered \(4, 6\) of float64 was expected"):
            session.address(wrong, (4, 6), np.float64)


@pytest.mark.parametrize(("first", "then"), [("python", "julia"), ("julia", "python"), ("julia", "julia")])
@pytest.mark.parametrize("engine", ONE_ELECTRON)
def test_one_backend_goes_on_where_another_stopped(small, tmp_path, engine, first, then):
    whole = pysv.solve(small, engine=engine, backend="python", progress=False)
    short = pysv.Experiment(device=small.device, source=small.source, times=pysv.times(stop=3, step=0.5))
    pysv.solve(short, engine=engine, backend=first, out=tmp_path / "run.nc", progress=False)
    resumed = pysv.resume(tmp_path / "run.nc", stop=6, backend=then, progress=False)
    assert resumed.attrs["backend"] == then
    assert_equal(whole, resumed)


def test_the_interpreter_is_free_while_julia_computes():
    """Another Python thread counts on while one call of Julia runs."""
    import threading

    from pysv.sectors.backend import Steps
    from pysv.sectors.julia import JuliaSpace

    hamiltonian = pure_runs(LARGER)[0].hamiltonian
    shape = (hamiltonian.shape[0], hamiltonian.shape[1], 2 * hamiltonian.shape[2])
    arrays = np.zeros(shape), np.zeros(shape), np.zeros((1, *shape))
    steps = 40_000
    recursion = JuliaSpace(hamiltonian, np.float64).recursion
    ticks, done = [], threading.Event()

    def count() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(1e-3)

    counter = threading.Thread(target=count)
    counter.start()
    begun = time.perf_counter()
    try:
        recursion(Steps(*arrays, hamiltonian.everywhere, np.zeros((steps, 3)), np.zeros((steps, 1, 6))))
        ended = time.perf_counter()
    finally:
        done.set()
        counter.join()
    assert ended - begun > 0.05  # long enough to tell
    assert sum(begun < tick < ended for tick in ticks) > 5


LONG = f"""
import pysv, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background would ignore it
from pysv.julia import session
session.start()
device = pysv.SpinValve(**{SMALL_DEVICE!r})
source = pysv.WavePacket(center=5, momentum_spread=0.9, spin="up")
experiment = pysv.Experiment(device=device, source=source, times=pysv.times(stop=20000, step=1))
data = pysv.solve(
    experiment, engine=sys.argv[2], backend="julia", out=sys.argv[1], progress=False, checkpoint_every=0.0
)
print(data.attrs["status"], data.time.size, flush=True)
"""


@contextmanager
def long_run(code: str, out: Path, engine: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is in the middle of a run, known from its result file; it is gone afterwards."""
    command = [sys.executable, "-W", "ignore", "-c", code, str(out), engine]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not out.exists():
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.1)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("engine", [*BOTH, "krylov"])
def test_ctrl_c_ends_a_julia_run_cleanly(tmp_path, engine):
    """The run is saved as it is, and its file goes on."""
    out = tmp_path / "run.nc"
    with long_run(LONG, out, engine) as process:
        process.send_signal(signal.SIGINT)
        shown, errors = process.communicate(timeout=400)
    assert (process.returncode, errors[:20]) == (0, "stopping after the p"), (shown, errors)
    assert "stopping after the present snapshot" in errors
    status, count = shown.split()
    assert status == "interrupted"
    assert 1 < int(count) < 20000
    resumed = pysv.resume(out, stop=int(count) + 1.0, progress=False)
    assert resumed.attrs["status"] == "complete"
    assert resumed.time.size == int(count) + 2


def test_a_second_ctrl_c_ends_it_at_once(tmp_path):
    """The interval between two snapshots takes minutes here, in calls of milliseconds."""
    slow = LONG.replace("times(stop=20000, step=1)", "times(stop=2e5, step=2e5)")
    slow = re.sub(r"SpinValve\(.*\)", "SpinValve()", slow).replace('center=5, momentum_spread=0.9, spin="up"', "")
    with long_run(slow, tmp_path / "run.nc", "chebyshev") as process:
        process.send_signal(signal.SIGINT)
        assert "stopping after the present snapshot" in process.stderr.readline()
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=400)
    assert process.returncode not in (0, None)
    assert "KeyboardInterrupt" in errors
