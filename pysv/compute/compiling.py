"""What a first run on a machine compiles: whether numba's cache holds the kernels of a run, and how long they take."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Kernels:
    """Kernels that are compiled together.

    Parameters
    ----------
    module, function : str
        The kernel whose cache tells whether all of them were compiled.
    seconds : float
        Time that compiling all of them takes on the machine of `pysv.compute.speed.REFERENCE`, s.
    """

    module: str
    function: str
    seconds: float


def missing(kernels: Iterable[Kernels]) -> float:
    """Seconds that compiling takes of what this machine has not compiled yet; compiles nothing.

    Parameters
    ----------
    kernels : iterable of Kernels
    """
    return sum((own.seconds for own in kernels if not is_compiled(own.module, own.function)), start=0.0)


def is_compiled(module: str, function: str) -> bool:
    """Whether a kernel was compiled in this process, or lies in numba's cache for this source and processor."""
    dispatcher = getattr(import_module(module), function)
    if dispatcher.overloads:
        return True
    with suppress(Exception):  # without a cache folder there is no file; a damaged one is compiled anew
        machine = dispatcher.targetctx.codegen().magic_tuple()
        kept = dispatcher._cache._cache_file._load_index()
        return any(key[1] == machine for key in kept)
    return False
