"""The backend ``cuda`` where there may be no GPU: its kernels in numba's simulator, and what it says without a device."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from math import comb
from pathlib import Path
from types import SimpleNamespace

import pytest

import pysv
from pysv.engines import choose, readiness
from pysv.errors import CudaUnavailableError, EngineError
from pysv.sectors.backend import backend
from pysv.sectors.cuda import device

HERE = Path(__file__).parent
INSTALL = r'`pip install "pysv-spinvalve\[cuda\]"`, or use backend \'python\''


def python(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | settings)


def test_the_kernels_in_numbas_simulator():
    """All of `checks_of_cuda.py`; the simulator can only be chosen before numba is imported."""
    path = str(HERE / "checks_of_cuda.py")
    done = python("-m", "pytest", path, "-p", "no:cacheprovider", "-p", "no:xdist", NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " failed" not in done.stdout
    assert int(done.stdout.split(" passed")[0].split()[-1]) > 60


@pytest.fixture
def looked_for(monkeypatch):
    """A function that says what is found on a machine: the driver, numba's CUDA support, the answers of CUDA."""
    from numba import cuda

    def look(driver=True, installed=True, available=True, devices=1, error=None):
        device.lacking.cache_clear()
        monkeypatch.setattr(device, "simulated", lambda: False)
        monkeypatch.setattr(device, "_driver_found", lambda named: driver)
        monkeypatch.setattr(device, "find_spec", lambda name: SimpleNamespace() if installed else None)
        answer = (lambda: available) if not isinstance(available, Exception) else raised(available)
        monkeypatch.setattr(cuda, "is_available", answer)
        monkeypatch.setattr(cuda, "gpus", [None] * devices)
        monkeypatch.setattr(cuda, "cuda_error", lambda: error)

    yield look
    device.lacking.cache_clear()


def raised(error):
    def fail():
        raise error

    return fail


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"driver": False}, r"no NVIDIA driver is found \(libcuda.so.1\); go to a machine with a GPU, or use backend"),
        ({"installed": False}, f"numba-cuda is not installed; {INSTALL}"),
        (
            {"available": False, "error": "\nCUDA_ERROR_NO_DEVICE (100):\nmore\n"},
            r"the NVIDIA driver finds no usable device \(CUDA_ERROR_NO_DEVICE \(100\)\); use backend 'python'",
        ),
        ({"available": False}, rf"CUDA's compiler \(libNVVM\) is not found; {INSTALL}"),
        ({"devices": 0}, r"the NVIDIA driver finds no usable device \(it lists none\); use backend 'python'"),
        ({"available": OSError("no symbol")}, rf"numba's CUDA support fails \(no symbol\); {INSTALL}"),
        ({"available": OSError()}, rf"numba's CUDA support fails \(OSError\); {INSTALL}"),
    ],
)
def test_what_is_said_without_a_device(looked_for, found, sentence):
    """By the run before it computes anything, by `pysv engines` and by `pysv doctor`."""
    looked_for(**found)
    large = pysv.Experiment(device=pysv.SpinValve.with_layers(10), times=pysv.times(stop=1, step=1))
    begun = time.monotonic()
    with pytest.raises(CudaUnavailableError, match=f"^backend 'cuda': {sentence}"):
        pysv.solve(large, engine="chebyshev", backend="cuda", progress=False)
    assert time.monotonic() - begun < 1
    with pytest.raises(CudaUnavailableError, match=f"^backend 'cuda': {sentence}"):
        backend("cuda").space(None, complex)  # refused before the Hamiltonian is looked at
    (row,) = (row for row in readiness() if row.backend == "cuda")
    assert (row.engine, row.ready) == ("chebyshev", False)
    assert device.report() == f"not ready: {row.remark}"
    needed = str(pysv.estimate(large, backend="cuda"))  # needs no device, and knows of none that was measured
    assert "time         not known" in needed
    assert f"backend 'cuda' is not ready here: {row.remark}" in needed


def test_every_verb_refuses_before_it_writes(looked_for, tmp_path):
    looked_for(driver=False)
    small = pysv.Experiment(
        device=pysv.SpinValve(sites=8, polarizer=(3, 3), analyzer=(5, 5)),
        source=pysv.WavePacket(center=2, momentum_spread=2.0, allow_truncation=True),
        times=pysv.times(stop=1, step=1),
    )
    calls = (
        lambda: pysv.convergence(small, backend="cuda", progress=False),
        lambda: pysv.sweep(
            small, {"device.sd_exchange": [0.1, 0.2]}, backend="cuda", out=tmp_path / "sweep", progress=False
        ),
        lambda: pysv.correlator(small, backend="cuda", out=tmp_path / "c.nc", progress=False),
    )
    for call in calls:
        with pytest.raises(CudaUnavailableError, match="no NVIDIA driver is found"):
            call()
    assert not list(tmp_path.iterdir())


def test_a_ready_device_is_taken_by_name_only(looked_for, monkeypatch):
    """It is not measured yet, so that nobody can say where it pays."""
    looked_for()
    monkeypatch.setattr("pysv.julia.setup.not_ready", lambda *, tdmrg=False: "no Julia here")
    monkeypatch.setattr(pysv.Chebyshev, "pays", lambda method, name, cost: True)
    heavy = pysv.Experiment(device=pysv.SpinValve.with_layers(10))
    assert {row.backend: row.ready for row in readiness() if row.engine == "chebyshev"}["cuda"]
    assert choose(heavy)[1] == "python"
    assert choose(heavy, backend="cuda")[1] == "cuda"
    with pytest.raises(EngineError, match="engine 'rk4' has no backend 'cuda'; use backend 'python'"):
        choose(heavy, "rk4", backend="cuda")


def test_the_estimate_parts_the_memory_of_the_device_from_the_machines():
    """Two runs of 10+10 spins with two snapshots each and two states of work space: six states there, two copies here."""
    large = pysv.Experiment(device=pysv.SpinValve.with_layers(10), times=pysv.times(stop=4, step=1))
    rows, places = comb(21, 10), 2 * 104  # tiles of 104 sites
    here, there = (pysv.estimate(large, backend=name) for name in ("python", "cuda"))
    assert (here.device_memory, there.device_memory) == (0, 6 * 16 * rows * places)
    assert here.memory - there.memory == 6 * 16 * rows * places - 2 * 16 * rows * 201
    assert "device       7.04 GB of states in its memory" in str(there)
    assert "\ndevice " not in str(here)


def test_without_a_driver_numbas_cuda_support_is_never_loaded():
    """Neither by the import of pysv, nor by the table of engines, nor by a run on another backend; said in a moment."""
    code = """
import sys, time
import pysv
from pysv.engines import choose, readiness
choose(pysv.Experiment())
begun = time.monotonic()
remark = next(row.remark for row in readiness() if row.backend == "cuda")
print("numba.cuda" in sys.modules, time.monotonic() - begun < 1, remark)
"""
    done = python("-c", code, NUMBA_CUDA_DRIVER="/nowhere/libcuda.so", NUMBA_ENABLE_CUDASIM="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("False True no NVIDIA driver is found")


def test_a_run_without_a_driver_ends_with_one_line(tmp_path):
    (tmp_path / "small.toml").write_text("[evolution]\nbackend = 'cuda'\n")
    done = python(
        "-m", "pysv", "run", str(tmp_path / "small.toml"), NUMBA_CUDA_DRIVER="/nowhere/libcuda.so",
        NUMBA_ENABLE_CUDASIM="0",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "backend 'cuda': no NVIDIA driver is found" in done.stderr
