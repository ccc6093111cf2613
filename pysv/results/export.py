"""A dataset as tidy CSV files: one for each group of variables that have the same dimensions."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.errors import ResultFileError
from pysv.results.destination import check_destination, whole_file
from pysv.results.files import split_complex

if TYPE_CHECKING:
    import xarray as xr

COLUMNS = "columns.csv"
"""File that says what each column is."""
_CHUNK = 100_000
"""Rows that are put into words at a time."""


def to_csv(data: xr.Dataset, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write a dataset as CSV files (RFC 4180, UTF-8, numbers with all their digits).

    A group of variables with the same dimensions is a file, such as ``time.csv`` or ``time-spin.csv``. Each row is one
    place along the dimensions: first the coordinates, then the variables; a value that was not recorded is empty. A
    complex variable has two columns, ``NAME_real`` and ``NAME_imag``. ``columns.csv`` lists every column of every file
    with its unit and meaning.

    Parameters
    ----------
    data : xarray.Dataset
        Of a run, or the combined one of a sweep.
    folder : str or Path
        Made if it is not there.
    overwrite : bool
        Whether files in the folder may be replaced.

    Returns
    -------
    list of Path
        The files, ``columns.csv`` last.

    Raises
    ------
    ResultFileError, ResultExistsError
        If a file cannot be written there.
    """
    place = Path(folder)
    _make(place)
    stored = split_complex(data)
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, values in stored.data_vars.items():
        groups.setdefault(tuple(map(str, values.dims)), []).append(str(name))
    names = {dims: f"{'-'.join(dims) or 'numbers'}.csv" for dims in groups}
    targets = {name: check_destination(place / name, overwrite=overwrite) for name in (*names.values(), COLUMNS)}
    meanings = [("file", "column", "units", "long_name")]
    for dims, variables in groups.items():
        columns = _coordinates(stored, dims)
        with whole_file(targets[names[dims]]) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, *variables])
            writer.writerows(_rows(stored, dims, columns, variables))
        for column in (*columns, *variables):
            own = stored[column].attrs if column in stored.variables else {}
            meanings.append((names[dims], column, str(own.get("units", "")), str(own.get("long_name", ""))))
    with whole_file(targets[COLUMNS]) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(meanings)
    return list(targets.values())


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ResultFileError(f"{folder}: is not a folder; name another one")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ResultFileError(f"{folder}: cannot be made ({error.strerror or error}); name another folder") from error


def _coordinates(data: xr.Dataset, dims: tuple[str, ...]) -> list[str]:
    """Columns before the variables: each dimension, then the other coordinates along it."""
    found: list[str] = []
    for dim in dims:
        found += [dim, *(str(name) for name, own in data.coords.items() if own.dims == (dim,) and name != dim)]
    return found


def _rows(
    data: xr.Dataset, dims: tuple[str, ...], columns: list[str], variables: list[str]
) -> Iterator[tuple[Any, ...]]:
    """Rows of a file, the last dimension fastest."""
    shape = tuple(data.sizes[dim] for dim in dims)
    place = {column: dims.index(str(data[column].dims[0]) if column in data.coords else column) for column in columns}
    labels = {column: _label(data, column) for column in columns}
    arrays = [data[name].values.reshape(-1) for name in variables]
    count = int(np.prod(shape, dtype=np.int64))
    for first in range(0, count, _CHUNK):
        index = np.unravel_index(np.arange(first, min(first + _CHUNK, count)), shape) if shape else ()
        own = [[labels[column][n] for n in index[place[column]].tolist()] for column in columns]
        values = [[_word(value) for value in array[first : first + _CHUNK].tolist()] for array in arrays]
        yield from zip(*own, *values, strict=True)


def _label(data: xr.Dataset, column: str) -> list[Any]:
    """Values of a coordinate; numbers from 1 on where a dimension has none."""
    values = data[column].values.tolist() if column in data.coords else list(range(1, data.sizes[column] + 1))
    return [_word(value) for value in values]


def _word(value: Any) -> Any:
    return "" if isinstance(value, float) and value != value else value
