"""Result files: a dataset, and the engine's state if the run can continue, in one NetCDF4/HDF5 file.

A file is written beside its destination and moved there when it is complete. A reader therefore finds the old file or
the new one, never an incomplete one. NetCDF has no complex numbers: a complex variable is stored as two real ones.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from pysv.errors import ResultFileError
from pysv.results import digest
from pysv.results.dataset import FORMAT, PARTS, in_order
from pysv.results.destination import OwnFile, check_destination, check_room, whole_file
from pysv.results.lock import held_by_a_writer
from pysv.results.seal import seal, unbroken
from pysv.results.stream import Stream
from pysv.results.validate import (
    NO_VARIABLE,
    Contents,
    check_file,
    check_labels,
    check_state,
    damaged,
    is_dimension,
)

_STATE_GROUP, _DIGEST_GROUP = "checkpoint", "digest"
_LAYOUT = ("v110", "v110")
"""Layout of HDF5 1.10 (2016), the first with a checksum for all metadata and little room for small arrays."""
_CHUNK = 2**20
_OVERHEAD, _PER_ARRAY, _ROUNDING, _MANY = 16_384, 1_024, 101, 100
"""Bytes of a file without arrays, those that HDF5 keeps for each array, percent of an array's bytes in chunks, and
about as many arrays as a run records."""


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
    sealed : bool
        Whether a digest has shown that state and record are as they were written.
    """

    time: float
    fingerprint: str
    arrays: Mapping[str, np.ndarray]
    sealed: bool = False


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


def write(
    data: xr.Dataset,
    target: Path,
    state: SavedState | None = None,
    *,
    own: OwnFile | None = None,
    keep: bool = False,
) -> Path:
    """Write dataset and state, completely or not at all.

    Parameters
    ----------
    data : xarray.Dataset
    target : Path
        An existing file is replaced.
    state : SavedState, optional
    own, keep
        See `whole_file`.

    Returns
    -------
    Path
        Where the file is: `target`, or a path beside it.

    Raises
    ------
    ResultFileError
        If the disk is too full or the file system refuses; an existing file stays unchanged.
    """
    stored = split_complex(data)
    needed = _needed(stored, state)
    try:
        check_room(target, needed)
    except ResultFileError:
        if own is None or not own.drop_previous():
            raise
        check_room(target, needed)
    with whole_file(target, own, keep=keep) as partial:
        with Stream(partial) as stream:
            _write_hdf5(stream, stored, state)
            stream.finish()
        seal(partial)
    return target if own is None else own.path


def _write_hdf5(stream: Stream, stored: xr.Dataset, state: SavedState | None) -> None:
    """Write a file with a checksum for each array and each part of the metadata, and a digest of all."""
    record = digest.of_record(stored)
    encoding = {name: _checksummed(variable) for name, variable in stored.variables.items()}
    with h5netcdf.File(stream, "w", libver=_LAYOUT) as file:
        stored.dump_to_store(H5NetCDFStore(file), encoding={name: own for name, own in encoding.items() if own})
        digests = {"record": record}
        if state is not None:
            digests["state"] = digest.of_state(state.time, state.fingerprint, state.arrays, record)
            _write_state(file._h5file, state)
        file._h5file.create_group(_DIGEST_GROUP).attrs.update(digests)


def _checksummed(variable: xr.Variable) -> dict[str, Any]:
    values = variable.values
    if values.dtype.kind not in "fiub" or not values.size or not values.ndim:
        return {}
    return {"fletcher32": True, "chunksizes": _chunks(values.shape, values.itemsize)}


