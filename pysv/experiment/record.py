"""What a run records, and how often."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment.checks import as_list, is_list, real_number, truth, whole_number

LARGEST_DENSE = 5000
"""Largest block of a partial transpose that is diagonalised: up to here that is faster (50 s) than to sample it."""
MOST_DENSE = 100_000


@dataclass(frozen=True, kw_only=True)
class Every:
    """Schedules of the measures whose cost grows fastest with the number of spins.

    Each number n means: at snapshots 0, n, 2n, … (not a number in between), or never if n = 0.

    Parameters
    ----------
    entropies : int
        The three entropies and the mutual information.
    log_negativity, w_fidelity, qfi, density_matrix : int
        The variable of that name; `qfi` is the true quantum Fisher information.
    """

    entropies: int = 1
    log_negativity: int = 1
    w_fidelity: int = 1
    qfi: int = 1
    density_matrix: int = 1

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = whole_number(entry.name, getattr(self, entry.name), low=0, unit="snapshots, 0 for never")
            object.__setattr__(self, entry.name, value)

    def due(self, measure: str, index: int) -> bool:
        """Whether a measure is taken at snapshot number `index`."""
        n = getattr(self, measure)
        return bool(n) and index % n == 0


@dataclass(frozen=True, kw_only=True)
class Record:
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
        Rows up to which a block of the partial transpose is diagonalised for the negativity of a large system; the
        trace norm of larger ones is sampled. 12870 serves all blocks of 8+8 spins: 11 GB, and an hour a snapshot.
    """

    momenta: tuple[float, ...] = (math.pi / 6, math.pi / 2)
    density_matrix: bool = False
    every: Every = field(default_factory=Every)
    largest_dense: int = LARGEST_DENSE

    def __post_init__(self) -> None:
        given = as_list(self.momenta)
        if not is_list(given) or not given:
            raise InvalidInputError(f"momenta = {self.momenta!r} must be a list of at least one number", "momenta")
        momenta = tuple(real_number(f"momenta[{n}]", k, unit="rad per site") for n, k in enumerate(given))
        if len(set(momenta)) < len(momenta):
            raise InvalidInputError(f"momenta = {list(momenta)} names a momentum twice; leave one out", "momenta")
        object.__setattr__(self, "momenta", momenta)
        truth("density_matrix", self.density_matrix)
        object.__setattr__(self, "every", self._schedules(self.every))
        rows = whole_number("largest_dense", self.largest_dense, low=0, high=MOST_DENSE, unit="rows")
        object.__setattr__(self, "largest_dense", rows)

    @staticmethod
    def _schedules(given: Every | Mapping[str, int]) -> Every:
        if isinstance(given, Every):
            return given
        if not isinstance(given, Mapping):
            raise InvalidInputError(f"every = {given!r} must be a table of measures and whole numbers", "every")
        known = [entry.name for entry in fields(Every)]
        for key in given:
            if key not in known:
                raise InvalidInputError(f"every: {unknown_name('measure', str(key), known)}", "every")
        try:
            return Every(**given)
        except InvalidInputError as error:
            raise InvalidInputError(f"every: {error}", "every") from error
