"""What a first run on a machine compiles: whether numba's cache holds the kernels of a run, and how long they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Version = Callable[[Sequence[Any]], bool]
"""Whether arguments of some types, by numba, are those of a run: each combination of types is compiled by itself."""


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


def any_version(types: Sequence[Any]) -> bool:
    """Whether a kernel was compiled for arguments of any types."""
    del types
    return True


def missing(kernels: Iterable[Kernels], version: Version = any_version) -> float:
    """Seconds that compiling takes of what this machine has not compiled yet; compiles nothing.

    Parameters
    ----------
    kernels : iterable of Kernels
    version : callable
        Whether a version that is compiled is the one of a run.
    """
    return sum((own.seconds for own in kernels if not is_compiled(own.module, own.function, version)), start=0.0)


def is_compiled(module: str, function: str, version: Version = any_version) -> bool:
    """Whether a version of a kernel was compiled in this process, or lies in numba's cache.

    What lies there must be of this source and this processor.
    """
    dispatcher = getattr(import_module(module), function)
    if any(version(types) for types in dispatcher.overloads):
        return True
    with suppress(Exception):  # without a cache folder there is no file; a damaged one is compiled anew
        machine = dispatcher.targetctx.codegen().magic_tuple()
        kept = dispatcher._cache._cache_file._load_index()
        return any(key[1] == machine and version(key[0]) for key in kept)
    return False
