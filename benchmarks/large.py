"""Large systems: a term of the expansion against STREAM triad, 8+8 spins against peers, cost from 4+4 to 10+10.

    python benchmarks/large.py [--spins 10] [--rounds 15] [--peers 8] [--repeat 5] [--whole]
    python benchmarks/large.py --growth docs/growth.png [--spins 10] [--repeat 5]

All is measured in one run on the same arrays; read the ratios. The second command measures the growth only.
`--whole` adds the run that the project aims at: 10+10 spins to 40 fs with the diagonal measures at every fs (six
minutes, 6.3 GB).
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numba
import numpy as np
from peers import Contender, matrix_peers, state_of
from report import add_option, figure, judge, kept

import pysv
from pysv.compute import compiler, thread_pool
from pysv.model.basis import Basis
from pysv.sectors import layout
from pysv.sectors.backend import Steps
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.host import HostSpace
from pysv.sectors.pure_run import pure_runs

TRIAD, SINGLE, THREADS, SECONDS, GIGABYTES = 0.6, 1.8, 1.7, 600.0, 8.0
"""Targets: share of the triad bandwidth, gains by single precision and by a second thread; 10+10 to 40 fs."""
COUNTED = 5
"""Reads and writes of an amplitude by which the target counts: 80 bytes in double precision. A term needs as many: two
states are read and written, and at every second step the sum."""
STEPS = 24
"""Steps of a measured expansion; those of a run have more."""
NEVER = dict.fromkeys(("entropies", "log_negativity", "w_fidelity", "qfi"), 0)


@numba.njit(**compiler.FAST)
def triad(worker: int, threads: int, a: np.ndarray, b: np.ndarray, c: np.ndarray, s: float) -> None:
    """a ← b + s·c on this worker's part (J. D. McCalpin's STREAM); slices, so that the compiler vectorises."""
    part = a.size // threads
    here = slice(worker * part, (worker + 1) * part)
    x, y, z = a[here], b[here], c[here]
    for n in range(x.size):
        x[n] = y[n] + s * z[n]


class Term:
    """A term of the expansion at n+n spins on random states, beside the triad on the same arrays."""

    def __init__(self, spins: int, real: type) -> None:
        basis = Basis.of_sectors(2 * spins, (spins,))
        dtype = np.result_type(real, np.complex64).type
        self.hamiltonian = Hamiltonian.of_device(pysv.SpinValve.with_layers(spins), basis).laid_out(dtype)
        self.amplitudes = basis.rows * self.hamiltonian.sites
        rng, shape = np.random.default_rng(1), self.hamiltonian.shape
        self.arrays = [layout.zeros(int(np.prod(shape)), dtype).reshape(shape) for _ in range(3)]
        pattern: np.ndarray = rng.standard_normal(1009).astype(real)
        for array in self.arrays:
            compiler.as_reals(array).reshape(-1)[...] = np.resize(pattern, 2 * array.size)
            array[-1, :, self.hamiltonian.sites - (shape[0] - 1) * shape[2] :] = 0
        self.real = real
        self._recursion = HostSpace(self.hamiltonian, real).recursion

    def steps(self) -> Steps:
        """Steps of an expansion, of which every second one adds two terms to the sum."""
        psi, previous, total = self.arrays
        factors: np.ndarray = np.array([[0.1, 0.0, 1.0]] * STEPS, self.real)
        mixes: np.ndarray = np.array([[[0.2, 0.1, 0.2, 0.1, 0.5, n % 2 == 0]] for n in range(STEPS)], self.real)
        return Steps(psi, previous, total[None], self.hamiltonian.everywhere, factors, mixes)

    def seconds(self, threads: int) -> float:
        """Mean over the steps of an expansion."""
        steps = self.steps()
        begun = time.perf_counter()
        with thread_pool.alone() if threads == 1 else nullcontext():
            self._recursion(steps)
        return (time.perf_counter() - begun) / STEPS

    def bandwidth(self, threads: int) -> float:
        """Bytes per second that the triad moves, counting 24 (12 in single precision) a number."""
        a, b, c = (compiler.as_reals(array).reshape(-1) for array in self.arrays)
        begun = time.perf_counter()
        thread_pool.share(triad, threads, a, b, c, self.real(0.5))
        return 3 * a.nbytes / (time.perf_counter() - begun)

    def counted(self) -> int:
        """Bytes by which the target counts: 80 an amplitude in double precision."""
        return COUNTED * self.arrays[0].itemsize * self.amplitudes


def terms(spins: int, rounds: int) -> None:
    """A term against the triad, in both precisions, on one thread and on all.

    All are measured in turn, round by round, and ratios are those of neighbours within a round: the memory of a shared
    machine may be twice as fast a minute later.
    """
    cores = thread_pool.largest()
    ways = [(name, threads) for name in ("double", "single") for threads in (1, cores)]
    contenders = {"double": Term(spins, np.float64), "single": Term(spins, np.float32)}
    seconds: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    bandwidth: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for name, threads in ways:
            term = contenders[name]
            found = term.seconds(threads), term.bandwidth(threads)
            if number:  # the first round compiles
                seconds[name, threads].append(found[0])
                bandwidth[name, threads].append(found[1])
    print(f"a term at {spins}+{spins} spins, counting 80 (single: 40) bytes an amplitude (two states and, at every")
    print("second step, a sum, each read and written), beside STREAM triad, counting 24 (12) bytes a number;")
    print(f"{rounds} rounds of {STEPS} terms")
    print("precision  threads   s/term: best  median   triad GB/s: best  median   share of triad, median")
    shares = {}
    for name, threads in ways:
        taken, moved = np.array(seconds[name, threads]), np.array(bandwidth[name, threads])
        shares[name, threads] = share = float(np.median(contenders[name].counted() / taken / moved))
        print(f"{name:<9} {threads:>8} {taken.min():>14.3f} {np.median(taken):>7.3f} {moved.max() / 1e9:>18.1f} "
              f"{np.median(moved) / 1e9:>7.1f} {share:>24.2f}")  # fmt: skip

    def gain(slow: tuple[str, int], fast: tuple[str, int]) -> float:
        return float(np.median(np.array(seconds[slow]) / seconds[fast]))

    share = shares["double", cores]
    judge("share of the triad bandwidth, double", f"{share:.2f}", f">= {TRIAD}", share >= TRIAD)
    for what, times, target in (
        ("single precision against double", gain(("double", cores), ("single", cores)), SINGLE),
        ("single precision against double, one thread", gain(("double", 1), ("single", 1)), SINGLE),
        (f"{cores} threads against one, double", gain(("double", 1), ("double", cores)), THREADS),
        (f"{cores} threads against one, single", gain(("single", 1), ("single", cores)), THREADS),
    ):
        judge(what, f"{times:.2f} times as fast", f">= {target}", times >= target)


def against_peers(spins: int, repeat: int) -> None:
    """One femtosecond of one pure run, against SciPy and QuSpin on the sector's matrix."""
    experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(spins), source=pysv.WavePacket(spin="up"))
    (run,) = pure_runs(experiment)
    method = pysv.Chebyshev(light_cone=False)
    engine = method.start((run,), "python")  # its start belongs to the run, not to a femtosecond of it
    at = iter(range(1, 1000))

    def step(times: np.ndarray) -> Iterator[np.ndarray]:
        engine.advance(float(next(at)))
        yield state_of(engine)

    one = Contender("pysv chebyshev", step, thread_pool.largest())
    others = matrix_peers(run)
    times = np.array([0.0, 1.0])
    for _ in range(repeat + 1):
        for contender in (one, *others):
            contender.measure(times)
    print(f"\n1 fs at {spins}+{spins} spins, {run.psi.size} amplitudes, one pure run")
    print(f"{'':<31} threads   best s   ratio")
    for contender in (one, *others):
        seconds, mine = min(contender.wall[1:]), min(one.wall[1:])
        print(f"{contender.name:<31} {contender.threads:>7} {seconds:>8.2f} {seconds / mine:>7.1f}")