def _chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Chunks of about a megabyte: single entries along the first axes, and equal shares of the next one."""
    row = int(np.prod(shape, dtype=np.int64)) * itemsize
    found = []
    for size in shape:
        pieces = min(size, -(-row // _CHUNK))
        found.append(-(-size // pieces))
        row = row // size * found[-1]
    return tuple(found)


def room_for(count: int) -> int:
    """Bytes of the file of a run whose arrays take `count` bytes."""
    return _OVERHEAD + _MANY * _PER_ARRAY + _ROUNDING * count // 100


def _needed(stored: xr.Dataset, state: SavedState | None) -> int:
    """Bytes of a file: its arrays in whole chunks, what HDF5 keeps with each, and the texts."""
    arrays = [variable.values for variable in stored.variables.values()]
    arrays += [] if state is None else list(state.arrays.values())
    texts = sum(len(str(value)) for value in stored.attrs.values())
    return _OVERHEAD + 4 * texts + sum(_ROUNDING * array.nbytes // 100 + _PER_ARRAY for array in arrays)


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
    with _read(path) as (file, contents):
        with h5netcdf.File(file, "r", decode_vlen_strings=True) as inner:
            stored = xr.open_dataset(H5NetCDFStore(inner), decode_times=False)
            check_labels(stored, contents)
            stored = stored.load()
        _check_digest(file, path, stored)
    data = in_order(_join_complex(stored))
    data.encoding["source"] = str(path)  # no output made from it may replace it
    return data


def load_state(path: str | Path) -> SavedState | None:
    """The engine's state in a result file; None if the file holds none.

    Raises
    ------
    ResultFileError
        If the state is damaged, or does not belong to the data of the file.
    """
    with _opened(path) as (file, _):
        try:
            if _STATE_GROUP not in file:
                return None
            group = file[_STATE_GROUP]
            check_state(group, path)
            arrays = {name: np.asarray(stored) for name, stored in group.items() if not is_dimension(stored)}
            state = SavedState(float(group.attrs["time"]), str(group.attrs["fingerprint"]), arrays)
            digests = _digests(file)
            if (
                digests
                and digest.of_state(state.time, state.fingerprint, arrays, digests["record"]) != digests["state"]
            ):
                raise damaged(path, "its saved state is not the one that was written")
            return replace(state, sealed=bool(digests))
        except ResultFileError:
            raise
        except Exception as error:  # as in `_read`
            raise ResultFileError(f"{path}: its saved state is damaged ({_short(error)})") from error


def header(path: str | Path) -> tuple[dict[str, Any], str]:
    """Attributes of a result file, and the fingerprint of its saved state; no array is read.

    Returns
    -------
    dict
    str
        Empty if the file holds no state.

    Raises
    ------
    ResultFileError
        As for `load`.
    """
    with _read(path) as (file, _):
        state = file.get(_STATE_GROUP)
        return _attributes(file), "" if state is None else str(state.attrs.get("fingerprint", ""))


def glance(path: str | Path, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Attributes of a result file, and some of its real arrays by name, of which it may lack any; no other is read.

    Raises
    ------
    ResultFileError
        As for `load`.
    """
    with _read(path) as (file, _):
        return _attributes(file), {name: np.asarray(file[name]) for name in names if name in file}


def _attributes(file: h5py.File) -> dict[str, Any]:
    """Attributes of a file; a single number, which NetCDF keeps as an array, is a number."""
    return {
        name: value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
        for name, value in file.attrs.items()
    }


@contextlib.contextmanager
def _read(path: str | Path) -> Iterator[tuple[h5py.File, Contents]]:
    """`_opened`, where whatever fails while the file is read says so in one sentence."""
    with _opened(path) as found:
        try:
            yield found
        except ResultFileError:
            raise
        except Exception as error:  # a damaged file can fail anywhere in three libraries
            raise _unreadable(path, error) from error


