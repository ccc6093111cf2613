"""Cost of a run, before anything runs: memory, time, applications of H, disk space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.basis import Spins
from pysv.model.conservation import occupied_sectors
from pysv.model.norm import half_width
from pysv.model.terms import hamiltonian_terms
from pysv.sectors.layout import CUT, Cut, Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pysv.experiment import Experiment

PROCESS = 280_000_000
"""Bytes of the Python process with its libraries and compiled kernels."""
HEAVY = 60.0
"""Estimated time above which a backend that takes seconds to start may pay, s."""
_SECONDS = 3e-9
"""Rough time of one application of H to one amplitude of one electron."""
_SPLIT, _SHORT = 1.5, 1e-5
"""Time of an application within split steps, relative to others, and s besides, which small states notice."""
_TABLES = 60
"""Bytes of the tables of H for each row."""


@dataclass(frozen=True)
class Cost:
    """Cost of the evolution; the cost of the measures comes on top, see `pysv.run.estimate`.

    Parameters
    ----------
    amplitudes : int
        Complex numbers of the state, all pure runs together.
    memory : int
        Upper bound in bytes, including the process itself.
    applications : int
        Applications of H, over all pure runs, or the number of another dominant operation.
    seconds : float
        Rough estimate of the time.
    disk : int
        Bytes of a checkpoint.
    unit : str
        What `applications` counts.
    states : int
        The part of `memory` that a backend with a memory of its own holds there, in bytes.
    """

    amplitudes: int
    memory: int
    applications: int
    seconds: float
    disk: int
    unit: str = "matvecs"
    states: int = 0


def run_rows(experiment: Experiment) -> tuple[int, ...]:
    """Rows of each pure run of one electron."""
    spins = Spins(experiment.device.levels)
    return tuple(sum(map(spins.sector_rows, sectors)) for sectors in occupied_sectors(experiment))


def run_places(experiment: Experiment, dtype: type = np.complex128, cut: Cut = CUT) -> list[int]:
    """Complex numbers in a state of each pure run, including places beyond the chain."""
    sites = experiment.device.sites
    return [rows * Layout.for_rows(rows, sites, dtype, cut).places for rows in run_rows(experiment)]


def pure_run_cost(
    experiment: Experiment,
    applications: int,
    states: int,
    *,
    columns: int | None = None,
    dtype: type = np.complex128,
    split: bool = False,
) -> Cost:
    """Cost of an engine that carries arrays ψ[tile, row, site] of one electron.

    Parameters
    ----------
    experiment : Experiment
    applications : int
        Applications of H to each column.
    states : int
        Bytes of all state-sized arrays.
    columns : int, optional
        Number of states; by default one for each pure run.
    dtype : type
        Complex type of the states.
    split : bool
        Whether the applications come in the short expansions of split steps, with the baths between them.
    """
    rows = run_rows(experiment)
    amplitudes, count = sum(rows) * experiment.device.sites, columns or len(rows)
    applied = applications * count
    return Cost(
        amplitudes=amplitudes,
        memory=PROCESS + states + table_bytes(rows),
        applications=applied,
        seconds=applied * (amplitudes / len(rows) * _SECONDS * (_SPLIT if split else 1) + (_SHORT if split else 0)),
        disk=np.dtype(dtype).itemsize * amplitudes * count // len(rows),
        states=states,
    )


def table_bytes(rows: Sequence[int]) -> int:
    """Bytes of the tables of H, for the rows of all pure runs."""
    return _TABLES * sum(rows)


def state_bytes(places: Sequence[int], count: int, dtype: type = np.complex128) -> int:
    """Bytes of `count` states for each pure run."""
    return np.dtype(dtype).itemsize * count * sum(places)


def radius(experiment: Experiment) -> float:
    """Rough half-width of the spectrum, eV; see `pysv.model.norm.half_width`."""
    return half_width(hamiltonian_terms(experiment.device), Spins(experiment.device.levels), experiment.source.count)
