"""What a run records, and how often."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment.checks import Checked, as_list, checked, is_list, real_number, truth, whole_number

LARGEST_DENSE = 5000
"""Largest block of a partial transpose that is diagonalised (50 s), in rows. For larger blocks sampling is faster."""
MAX_DENSE = 100_000
_SNAPSHOTS: dict[str, Any] = {"low": 0, "unit": "snapshots, 0 for never"}


@dataclass(frozen=True, kw_only=True)
class Every(Checked):
    """Schedules of the measures whose cost grows fastest with the number of spins.

    Each number n means snapshots 0, n, 2n, …, with NaN in between; 0 means never.

    Parameters
    ----------
    entropies : int
        The three entropies and the mutual information.
    log_negativity, w_fidelity, qfi, density_matrix : int
        The variable of that name; `qfi` is the true quantum Fisher information.
    """

    entropies: int = checked(1, whole_number, **_SNAPSHOTS)
    log_negativity: int = checked(1, whole_number, **_SNAPSHOTS)
    w_fidelity: int = checked(1, whole_number, **_SNAPSHOTS)
    qfi: int = checked(1, whole_number, **_SNAPSHOTS)
    density_matrix: int = checked(1, whole_number, **_SNAPSHOTS)

    def due(self, measure: str, index: int) -> bool:
        """Whether a measure is taken at snapshot number `index`."""
        n = getattr(self, measure)
        return bool(n) and index % n == 0


def momentum_list(key: str, value: Any) -> tuple[float, ...]:
    """At least one momentum, all different, rad per site."""
    given = as_list(value)
    if not is_list(given) or not given:
        raise InvalidInputError(f"{key} = {value!r} must be a list of at least one number", key)
    momenta = tuple(real_number(f"{key}[{n}]", k, unit="rad per site") for n, k in enumerate(given))
    if len(set(momenta)) < len(momenta):
        raise InvalidInputError(f"{key} = {list(momenta)} names a momentum twice; leave one out", key)
    return momenta


def schedules(key: str, value: Any) -> Every:
    """Schedules, given as `Every` or as a mapping."""
    if isinstance(value, Every):
        return value
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{key} = {value!r} must be a table of measures and whole numbers", key)
    known = [entry.name for entry in fields(Every)]
    for name in value:
        if name not in known:
            raise InvalidInputError(f"{key}: {unknown_name('measure', str(name), known)}", key)
    try:
        return Every(**value)
    except InvalidInputError as error:
        raise InvalidInputError(f"{key}: {error}", key) from error


@dataclass(frozen=True, kw_only=True)
class Record(Checked):
    """What the dataset keeps beyond the measures that every run records.

    Parameters
    ----------
    momenta : sequence of float
        Momentum transfers k of the quantum Fisher information, rad per site.
    density_matrix : bool
        Whether the density matrix of the localized spins is kept (2^N × 2^N, complex).
    every : Every or mapping
        Schedules, e.g. ``{"log_negativity": 5}`` for every fifth snapshot; see `Every`.
    largest_dense : int
        Largest block of the partial transpose, in rows, that is diagonalised for the negativity of a large system. The
        trace norm of a larger block is sampled. 12870 covers all blocks of 8+8 spins: 11 GB and one hour per snapshot.
    """

    momenta: tuple[float, ...] = checked((math.pi / 6, math.pi / 2), momentum_list)
    density_matrix: bool = checked(False, truth)
    every: Every = checked(Every(), schedules)
    largest_dense: int = checked(LARGEST_DENSE, whole_number, low=0, high=MAX_DENSE, unit="rows")
