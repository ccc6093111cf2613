"""The folder of a sweep in words: what was swept, how far each point is, what came out."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pysv.errors import ResultFileError, cut
from pysv.results import files, points
from pysv.results.destination import whole_file
from pysv.results.summary import printable, variables_in_words

if TYPE_CHECKING:
    import xarray as xr

PLAN = "sweep.json"
"""File with the values and units of the keys, written before the first point runs."""
STATES = ("complete", "incomplete", "failed", "damaged", "not begun")
MOST_ROWS = 60
"""Points of the table."""
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
    data : xarray.Dataset or None
        What its file holds.
    reason : str
        Why it failed, or why the file cannot be read.
    """

    settings: Mapping[str, Any]
    state: str
    data: xr.Dataset | None
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
    units = [str(data[dim].attrs.get("units", "")) for dim in points.swept_dims(data)]
    grid = points.grid_of(data)
    return grid, dict(zip(grid, units, strict=False))


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
    if not grid:
        raise ResultFileError(
            f"{folder}: is no folder of a sweep, or was left by an earlier version: it holds neither {PLAN} nor "
            f"{points.COMBINED}; name a result file, or run the sweep again"
        )
    found = []
    for number, values in enumerate(itertools.product(*grid.values()), start=1):
        settings = dict(zip(grid, values, strict=True))
        named, numbered = folder / points.file_of(settings), folder / f"point-{number:04d}.nc"
        found.append(_point(settings, numbered if numbered.exists() and not named.exists() else named))
    return grid, units, found


def _point(settings: Mapping[str, Any], path: Path) -> SweptPoint:
    if not path.exists():
        return SweptPoint(settings, "not begun", None)
    try:
        data = files.load(path)
    except ResultFileError as error:
        return SweptPoint(settings, "damaged", None, str(error))
    status = str(data.attrs["status"])
    if status == "complete":
        return SweptPoint(settings, "complete", data)
    failed = status.startswith("stopped: ")
    return SweptPoint(settings, "failed" if failed else "incomplete", data, status.removeprefix("stopped: "))


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
    for key, values in grid.items():
        unit = "" if units[key] in ("", "1") else f" {units[key]}"
        lines.append(f"  {'swept':<12} {key} = {cut(', '.join(json.dumps(value) for value in values), 200)}{unit}")
    held = [point.data for point in found if point.data is not None]
    if held:
        lines += _made(held)
        combined = folder / points.COMBINED
        whole = files.load(combined) if combined.exists() and set(states) == {"complete"} else None
        none = "none: points are missing, or differ in their times"
        lines.append(f"  {'combined':<12} {none if whole is None else combined.name}")
        lines += variables_in_words(held[0] if whole is None else whole)
    lines += ["  points", *(f"    {row}" for row in _table(grid, units, found))]
    if held:
        lines += ["  experiment of the first point"]
        lines += [f"    {line}" for line in str(held[0].attrs["experiment"]).splitlines() if line]
    return "\n".join(map(printable, lines))


def _made(held: Sequence[xr.Dataset]) -> list[str]:
    """Engines, drifts and errors over all points."""
    attrs = [data.attrs for data in held]
    engines = dict.fromkeys(f"{own['engine']} ({own['backend']} backend)" for own in attrs)
    versions = dict.fromkeys(json.loads(own["versions"])["pysv"] for own in attrs)
    drift = {
        name: max(float(own[f"drift_{name}"]) for own in attrs)
        for name in ("norm", "energy", "spin_z_total", "tolerance")
    }
    lines = [
        f"  {'engine':<12} {', '.join(engines)}, {sum(float(own['wall_time']) for own in attrs):.2f} s together",
        f"  {'made with':<12} pysv {', '.join(versions)}",
        f"  {'drift':<12} at most: norm {drift['norm']:.1e}, energy {drift['energy']:.1e} eV, "
        f"S^z {drift['spin_z_total']:.1e} (tolerance {drift['tolerance']:.0e})",
    ]
    for kind in dict.fromkeys(str(own["state_deviation_kind"]) for own in attrs):
        reached = [float(own["state_deviation_reached"]) for own in attrs if "state_deviation_reached" in own]
        lines.append(f"  {'state error':<12} " + (f"at most {max(reached):.1e} ({kind})" if reached else kind))
    for label in ("warnings", "left_out"):
        told = dict.fromkeys(line for own in attrs for line in str(own[label]).splitlines())
        lines += [f"  {label:<12} {line}" for line in told]
    return lines


def _table(grid: Mapping[str, Sequence[Any]], units: Mapping[str, str], found: Sequence[SweptPoint]) -> list[str]:
    """One row for each point: its settings, its state, the time reached, the time it took, the last negativity."""
    shown = any(_last(point) for point in found)
    head = [key + (f" ({units[key]})" if units[key] not in ("", "1") else "") for key in grid]
    rows = [[*head, "state", "reached", "took", *([_SHOWN] if shown else [])]]
    for point in found[:MOST_ROWS]:
        settings = [cut(json.dumps(value).strip('"'), 40) for value in point.settings.values()]
        data = point.data
        reached = ["", ""] if data is None else [f"{float(data.time[-1]):g} fs", f"{data.attrs['wall_time']:.2f} s"]
        rows.append([*settings, point.state, *reached, *([_last(point)] if shown else [])])
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{size}}" for cell, size in zip(row, wide, strict=True)).rstrip() for row in rows]
    for place, point in enumerate(found[:MOST_ROWS], start=1):
        if point.reason and point.state != "incomplete":
            lines[place] += f"  {point.reason}"
    return lines + ([f"… and {len(found) - MOST_ROWS} more"] if len(found) > MOST_ROWS else [])


def _last(point: SweptPoint) -> str:
    """The last recorded negativity; empty where there is none."""
    if point.data is None or _SHOWN not in point.data:
        return ""
    values = point.data[_SHOWN].dropna("time").values
    return f"{float(values[-1]) + 0.0:.6f}" if values.size else ""
