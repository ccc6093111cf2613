"""pysv against its peers: one electron, 4+4 spins, 201 sites, 20 fs with a state every fs.

    python benchmarks/one_electron.py [--repeat 5] [--stop 20]

All is measured in one run, pysv and each peer in turn, so that a busy machine disturbs them alike; read the ratios.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable

import numpy as np
from peers import ADAMS, KRYLOV, PYSV, WHOLE, Contender, matrix_peers, pysv_engine, qutip_peers, reference
from report import add_option, figure, judge, kept
from threadpoolctl import ThreadpoolController

import pysv
from pysv.run.invariants import Watch
from pysv.run.observer import Observer
from pysv.sectors.pure_run import pure_runs

RATIO, ERROR, MEASURES, FIGURE, IMPORT = 50.0, 1e-10, 0.005, 10.0, 0.5
"""Targets: ratio to QuTiP, error of the state; seconds for the measures of a snapshot, `figure 3`, `import pysv`."""


def clock(action: Callable[[], object], repeat: int) -> np.ndarray:
    """Wall times of an action, after one that warms the caches."""
    found = [time.perf_counter()]
    for _ in range(repeat + 1):
        action()
        found.append(time.perf_counter())
    return np.diff(found)[1:]


def process(*arguments: str) -> Callable[[], object]:
    """A whole Python process as an action."""
    return lambda: subprocess.run([sys.executable, *arguments], capture_output=True, check=True)


def measures() -> Callable[[], object]:
    """All measures, the invariants included, of one snapshot of the unpolarized 4+4 run at 20 fs, as an action."""
    experiment, method = pysv.Experiment(), pysv.Chebyshev()
    runs = pure_runs(experiment)
    engine = method.start(runs, "python")
    engine.advance(20.0)
    watch = Watch(method.drift_tolerance(20.0), runs[0].hamiltonian.norm_bound())
    observer = Observer(experiment)

    def action() -> None:
        snapshot = engine.snapshot()  # a fresh one: what it has computed once it keeps
        watch.heard(0, snapshot)
        observer.measure(snapshot)

    return action


def judge_seconds(name: str, seconds: np.ndarray, limit: float) -> None:
    """Print best and median of a duration; the median is held against the limit."""
    best, median = seconds.min(), float(np.median(seconds))
    figure(name, best)
    judge(name, f"best {best:.4f} s, median {median:.4f} s", f"< {limit:g} s", median < limit)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="pysv against QuTiP, SciPy and QuSpin: one electron, 4+4 spins.")
    parser.add_argument("--repeat", type=int, default=5, help="timed runs of each peer (default: 5)")
    parser.add_argument("--stop", type=int, default=20, help="evolved time, fs (default: 20)")
    add_option(parser)
    options = parser.parse_args()
    with ThreadpoolController().limit(limits=1, user_api="blas"), kept(options.keep):
        evolution(options.stop, options.repeat)
        whole_processes()


def evolution(stop: int, repeat: int) -> None:
    """The states of one pure run, by pysv and by its peers in turn."""
    (run,) = pure_runs(pysv.Experiment(source=pysv.WavePacket(spin="up")))
    times = np.arange(stop + 1.0)
    exact, other = (reference(run, times, substeps) for substeps in (2, 3))
    print(f"{run.psi.size} amplitudes, {stop} fs; {repeat} timed runs of each, interleaved with pysv's")
    doubt = np.linalg.norm(exact - other, axis=(1, 2)).max()
    print(f"reference: Lanczos, 1/2 fs steps; from 1/3 fs steps it differs by {doubt:.0e}\n")
    one, others = Contender(PYSV, pysv_engine(pysv.Chebyshev(), run)), [*qutip_peers(run), *matrix_peers(run)]
    errors = {contender.name: contender.error(times, exact) for contender in (one, *others)}
    for _ in range(repeat):
        for peer in others:
            one.measure(times)
            peer.measure(times)
    print(f"{'':<31} threads  best s  median s  CPU s   ratio: best  median     CPU   error")
    ratio = {}
    for c in (one, *others):
        mine, its = (np.array([min(x.wall), np.median(x.wall), np.median(x.cpu)]) for x in (one, c))
        ratio[c.name] = (its / mine)[1]
        name = c.name if c.threads == 1 else f"{c.name}, {c.threads} threads"
        for what, value in {"ratio": (its / mine)[2], "seconds": its[2], "error": errors[c.name]}.items():
            figure(f"{what}: {name}", value)  # of processor time, which a busy machine disturbs least
        print(f"{c.name:<31} {c.threads:>7} {its[0]:>7.3f} {its[1]:>9.3f} {its[2]:>6.3f}", end="")
        print(" {:>13.1f} {:>7.1f} {:>7.1f}".format(*its / mine), f"  {errors[c.name]:.1e}")
    engine = pysv.Chebyshev().start((run,), "python")
    engine.expect([float(t) for t in times[1:]])
    deque((engine.advance(float(t)) for t in times[1:]), maxlen=0)
    bound = engine.work().deviation or 0.0
    print(f"\nCPU s: median processor time, all threads. pysv's own bound of its error: {bound:.1e}\n")
    judge("pysv's error against its own bound", f"{errors[PYSV]:.1e}", f"<= {bound:.1e}", errors[PYSV] <= bound)
    judge("pysv's error", f"{errors[PYSV]:.1e}", f"<= {ERROR:g}", errors[PYSV] <= ERROR)
    for name in (ADAMS, KRYLOV, WHOLE):
        judge(
            f"ratio to {name}",
            f"{ratio[name]:.1f} (its error {errors[name]:.0e})",
            f">= {RATIO:g}",
            ratio[name] >= RATIO,
        )


def whole_processes() -> None:
    """The measures of a snapshot, an import, a figure."""
    judge_seconds("all measures of one 4+4 snapshot", clock(measures(), 50), MEASURES)
    bare = np.median(clock(process("-c", "pass"), 10))
    judge_seconds("import pysv, beyond the bare interpreter", clock(process("-c", "import pysv"), 10) - bare, IMPORT)
    needed = clock(process("-c", "from pysv import solve"), 10) - bare
    print(f"import of all that pysv.solve needs: best {needed.min():.4f} s, median {np.median(needed):.4f} s")
    with tempfile.TemporaryDirectory() as folder:
        figure = clock(process("-m", "pysv", "figure", "3", "--quiet", "--out", folder), 3)
    judge_seconds("pysv figure 3, whole process", figure, FIGURE)


if __name__ == "__main__":
    main()
