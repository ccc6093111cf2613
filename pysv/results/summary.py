"""A summary of a result file in words."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from typing import TYPE_CHECKING

import numpy as np

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
    versions = json.loads(attrs["versions"])
    time = data.time.values
    lines = [
        f"{name}: {attrs['status']}",
        f"  times        {time[0]:g} … {time[-1]:g} fs, {time.size} snapshot{'s' if time.size > 1 else ''}",
        f"  engine       {attrs['engine']} ({attrs['backend']} backend), {attrs['wall_time']:.2f} s",
        f"  made with    pysv {versions['pysv']}, Python {versions['python']}",
        f"  drift        norm {attrs['drift_norm']:.1e}, energy {attrs['drift_energy']:.1e} eV, "
        f"S^z {attrs['drift_spin_z_total']:.1e} (tolerance {attrs['drift_tolerance']:.0e})",
    ]
    if "state_deviation_reached" in attrs:
        lines.append(f"  state error  {attrs['state_deviation_reached']:.1e} ({attrs['state_deviation_kind']})")
    else:
        lines.append(f"  state error  {attrs['state_deviation_kind']}")
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
        lines += _swept(data)
    lines += [f"  {label:<12} {text}" for label in ("warnings", "left_out") for text in str(attrs[label]).splitlines()]
    if "sweep" in attrs or attrs.get("kind") == "correlator":
        lines += variables_in_words(data)
    else:
        lines += [f"  at {time[-1]:g} fs", *_final_values(data)]
    lines.append("  experiment of the first point" if "sweep" in attrs else "  experiment")
    lines += [f"    {line}" for line in str(attrs["experiment"]).splitlines() if line]
    return "\n".join(map(printable, lines))


def _final_values(data: xr.Dataset) -> list[str]:
    lines = []
    for variable in _SHOWN:
        if variable in data and data[variable].dims == ("time",):
            values = data[variable]
            units = "" if values.attrs["units"] == "1" else f" {values.attrs['units']}"
            lines.append(f"    {values.attrs['long_name']:<48} {round(float(values[-1]), 6) + 0.0:.6f}{units}")
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
        centres = data["time"].values[np.isfinite(data["structure_factor"].values).all(axis=(1, 2))]
        span = f", {centres[0]:g} … {centres[-1]:g} fs" if centres.size else ""
        lines.append(f"  centres      {centres.size} times at which the pulse fits into the run{span}")
    if "qfi_rebuilt" in data:
        apart = np.abs(data["qfi_rebuilt"].values - data["qfi_direct"].values)
        parts = [f"{label} {_largest(data[name].values)}" for label, name in _REBUILT.items() if name in data]
        lines.append(f"  rebuilt QFI  at most {_largest(apart)} from the direct one ({', '.join(parts)})")
    return lines


_REBUILT = {"standard error up to": "qfi_rebuilt_error", "left open up to": "qfi_rebuilt_open"}


def _largest(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"{np.abs(known).max():.1e}" if known.size else "unknown"


def _swept(data: xr.Dataset) -> list[str]:
    """Keys of a sweep with their values and units."""
    lines = []
    for key, values in json.loads(data.attrs["sweep"]).items():
        dim = next((dim for dim in data.dims if data[dim].attrs.get("long_name") == key), None)
        units = "" if dim is None else str(data[dim].attrs.get("units", ""))
        words = ", ".join(map(json.dumps, values)) + ("" if units in ("", "1") else f" {units}")
        lines.append(f"  {'sweep':<12} {key} = {words}")
    return lines


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
