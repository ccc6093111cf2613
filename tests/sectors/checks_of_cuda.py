"""CUDA × Python on whatever device numba offers: a GPU, or its simulator with NUMBA_ENABLE_CUDASIM = 1.

pytest does not collect this file by itself. `test_cuda.py` runs it in the simulator, `benchmarks/gpu.py --check` on a GPU.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import FACTOR, narrow, random_experiment, solve_within
from test_any_device import random_experiment as random_device_experiment

import pysv
from pysv import doctor
from pysv.errors import MemoryLimitError
from pysv.measures.sizes import LIMITS
from pysv.sectors.backend import Steps, backend
from pysv.sectors.cuda import device, layout
from pysv.sectors.cuda.backend import SHARE
from pysv.sectors.cuda.space import CudaSpace
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.layout import CUT
from pysv.sectors.pure_run import pure_runs

PRECISIONS = [(np.float64, 1e-12), (np.float32, 1e-5)]


@pytest.fixture(autouse=True)
def _narrow_tiles(monkeypatch):
    """Several tiles on a few sites; in the simulator also few threads, blocks and chunks."""
    monkeypatch.setattr(layout, "LINE", 32)
    if device.simulated():
        for name, value in (("THREADS", 8), ("BLOCKS", 2), ("CHUNKS", 3)):
            monkeypatch.setattr(layout, name, value)
        _run_one_after_the_other(monkeypatch)


def _run_one_after_the_other(monkeypatch):
    """The simulator starts a thread of Python for each of the device's, which takes longer than the kernel itself.

    The kernels of pysv never wait for another thread, so that all may run in this one.
    """
    from numba.cuda.simulator import kernel, kernelapi

    now = SimpleNamespace()

    def run(block, grid_point, *arguments):
        now.blockIdx = kernelapi.Dim3(*grid_point)
        for place in np.ndindex(*block._block_dim):
            now.threadIdx = kernelapi.Dim3(*place)
            block._f(*arguments)

    monkeypatch.setattr(kernel.BlockManager, "run", run)
    monkeypatch.setattr(kernelapi, "threading", SimpleNamespace(current_thread=lambda: now))


class Pair:
    """The same states on the device and in NumPy's memory."""

    def __init__(self, hamiltonian: Hamiltonian, real: type, count: int, seed: int) -> None:
        dtype = np.result_type(real, np.complex64).type
        self.hamiltonian = h = hamiltonian.laid_out(dtype)
        rng, shape = np.random.default_rng(seed), (h.basis.rows, h.sites)
        self.here = np.stack(
            [
                h.layout.tiled((rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype))
                for _ in range(count)
            ]
        )
        self.host, self.device = (backend(name).space(h, dtype) for name in ("python", "cuda"))
        (self.there,) = backend("cuda").allocate([h.shape], dtype, count)
        for own, psi in zip(self.there, self.here, strict=True):
            self.device.load(own, psi)

    def assert_equal(self, tolerance: float) -> None:
        for own, psi in zip(self.there, self.here, strict=True):
            found = self.device.host(own)
            assert (found.dtype, found.shape) == (psi.dtype, psi.shape)
            np.testing.assert_allclose(found, psi, rtol=0, atol=tolerance * max(1, abs(psi).max()))


def hamiltonian_of(experiment: pysv.Experiment, cut=CUT) -> Hamiltonian:
    return pure_runs(experiment, cut)[-1].hamiltonian


