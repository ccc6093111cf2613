"""The backend ``cuda`` on a GPU: a term beside the copy bandwidth of the device and the CPU backends, and a whole run.

    python benchmarks/gpu.py --check [--spins 8 10 11] [--single 12] [--cpu 10] [--repeat 5] [--whole 40]

All is measured in one run, in some minutes. `--check` runs the correctness tests on the device first and stops where
one fails. A size that does not fit in the memory of the device is left out and named. The copy bandwidth counts what
is read and what is written, 32 bytes an amplitude in double precision. A term on the device counts what it needs, 64
bytes: it reads one state, reads and writes another one, and reads and writes the sum at every second step.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from large import NEVER, STEPS, Term
from report import add_option, figure, judge, kept

import pysv
from pysv.model.basis import Basis
from pysv.sectors.backend import Steps, backend
from pysv.sectors.cuda import device
from pysv.sectors.hamiltonian import Hamiltonian

SHARE, SECONDS = 0.5, 15.0
"""Targets on an H100: share of the copy bandwidth, and the time of 10+10 spins to 40 fs."""
COUNTED = 4
"""Reads and writes of an amplitude that a term needs on the device."""
CHECKS = Path(__file__).parents[1] / "tests" / "sectors" / "checks_of_cuda.py"
DOUBLE_AND_SINGLE = (np.float64, np.float32)


class DeviceTerm:
    """A term of the expansion at n+n spins on the device."""

    def __init__(self, spins: int, real: type) -> None:
        basis = Basis.of_sectors(2 * spins, (spins,))
        dtype = np.result_type(real, np.complex64).type
        self.hamiltonian = Hamiltonian.of_device(pysv.SpinValve.with_layers(spins), basis).laid_out(dtype)
        self.amplitudes = basis.rows * self.hamiltonian.sites
        self.counted = COUNTED * np.dtype(dtype).itemsize * self.amplitudes
        self.space = backend("cuda").space(self.hamiltonian, dtype)
        (self.states,) = backend("cuda").allocate([self.hamiltonian.shape], dtype, 3)
        rng = np.random.default_rng(1)
        for state in self.states:
            self.space.write_product(
                state, rng.standard_normal(basis.rows), rng.standard_normal(self.hamiltonian.sites) / basis.rows
            )
        factors: np.ndarray = np.array([[0.1, 0.0, 1.0]] * STEPS, real)
        mixes: np.ndarray = np.array([[[0.2, 0.1, 0.2, 0.1, 0.5, n % 2 == 0]] for n in range(STEPS)], real)
        self._steps = Steps(
            self.states[0], self.states[1], self.states[2:], self.hamiltonian.everywhere, factors, mixes
        )

    def seconds(self, repeat: int) -> list[float]:
        """Of a term, in each of some expansions; the first one, which compiles, is left out."""
        return [found / STEPS for found in timed(lambda: self.space.recursion(self._steps), repeat)]

    def bandwidth(self, repeat: int) -> list[float]:
        """Bytes per second that CUDA's own copy of a state reads and writes."""

        def copy() -> None:
            for _ in range(STEPS):
                self.states[1].copy_to_device(self.states[0])

        moved = 2 * STEPS * self.states[0].nbytes
        return [moved / found for found in timed(copy, repeat)]


def timed(work: Callable[[], Any], repeat: int) -> list[float]:
    """Seconds until the device has done the work, without the first time."""
    from numba import cuda

    found = []
    for _ in range(repeat + 1):
        cuda.synchronize()
        begun = time.perf_counter()
        work()
        cuda.synchronize()
        found.append(time.perf_counter() - begun)
    return found[1:]


def check() -> None:
    """Run the correctness tests on the device."""
    begun = time.perf_counter()
    # Warnings of CUDA's packages, which differ from machine to machine, are no failures of pysv.
    command = [sys.executable, "-m", "pytest", str(CHECKS), "-W", "default", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout[-6000:], flush=True)
    if done.returncode:
        raise SystemExit(f"gpu.py: the tests fail on this device; nothing was measured\n{done.stderr[-2000:]}")
    figure("seconds of the tests", time.perf_counter() - begun)


def cpu_seconds(spins: int, real: type) -> dict[str, float]:
    """Seconds of a term on each CPU backend that is ready, the better of two."""
    term = Term(spins, real)
    steps, dtype = term.steps(), term.arrays[0].dtype.type
    found = {}
    for name in ("python", "julia"):
        if backend(name).lacking() is None:
            space, taken = backend(name).space(term.hamiltonian, dtype), []
            for _ in range(3):  # the first time compiles
                begun = time.perf_counter()
                space.recursion(steps)
                taken.append((time.perf_counter() - begun) / STEPS)
            found[name] = min(taken[1:])
    return found


