"""The check of a result file before any array is read: attributes, names, types, dimensions and sizes.

What a file may hold follows from the schema of the dataset and from the experiment that the file names.
"""

from __future__ import annotations

import json
import math
import numbers
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from pysv import config
from pysv.errors import InvalidInputError, ResultFileError
from pysv.experiment.probe import Probe
from pysv.model.basis import Spins
from pysv.results.dataset import ALWAYS, PARTS, REQUIRED_NUMBERS, REQUIRED_TEXTS, schema

if TYPE_CHECKING:
    import xarray as xr

    from pysv.experiment import Experiment

_TEXT_COORDINATES = ("layer", "pair", "with", "ket", "bra", "operator", "operator2")
_OF_SPINS = ("layer", "spin_site", "spin_length")
"""Coordinates along ``spin`` beside the number of the spin."""
_NEEDED = {"spin": ("spin", "layer", "spin_site")}
"""Coordinates that a dimension needs; the others need one of their own name."""
NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
_DEFLATE = 1100
"""No lossless filter of HDF5 makes an array smaller by more than this factor."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What a result file says of itself.

    Parameters
    ----------
    path : Path
    experiment : Experiment or None
        None where it has keys that this process does not know, such as those of a device of one's own.
    swept : int
        Number of dimensions of a sweep, which stand before ``time``.
    """

    path: Path
    experiment: Experiment | None
    swept: int


def check_file(file: h5py.File, path: str | Path) -> Contents:
    """Check an open result file; reads attributes, but no array.

    Parameters
    ----------
    file : h5py.File
    path : str or Path
        Its name in sentences.

    Returns
    -------
    Contents

    Raises
    ------
    ResultFileError
        If an attribute is missing or has the wrong type; if the experiment is none; if an array lies in another file,
        is larger than the experiment or the file has room for, or is not of the type that the schema names.
    """
    attrs = {name: _attribute(path, file, name) for name in file.attrs}
    _check_attributes(path, attrs)
    swept = _sweep(path, attrs)
    contents = Contents(Path(path), _experiment(path, str(attrs["experiment"])), len(swept))
    experiment = contents.experiment
    sizes = dimensions(experiment) if experiment else {}
    if sizes and "probe" in attrs:
        sizes |= _probed(path, attrs)
    if sizes and isinstance(attrs.get("operators"), str):
        sizes |= dict.fromkeys(("operator", "operator2"), len(attrs["operators"].split()))
    dims_of = {name: own.dims for name, own in schema().items()}
    dims_of |= _own_dims(experiment.record.observables if experiment else (), attrs)
    found = dict(_arrays(file, path))
    for name, array in found.items():
        if is_dimension(array):
            continue
        base = next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)
        base = base if base in dims_of and name not in dims_of else name
        if base != name and not {base + part for part in PARTS} <= set(found):
            raise damaged(path, f"of {base}, the real or the imaginary part is missing")
        # Without an experiment nothing bounds the sizes: every array must then be stored in full.
        bounded = bool(sizes) and (name in sizes or name in _OF_SPINS or dims_of.get(base) is not None)
        _check_stored(path, name, array, compressible=bounded)
        if not sizes:
            continue
        if name in sizes or name in _OF_SPINS:
            _check_coordinate(path, name, array, sizes["spin" if name in _OF_SPINS else name])
        elif base in dims_of:
            _check_numbers(path, name, array)
            _check_extents(path, name, array, dims_of[base], sizes, swept)
    for name in ALWAYS:
        if name not in found:
            raise damaged(path, f"variable {name} is missing or empty")
    return contents


def check_labels(data: xr.Dataset, contents: Contents) -> None:
    """Check dimensions, coordinates and times of a dataset whose variables are not read yet.

    Parameters
    ----------
    data : xarray.Dataset
        As it is stored, opened lazily.
    contents : Contents

    Raises
    ------
    ResultFileError
        If a variable has other dimensions than the schema names, a coordinate is missing, a layer is not of the
        experiment, or the times are not ascending numbers.
    """
    path, known, swept = contents.path, schema(), contents.swept
    for name, variable in data.data_vars.items():
        base = next((str(name).removesuffix(part) for part in PARTS if str(name).endswith(part)), str(name))
        own = known.get(str(name)) or known.get(base)
        if own is None:
            continue
        dims = tuple(str(dim) for dim in variable.dims)[swept:]
        wanted = ("time", *(dims[1:] if own.dims is None else own.dims))
        if dims != wanted:
            raise damaged(path, f"{name} has the dimensions {dims or 'none'}, not {wanted}")
        if not swept:
            for dim in own.dims or ():
                lacking = [other for other in _NEEDED.get(dim, (dim,)) if other not in data.coords]
                if lacking:
                    raise damaged(path, f"the coordinate {lacking[0]} of {name} is missing")
        for key in ("units", "long_name"):
            if not isinstance(variable.attrs.get(key), str):
                raise damaged(path, f"{key} of {name} is missing or is not a string")
    if "layer" in data.coords and contents.experiment is not None:
        names = {layer.name for layer in contents.experiment.device.layers}
        strange = [label for label in data["layer"].values.tolist() if label not in names]
        if strange:
            raise damaged(path, f"the experiment has no layer {str(strange[0])[:80]!r}")
    check_times(path, data["time"].values if "time" in data.coords else np.zeros(0))


