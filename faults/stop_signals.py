"""Ctrl-C, SIGTERM and SIGHUP at any moment."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faults.process import anew, begun, command, ended
from faults.promises import Case, Fault, broken, first, litter, points_of, same
from faults.samples import ENGINES, LONG, empty, written

NUMBERS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
WORDS = {
    "run": ("run", "run.toml", "--quiet"),
    "sweep": ("sweep", "run.toml", "--quiet", "--set", "device.sd_exchange=0.1,0.2,0.3", "--out", "points"),
}


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Runs and sweeps in turn, with one signal or two; every tenth in a new process, from its first moment on."""
    whole, lasts = {}, {}
    for verb, words in WORDS.items():
        for name in ENGINES if verb == "run" else ["chebyshev"]:
            home = folder / f"{verb} {name}"
            home.mkdir()
            written(home, ENGINES[name])
            end = ended(*words, folder=home)
            if end.code:
                raise RuntimeError(end.err)
            whole[verb, name], lasts[verb, name] = home, end.seconds
    written(folder, LONG)
    reading = anew("keys", "bath", folder=folder).seconds
    number = 0
    while True:
        which = NUMBERS[number % 3]
        if number % 10 == 9:
            yield from_the_first_moment(rng, empty(folder, number), which, reading)
            number += 1
            continue
        verb, name = list(whole)[int(rng.integers(len(whole)))]
        own = empty(folder, number)
        written(own, ENGINES[name])
        running = begun(command(*WORDS[verb]), own)
        moment = float(rng.uniform(0.0, lasts[verb, name]))
        running.after(moment, which)
        if twice := rng.random() < 0.2:
            running.after(moment + float(rng.uniform(0.0, 0.3)), which)
        end = running.wait()
        early = {-which} if moment < 0.05 else set()  # before the copy has its handlers
        wrong = broken(end, (0, 130, *early))
        if end.code == 0:
            wrong = wrong or results(own, whole[verb, name])
        else:
            again = ("resume", "run.nc", "--quiet") if (own / "run.nc").exists() else WORDS[verb]
            wrong = first(wrong, broken(ended(*again, folder=own), (0,)), results(own, whole[verb, name]))
        wrong = first(wrong, litter(own, {"run.toml", "run.nc", "points"}))
        what = f"{which.name}{' twice' if twice else ''}"
        yield Case(what, f"exit code {end.code}" + ("; goes on to the same" if end.code else ""), wrong)
        number += 1


def results(own: Path, whole: Path) -> str:
    """In which respect some result differs from that of the undisturbed command."""
    names = (path.relative_to(whole) for path in points_of(whole))
    return first(*(same(own / name, whole / name) for name in names))


def from_the_first_moment(rng: np.random.Generator, own: Path, which: signal.Signals, reading: float) -> Case:
    """A new process, which has not read pysv yet."""
    written(own, LONG)
    moment = float(rng.uniform(0.0, 2 * reading))
    end = anew("run", "run.toml", "--quiet", folder=own, sent=(moment, which))
    early = (-which,) if moment < reading else ()
    return Case(f"{which.name} while Python starts", f"exit code {end.code}", broken(end, (0, 130, *early)))


FAULT = Fault(
    "Signals",
    "Runs of four engines and sweeps that get SIGINT, SIGTERM or SIGHUP once or twice at a random time: exit code "
    "130, or 0 where the last snapshot was under way; the same command, or `pysv resume`, goes on to what an "
    "undisturbed one gives (1e-12). Before Python has read pysv the process may end by the signal itself.",
    0.15,
    240,
    cases,
)
