"""How the inner loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core.options import DefaultOptions

FAST = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}
SUM = FAST | {"fastmath": {"contract", "nsz", "reassoc"}}
"""Scalar products may be summed in the order that vectorises."""
UNCOUNTED = {"_nrt": False} if hasattr(DefaultOptions, "_nrt") else {}
"""For functions that make no array, and use of those given only indices, slices and `reshape`: numba does not count
references to them, which it would with every row of a state, by an atomic addition for which all threads compete. The
caller keeps the arrays."""


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` that keeps what it compiled, where there is a folder to keep it in."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
            return numba.njit(**options)(function)

    return decorate


def as_reals(psi: np.ndarray) -> np.ndarray:
    """The memory of a complex array (…, width) as reals (…, 2·width); no copy."""
    return psi.view(psi.real.dtype)
