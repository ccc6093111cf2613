"""How the inner loops are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

MAKING = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}
"""For functions that make arrays."""
FAST = MAKING | {"_nrt": False}
"""For functions that make none. Those they are given are kept by the caller, so that numba need not count references to
them: it would with every row of a state, by an atomic addition for which all threads compete."""
SUM = FAST | {"fastmath": {"contract", "nsz", "reassoc"}}
"""Scalar products may be summed in the order that vectorises."""


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
