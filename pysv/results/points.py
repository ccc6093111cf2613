"""The folder of a sweep: names of its points, its combined dataset, and one point of it."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pysv.errors import InvalidInputError, ResultFileError, cut, unknown_name
from pysv.results import files
from pysv.results.failures import failures

if TYPE_CHECKING:
    import xarray as xr

COMBINED = "sweep.nc"
"""File of the combined dataset."""
_BY_NUMBER = re.compile(r"point-\d{4,}\.nc")
"""Names of points in folders of pysv 0.1.0."""
_LONGEST = 120
"""Characters of a name; the file system allows 255 bytes, of which files in the making need some."""


def file_of(settings: Mapping[str, Any]) -> str:
    """Name of the file of a point: its settings.

    Signs that a file system or a shell may not like become underscores, and a digest then keeps names apart.

    >>> file_of({"device.sd_exchange": 0.2, "source.spin": "up"})
    'device.sd_exchange=0.2,source.spin=up.nc'
    >>> file_of({"device.polarizer": [4, 5]})
    'device.polarizer=4_5.nc'
    """
    exact = ",".join(f"{key}={_in_a_name(value)}" for key, value in settings.items())
    safe = re.sub(r"[^A-Za-z0-9._=,+-]", "_", exact)
    if safe != exact or len(safe) > _LONGEST:
        safe = f"{safe[:_LONGEST]}~{hashlib.sha256(exact.encode()).hexdigest()[:8]}"
    return f"{safe}.nc"


def same(value: Any) -> Any:
    """A value of a grid in one form: a whole number is one, with a decimal point or without."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    if isinstance(value, list | tuple):
        return [same(entry) for entry in value]
    return value


def _in_a_name(value: Any) -> str:
    value = same(value)
    if isinstance(value, str):
        return value
    numbers = isinstance(value, list) and value and all(type(entry) in (int, float) for entry in value)
    return "_".join(map(str, value)) if numbers else json.dumps(value, default=str)


def by_number(folder: Path) -> dict[str, Path]:
    """Points that pysv 0.1.0 named by their numbers: the file of each, by the text of its experiment."""
    found = {}
    for path in sorted(folder.glob("point-*.nc")):
        if _BY_NUMBER.fullmatch(path.name):
            try:
                found[str(files.load(path).attrs["experiment"])] = path
            except ResultFileError:  # a file that cannot be read holds no point
                continue
    return found


def load(path: str | Path, *, at: Mapping[str, Any] | None = None) -> xr.Dataset:
    """Load a dataset that pysv saved.

    Parameters
    ----------
    path : str or Path
        A result file, or the folder of a sweep, whose combined dataset is meant.
    at : mapping of str to value, optional
        Values of some keys of the sweep, e.g. ``{"device.sd_exchange": 0.5}``. With a value for every key, the dataset
        of that point, as its run gave it; otherwise the combined dataset along the other keys.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ResultFileError
        If the file is missing, truncated, not NetCDF4, or not from pysv; if the folder holds no finished sweep.
    InvalidInputError
        If the sweep has no such key or value, or the file is none of a sweep.
    """
    place = Path(path)
    is_folder = os.path.isdir(place)  # of a name that is too long as well, for which Path.is_dir raises
    folder = place if is_folder else place.parent
    own = folder / file_of(at) if at else None
    if is_folder:
        place = folder / COMBINED
        if not place.exists() and own is not None and own.exists():
            return files.load(own)
        if not place.exists():
            lost = failures(folder)
            if lost:
                raise ResultFileError(f"{folder}: holds no {COMBINED}, because {_lost_in_words(lost)}")
            raise ResultFileError(
                f"{folder}: holds no {COMBINED}: the sweep is not finished, its points differ in their times, or it "
                "is no folder of a sweep; run the same command again, or name the file of a point"
            )
    data = files.load(place)
    return data if at is None else _at(data, folder, at)


def _lost_in_words(lost: Mapping[str, str]) -> str:
    """Which points of a sweep failed and why, the first three of them, and the remedy."""
    told = [f"{name.removesuffix('.nc')} failed ({reason})" for name, reason in list(lost.items())[:3]]
    more = f", and {len(lost) - len(told)} more points failed" if len(lost) > len(told) else ""
    return (
        f"{', '.join(told)}{more}; run the sweep again without these values or with other options, or choose another "
        "point (--at)"
    )


def grid_of(data: xr.Dataset) -> dict[str, list[Any]]:
    """Values by key of a combined dataset; empty for that of a run."""
    return dict(json.loads(str(data.attrs["sweep"]))) if "sweep" in data.attrs else {}


def units_of(data: xr.Dataset) -> dict[str, str]:
    """Units by key of a combined dataset, empty for a key without one; empty for that of a run."""
    grid = grid_of(data)
    dims = swept_dims(data) if grid else ()
    found = {str(data[dim].attrs.get("long_name")): str(data[dim].attrs.get("units", "")) for dim in dims}
    return {key: found.get(key, "") for key in grid}


def is_of(attrs: Mapping[str, Any], grid: Mapping[str, Sequence[Any]]) -> bool:
    """Whether a combined dataset with these attributes has the keys and the values of a grid, in its order."""
    own, wanted = (
        json.dumps({key: same(list(values)) for key, values in these.items()}, default=str)
        for these in (json.loads(str(attrs.get("sweep", "{}"))), grid)
    )
    return own == wanted


def swept_dims(data: xr.Dataset) -> tuple[str, ...]:
    """Dimensions of the keys of a sweep, in the order of the keys."""
    return tuple(str(dim) for dim in data["norm"].dims if dim != "time")


def _at(data: xr.Dataset, folder: Path, at: Mapping[str, Any]) -> xr.Dataset:
    """A point, or the combined dataset along the keys that are not given."""
    grid = grid_of(data)
    if not grid:
        raise InvalidInputError("the file holds one run and no sweep; leave out the values of keys (--at)", "at")
    for key in at:
        if key not in grid:
            raise InvalidInputError(unknown_name("key of the sweep", str(key), grid), str(key))
    places = {key: _place(key, value, grid[key]) for key, value in at.items()}
    if len(places) == len(grid):
        return _point(folder, grid, places)
    dims = dict(zip(grid, swept_dims(data), strict=True))
    left = {key: values for key, values in grid.items() if key not in places}
    chosen = data.isel({dims[key]: place for key, place in places.items()})
    result = chosen.assign_attrs(sweep=json.dumps(left, default=str))
    result.encoding = dict(data.encoding)
    return result


def _place(key: str, value: Any, values: Sequence[Any]) -> int:
    for place, other in enumerate(values):
        if same(other) == same(value) or _close(other, value):
            return place
    listed = ", ".join(json.dumps(other, default=str) for other in values)
    raise InvalidInputError(f"{key} = {json.dumps(value, default=str)} is not in the sweep; it has {cut(listed)}", key)


def _close(one: Any, other: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return numbers and math.isclose(one, other, rel_tol=1e-9)


def _point(folder: Path, grid: Mapping[str, Sequence[Any]], places: Mapping[str, int]) -> xr.Dataset:
    path = folder / file_of({key: grid[key][places[key]] for key in grid})
    if path.exists():
        return files.load(path)
    number = 0
    for key, values in grid.items():
        number = number * len(values) + places[key]
    earlier = folder / f"point-{number + 1:04d}.nc"
    if earlier.exists():
        return files.load(earlier)
    raise ResultFileError(f"{path}: no such file; run the sweep again, which computes what is missing")