def check_times(path: str | Path, times: np.ndarray) -> None:
    """Check that times are finite, not negative and ascending, and at least one.

    Raises
    ------
    ResultFileError
        If they are not.
    """
    if times.ndim != 1 or not times.size:
        raise damaged(path, "the times are missing")
    if not (np.isfinite(times).all() and times[0] >= 0 and (np.diff(times) > 0).all()):
        raise damaged(path, "the times are not ascending numbers from 0 fs on")


def check_state(group: Any, path: str | Path) -> None:
    """Check the group of a saved state: numbers only, in this file, and no larger than the file.

    Raises
    ------
    ResultFileError
        If it holds something else.
    """
    if not isinstance(group, h5py.Group):
        raise damaged(path, "its saved state is no group")
    time = np.asarray(group.attrs.get("time", math.nan))
    if time.dtype.kind not in "fiu" or time.size != 1 or not (math.isfinite(time.item()) and time.item() >= 0):
        raise damaged(path, "the time of its saved state is missing or is not a number")
    if not isinstance(group.attrs.get("fingerprint"), str):
        raise damaged(path, "the fingerprint of its saved state is missing or is not a string")
    for name, array in _arrays(group, path):
        if is_dimension(array):
            continue
        if array.dtype.kind not in "fiuc":
            raise damaged(path, f"{name} of its saved state does not hold numbers")
        _check_stored(path, name, array, compressible=False)


def is_dimension(array: Any) -> bool:
    """Whether an array only names a dimension, and holds nothing."""
    return bytes(array.attrs.get("NAME", b"")).startswith(NO_VARIABLE)


def dimensions(experiment: Experiment) -> dict[str, int]:
    """Largest size of each dimension of a run's dataset that has a coordinate."""
    device = experiment.device
    spins, layers = Spins(device.levels), len(device.layers)
    return {
        "time": experiment.times.count,
        "time2": experiment.times.count,
        "spin2": spins.count,
        "site": device.sites,
        "spin": spins.count,
        "flips": spins.lowest + 1,
        "momentum": len(experiment.record.momenta),
        "pair": layers * (layers - 1) // 2,
        "with": layers + 1,
        "bond_site": device.sites - 1,
        "bond": device.sites - 1,
        "ket": spins.size,
        "bra": spins.size,
    }


def damaged(path: str | Path, what: str) -> ResultFileError:
    """The error of a file that is not as pysv wrote it."""
    return ResultFileError(f"{path}: is damaged ({what})")


def _attribute(path: str | Path, file: h5py.File, name: str) -> Any:
    value = file.attrs[name]
    return value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value


def _check_attributes(path: str | Path, attrs: Mapping[str, Any]) -> None:
    for name in (*REQUIRED_TEXTS, *REQUIRED_NUMBERS):
        kind, word = (str, "string") if name in REQUIRED_TEXTS else (numbers.Real, "number")
        if not isinstance(attrs.get(name), kind):
            raise damaged(path, f"attribute {name} is missing or is not a {word}")
    for name in REQUIRED_NUMBERS:
        if not math.isfinite(attrs[name]):
            raise damaged(path, f"attribute {name} is {attrs[name]}")
    made_with = _json(path, attrs, "versions")
    if not isinstance(made_with, dict) or not all(isinstance(made_with.get(one), str) for one in ("pysv", "python")):
        raise damaged(path, "attribute versions does not name those of pysv and Python")
    for name in ("functions", "seeds"):
        if not isinstance(attrs.get(name, ""), str):
            raise damaged(path, f"attribute {name} is not a string")
    seeds = _json(path, attrs, "seeds") if attrs.get("seeds", "").startswith("[") else []
    if not all(isinstance(seed, int) for seed in seeds):
        raise damaged(path, "attribute seeds does not list whole numbers")
    if not isinstance(attrs.get("state_deviation_reached", 0.0), numbers.Real):
        raise damaged(path, "attribute state_deviation_reached is not a number")


