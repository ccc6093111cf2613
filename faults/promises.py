"""What every command owes whatever happens, and what a class of faults tells of a case."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

import pysv
from faults.process import Ended
from pysv.cli.output import LONGEST_SENTENCE
from pysv.errors import PysvError
from pysv.results.points import COMBINED

MEMORY = 1500.0
"""MB that no command of a small experiment takes."""
SAME = 1e-12
"""Largest difference of a run that was stopped or killed and resumed from one that was not."""
STOPPING = "stopping after the present"
"""Beginning of what a first signal is answered."""


@dataclass(frozen=True)
class Case:
    """A fault that was injected.

    Parameters
    ----------
    what : str
        Its kind.
    outcome : str
        How it ended, in few words.
    broken : str
        The promise that it broke, with what shows it; empty where it held.
    """

    what: str
    outcome: str
    broken: str = ""

    @property
    def run(self) -> bool:
        """Whether the fault could be injected on this machine."""
        return not self.outcome.startswith("not possible here")


Cases = Callable[[np.random.Generator, Path], Iterator[Case]]


@dataclass(frozen=True)
class Fault:
    """A class of faults.

    Parameters
    ----------
    title, text : str
        Its name, and what is done and promised.
    share : float
        Of the whole time.
    most : int
        Cases after which it ends.
    cases : callable
        Gives its cases from a generator of random numbers, in an empty folder.
    """

    title: str
    text: str
    share: float
    most: int
    cases: Cases


def broken(end: Ended, allowed: tuple[int, ...], memory: float = MEMORY) -> str:
    """The promise that a command broke by the way in which it ended; empty if none.

    It ends by itself, with a code that is allowed, without a traceback, and takes a bounded memory. What it writes on
    standard error are sentences of pysv.
    """
    if end.hung:
        return f"no end after {end.seconds:.0f} s"
    if "Traceback" in end.err or "Exception ignored" in end.err:
        return f"traceback: {end.last}"
    if end.code not in allowed:
        return f"exit code {end.code}, not {' or '.join(map(str, allowed))}: {end.last}"
    if end.code in (1, 2) and not end.err.strip():
        return f"exit code {end.code} without a word"
    for line in end.err.splitlines():
        if line and not line.startswith(("pysv: ", STOPPING)):
            return f"no sentence of pysv: {line[:200]}"
        if len(line) > LONGEST_SENTENCE + 10:
            return f"a sentence of {len(line)} characters"
    return f"{end.memory:.0f} MB taken" if end.memory > memory else ""


def same(path: Path, whole: Path, tolerance: float = SAME) -> str:
    """In which respect a result differs from that of the run without a fault; empty if in none."""
    try:
        one, other = pysv.load(path), pysv.load(whole)
    except PysvError as error:
        return f"a damaged file: {error}"
    if one.attrs["status"] != "complete":
        return f"{path.name} is {one.attrs['status']}"
    return difference(one, other, tolerance)


def difference(one: xr.Dataset, other: xr.Dataset, tolerance: float) -> str:
    """The first variable in which two datasets differ; empty if they do not."""
    if set(one.data_vars) != set(other.data_vars):
        return f"other variables: {sorted(map(str, set(one.data_vars) ^ set(other.data_vars)))}"
    for name in one.data_vars:
        if one[name].shape != other[name].shape:
            return f"{name} has the shape {one[name].shape}, not {other[name].shape}"
        scale = max(1.0, float(abs(other[name]).max()))
        if not np.allclose(one[name], other[name], atol=tolerance * scale, rtol=0):
            return f"{name} differs by {float(abs(one[name] - other[name]).max()):.1e}"
    return ""


def points_of(folder: Path) -> list[Path]:
    """Result files of the points of a sweep."""
    return [path for path in sorted(folder.rglob("*.nc")) if path.name != COMBINED]


def litter(folder: Path, allowed: set[str]) -> str:
    """Files that nobody asked for; empty if there are none."""
    found = set(os.listdir(folder)) - allowed
    return f"litter: {', '.join(sorted(found))}" if found else ""


def first(*promises: str) -> str:
    """The first promise that is broken."""
    return next(filter(None, promises), "")
