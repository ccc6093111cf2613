"""Result files: a dataset, and the engine's state if the run can continue, in one NetCDF4/HDF5 file.

A file is written beside its destination and moved there when it is complete. A reader therefore finds the old file or
the new one, never an incomplete one. NetCDF has no complex numbers: a complex variable is stored as two real ones.
"""

from __future__ import annotations

import contextlib
import numbers
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from pysv.errors import ResultExistsError, ResultFileError
from pysv.results.dataset import ALWAYS, FORMAT, REQUIRED_NUMBERS, REQUIRED_TEXTS
from pysv.units import size

_STATE_GROUP = "checkpoint"
_PARTS = ("_real", "_imag")


@dataclass(frozen=True, eq=False)
class SavedState:
    """An engine's state at one snapshot.

    Parameters
    ----------
    time : float
        fs.
    fingerprint : str
        Digest of its experiment and engine.
    arrays : mapping of str to ndarray
    """

    time: float
    fingerprint: str
    arrays: Mapping[str, np.ndarray]


def check_destination(path: str | Path, *, overwrite: bool = False) -> Path:
    """Check that a result file may be written to a path; returns it as a `Path`.

    Raises
    ------
    ResultFileError
        If the folder is missing or not writable, or the path is a folder or a device.
    ResultExistsError
        If the file exists and `overwrite` is False.
    """
    target = Path(path)
    if not str(path):
        raise ResultFileError("the name of the result file is empty; give one")
    try:
        if target.is_symlink():
            target = target.resolve()  # the link stays, its target is replaced
        if not target.parent.is_dir():
            raise ResultFileError(f"{target}: the folder {target.parent} does not exist; make it first")
        if target.is_dir():
            raise ResultFileError(f"{target}: is a folder; name a file in it")
        if target.exists() and not target.is_file():
            raise ResultFileError(f"{target}: is not an ordinary file; name another one")
        if target.exists() and not overwrite:
            raise ResultExistsError(f"{target}: exists already; use --force (overwrite=True) to replace it")
        _beside(target).unlink()  # fail now, not at the end of a long run
    except RuntimeError as error:
        raise ResultFileError(f"{target}: is a loop of symbolic links; name another file") from error
    except OSError as error:
        if isinstance(error, ResultFileError):
            raise
        raise ResultFileError(f"{target}: cannot be written ({error.strerror or error})") from error
    return target


