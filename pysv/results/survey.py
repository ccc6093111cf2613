"""The folder of a sweep in words: what was swept, how far each point is, what came out."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pysv.errors import ResultFileError, cut
from pysv.results import files, points
from pysv.results.destination import whole_file
from pysv.results.failures import failures
from pysv.results.summary import (
    keys_in_words,
    made_in_words,
    number_in_words,
    printable,
    told_in_words,
    variables_in_words,
)

PLAN = "sweep.json"
"""File with the values and units of the keys, written before the first point runs."""
STATES = ("complete", "incomplete", "failed", "unreadable", "not begun")
MOST_ROWS = 60
"""Points of the table."""
_MOST_POINTS = 100_000
"""A plan of more points is none of pysv's."""
_SHOWN = "log_negativity"


@dataclass(frozen=True, eq=False)
class SweptPoint:
    """A point of a sweep and its file.

    Parameters
    ----------
    settings : mapping of str to value
        Values of the swept keys.
    state : str
        One of `STATES`.
    path : Path or None
        Its file, if it holds a run.
    attrs : mapping
        Attributes of that run.
    reached : float
        Its last time, fs.
    last : str
        Its last recorded negativity; empty if there is none.
    reason : str
        Why it failed, or why the file cannot be read.
    """

    settings: Mapping[str, Any]
    state: str
    path: Path | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)
    reached: float = 0.0
    last: str = ""
    reason: str = ""


def keep_plan(folder: Path, grid: Mapping[str, Sequence[Any]], units: Mapping[str, str]) -> None:
    """Write the values and the units of the keys of a sweep into its folder, for `survey`."""
    keys = {key: {"values": list(values), "units": units[key]} for key, values in grid.items()}
    with whole_file(folder / PLAN) as partial:
        partial.write_text(json.dumps(keys, default=str) + "\n", encoding="utf-8")


def _plan(folder: Path) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Values and units by key: of the plan, or of the combined dataset of an earlier version; empty without both."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        kept = json.loads((folder / PLAN).read_text("utf-8"))
        return {key: list(own["values"]) for key, own in kept.items()}, {
            key: str(own["units"]) for key, own in kept.items()
        }
    if not (folder / points.COMBINED).exists():
        return {}, {}
    data = files.load(folder / points.COMBINED)
    return points.grid_of(data), points.units_of(data)


def survey(folder: Path) -> tuple[dict[str, list[Any]], dict[str, str], list[SweptPoint]]:
    """Values and units of the keys of a sweep, and its points; the last key varies fastest.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    ResultFileError
        If it is no folder of a sweep.
    """
    grid, units = _plan(folder)
    if not grid or math.prod(map(len, grid.values())) > _MOST_POINTS:
        raise ResultFileError(
            f"{folder}: holds neither {PLAN} nor {points.COMBINED}: an earlier version left the sweep "
            "unfinished, or it is no folder of a sweep; run the sweep again, or name the file of a point"
        )
    found, lost = [], failures(folder)
    for number, values in enumerate(itertools.product(*grid.values()), start=1):
        settings = dict(zip(grid, values, strict=True))
        named, numbered = folder / points.file_of(settings), folder / f"point-{number:04d}.nc"
        path = numbered if numbered.exists() and not named.exists() else named
        found.append(_point(settings, path, lost.get(named.name, "")))
    return grid, units, found


def _point(settings: Mapping[str, Any], path: Path, lost: str) -> SweptPoint:
    """A point; `lost` says why it failed, where it did so without a file."""
    if not path.exists():
        return SweptPoint(settings, "failed" if lost else "not begun", reason=lost)
    try:
        attrs, arrays = files.glance(path, ("time", _SHOWN))
    except ResultFileError as error:
        return SweptPoint(settings, "unreadable", reason=str(error))
    status = str(attrs["status"])
    held = path, attrs, float(arrays["time"][-1]), _last(arrays)
    if status.startswith("stopped: "):
        return SweptPoint(settings, "failed", *held, status.removeprefix("stopped: "))
    return SweptPoint(settings, "complete" if status == "complete" else "incomplete", *held)


def describe_sweep(folder: Path) -> str:
    """Describe the folder of a sweep: keys, points, engine, drifts and errors, variables. `pysv info` prints this.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    ResultFileError
        If it is no folder of a sweep.
    """
    grid, units, found = survey(folder)
    states = [point.state for point in found]
    counts = [f"{states.count(state)} {state}" for state in STATES if state in states]
    lines = [f"{folder}: sweep of {len(found)} point{'s' if len(found) > 1 else ''}, {', '.join(counts)}"]
    lines += keys_in_words("swept", grid, units)
    held = [point for point in found if point.path is not None]
    if held:
        attrs = [point.attrs for point in held]
        lines += [*made_in_words(attrs), *told_in_words(attrs)]
        combined = folder / points.COMBINED
        whole = files.load(combined) if combined.exists() and set(states) == {"complete"} else None
        if whole is not None and not points.is_of(whole.attrs, grid):  # another sweep has left it
            whole = None
        none = "none: points are missing, or differ in their times"
        lines.append(f"  {'combined':<12} {none if whole is None else combined.name}")
        assert held[0].path is not None
        lines += variables_in_words(files.load(held[0].path) if whole is None else whole)
    lines += ["  points", *(f"    {row}" for row in _table(grid, units, found))]
    if held:
        lines += ["  experiment of the first point"]
        lines += [f"    {line}" for line in str(held[0].attrs["experiment"]).splitlines() if line]
    return "\n".join(map(printable, lines))


def _table(grid: Mapping[str, Sequence[Any]], units: Mapping[str, str], found: Sequence[SweptPoint]) -> list[str]:
    """One row for each point: its settings, its state, the time reached, the time it took, the last negativity."""
    shown = any(point.last for point in found)
    head = [key + (f" ({units[key]})" if units[key] not in ("", "1") else "") for key in grid]
    rows = [[*head, "state", "reached", "took", *([_SHOWN] if shown else [])]]
    for point in found[:MOST_ROWS]:
        settings = [cut(json.dumps(value).strip('"'), 40) for value in point.settings.values()]
        reached = [f"{point.reached:g} fs", f"{point.attrs['wall_time']:.2f} s"] if point.attrs else ["", ""]
        rows.append([*settings, point.state, *reached, *([point.last] if shown else [])])
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{size}}" for cell, size in zip(row, wide, strict=True)).rstrip() for row in rows]
    for place, point in enumerate(found[:MOST_ROWS], start=1):
        if point.reason:
            lines[place] += f"  {point.reason}"
    return lines + ([f"… and {len(found) - MOST_ROWS} more"] if len(found) > MOST_ROWS else [])


def _last(arrays: Mapping[str, np.ndarray]) -> str:
    """The last recorded negativity; empty where there is none."""
    values = arrays.get(_SHOWN, np.zeros(0))
    known = values[np.isfinite(values)]
    return number_in_words(float(known[-1])) if known.size else ""
