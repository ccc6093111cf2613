"""Digests: what a result file holds, in 64 hexadecimal digits, so that any later change of it is found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

_NUMBERS = "fiubc"


def of_record(data: xr.Dataset) -> str:
    """SHA-256 of the variables, coordinates and attributes of a dataset.

    Parameters
    ----------
    data : xarray.Dataset
        As it is stored: complex variables as two real ones.

    Returns
    -------
    str
    """
    found = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        variable = data.variables[name]
        _add(found, name, " ".join(map(str, variable.dims)))
        _add_array(found, variable.values)
        _add_attributes(found, variable.attrs)
    _add_attributes(found, data.attrs)
    return found.hexdigest()


def of_state(time: float, fingerprint: str, arrays: Mapping[str, np.ndarray], record: str) -> str:
    """SHA-256 of a saved state and of the record that it belongs to.

    Parameters
    ----------
    time : float
        fs.
    fingerprint : str
    arrays : mapping of str to ndarray
    record : str
        See `of_record`.

    Returns
    -------
    str
    """
    found = hashlib.sha256()
    _add(found, record, fingerprint, repr(float(time)))
    for name in sorted(arrays):
        _add(found, name)
        _add_array(found, arrays[name])
    return found.hexdigest()


def _add(digest: Any, *words: str) -> None:
    for word in words:
        text = word.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "little") + text)


def _add_array(digest: Any, values: Any) -> None:
    array = np.asarray(values)
    if array.dtype.kind not in _NUMBERS:
        _add(digest, str(array.shape), *map(str, array.ravel().tolist()))
        return
    if array.dtype.kind in "fc" and np.isnan(array).any():
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array)  # one NaN among many
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    _add(digest, array.dtype.str, str(array.shape))
    digest.update(array.reshape(-1).view(np.uint8).data)


def _add_attributes(digest: Any, attrs: Mapping[Any, Any]) -> None:
    """Attributes; HDF5 keeps neither the kind of an integer nor a list apart from its single entry."""
    for name in sorted(map(str, attrs)):
        values = np.ravel(np.asarray(attrs[name]))
        _add(digest, name)
        _add_array(digest, values.astype(float) if values.dtype.kind in "fiub" else values)