@contextlib.contextmanager
def _opened(path: str | Path) -> Iterator[tuple[h5py.File, Contents]]:
    """A result file whose contents are known to be what they should, before any array is read."""
    _check_ordinary(path)
    if not unbroken(path):
        if held_by_a_writer(path):  # a program that writes with HDF5 marks the file while it has it open
            raise _locked(path)
        raise damaged(path, "its bytes are not those that were written")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if "unable to lock" in str(error):
            raise _locked(path) from error
        raise ResultFileError(f"{path}: is not a NetCDF4/HDF5 file, or is truncated") from error
    with file:
        try:
            found = file.attrs.get("pysv_format")
            if found is None:
                raise ResultFileError(f"{path}: was not written by pysv (it has no attribute pysv_format)")
            if not isinstance(found, str) or found != FORMAT:
                raise ResultFileError(
                    f"{path}: has the format {str(found)[:80]!r}; this version of pysv reads {FORMAT!r}"
                )
            contents = check_file(file, path)
        except ResultFileError:
            raise
        except Exception as error:  # as in `load`
            raise _unreadable(path, error) from error
        yield file, contents


def _locked(path: str | Path) -> ResultFileError:
    return ResultFileError(
        f"{path}: is locked: another program has it open for writing, or the file system knows no locks; close it "
        "there, or set HDF5_USE_FILE_LOCKING=FALSE"
    )


def _check_ordinary(path: str | Path) -> None:
    """Refuse what HDF5 would wait for, or read without an end: pipes, devices, folders."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe without a writer would wait for ever
    except FileNotFoundError as error:
        raise ResultFileError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise ResultFileError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ResultFileError(f"{path}: is not an ordinary file; name a result file")
    finally:
        os.close(handle)


def _unreadable(path: str | Path, error: Exception) -> ResultFileError:
    return ResultFileError(f"{path}: is damaged and cannot be read ({_short(error)})")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _digests(file: h5py.File) -> dict[str, str]:
    """Digests of a file, by what they are of; empty for a file of an early version."""
    return dict(file[_DIGEST_GROUP].attrs) if _DIGEST_GROUP in file else {}


def _check_digest(file: h5py.File, path: str | Path, stored: xr.Dataset) -> None:
    digests = _digests(file)
    if digests and digest.of_record(stored) != digests["record"]:
        raise damaged(path, "its data and attributes are not those that pysv wrote")


def _write_state(file: h5py.File, state: SavedState) -> None:
    group = file.create_group(_STATE_GROUP)
    group.attrs["time"] = state.time
    group.attrs["fingerprint"] = state.fingerprint
    for name, values in state.arrays.items():
        checked = (
            {"fletcher32": True, "chunks": _chunks(values.shape, values.itemsize)}
            if values.size and values.ndim
            else {}
        )
        stored = group.create_dataset(name, data=values, **checked)
        for axis, length in enumerate(values.shape):
            stored.dims[axis].attach_scale(_dimension(group, length))


def _dimension(group: h5py.Group, length: int) -> h5py.Dataset:
    """A dimension of a saved state, named by its length, so that other programs need not make a name up."""
    name = f"length_{length}"
    if name not in group:
        scale = group.create_dataset(name, shape=(length,), dtype=">f4")  # nothing is written
        scale.make_scale(f"{NO_VARIABLE.decode()}. {length:10d}")
    return group[name]


def split_complex(data: xr.Dataset) -> xr.Dataset:
    """The same dataset with two real variables, ``NAME_real`` and ``NAME_imag``, for each complex one."""
    for name in [str(name) for name, values in data.data_vars.items() if np.iscomplexobj(values)]:
        values = data[name]
        parts = (part.assign_attrs(values.attrs) for part in (values.real, values.imag))
        data = data.drop_vars(name).assign({name + ending: part for ending, part in zip(PARTS, parts, strict=True)})
    return data


def _join_complex(data: xr.Dataset) -> xr.Dataset:
    for real in [str(name) for name in data.data_vars if str(name).endswith(PARTS[0])]:
        name = real.removesuffix(PARTS[0])
        imag = name + PARTS[1]
        if imag in data:
            values = (data[real] + 1j * data[imag]).assign_attrs(data[real].attrs)
            data = data.drop_vars([real, imag]).assign({name: values})
    return data
