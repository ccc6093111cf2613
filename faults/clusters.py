"""A Dask cluster whose scheduler or workers are killed during a sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from faults.process import ROOT, begun
from faults.promises import Case, Fault, broken, first, points_of, same
from faults.samples import LONG, empty, written
from pysv.cli import main
from pysv.run import dask

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.readline()
        cluster.scale(0)
        sys.stdin.readline()
"""
SWEEP = "sweep", "run.toml", "--quiet", "--set", "device.sd_exchange=0.1,0.2,0.3,0.4", "--out", "points"


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """The scheduler, all workers, and a worker that a nanny restarts, in turn."""
    written(folder, LONG)
    whole = begun(lambda: main([*SWEEP]), folder).wait()
    if whole.code:
        raise RuntimeError(whole.err)
    number = 0
    while True:
        kind = ("scheduler", "all workers", "a worker")[number % 3]
        own = empty(folder, number)
        written(own, LONG)
        yield lost(rng, kind, own, folder / "points")
        number += 1


def lost(rng: np.random.Generator, kind: str, own: Path, whole: Path) -> Case:
    """A sweep whose cluster loses a part of it at a random time, and once more without a cluster."""
    (own / "cluster.py").write_text(CLUSTER)
    line, environment = [sys.executable, "cluster.py"], os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(line, cwd=own, text=True, env=environment, **pipes) as cluster:  # type: ignore[call-overload]
        try:
            address = cluster.stdout.readline().strip()

            def work() -> int:
                dask.LOST = 2.0
                return main([*SWEEP, "--dask", address])

            running = begun(work, own)
            time.sleep(float(rng.uniform(1.0, 8.0)))
            children = psutil.Process(cluster.pid).children(recursive=True)
            if kind == "scheduler":
                cluster.kill()
            elif kind == "all workers":
                cluster.stdin.write("\n")
                cluster.stdin.flush()
            else:
                for child in children:
                    if "spawn_main" in " ".join(child.cmdline()):
                        child.send_signal(signal.SIGKILL)
            end = running.wait()
        finally:
            cluster.kill()
            for child in psutil.Process(cluster.pid).children(recursive=True) if cluster.poll() is None else children:
                if child.is_running():
                    child.kill()
    again = begun(lambda: main([*SWEEP]), own).wait()
    files = [same(own / "points" / path.name, path) for path in points_of(whole)]
    wrong = first(broken(end, (0, 2)), broken(again, (0,)), *files)
    return Case(f"{kind} killed", f"exit code {end.code}, then {again.code}", wrong)


FAULT = Fault(
    "Dask clusters",
    "A sweep on a cluster that loses its scheduler, all workers, or one worker process at a random time: complete, or "
    "one sentence with exit code 2. The same command finishes the sweep with the same numbers.",
    0.06,
    12,
    cases,
)
