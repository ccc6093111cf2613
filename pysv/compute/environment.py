"""Settings in the environment that numba, tqdm and NumExpr read, and stumble over, when they are imported."""

from __future__ import annotations

import os
import platform
from importlib.util import find_spec
from pathlib import Path

from pysv.errors import InvalidInputError, quoted

_COUNTS = ("NUMBA_NUM_THREADS",)
_COUNTS_OF_NUMEXPR = ("OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS")
"""pandas, which xarray imports, imports NumExpr where it is installed."""
_NUMBERS = ("TQDM_MININTERVAL", "TQDM_MAXINTERVAL", "TQDM_SMOOTHING", "TQDM_DELAY")


def check_environment() -> None:
    """Check the settings that would stop a library.

    Raises
    ------
    InvalidInputError
        If a number of threads is not a whole number of at least 1, or an interval of the progress bar is not a number.
    """
    for name in _COUNTS + (_COUNTS_OF_NUMEXPR if find_spec("numexpr") else ()):
        value = os.environ.get(name, "").strip()
        if value and not (value.isdecimal() and int(value[:9]) > 0):
            raise InvalidInputError(
                f"{name} = {quoted(value)} in the environment must be a whole number of at least 1; set it to a number "
                "of threads, or unset it",
                name,
            )
    for name in _NUMBERS:
        value = os.environ.get(name, "0")
        try:
            float(value)
        except ValueError as error:
            raise InvalidInputError(
                f"{name} = {quoted(value)} in the environment must be a number (s); correct it, or unset it", name
            ) from error


def processor() -> str:
    """Name of the processor, if the system reports it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
