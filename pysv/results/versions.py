"""Versions of pysv and of the libraries that it depends on."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from types import MappingProxyType

__version__ = "0.1.0"

_STANDS_ON = ("numpy", "scipy", "numba", "xarray", "h5netcdf", "qutip", "physics-tenpy", "matplotlib")


@cache
def versions() -> Mapping[str, str]:
    """Versions of pysv, Python and the libraries that a result depends on.

    Returns
    -------
    dict of str
        Package name to version; a package that is not installed is left out.
    """
    found = {"pysv": __version__, "python": platform.python_version()}
    for name in _STANDS_ON:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return MappingProxyType(found)
