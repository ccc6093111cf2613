"""One time of a variable: the one that is asked for, or the last one at which it was recorded."""

from __future__ import annotations

import numpy as np
import xarray as xr

from pysv.errors import InvalidInputError


def at_time(values: xr.DataArray, time: float | None = None) -> xr.DataArray:
    """A variable at one time.

    Parameters
    ----------
    values : xarray.DataArray (…, time, …)
    time : float, optional
        fs; by default the last one at which the variable was recorded.

    Raises
    ------
    InvalidInputError
        If the variable was not recorded then, or never.
    """
    recorded = values.dropna("time", how="all")
    times = recorded["time"].values
    if not times.size:
        raise InvalidInputError(f"{values.name} was not recorded at any time; name another variable", "variable")
    if time is None:
        return recorded.isel(time=-1)
    nearest = np.argsort(np.abs(times - time), kind="stable")[:2]
    if abs(times[nearest[0]] - time) > 1e-9 * max(1.0, abs(time)):
        near = " or ".join(f"{float(times[place]):g}" for place in sorted(nearest))
        raise InvalidInputError(f"{values.name} was not recorded at time = {time:g} fs; take {near}", "time")
    return recorded.isel(time=int(nearest[0]))
