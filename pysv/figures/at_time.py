"""One time of a variable: the one that is asked for, or the last one at which it was recorded."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pysv.errors import InvalidInputError
from pysv.experiment.checks import real_number


def chosen_time(time: float | None) -> float | None:
    """A time that is asked for, fs; None for the last one.

    Raises
    ------
    InvalidInputError
        If it is no finite number.
    """
    return None if time is None else real_number("time", time, unit="fs")


def recorded(values: xr.DataArray) -> xr.DataArray:
    """A variable at the times at which it was recorded.

    Parameters
    ----------
    values : xarray.DataArray (…, time, …)

    Raises
    ------
    InvalidInputError
        If it never was.
    """
    found = values.dropna("time", how="all")
    if not found["time"].size:
        raise InvalidInputError(f"{values.name} was not recorded at any time; name another variable", "variable")
    return found


def at_time(values: xr.DataArray, time: float | None = None) -> xr.DataArray:
    """A variable at one time.

    Parameters
    ----------
    values : xarray.DataArray (…, time, …)
    time : float, optional
        fs; by default the last one at which the variable was recorded. Of six digits, as pysv prints times.

    Raises
    ------
    InvalidInputError
        If the variable was not recorded then, or never, or the time is no finite number.
    """
    found, time = recorded(values), chosen_time(time)
    times = found["time"].values
    if time is None:
        return found.isel(time=-1)
    nearest = np.argsort(np.abs(times - time), kind="stable")[:2]
    if f"{float(times[nearest[0]]):g}" != f"{time:g}":
        near = " or ".join(f"{float(times[place]):g}" for place in sorted(nearest))
        raise InvalidInputError(f"{values.name} was not recorded at time = {time:g} fs; take {near}", "time")
    return found.isel(time=int(nearest[0]))