def save(data: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Save a dataset as NetCDF4.

    Parameters
    ----------
    data : xarray.Dataset
    path : str or Path
        Destination, usually ``RUN.nc``.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path

    Raises
    ------
    ResultFileError, ResultExistsError
        If the file cannot be written there.
    """
    return write(data, check_destination(path, overwrite=overwrite))


def write(data: xr.Dataset, target: Path, state: SavedState | None = None) -> Path:
    """Write dataset and state, completely or not at all; an existing file is replaced.

    Raises
    ------
    ResultFileError
        If the disk is too full or the file system refuses; an existing file stays unchanged.
    """
    check_room(target, data.nbytes + sum(array.nbytes for array in state.arrays.values()) if state else data.nbytes)
    with whole_file(target) as partial:
        _split_complex(data).to_netcdf(partial, engine="h5netcdf")
        if state is not None:
            _write_state(partial, state)
    return target


def check_room(target: Path, needed: int) -> None:
    """Check that the disk has room for `needed` bytes in addition to the present file.

    Raises
    ------
    ResultFileError
        If it has not.
    """
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError:  # the file system does not report it
        return
    if needed > free:
        raise ResultFileError(
            f"{target}: needs {size(needed)} on a disk with {size(free)} free; make room, or choose a file on another "
            "disk"
        )


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A temporary path beside `target`. It replaces `target` if the context ends without an error, else it is deleted.

    Raises
    ------
    ResultFileError
        If the file system refuses; an existing `target` stays unchanged.
    """
    try:
        partial = _beside(target)
        try:
            yield partial
            with partial.open("rb+") as stream:
                os.fsync(stream.fileno())
            _take_usual_mode(partial)
            partial.replace(target)
        finally:
            with contextlib.suppress(FileNotFoundError):
                partial.unlink()
    except OSError as error:
        raise ResultFileError(f"{target}: cannot be written ({error.strerror or error})") from error


def _beside(target: Path) -> Path:
    """A new empty file in the folder of `target`."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    return Path(name)


def load(path: str | Path) -> xr.Dataset:
    """Load a dataset that pysv saved.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    ResultFileError
        If the file is missing, truncated, not NetCDF4, or not from pysv.
    """
    with _opened(path):
        pass
    try:
        with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as stored:
            data = _join_complex(stored.load())
    except Exception as error:  # a damaged file can fail anywhere in three libraries
        raise ResultFileError(f"{path}: is damaged and cannot be read ({error})") from error
    for name in (*REQUIRED_TEXTS, *REQUIRED_NUMBERS):
        kind, word = (str, "string") if name in REQUIRED_TEXTS else (numbers.Real, "number")
        if not isinstance(data.attrs.get(name), kind):
            raise ResultFileError(f"{path}: is damaged (attribute {name} is missing or is not a {word})")
    for name in ALWAYS:
        if name not in data or data[name].sizes.get("time", 0) < 1:
            raise ResultFileError(f"{path}: is damaged (variable {name} is missing or empty)")
    return data


def load_state(path: str | Path) -> SavedState | None:
    """The engine's state in a result file; None if the file holds none."""
    with _opened(path) as file:
        if _STATE_GROUP not in file:
            return None
        try:
            group = file[_STATE_GROUP]
            arrays = {name: np.asarray(stored) for name, stored in group.items()}
            return SavedState(float(group.attrs["time"]), str(group.attrs["fingerprint"]), arrays)
        except Exception as error:  # as in `load`
            raise ResultFileError(f"{path}: its saved state is damaged ({error})") from error


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[h5py.File]:
    try:
        with Path(path).open("rb"):
            pass
    except FileNotFoundError as error:
        raise ResultFileError(f"{path}: no such file") from error
    except OSError as error:
        raise ResultFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if "unable to lock" in str(error):
            raise ResultFileError(
                f"{path}: is locked: another program has it open for writing, or the file system knows no locks; close "
                "it there, or set HDF5_USE_FILE_LOCKING=FALSE"
            ) from error
        raise ResultFileError(f"{path}: is not a NetCDF4/HDF5 file, or is truncated") from error
    with file:
        try:
            found = file.attrs.get("pysv_format")
        except Exception as error:  # as in `load`
            raise ResultFileError(f"{path}: is damaged and cannot be read ({error})") from error
        if found is None:
            raise ResultFileError(f"{path}: was not written by pysv (it has no attribute pysv_format)")
        if found != FORMAT:
            raise ResultFileError(f"{path}: has the format {found!r}; this version of pysv reads {FORMAT!r}")
        yield file


def _write_state(path: Path, state: SavedState) -> None:
    with h5py.File(path, "a") as file:
        group = file.create_group(_STATE_GROUP)
        group.attrs["time"] = state.time
        group.attrs["fingerprint"] = state.fingerprint
        for name, values in state.arrays.items():
            group.create_dataset(name, data=values)


def _split_complex(data: xr.Dataset) -> xr.Dataset:
    for name in [str(name) for name, values in data.data_vars.items() if np.iscomplexobj(values)]:
        values = data[name]
        parts = (part.assign_attrs(values.attrs) for part in (values.real, values.imag))
        data = data.drop_vars(name).assign({name + ending: part for ending, part in zip(_PARTS, parts, strict=True)})
    return data


def _join_complex(data: xr.Dataset) -> xr.Dataset:
    for real in [str(name) for name in data.data_vars if str(name).endswith(_PARTS[0])]:
        name = real.removesuffix(_PARTS[0])
        imag = name + _PARTS[1]
        if imag in data:
            values = (data[real] + 1j * data[imag]).assign_attrs(data[real].attrs)
            data = data.drop_vars([real, imag]).assign({name: values})
    return data


def _take_usual_mode(path: Path) -> None:
    """Give a temporary file, which is private, the permissions of the user's umask."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)
