"""Kill −9 at any moment of a run, a resumption and a sweep."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import pysv
from faults.process import begun, ended
from faults.promises import Case, Fault, broken, first, litter, points_of, same
from faults.samples import ENGINES, LONG, empty, written
from pysv.cli import main
from pysv.run import checkpoint

STOP = 80.0
GRID = "device.sd_exchange=0.1,0.2,0.3"


def often(verb: str) -> Callable[[], int]:
    """The work of a verb that spends half of its time on writing its file."""

    def work() -> int:
        checkpoint.SHARE = 1.0  # half of the time
        if verb == "sweep":
            return main(["sweep", "run.toml", "--quiet", "--set", GRID, "--out", "points"])
        if verb in ("resume", "go on"):
            stop = STOP if verb == "resume" else None
            pysv.resume("run.nc", stop=stop, progress=False, checkpoint_every=0.0)
            return 0
        asked = pysv.read("run.toml")
        pysv.solve(asked.experiment, engine=asked.engine, out="run.nc", progress=False, checkpoint_every=0.0)
        return 0

    return work


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Runs of several engines, resumptions and sweeps in turn, killed at a random time."""
    whole, longer, lasts = wholes(folder)
    points = folder / "points"
    number = 0
    while True:
        verb = ("run", "resume", "run", "sweep")[number % 4]
        name = str(rng.choice(list(whole))) if verb == "run" else "chebyshev"
        own = empty(folder, number)
        written(own, {"run": ENGINES[name], "resume": LONG, "sweep": LONG}[verb])
        if verb == "resume":
            shutil.copy(whole["chebyshev"], own / "run.nc")
        left = ""
        for _ in range(1 + int(rng.integers(2))):
            present = "go on" if verb == "run" and (own / "run.nc").exists() else verb
            moment = float(rng.uniform(0.0, lasts[verb, name]))
            end = begun(often(present), own).after(moment, signal.SIGKILL).wait()
            left = first(left, half_written(own))
        killed = "killed" if end.code == -signal.SIGKILL else "complete before"
        if verb == "sweep":
            finish = ended("sweep", "run.toml", "--quiet", "--set", GRID, "--out", "points", folder=own)
            results = [(own / "points" / one.name, one) for one in points_of(points)]
        elif (own / "run.nc").exists():
            stop = ("--stop", f"{STOP:g}") if verb == "resume" else ()
            finish = ended("resume", "run.nc", "--quiet", *stop, folder=own)
            results = [(own / "run.nc", longer if verb == "resume" else whole[name])]
        else:
            finish = ended("run", "run.toml", "--quiet", folder=own)
            results = [(own / "run.nc", whole[name])]
        wrong = first(left, broken(finish, (0,)), *(same(*pair) for pair in results))
        wrong = first(wrong, litter(own, {"run.toml", "run.nc", "points"}))
        yield Case(f"{verb}, {name}" if verb == "run" else verb, f"{killed}; whole, and goes on to the same", wrong)
        number += 1


def wholes(folder: Path) -> tuple[dict[str, Path], Path, dict[tuple[str, str], float]]:
    """Results without a fault: of each engine, and of a resumption; and how long each verb lasts."""
    whole, lasts = {}, {}
    for name, text in ENGINES.items():
        home = folder / name
        home.mkdir()
        written(home, text)
        lasts["run", name] = succeeded("run", home)
        whole[name] = home / "run.nc"
    home = folder / "longer"
    home.mkdir()
    shutil.copy(whole["chebyshev"], home / "run.nc")
    lasts["resume", "chebyshev"] = succeeded("resume", home)
    written(folder, LONG)
    lasts["sweep", "chebyshev"] = succeeded("sweep", folder)
    return whole, home / "run.nc", lasts


def succeeded(verb: str, folder: Path) -> float:
    """The seconds that a verb takes without a fault."""
    end = begun(often(verb), folder).wait()
    if end.code:
        raise RuntimeError(end.err)
    return end.seconds


def half_written(folder: Path) -> str:
    """What is wrong with a file under its final name; empty if all of them are whole."""
    for path in folder.rglob("*.nc*"):
        if re.fullmatch(r"[^.].*\.nc(\.prev)?", path.name):
            try:
                pysv.load(path)
            except Exception as error:
                return f"after the kill {path.name} is damaged: {error}"
    parts = [path for path in folder.rglob("*.part") if os.path.getsize(path)]
    return f"{len(parts)} parts left by one kill" if len(parts) > 2 else ""


FAULT = Fault(
    "kill −9",
    "Runs of four engines that write their file half of the time, resumptions and sweeps, killed once or twice at a "
    "random time. Every file under its final name is whole; the run goes on to what an undisturbed one gives (1e-12), "
    "and nothing is left beside it.",
    0.17,
    240,
    cases,
)
