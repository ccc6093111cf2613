"""A summary of a result file in words."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.errors import cut
from pysv.results.points import grid_of, units_of

if TYPE_CHECKING:
    import xarray as xr

_SHOWN = ("entropy_total", "mutual_information", "log_negativity", "w_fidelity", "electron_spin_z")

_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]|\x9b[0-?]*[ -/]*[@-~]"
)
"""Escape sequences of terminals: colours and cursor, strings such as window titles, and two-letter ones."""


def printable(text: str) -> str:
    """A line of text without what a terminal obeys: escape sequences, control and invisible characters.

    A file of somebody else must not move the cursor, hide what it holds, or set the title of a window.
    """
    bare = _SEQUENCE.sub("", text).replace("\t", " ")
    return "".join(letter for letter in bare if unicodedata.category(letter)[0] != "C")


def describe(data: xr.Dataset, name: str) -> str:
    """Describe a run: status, times, engine, drifts and errors, final values, the experiment. `pysv info` prints this.

    Of a probe also what was correlated and how far it is, the centres of the pulse, and how well f_Q was rebuilt; of a
    probe or a sweep the variables.

    Parameters
    ----------
    data : xarray.Dataset
    name : str
        Name of the run, such as that of its file.

    Returns
    -------
    str
    """
    attrs = data.attrs
    time = data.time.values
    lines = [
        f"{name}: {attrs['status']}",
        f"  times        {time[0]:g} … {time[-1]:g} fs, {time.size} snapshot{'s' if time.size > 1 else ''}",
        *made_in_words([attrs]),
    ]
    if "probe" in attrs:
        pulse = json.loads(attrs["probe"])
        momenta = ", ".join(f"{k:.4g}" for k in pulse["momenta"])
        low, high = pulse["omega"]
        lines.append(
            f"  probe        sigma {pulse['sigma']:g} fs, momenta {momenta} rad/site, {pulse['points']} energies "
            f"{low:g} … {high:g} eV"
        )
    if attrs.get("kind") == "correlator":
        lines += _correlators(data)
    if "sweep" in attrs:
        lines += keys_in_words("sweep", grid_of(data), units_of(data))
    lines += told_in_words([attrs])
    if "sweep" in attrs or attrs.get("kind") == "correlator":
        lines += variables_in_words(data)
    else:
        lines += [f"  at {time[-1]:g} fs", *_final_values(data)]
    lines.append("  experiment of the first point" if "sweep" in attrs else "  experiment")
    lines += [f"    {line}" for line in str(attrs["experiment"]).splitlines() if line]
    return "\n".join(map(printable, lines))


def made_in_words(attrs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines with what made one run or several: engines and time, versions, drifts of each engine, errors of each kind.

    Parameters
    ----------
    attrs : sequence of mapping
        Attributes of each run. Of several, drifts and errors are the largest ones.
    """
    together, most = (" together", "at most ") if len(attrs) > 1 else ("", "")
    engines = {f"{own['engine']} ({own['backend']} backend)": None for own in attrs}
    versions = [json.loads(own["versions"]) for own in attrs]
    made = {f"pysv {own['pysv']}, Python {own['python']}": None for own in versions}
    seconds = sum(float(own["wall_time"]) for own in attrs)
    lines = [
        f"  {'engine':<12} {', '.join(engines)}, {seconds:.2f} s{together}",
        f"  {'made with':<12} {'; '.join(made)}",
    ]
    names = dict.fromkeys(str(own["engine"]) for own in attrs)
    for name in names:
        drifts = [own for own in attrs if str(own["engine"]) == name]
        norm, energy, spin = (
            max(float(own[f"drift_{kind}"]) for own in drifts) for kind in ("norm", "energy", "spin_z_total")
        )
        tolerances = sorted({float(own["drift_tolerance"]) for own in drifts})
        tolerance = " to ".join(dict.fromkeys(f"{value:.0e}" for value in (tolerances[0], tolerances[-1])))
        lines.append(
            f"  {'drift':<12} {f'{name}: ' if len(names) > 1 else ''}{most}norm {norm:.1e}, energy {energy:.1e} eV, "
            f"S^z {spin:.1e} (tolerance {tolerance})"
        )
    for kind in dict.fromkeys(str(own["state_deviation_kind"]) for own in attrs):
        of_kind = [own for own in attrs if str(own["state_deviation_kind"]) == kind]
        reached = [float(own["state_deviation_reached"]) for own in of_kind if "state_deviation_reached" in own]
        lines.append(f"  {'state error':<12} " + (f"{most}{max(reached):.1e} ({kind})" if reached else kind))
    return lines


