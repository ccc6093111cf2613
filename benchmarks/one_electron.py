"""pysv against its peers: one electron, 4+4 spins, 201 sites, 20 fs with a state every fs.

    python benchmarks/one_electron.py [--repeat 5] [--stop 20]

Everything is measured in one run, pysv and each peer in turn, so that a busy machine disturbs both alike; read the
ratios, not the seconds. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import metadata, util
from pathlib import Path

import numpy as np
import qutip
from scipy.linalg import eigh_tridiagonal
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import expm_multiply
from threadpoolctl import ThreadpoolController

import pysv
from pysv.engines.base import Method
from pysv.initial import PureRun, pure_runs
from pysv.run.recorder import Recorder
from pysv.run.watch import Watch
from pysv.spectrum import triangle_bound
from pysv.units import HBAR

TIMES_QUTIP, ERROR, MEASURES, FIGURE, IMPORT = 50.0, 1e-10, 5e-3, 10.0, 0.5
"""Targets: ratio to QuTiP, error of the state, seconds for all measures of a snapshot, `pysv figure 3`, `import pysv`."""
QUTIP_DEFAULT = {"method": "adams", "atol": 1e-10, "rtol": 1e-8}
States = Iterable[np.ndarray | qutip.Qobj]


@dataclass
class Contender:
    """A way to the states at the output times, and what was measured of it."""

    name: str
    threads: int
    evolve: Callable[[np.ndarray], States]
    seconds: list[float] = field(default_factory=list)
    error: float = float("nan")

    def measure(self, times: np.ndarray, reference: np.ndarray) -> None:
        """Evolve once against the clock; the error is the largest ‖ψ − ψ_ref‖₂ of the output times, t > 0."""
        begun = time.perf_counter()
        states = list(self.evolve(times))
        self.seconds.append(time.perf_counter() - begun)
        vectors = [s.full().ravel() if isinstance(s, qutip.Qobj) else s.ravel() for s in states]
        self.error = max(float(np.linalg.norm(a - b)) for a, b in zip(vectors, reference, strict=True))


def contenders(run: PureRun, cores: int) -> list[Contender]:
    """pysv first, then its RK4 engine and the peers, which are given H as a CSR matrix in the form they like best."""
    matrix, psi = csr_matrix(run.hamiltonian.sparse() / HBAR), run.psi.ravel()
    found = [
        Contender("pysv chebyshev", 1, lambda times: list(pysv_states(pysv.Chebyshev(), run, times))),
        Contender(
            "pysv rk4, 0.1 fs (as the paper)",
            1,
            lambda times: list(pysv_states(pysv.RK4(time_step=0.1, measure_error=False), run, times)),
        ),
    ]
    operator, ket = qutip.Qobj(matrix).to("CSR"), qutip.Qobj(psi.reshape(-1, 1))

    def sesolve(**options: object) -> Callable[[np.ndarray], States]:
        options |= {"nsteps": 1_000_000, "progress_bar": ""} if options["method"] != "krylov" else {"progress_bar": ""}
        return lambda times: qutip.sesolve(operator, ket, times, options=options).states[1:]

    generator, trace = csr_matrix(-1j * matrix), -1j * matrix.trace()

    def at_once(times: np.ndarray) -> States:
        span = {"start": 0.0, "stop": float(times[-1]), "num": times.size}
        return list(expm_multiply(generator, psi, **span, endpoint=True, traceA=trace))[1:]

    def stepwise(times: np.ndarray) -> States:
        state = psi
        for step in np.diff(times):
            state = expm_multiply(generator * step, state, traceA=trace * step)
            yield state

    found += [
        Contender("QuTiP sesolve, adams 1e-10/1e-8", 1, sesolve(**QUTIP_DEFAULT)),
        Contender("QuTiP sesolve, vern9 1e-12/1e-12", 1, sesolve(method="vern9", atol=1e-12, rtol=1e-12)),
        Contender("SciPy expm_multiply, all times", 1, at_once),
        Contender("SciPy expm_multiply, stepwise", 1, stepwise),
    ]
    if util.find_spec("quspin") is None:
        print("QuSpin is not installed (pip install quspin): left out")
        return found
    from quspin.tools.evolution import ExpmMultiplyParallel

    def quspin(threads: int) -> Callable[[np.ndarray], States]:
        def evolve(times: np.ndarray) -> States:
            state, work = psi.astype(complex), np.empty(2 * psi.size, complex)
            with ThreadpoolController().limit(limits=threads, user_api="openmp"):
                exponential = ExpmMultiplyParallel(matrix, a=-1j * float(times[1] - times[0]))
                for _ in times[1:]:
                    state = exponential.dot(state, work_array=work)
                    yield state

        return evolve

    return found + [Contender("QuSpin ExpmMultiplyParallel", n, quspin(n)) for n in sorted({1, cores})]


def pysv_states(method: Method, run: PureRun, times: np.ndarray) -> States:
    """States of a pysv engine, its start (with the spectral bounds) included."""
    engine = method.start((run,), "python")
    for t in times[1:]:
        engine.advance(float(t))
        yield engine.snapshot().parts[0].psi.copy()


def krylov_reference(run: PureRun, times: np.ndarray, substeps: int, size: int = 30) -> np.ndarray:
    """States by Lanczos propagation with full reorthogonalisation on the CSR matrix: no code shared with any contender."""
    matrix, psi = run.hamiltonian.sparse() / HBAR, run.psi.ravel().astype(complex)
    found = []
    for interval in np.diff(times):
        for _ in range(substeps):
            basis, alpha, beta = np.empty((size + 1, psi.size), complex), np.empty(size), np.empty(size)
            norm = np.linalg.norm(psi)
            basis[0] = psi / norm
            for k in range(size):
                new = matrix @ basis[k]
                alpha[k] = np.vdot(basis[k], new).real
                for _ in range(2):
                    new -= basis[: k + 1].T @ (basis[: k + 1].conj() @ new)
                beta[k] = np.linalg.norm(new)
                basis[k + 1] = new / beta[k]
            values, vectors = eigh_tridiagonal(alpha, beta[:-1])
            psi = norm * ((vectors * np.exp(-1j * values * interval / substeps)) @ vectors[0]) @ basis[:-1]
        found.append(psi)
    return np.array(found)


def snapshot_seconds(repeat: int = 50) -> list[float]:
    """Seconds for all measures of one snapshot of the unpolarized 4+4 run at 20 fs, the invariants included."""
    experiment = pysv.Experiment()
    runs, method = pure_runs(experiment), pysv.Chebyshev()
    engine = method.start(runs, "python")
    engine.advance(20.0)
    snapshot, watch = engine.snapshot(), Watch(method.drift_tolerance, triangle_bound(runs[0].hamiltonian))
    recorder = Recorder(experiment, 1, watch)
    found = []
    for _ in range(repeat + 1):
        begun = time.perf_counter()
        watch.heard(0, snapshot)
        recorder.measure(snapshot)
        found.append(time.perf_counter() - begun)
    return found[1:]  # the first fills caches


def process_seconds(arguments: Sequence[str], repeat: int) -> list[float]:
    """Wall time of whole Python processes, after one that warms the caches."""
    found = []
    for _ in range(repeat + 1):
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
        found.append(time.perf_counter() - begun)
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} failed: {done.stderr}")
    return found[1:]


def target(name: str, seconds: Sequence[float], limit: float, unit: float = 1.0, symbol: str = "s") -> None:
    """Print best and median of a duration; the median is held against the limit."""
    best, median = min(seconds) / unit, float(np.median(seconds)) / unit
    print(f"{name:<52} best {best:6.2f}, median {median:6.2f} {symbol}   {verdict(median < limit / unit)}", end="")
    print(f" (< {limit / unit:g} {symbol})")


def verdict(reached: bool) -> str:
    """In words."""
    return "reached" if reached else "not reached"


def machine() -> str:
    """Processor, cores, load, and the versions of everything measured."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")]
    packages = ("numpy", "scipy", "numba", "qutip", "quspin", "parallel-sparse-tools")
    versions = [f"{n} {metadata.version(n)}" for n in packages if util.find_spec(n.replace("-", "_"))]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    processor = names[0] if names else platform.processor()
    return f"{processor}, {os.cpu_count()} cores, load {load:.1f}; " + ", ".join(
        [f"Python {platform.python_version()}", f"pysv {pysv.__version__}", *versions]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="pysv against QuTiP, SciPy and QuSpin: one electron, 4+4 spins.")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each contender (default: 5)")
    parser.add_argument("--stop", type=int, default=20, help="evolved time, fs (default: 20)")
    options = parser.parse_args()
    print(machine())
    (run,) = pure_runs(pysv.Experiment(source=pysv.WavePacket(spin="up")))
    times = np.arange(options.stop + 1.0)
    reference, other = (krylov_reference(run, times, substeps) for substeps in (2, 3))
    doubt = np.linalg.norm(reference - other, axis=1).max()
    print(f"{run.psi.size} amplitudes, {options.stop} fs, a state every fs; {options.repeat} runs of each, interleaved")
    print(f"reference: Lanczos, steps of 1/2 fs, reorthogonalised; differs by {doubt:.0e} from one with steps of 1/3 fs\n")
    one, *others = contenders(run, os.cpu_count() or 1)
    for contender in (one, *others):
        list(contender.evolve(times[:2]))  # compile and warm up
    for _ in range(options.repeat):
        for other in others:
            one.measure(times, reference)
            other.measure(times, reference)
    best, median = min(one.seconds), float(np.median(one.seconds))
    print(f"{'':<34} threads   best s  median s  ratio of best  of medians  error")
    for c in (one, *others):
        low, middle = min(c.seconds), float(np.median(c.seconds))
        print(
            f"{c.name:<34} {c.threads:>7} {low:>8.3f} {middle:>9.3f} {low / best:>14.1f} {middle / median:>11.1f}"
            f"  {c.error:.1e}"
        )
    ...


if __name__ == "__main__":
    with ThreadpoolController().limit(limits=1, user_api="blas") if True else nullcontext():
        main()