def middle(hamiltonian: Hamiltonian, dtype: type) -> tuple[int, int]:
    """A window that leaves out sites on either side, if the layout allows."""
    return hamiltonian.layout.window(hamiltonian.sites // 3 + 1, hamiltonian.sites - 1, dtype)


def unequal_layers(seed: int) -> pysv.Experiment:
    """3+2 spins, so that the groups differ in all their tables; with common couplings, or with all of them different."""
    device = pysv.SpinValve(sites=11, polarizer=(2, 4), analyzer=(6, 7))
    if seed % 2:
        long = pysv.Layer(name="long", sites=(2, 4), exchange=(0.1, -0.2), exchange_z=0.3)
        short = pysv.Layer(name="short", sites=(6, 7), exchange=0.17, sd_exchange=(0.4, 0.6))
        device = pysv.Device(sites=11, layers=(long, short), hopping=(1.0, 0.8))
    return pysv.Experiment(device=device, source=pysv.WavePacket(center=5, momentum_spread=2))


MAKERS = random_experiment, random_device_experiment, unequal_layers
DEVICES = [(make, seed) for make in MAKERS for seed in range(2 if make is unequal_layers else 10)]
CUTS = {"one tile": CUT, "tiled": narrow(5)}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("make", "seed"), DEVICES)
def test_the_recursion_is_that_of_python(make, seed, cut):
    """Random couplings, spins to 5/2, potentials, tilted spins; everywhere and in a window, with two sums and with none."""
    real, tolerance = PRECISIONS[(seed // 2 + (cut == "tiled")) % 2]
    pair = Pair(hamiltonian_of(make(seed), CUTS[cut]), real, 4, seed)
    h, dtype = pair.hamiltonian, pair.here.dtype.type
    factors = np.array([[0.3, 0.1, 0.0], [0.2, -0.2, 0.7]], real)
    mixes = np.random.default_rng(seed).uniform(-1, 1, (2, 2, 6)).astype(real)
    mixes[:, :, 5] = [[1, 0], [1, 1]]
    window = middle(h, dtype) if seed % 2 else h.everywhere
    for space, states in ((pair.host, pair.here), (pair.device, pair.there)):
        space.recursion(Steps(states[0], states[1], states[2:], window, factors, mixes))
        space.recursion(Steps(states[0], states[1], None, h.everywhere, factors[:1], np.zeros((1, 0, 6), real)))
    pair.assert_equal(tolerance)


@pytest.mark.parametrize(("real", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("make", [random_experiment, unequal_layers])
def test_sums_and_copies_are_those_of_python(make, cut, real, tolerance):
    pair = Pair(hamiltonian_of(make(3), CUTS[cut]), real, 2, 5)
    h, dtype = pair.hamiltonian, pair.here.dtype.type
    window, amplitude = middle(h, dtype), np.exp(1j * np.arange(h.basis.rows)) * (np.arange(h.basis.rows) % 3)
    both = ((pair.host, pair.here), (pair.device, pair.there))

    def agree(measure):
        one, other = (measure(space, states) for space, states in both)
        for own, same in zip(one, other, strict=True):
            assert np.shape(own) == np.shape(same)
            np.testing.assert_allclose(same, own, rtol=tolerance, atol=tolerance)

    agree(lambda space, states: [space.product(states[0], states[1]), space.expectation(states[0])])
    agree(lambda space, states: [space.weight(states[0], where) for where in (window, h.everywhere)])
    agree(lambda space, states: space.marginals(states[1]))
    for space, states in both:
        space.clear_outside(states[0], window)
        space.combine(states[1], states[0], 0.3, -1.7)
    pair.assert_equal(tolerance)
    for space, states in both:
        space.copy(states[1], states[0])
        space.write_product(states[1], amplitude, np.exp(0.4j * np.arange(h.sites)))
    pair.assert_equal(tolerance)
    for space, states in both:
        space.write_random(states[0], 7)
    pair.assert_equal(tolerance)
    assert pair.device.weight(pair.there[0], h.everywhere) == pytest.approx(1, abs=tolerance)


TINY = pysv.Experiment(
    device=pysv.SpinValve(sites=7, polarizer=(3, 3), analyzer=(5, 5)),
    source=pysv.WavePacket(center=2, momentum_spread=2.5),
    times=pysv.times(stop=0.6, step=0.3),
)


def assert_same(one, other, tolerance=1e-12):
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_allclose(other[name], one[name], atol=tolerance, rtol=0, err_msg=name)


@pytest.mark.parametrize("cut", [CUT, narrow(3)], ids=["small", "large"])
@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-12), ("single", 1e-5)])
def test_whole_runs_agree(cut, precision, tolerance):
    """Small runs with many sums, and large ones in the light cone that share their work space; every measure."""
    experiment = dataclasses.replace(TINY, source=dataclasses.replace(TINY.source, spin="up"))
    method = pysv.Chebyshev(precision=precision, tolerance=1e-13 if precision == "double" else 1e-7)
    python, cuda = (solve_within(LIMITS, experiment, method, name, cut=cut) for name in ("python", "cuda"))
    assert_same(python, cuda, tolerance)
    assert cuda.attrs["backend"] == "cuda"
    assert python.attrs["applications_of_h"] == cuda.attrs["applications_of_h"]


@pytest.mark.parametrize(("first", "then"), [("python", "cuda"), ("cuda", "python"), ("cuda", "cuda")])
def test_one_backend_goes_on_where_another_stopped(tmp_path, first, then):
    whole = pysv.solve(TINY, backend="python", progress=False)
    short = dataclasses.replace(TINY, times=pysv.times(stop=0.3, step=0.3))
    pysv.solve(short, backend=first, out=tmp_path / "run.nc", progress=False)
    resumed = pysv.resume(tmp_path / "run.nc", stop=0.6, backend=then, progress=False)
    assert resumed.attrs["backend"] == then
    assert_same(whole, resumed)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_state_comes_back_once_a_snapshot(monkeypatch, wanted):
    """However many measures want it, and not at all where the sums suffice."""
    asked = []
    usual = CudaSpace.host
    monkeypatch.setattr(CudaSpace, "host", lambda space, state: (asked.append(state), usual(space, state))[1])
    never = pysv.Every(entropies=0, log_negativity=0, w_fidelity=0, qfi=0)
    record = pysv.Record(density_matrix=True, currents=True, torque=True) if wanted else pysv.Record(every=never)
    experiment = dataclasses.replace(TINY, times=pysv.times(stop=0.2, step=0.2), record=record)
    solve_within(LIMITS if wanted else FACTOR, experiment, backend="cuda")
    assert len(asked) == wanted * len(pure_runs(experiment)) * experiment.times.count


def test_fewer_snapshots_at_a_time_where_memory_is_short(monkeypatch):
    runs = pure_runs(TINY)
    state = layout.state_bytes(runs[0].hamiltonian.shape, np.float64)
    # Each of two runs has two states of work space; two snapshots fit beside them, a third one does not.
    monkeypatch.setattr(device, "memory", lambda: (9 * state / SHARE, 100 * state))
    usual, short = (pysv.Chebyshev().start(runs, name) for name in ("python", "cuda"))
    assert [len(engine.outputs[0]) for engine in (usual, short)] == [8, 2]
    times = [0.1, 0.2, 0.3]
    for engine in (usual, short):
        engine.expect(times)
        for time in times:
            engine.advance(time)
    for space, one, other in zip(short.spaces, usual.psi, short.psi, strict=True):
        np.testing.assert_allclose(space.host(other), one, rtol=0, atol=1e-12)


def test_what_does_not_fit_on_the_device_is_refused(monkeypatch):
    monkeypatch.setattr(device, "memory", lambda: (1000.0, 8000.0))
    with pytest.raises(
        MemoryLimitError,
        match=r"2 states of each pure run need 1\.54 kB on the device, the limit is 950 B \(95% of its free memory\); "
        "take fewer spins or sites, single precision, or backend 'python'",
    ):
        pysv.solve(TINY, backend="cuda", progress=False)


def test_the_report_names_the_device():
    assert device.lacking() is None
    shown = device.report()
    assert "simulator" in shown if device.simulated() else "compute capability" in shown
    assert doctor.self_check("cuda") < 1e-9 if not device.simulated() else True


def test_the_benchmark_measures_a_term_and_a_run(monkeypatch, capsys):
    """What `benchmarks/gpu.py` prints and judges, at a size that the simulator can do."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    gpu, large = importlib.import_module("gpu"), importlib.import_module("large")
    for module in (gpu, large):
        monkeypatch.setattr(module, "STEPS", 2)
    monkeypatch.setattr(gpu, "judge", lambda *judged: print("judged", *judged))
    gpu.terms([(1, np.float64), (1, np.float32)], 1, 1)
    shown = capsys.readouterr().out
    assert [line.split()[:3] for line in shown.splitlines() if line.startswith("1+1")] == [
        ["1+1", name, str(3 * 201)] for name in ("float64", "float32")
    ]
    assert shown.count("python 0.0") == 2
    assert shown.count("judged share of the copy, 1+1") == 2
    monkeypatch.setattr(device, "memory", lambda: (1000.0, 1000.0))
    gpu.terms([(1, np.float64)], 1, 1)
    assert "1+1     float64   left out: 3 states of each pure run need" in capsys.readouterr().out


@pytest.mark.skipif(device.simulated(), reason="minutes in the simulator")
@pytest.mark.parametrize("line", [32, 128])
@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-10), ("single", 2e-4)])
def test_larger_runs_agree(monkeypatch, line, precision, tolerance):
    """3+3 spins on 90 sites, and 4+4 on 60 in the light cone: many tiles, blocks and chunks."""
    monkeypatch.setattr(layout, "LINE", line)
    method = pysv.Chebyshev(precision=precision, tolerance=1e-13 if precision == "double" else 1e-7)
    for sites, spins, cut in ((90, 3, CUT), (60, 4, narrow(16))):
        valve = pysv.SpinValve(sites=sites, polarizer=(40, 39 + spins), analyzer=(46, 45 + spins))
        experiment = pysv.Experiment(
            device=valve, source=pysv.WavePacket(center=20, momentum=math.pi / 2), times=pysv.times(stop=4, step=1)
        )
        python, cuda = (solve_within(LIMITS, experiment, method, name, cut=cut) for name in ("python", "cuda"))
        assert_same(python, cuda, tolerance)