def told_in_words(attrs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines with the warnings of one run or several and with what was left out, equal ones once.

    Parameters
    ----------
    attrs : sequence of mapping
        Attributes of each run.
    """
    lines = []
    for label in ("warnings", "left_out"):
        told = dict.fromkeys(line for own in attrs for line in str(own[label]).splitlines())
        lines += [f"  {label:<12} {line}" for line in told]
    return lines


def keys_in_words(label: str, grid: Mapping[str, Sequence[Any]], units: Mapping[str, str]) -> list[str]:
    """Lines with the keys of a sweep, their values and units.

    Parameters
    ----------
    label : str
        First word of each line.
    grid : mapping of str to sequence
        Values by key.
    units : mapping of str to str
        Units by key.
    """
    return [
        f"  {label:<12} {key} = {cut(', '.join(map(json.dumps, values)), 200)}"
        + ("" if units[key] in ("", "1") else f" {units[key]}")
        for key, values in grid.items()
    ]


def number_in_words(value: float) -> str:
    """A number with six digits after the point, without the sign of a zero.

    >>> number_in_words(-1e-9)
    '0.000000'
    """
    return f"{round(value, 6) + 0.0:.6f}"


def _final_values(data: xr.Dataset) -> list[str]:
    lines = []
    for variable in _SHOWN:
        if variable in data and data[variable].dims == ("time",):
            values = data[variable]
            units = "" if values.attrs["units"] == "1" else f" {values.attrs['units']}"
            lines.append(f"    {values.attrs['long_name']:<48} {number_in_words(float(values[-1]))}{units}")
    return lines


def _correlators(data: xr.Dataset) -> list[str]:
    """What was correlated and how far it is; of a complete probe the centres, and how well f_Q was rebuilt."""
    attrs, count = data.attrs, data.sizes["time"]
    done = int(attrs["done"])
    operators = str(attrs["operators"]) if "operators" in attrs else "S^z of each spin"
    left = "" if done == count else f", {count - done} left"
    reach = "all times" if attrs["reach"] == "all" else f"|t1 - t2| up to {float(attrs['reach']):g} fs"
    lines = [
        f"  correlators  {operators}; {reach}",
        f"  done         from {done} of {count} times{left}",
    ]
    if "structure_factor" in data:
        centres = fitting_times(data)
        span = f", {centres[0]:g} … {centres[-1]:g} fs" if centres.size else ""
        lines.append(f"  centres      {centres.size} times at which the pulse fits into the run{span}")
    if "qfi_rebuilt" in data:
        apart = np.abs(data["qfi_rebuilt"].values - data["qfi_direct"].values)
        parts = [f"{label} {_largest(data[name].values)}" for label, name in _REBUILT.items() if name in data]
        lines.append(f"  rebuilt QFI  at most {_largest(apart)} from the direct one ({', '.join(parts)})")
    return lines


def fitting_times(data: xr.Dataset) -> np.ndarray:
    """Times of a probe at which its pulse fits into the run, fs: those of a known structure factor."""
    return np.asarray(data["time"].values[np.isfinite(data["structure_factor"].values).all(axis=(1, 2))])


_REBUILT = {"standard error up to": "qfi_rebuilt_error", "left open up to": "qfi_rebuilt_open"}


def _largest(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"{np.abs(known).max():.1e}" if known.size else "unknown"


def variables_in_words(data: xr.Dataset) -> list[str]:
    """Lines with the variables of a dataset, those of the same dimensions together.

    Parameters
    ----------
    data : xarray.Dataset
    """
    groups: dict[str, list[str]] = {}
    for name, values in data.data_vars.items():
        dims = ", ".join(f"{dim} {values.sizes[dim]}" for dim in values.dims)
        units = str(values.attrs.get("units", "1"))
        groups.setdefault(f"({dims})", []).append(str(name) + ("" if units == "1" else f" [{units}]"))
    lines = ["  variables"]
    for dims, names in groups.items():
        lines += textwrap.wrap(f"{dims}: {', '.join(names)}", 110, initial_indent=" " * 4, subsequent_indent=" " * 6)
    return lines