def terms(sizes: list[tuple[int, type]], largest: int, repeat: int) -> None:
    """A term at each size and precision; the CPU backends up to `largest` + `largest` spins."""
    print(
        "spins   real      amplitudes   copy GB/s   cuda s/term   share of copy   CPU s/term, and their ratio to cuda"
    )
    for spins, real in sizes:
        name = np.dtype(real).name
        try:
            term = DeviceTerm(spins, real)
        except pysv.errors.MemoryLimitError as error:
            print(f"{spins}+{spins:<5} {name:<9} left out: {error}")
            continue
        copied, taken = float(np.median(term.bandwidth(repeat))), float(np.median(term.seconds(repeat)))
        amplitudes, share = term.amplitudes, term.counted / taken / copied
        del term
        gc.collect()
        cpu = cpu_seconds(spins, real) if spins <= largest else {}
        others = ", ".join(f"{other} {seconds:.4f} ({seconds / taken:.0f})" for other, seconds in cpu.items())
        print(
            f"{spins}+{spins:<5} {name:<9} {amplitudes:>10} {copied / 1e9:>11.0f} {taken:>13.6f} {share:>15.2f}   "
            f"{others or 'not measured'}",
            flush=True,
        )
        figure(f"{spins}+{spins} {name}: s/term", taken)
        figure(f"{spins}+{spins} {name}: share of the copy bandwidth", share)
        judge(f"share of the copy, {spins}+{spins}, {name}", f"{share:.2f}", f">= {SHARE}", share >= SHARE)
        gc.collect()


def run(spins: int, stop: float, where: str, out: Path | None = None) -> tuple[Any, float]:
    """A whole run with the diagonal measures at every fs, and its seconds."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve.with_layers(spins),
        times=pysv.times(stop, 1),
        record=pysv.Record(every=pysv.Every(**NEVER)),
    )
    begun = time.perf_counter()
    data = pysv.solve(experiment, engine="chebyshev", backend=where, out=out, progress=False)
    return data, time.perf_counter() - begun


def agreement(spins: int, stop: float) -> None:
    """A run of some size on both backends: the largest difference of any variable."""
    (here, slow), (there, fast) = run(spins, stop, "python"), run(spins, stop, "cuda")
    worst = max(float(abs(here[name] - there[name]).max()) for name in here.data_vars)
    print(f"\n{spins}+{spins} spins to {stop:g} fs: Python {slow:.1f} s, CUDA {fast:.1f} s, compilation included")
    judge("largest difference of a variable", f"{worst:.0e}", "<= 1e-10", worst <= 1e-10)


def whole(spins: int, stop: float) -> None:
    """The run that the project aims at, with its result file and its last checkpoint; compiled before."""
    with tempfile.TemporaryDirectory() as folder:
        data, seconds = run(spins, stop, "cuda", Path(folder) / "run.nc")
    drifts = ", ".join(f"{name} {data.attrs[f'drift_{name}']:.0e}" for name in ("norm", "energy", "spin_z_total"))
    print(
        f"\n{spins}+{spins} spins to {stop:g} fs: {data.attrs['applications_of_h']} applications of H; drifts: {drifts}"
    )
    figure("whole run: seconds", seconds)
    judge("wall time, the last result file included", f"{seconds:.1f} s", f"<= {SECONDS:g} s", seconds <= SECONDS)


def main() -> None:
    """Check and measure what was asked for."""
    parser = argparse.ArgumentParser(description="The backend cuda on a GPU, beside its copy bandwidth and the CPU.")
    parser.add_argument("--check", action="store_true", help="run the correctness tests on the device first")
    parser.add_argument("--spins", type=int, nargs="*", default=[8, 10, 11], help="spins of a layer (default: 8 10 11)")
    parser.add_argument("--single", type=int, nargs="*", default=[12], help="further ones, in single precision only")
    parser.add_argument("--cpu", type=int, default=10, help="most spins of a layer on the CPU (default: 10)")
    parser.add_argument("--repeat", type=int, default=5, help="timed repetitions (default: 5)")
    parser.add_argument("--agree", type=int, default=8, help="spins of a layer of a run on both (default: 8; 0: none)")
    parser.add_argument("--whole", type=float, default=40.0, help="fs of the run of 10+10 spins (default: 40; 0: none)")
    add_option(parser)
    options = parser.parse_args()
    reason = device.lacking()
    if reason is not None:
        raise SystemExit(f"gpu.py: {reason}")
    with kept(options.keep):
        print(device.report(), flush=True)
        if options.check:
            check()
        if options.agree:
            agreement(options.agree, 2.0)
            gc.collect()
        if options.whole:
            whole(10, options.whole)
            gc.collect()
        both = [(spins, real) for spins in options.spins for real in DOUBLE_AND_SINGLE]
        terms(both + [(spins, np.float32) for spins in options.single], options.cpu, options.repeat)


if __name__ == "__main__":
    main()
