"""Two commands that write the same file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faults.process import begun, command, ended
from faults.promises import Case, Fault, broken, first, litter, same
from faults.samples import LONG, empty, written

RUN = "run", "run.toml", "--quiet", "--out", "run.nc"
FORCED = (*RUN, "--force")
RESUME = "resume", "run.nc", "--quiet"
PAIRS = {"two runs": (RUN, RUN), "two runs with --force": (FORCED, FORCED), "two resumptions": (RESUME, RESUME),
         "a run with --force and a resumption": (FORCED, RESUME)}  # fmt: skip


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Pairs of commands that begin within a second."""
    home = folder / "whole"
    home.mkdir()
    written(home, LONG)
    written(home, LONG.replace("stop = 60", "stop = 30"), "half.toml")
    for words in (RUN, ("run", "half.toml", "--quiet")):
        end = ended(*words, folder=home)
        if end.code:
            raise RuntimeError(end.err)
    number = 0
    while True:
        what, (one, other) = list(PAIRS.items())[number % len(PAIRS)]
        own = empty(folder, number)
        written(own, LONG)
        if RESUME in (one, other):
            shutil.copy(home / "half.nc", own / "run.nc")
            one, other = (((*words, "--stop", "60") if words is RESUME else words) for words in (one, other))
        first_one = begun(command(*one), own)
        time.sleep(float(rng.uniform(0.0, 1.0)))
        ends = begun(command(*other), own).wait(), first_one.wait()
        wrong = first(*(broken(end, (0, 2)) for end in ends), same(own / "run.nc", home / "run.nc"))
        if all(end.code for end in ends):
            wrong = first(wrong, "neither of them ended well")
        wrong = first(wrong, litter(own, {"run.toml", "run.nc"}))
        yield Case(what, "exit codes " + " and ".join(sorted(str(end.code) for end in ends)), wrong)
        number += 1


FAULT = Fault(
    "Two writers",
    "Two commands with the same result file that begin within a second: one of them is told of the other in one "
    "sentence, exit code 2, unless that has ended; the file is whole and has the right numbers.",
    0.06,
    80,
    cases,
)
