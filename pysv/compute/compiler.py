"""What the inner loops have in common: the compiler's options, the cache line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core.options import DefaultOptions

CACHE_LINE = 64
"""Bytes of a cache line."""
FAST = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}
SUM = FAST | {"fastmath": {"contract", "nsz", "reassoc"}}
"""For sums: the compiler may reorder them, which it must to vectorise them."""
UNCOUNTED = {"_nrt": False} if hasattr(DefaultOptions, "_nrt") else {}
"""For functions that make no array and use their arguments only through indices, slices and `reshape`.

numba then counts no references. Otherwise every row of a state costs an atomic addition on a counter that all threads
share. The caller keeps the arrays alive.
"""


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` with a cache on disk, if a cache folder is writable."""

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
            return numba.njit(**options)(function)

    return decorate


def as_reals(psi: np.ndarray) -> np.ndarray:
    """The memory of a complex array (…, width) as reals (…, 2·width); no copy."""
    return psi.view(psi.real.dtype)
