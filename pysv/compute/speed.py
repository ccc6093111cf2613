"""How slow this machine is, against the one on which the costs of runs were measured.

Three small loops of NumPy, half a second together: arrays that stream from memory, products of matrices, and calls of
short functions. Each is repeated, and its fastest round counts, since others may be using the machine.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

REFERENCE = {"stream": 0.0062, "product": 0.0036, "calls": 0.0032}
"""Seconds of a round of each loop where the constants of `cost` and of the measures were found."""
_ROUNDS = 12
_KEPT = 30 * 86400.0
"""Time for which a measurement is good, s."""
_WIDEST = 20.0
"""Machines are not farther from that one; more is an error of the measurement, or of the file."""


def _stream() -> Callable[[], None]:
    a, b = np.ones(8_000_000), np.ones(8_000_000)

    def work() -> None:
        np.multiply(a, 1.0001, out=b)
        np.add(a, b, out=b)

    return work


def _product() -> Callable[[], None]:
    a = np.full((300, 300), 0.01 + 0.01j)
    return lambda: np.copyto(a, 0.01 * (a @ a) + 0.01)


def _calls() -> Callable[[], None]:
    a = np.ones(50)

    def work() -> None:
        for _ in range(4000):
            a.sum()

    return work


_LOOPS = {"stream": _stream, "product": _product, "calls": _calls}


def fastest_rounds() -> dict[str, float]:
    """Processor time of the fastest round of each loop, s."""
    from threadpoolctl import threadpool_limits

    found = {}
    with threadpool_limits(1, "blas"):
        for name, make in _LOOPS.items():
            work, rounds = make(), []
            for _ in range(_ROUNDS):
                begun = time.process_time()
                work()
                rounds.append(time.process_time() - begun)
            found[name] = min(rounds)
    return found


def cache_file() -> Path:
    """Where the result is kept for the user: ``pysv/speed.json`` in XDG_CACHE_HOME or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "pysv" / "speed.json"


def slowness(*, measure: bool = False) -> float:
    """Time that this machine takes over that of the reference: the geometric mean over the loops.

    Parameters
    ----------
    measure : bool
        Whether to measure it where it is not known, or was found `_KEPT` ago, and to keep it. Otherwise it counts as 1
        where it is not known.
    """
    path, machine = cache_file(), _machine()
    known = _entries(path)
    found, when = known.get(machine, (1.0, 0.0))
    if not measure or 0 <= time.time() - when < _KEPT:
        return found
    found = _measured()
    _keep(path, known | {machine: (found, time.time())})
    return found


@cache
def _measured() -> float:
    ratios = [seconds / REFERENCE[name] for name, seconds in fastest_rounds().items()]
    found = math.prod(ratios) ** (1 / len(ratios))
    return min(max(found, 1 / _WIDEST), _WIDEST)


@cache
def _machine() -> str:
    from pysv.compute.environment import processor

    return f"{processor()}, numpy {np.__version__}"


def _entries(path: Path) -> dict[str, tuple[float, float]]:
    """What a file says of each machine, a home folder may serve several: slowness, and when it was found (s)."""
    found = {}
    with suppress(OSError, ValueError, TypeError, AttributeError):
        for machine, (slow, when) in json.loads(path.read_text("utf-8")).items():
            if 1 / _WIDEST <= slow <= _WIDEST:
                found[str(machine)] = float(slow), float(when)
    return found


def _keep(path: Path, known: dict[str, tuple[float, float]]) -> None:
    """Keep it for the next command, whole or not at all, if that is possible."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_text(json.dumps(known) + "\n", "utf-8")
        os.replace(beside, path)
