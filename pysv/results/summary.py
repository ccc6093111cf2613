"""A summary of a result file in words."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING

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
    if "sweep" in attrs:
        grid = json.loads(attrs["sweep"])
        lines += [f"  {'sweep':<12} {key} = {', '.join(map(json.dumps, values))}" for key, values in grid.items()]
    lines += [f"  {label:<12} {text}" for label in ("warnings", "left_out") for text in str(attrs[label]).splitlines()]
    if "sweep" not in attrs:
        lines.append(f"  at {time[-1]:g} fs")
    for variable in _SHOWN:
        if variable in data and data[variable].dims == ("time",):
            values = data[variable]
            units = "" if values.attrs["units"] == "1" else f" {values.attrs['units']}"
            lines.append(f"    {values.attrs['long_name']:<48} {round(float(values[-1]), 6) + 0.0:.6f}{units}")
    lines += ["  experiment", *(f"    {line}" for line in str(attrs["experiment"]).splitlines() if line)]
    return "\n".join(map(printable, lines))