def growth(picture: Path, largest: int, repeat: int) -> None:
    """Cost of a term and of a femtosecond from 4+4 spins on, with a picture."""
    from matplotlib.figure import Figure

    rows = []
    never = pysv.Record(every=pysv.Every(**NEVER))
    print("spins   amplitudes   s/term   terms/fs   s/fs (unpolarized)   memory GB")
    for spins in range(4, largest + 1):
        term = Term(spins, np.float64)
        threads = thread_pool.threads_for(term.amplitudes)
        seconds = min(term.seconds(threads) for _ in range(repeat + 1))
        experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(spins), times=pysv.times(20, 1), record=never)
        needed = pysv.estimate(experiment)
        per_fs = needed.applications / 20
        rows.append((spins, term.amplitudes, seconds, seconds * per_fs))
        print(f"{spins:>2}+{spins:<2} {term.amplitudes:>12} {seconds:>8.2g} {per_fs:>10.1f} {seconds * per_fs:>20.2g} "
              f"{needed.memory / 1e9:>11.2g}")  # fmt: skip
        del term
        gc.collect()
    _, amplitudes, per_term, per_fs_seconds = np.array(rows).T
    picture_of = Figure(figsize=(4.2, 3.2), layout="constrained")
    axes = picture_of.subplots()
    axes.loglog(amplitudes, per_term, "o-", color="black", label="a term")
    axes.loglog(amplitudes, per_fs_seconds, "s--", color="#b2182b", label="1 fs, unpolarized electron")
    axes.loglog(
        amplitudes, per_term[-1] * amplitudes / amplitudes[-1], ":", color="0.5", label="proportional to amplitudes"
    )
    for spins, size, seconds, _ in rows:
        axes.annotate(f"{spins}+{spins}", (size, seconds), xytext=(4, -9), textcoords="offset points", size=7)
    axes.margins(0.12)
    axes.set_xlabel("amplitudes of one pure run")
    axes.set_ylabel("seconds")
    axes.legend(frameon=False, fontsize=8)
    picture_of.savefig(picture, dpi=150)
    print(picture)


