"""What the inner loops have in common: the compiler's options, the cache line."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache
from numba.core.options import DefaultOptions

from pysv.errors import KernelCacheWarning

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
    """`numba.njit` with a cache on disk, if a cache folder is writable.

    NUMBA_DISABLE_JIT is for the user's own functions: those of pysv hold instructions that Python lacks.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        usual, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, 0
        try:
            dispatcher = numba.njit(**options)(function)
        finally:
            numba.config.DISABLE_JIT = usual
        with suppress(RuntimeError):  # neither the package's folder nor the user's cache folder can be written
            dispatcher._cache = KernelCache(function)
        return dispatcher

    return decorate


class KernelCache(FunctionCache):  # type: ignore[misc]
    """numba's cache of one function, where a damaged file or a full disk costs time and nothing else."""

    _warned = False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function; None if it must be compiled."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a truncated pickle can fail in any way
            with suppress(Exception):
                self.flush()  # else it would stay damaged for ever
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, if possible."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            if not KernelCache._warned:
                KernelCache._warned = True
                warnings.warn(
                    f"compiled functions cannot be kept in {self.cache_path} ({error.strerror or error}), so that each "
                    "command compiles them anew; make room there, or name another folder in NUMBA_CACHE_DIR",
                    KernelCacheWarning,
                    stacklevel=2,
                )


def as_reals(psi: np.ndarray) -> np.ndarray:
    """The memory of a complex array (…, width) as reals (…, 2·width); no copy."""
    return psi.view(psi.real.dtype)
