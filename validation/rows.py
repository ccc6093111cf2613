"""One line of the validation page, and how differences are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass

import numpy as np
import xarray as xr

NOT_RUN = float("nan")
"""Found where something that a check needs is not installed."""


@dataclass(frozen=True)
class Row:
    """A check: what was compared with what, in how many cases, what was found, and what is allowed.

    `found` is the largest absolute difference, unless `what` says otherwise.
    """

    what: str
    against: str
    cases: str
    found: float
    allowed: float

    @property
    def run(self) -> bool:
        return not np.isnan(self.found)

    @property
    def fails(self) -> bool:
        return self.run and not self.found <= self.allowed

    @property
    def cells(self) -> tuple[str, ...]:
        found = number(self.found) if self.run else "not run"
        return self.what, self.against, self.cases, f"**{found}**" if self.fails else found, number(self.allowed)


@dataclass(frozen=True)
class Section:
    """A table of the page, which `rows(reduced)` computes, and what `after` adds below it."""

    title: str
    text: str
    rows: Callable[[bool], Iterable[Row]]
    after: Callable[[], str] = str


def number(value: float) -> str:
    """One digit of what is small, three of what is not."""
    if value == 0:
        return "0"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if abs(value) < 0.01 else f"{value:.3g}"


def difference(one: object, other: object) -> float:
    """Largest absolute difference of two arrays."""
    return float(np.max(np.abs(np.asarray(one) - np.asarray(other)), initial=0.0))


def by_variable(data: xr.Dataset, snapshots: Iterable[Mapping[str, object]]) -> dict[str, float]:
    """Largest difference of each variable from what is expected at the snapshots, in turn."""
    found: dict[str, float] = {}
    for index, expected in enumerate(snapshots):
        for name, value in expected.items():
            found[name] = max(found.get(name, 0.0), difference(data[name][index].values, value))
    return found


def worst(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The larger of the differences of several runs, variable by variable."""
    found: dict[str, float] = {}
    for run in runs:
        for name, value in run.items():
            found[name] = max(found.get(name, 0.0), value)
    return found


def grouped(found: Mapping[str, float], groups: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, float]]:
    """Differences of groups of variables."""
    for label, names in groups.items():
        yield label, max(found[name] for name in names if name in found)


def count(things: Sized, name: str) -> str:
    """How many there are, in words."""
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    head = tuple(head)
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *escaped))
