"""Python against Julia: a term of the expansion in both backends, beside STREAM triad on the same arrays, in one run.

    python benchmarks/backends.py [--spins 4 8] [--repeat 5]

Fails where Julia cannot be had. The backends alternate, so that what disturbs the machine disturbs both.
"""

from __future__ import annotations

import argparse
import gc
import time

import numpy as np
from large import STEPS, TRIAD, Term
from report import add_option, judge, kept

from pysv.compute import thread_pool
from pysv.julia import session
from pysv.sectors.backend import backend

RATIO = 1.3
"""Target: neither backend is slower than the other by more."""


def compare(spins: int, real: type, repeat: int) -> tuple[float, float]:
    """Time of Julia over that of Python for a term at n+n spins, and Julia's share of the triad bandwidth."""
    term = Term(spins, real)
    steps, dtype = term.steps(), term.arrays[0].dtype.type
    spaces = {name: backend(name).space(term.hamiltonian, dtype) for name in ("python", "julia")}
    found: dict[str, list[float]] = {name: [] for name in (*spaces, "triad")}
    for number in range(repeat + 1):
        for name, space in spaces.items():
            begun = time.perf_counter()
            space.recursion(steps)
            found[name].append((time.perf_counter() - begun) / STEPS)
        found["triad"].append(1 / term.bandwidth(thread_pool.largest()))
        if number == 0:  # compiles
            found = {name: [] for name in found}
    seconds = {name: float(np.median(times)) for name, times in found.items()}
    shares = {name: term.counted() / seconds[name] * seconds["triad"] for name in spaces}
    print(
        f"{spins}+{spins:<5} {np.dtype(real).name:<9} {term.amplitudes:>10} {seconds['python']:>10.5f} "
        f"{seconds['julia']:>10.5f} {seconds['julia'] / seconds['python']:>14.2f} {shares['python']:>14.2f} "
        f"{shares['julia']:>13.2f}",
        flush=True,
    )
    del term
    gc.collect()
    return seconds["julia"] / seconds["python"], shares["julia"]


def main() -> None:
    """Run all that was asked for."""
    parser = argparse.ArgumentParser(description="Python against Julia, beside STREAM triad.")
    parser.add_argument("--spins", type=int, nargs="+", default=[4, 8], help="spins of a layer (default: 4 8)")
    parser.add_argument("--repeat", type=int, default=5)
    add_option(parser)
    options = parser.parse_args()
    with kept(options.keep):
        measure(options.spins, options.repeat)


def measure(sizes: list[int], repeat: int) -> None:
    """All sizes in both precisions."""
    print(", ".join(f"{name} {value}" for name, value in session.report().items()))
    print(
        f"threads: Python {thread_pool.largest()}, Julia {session.threads()}; a small state takes one thread of Python"
    )
    print("spins   real      amplitudes   Python s    Julia s   Julia/Python  Python/triad   Julia/triad")
    measured = [(spins, *compare(spins, real, repeat)) for spins in sizes for real in (np.float64, np.float32)]
    worst = max(max(ratio, 1 / ratio) for _, ratio, _ in measured)
    judge("the slower backend against the faster", f"{worst:.2f} times as long", f"<= {RATIO}", worst <= RATIO)
    share = next(share for spins, _, share in measured if spins == max(sizes))
    judge(f"Julia's share of the triad at {max(sizes)}+{max(sizes)}", f"{share:.2f}", f">= {TRIAD}", share >= TRIAD)


if __name__ == "__main__":
    main()