def _sweep(path: str | Path, attrs: Mapping[str, Any]) -> tuple[int, ...]:
    """Number of values of each key of a sweep; empty for a run."""
    if "sweep" not in attrs:
        return ()
    grid = _json(path, attrs, "sweep")
    if not isinstance(grid, dict) or not grid or not all(isinstance(own, list) and own for own in grid.values()):
        raise damaged(path, "attribute sweep does not list the values of its keys")
    return tuple(len(own) for own in grid.values())


def _probed(path: str | Path, attrs: Mapping[str, Any]) -> dict[str, int]:
    """Largest sizes of the dimensions that a probe adds."""
    asked = _json(path, attrs, "probe")
    try:
        probe = Probe(**asked)
    except (TypeError, InvalidInputError) as error:
        raise damaged(path, "attribute probe is no probe") from error
    return {"momentum": len(probe.momenta), "omega": probe.points}


def _json(path: str | Path, attrs: Mapping[str, Any], name: str) -> Any:
    try:
        return json.loads(str(attrs[name]))
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"attribute {name} is not JSON") from error


def _experiment(path: str | Path, text: str) -> Experiment | None:
    """The experiment of a file, whether this process knows its engine or not; None where it has unknown keys."""
    try:
        tables = tomllib.loads(text)
        evolution = tables.get("evolution")
        if isinstance(evolution, dict):
            own = {key: value for key, value in evolution.items() if not isinstance(value, dict)}
            tables["evolution"] = {key: value for key, value in own.items() if key not in ("engine", "backend")}
        return config.from_tables(tables, "experiment").experiment
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise damaged(path, "attribute experiment is not TOML") from error
    except InvalidInputError as error:
        if " unknown key " in str(error):
            return None
        raise ResultFileError(f"{path}: names an experiment that is not allowed ({error})") from error


def _own_dims(observables: Iterable[tuple[str, str]], attrs: Mapping[str, Any]) -> dict[str, tuple[str, ...] | None]:
    """Dimensions of the observables of a run's own: products are numbers, functions give arrays of any shape."""
    products = (f"{name}{ending}" for name, _ in observables for ending in ("", "_error", "_bias"))
    functions = (f"{name}{ending}" for name in attrs.get("functions", "").split() for ending in ("", "_error", "_bias"))
    return dict.fromkeys(products, ()) | dict.fromkeys(functions)


def _arrays(group: h5py.Group, path: str | Path) -> Iterator[tuple[str, h5py.Dataset]]:
    """Arrays of a group by their names; all of them lie in the file itself."""
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ResultFileError(f"{path}: {name} is a link, which pysv does not follow; copy what it points to")
        array = group[name]
        if not isinstance(array, h5py.Dataset):
            continue
        if array.is_virtual or array.external:
            raise ResultFileError(
                f"{path}: {name} lies in another file, which pysv does not read; copy its data into this one"
            )
        if array.shape is None:
            raise damaged(path, f"{name} is empty")
        yield name, array


def _check_stored(path: str | Path, name: str, array: h5py.Dataset, *, compressible: bool) -> None:
    """An array is in the file, not only announced: reading it takes no more memory than the file makes likely."""
    announced = array.size * array.id.get_type().get_size()
    stored = array.id.get_storage_size() * (_DEFLATE if compressible else 1)
    if announced > stored:
        raise damaged(path, f"{name} is announced with {announced} bytes and holds fewer")


def _check_coordinate(path: str | Path, name: str, array: h5py.Dataset, largest: int) -> None:
    if array.ndim != 1 or array.shape[0] > largest:
        raise damaged(path, f"{name} has the shape {array.shape}; the experiment has {largest}")
    if name not in _TEXT_COORDINATES:
        _check_numbers(path, name, array)
    elif h5py.check_string_dtype(array.dtype) is None:
        raise damaged(path, f"{name} does not hold text")


def _check_numbers(path: str | Path, name: str, array: h5py.Dataset) -> None:
    if array.dtype.kind not in "fiu":
        raise damaged(path, f"{name} does not hold numbers")


def _check_extents(
    path: str | Path,
    name: str,
    array: h5py.Dataset,
    dims: tuple[str, ...] | None,
    sizes: Mapping[str, int],
    swept: tuple[int, ...],
) -> None:
    own = array.shape[len(swept) + 1 :] if dims is None else tuple(sizes.get(dim, 0) for dim in dims)
    most = (*swept, sizes["time"], *own)
    if len(array.shape) != len(most) or any(one > other for one, other in zip(array.shape, most, strict=True)):
        raise damaged(path, f"{name} has the shape {array.shape}; the experiment allows up to {most}")
    if not array.size:
        raise damaged(path, f"variable {name} is missing or empty")
