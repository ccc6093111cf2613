"""One state over several processes: a term of the expansion on ranks against threads, and a model of more ranks.

    python benchmarks/ranks.py [--spins 10] [--ranks 2] [--repeat 7] [--plot docs/ranks.png]

Ranks and threads take turns on the same number of processors; read the ratio. The plot is a model, not a measurement:
it has the bandwidths that this run measured, on any number of ranks with a memory of their own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from math import comb
from pathlib import Path
from typing import IO

import numpy as np
from large import STEPS, Term
from report import add_option, figure, judge, kept

from pysv.compute import ranks, thread_pool
from pysv.figures.style import new_figure, paper_style
from pysv.sectors.backend import Steps
from pysv.sectors.mpi.backend import BACKEND, MpiSpace

RATIO = 1.1
"""Target: ranks take at most so many times as long as as many threads."""
NETWORK, LATENCY = 12.5e9, 1e-5
"""Bytes a second and seconds of a message between nodes, in the second line of the model: 100 Gb/s, assumed."""


def serve(spins: int) -> int:
    """On the ranks: take the steps at each line of standard input; answer with seconds and bytes, as JSON."""
    term = Term(spins, np.float64)
    factors, mixes, hamiltonian = term.steps().factors, term.steps().mixes, term.hamiltonian
    del term
    space = MpiSpace(hamiltonian, np.float64)
    (spare,), (totals,) = (BACKEND.allocate([hamiltonian.shape], complex, count) for count in (2, 1))
    for state in (*spare, *totals):
        space.write_random(state, 1)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        begun, before = time.perf_counter(), space.sent
        space.recursion(Steps(spare[0], spare[1], totals, hamiltonian.everywhere, factors, mixes))
        seconds = (time.perf_counter() - begun) / STEPS
        bandwidth = ranks.together(exchange, 2 * hamiltonian.basis.rows)
        print(json.dumps([seconds, (space.sent - before) / STEPS, bandwidth]), flush=True)
    return 0


def exchange(count: int) -> float:
    """Bytes a second from rank 0 to rank 1 while as many come back, in messages of some double precision numbers."""
    world = ranks.world()
    if world.rank > 1:
        return 0.0
    one, other = np.zeros(count), np.zeros(count)
    world.Sendrecv(one, 1 - world.rank, 0, other, 1 - world.rank)
    begun = time.perf_counter()
    for _ in range(5):
        world.Sendrecv(one, 1 - world.rank, 0, other, 1 - world.rank)
    return 5 * one.nbytes / (time.perf_counter() - begun)


class Ranks:
    """The ranks, waiting in another process."""

    def __init__(self, count: int, spins: int) -> None:
        beside = Path(sys.executable).parent / "mpirun"
        mpirun = str(beside) if beside.exists() else shutil.which("mpirun")
        if mpirun is None:
            raise SystemExit("mpirun is not here: pip install mpi4py mpich")
        command = [mpirun, "-n", str(count), sys.executable, __file__, "--serve", "--spins", str(spins)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def go(self) -> tuple[float, float, float]:
        """Seconds and bytes of a term, bytes a second between two ranks."""
        asked, said = self._pipes()
        asked.write("go\n")
        asked.flush()
        seconds, sent, bandwidth = json.loads(said.readline())
        return seconds, sent, bandwidth

    def end(self) -> None:
        """Let them end."""
        self._process.communicate("end\n")


def measure(spins: int, count: int, repeat: int, plot: Path | None) -> None:
    """Ranks and threads in turn."""
    term, others = Term(spins, np.float64), Ranks(count, spins)
    found = []
    for number in range(repeat + 1):
        own = term.seconds(thread_pool.largest())
        seconds, sent, bandwidth = others.go()
        if number:  # the first round compiles
            found.append((own, seconds, sent, bandwidth))
    others.end()
    own, seconds, sent, bandwidth = (float(np.median(column)) for column in zip(*found, strict=True))
    ratio = float(np.median([row[1] / row[0] for row in found]))
    rows = term.hamiltonian.basis.rows
    expected = 2 * (count - 1) * rows * 16
    print(f"{spins}+{spins} spins, {term.amplitudes:,} amplitudes, double precision")
    print(f"a term on {thread_pool.largest()} threads of one process    {own:.4f} s")
    print(f"a term on {count} ranks                       {seconds:.4f} s")
    print(f"bytes sent per term                     {sent:,.0f} (2 x cuts x rows x 16 = {expected:,})")
    print(f"exchange between two ranks              {bandwidth / 1e9:.1f} GB/s each way")
    judge(
        f"{count} ranks against threads at {spins}+{spins}", f"{ratio:.2f} times as long", f"<= {RATIO}", ratio <= RATIO
    )
    judge("bytes sent per term", f"{sent:,.0f}", f"{expected:,}", sent == expected)
    figure("ranks_ratio", ratio)
    if plot is not None:
        with paper_style():
            draw(term.counted() / own, bandwidth, plot)


def model(sites: int, number: int, memory: float, network: float, latency: float) -> float:
    """Seconds of a term at 12+12 spins on so many ranks, each with a memory of its own.

    The largest share of whole cache lines; the cache lines that edges are read from and added to; and what is not
    hidden of the exchange: all but the last of eight chunks of an edge are on their way while later ones are swept.
    """
    rows = comb(25, 12)
    lines = -(-sites // 4)
    work = 80 * 4 * -(-lines // number)
    sides = min(number - 1, 2)
    seconds = rows * (work + sides * 3 * 64) / memory
    edge = sides * 16 * rows / network
    return seconds + (latency + edge / 8 + max(0.0, edge - seconds) if sides else 0.0)


def draw(memory: float, exchanged: float, path: Path) -> None:
    """Strong and weak scaling by the model."""
    number = [2**n for n in range(6)]
    drawn = new_figure(7, 3)
    strong, weak = drawn.subplots(1, 2)
    for name, network, latency, line in (
        ("exchange of this machine", exchanged, 1e-6, "o-"), ("100 Gb/s, assumed", NETWORK, LATENCY, "s--"),
    ):  # fmt: skip
        times = np.array([model(201, n, memory, network, latency) for n in number])
        strong.loglog(number, times[0] / times, line, label=name, base=2)
        grown = np.array([model(52 * n, n, memory, network, latency) for n in number])
        weak.semilogx(number, grown[0] / grown, line, label=name, base=2)
    strong.loglog(number, number, color="0.7", zorder=0, base=2)
    strong.set(xlabel="ranks", ylabel="speed-up", title="strong: 201 sites")
    weak.set(xlabel="ranks", ylabel="efficiency", title="weak: 52 sites a rank", ylim=(0, 1.05))
    for axes in (strong, weak):
        axes.set_xticks(number, map(str, number))
        axes.minorticks_off()
    strong.set_yticks(number, map(str, number))
    strong.legend()
    drawn.suptitle(f"12+12 spins: a model, not measured; {memory / 1e9:.0f} GB/s of memory a rank")
    drawn.savefig(path, dpi=150)
    print(f"the model lies at {path}")


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description="Ranks against threads.")
    parser.add_argument("--spins", type=int, default=10, help="spins of a layer (default: 10)")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--plot", type=Path, metavar="PICTURE")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    add_option(parser)
    options = parser.parse_args()
    if options.serve:
        sys.modules["ranks_benchmark"] = sys.modules["__main__"]
        exchange.__module__ = "ranks_benchmark"
        return ranks.lead(lambda: serve(options.spins))
    with kept(options.keep):
        measure(options.spins, options.ranks, options.repeat, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