def whole(spins: int, stop: float) -> None:
    """The whole run, with its result file, diagonal measures at every fs."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve.with_layers(spins),
        times=pysv.times(stop, 1),
        record=pysv.Record(every=pysv.Every(**NEVER)),
    )
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        data = pysv.solve(experiment, out=Path(folder) / "run.nc")
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    drifts = ", ".join(f"{name} {data.attrs[f'drift_{name}']:.0e}" for name in ("norm", "energy", "spin_z_total"))
    print(
        f"\n{spins}+{spins} spins to {stop:g} fs: {data.attrs['applications_of_h']} applications of H; drifts: {drifts}"
    )
    figure("whole run: seconds", seconds)
    figure("whole run: GB", peak)
    judge("wall time, the last result file included", f"{seconds:.0f} s", f"< {SECONDS:g} s", seconds < SECONDS)
    judge("peak memory of the process", f"{peak:.2f} GB", f"< {GIGABYTES:g} GB", peak < GIGABYTES)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Large systems against STREAM triad and peers, and their growth.")
    parser.add_argument("--spins", type=int, default=10, help="spins of a layer for the triad ratio (default: 10)")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of a term beside the triad (default: 15)")
    parser.add_argument("--peers", type=int, default=8, help="spins of a layer against peers, 0: none (default: 8)")
    parser.add_argument("--repeat", type=int, default=5, help="timed repetitions (default: 5)")
    parser.add_argument(
        "--growth", type=Path, metavar="PICTURE", help="only measure and draw the cost from 4+4 spins on"
    )
    parser.add_argument("--whole", type=float, metavar="FS", nargs="?", const=40.0, help="the whole run, to 40 fs")
    add_option(parser)
    options = parser.parse_args()
    with kept(options.keep):
        if options.growth:
            growth(options.growth, options.spins, options.repeat)
            return
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        print(f"memory {memory:.0f} GB, {thread_pool.largest()} threads\n")
        if options.whole:  # first, so that the peak memory is its own
            whole(options.spins, options.whole)
        terms(options.spins, options.rounds)
        if options.peers:
            against_peers(options.peers, max(1, options.repeat // 2))


if __name__ == "__main__":
    main()
