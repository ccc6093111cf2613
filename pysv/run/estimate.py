"""What a run will need, before anything runs: sectors, amplitudes, memory, applications of H, time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute.compiling import missing
from pysv.compute.ranks import led
from pysv.compute.speed import slowness
from pysv.engines import choose
from pysv.engines.base import Method
from pysv.engines.cost import run_rows
from pysv.errors import InvalidInputError, MemoryLimitError, PysvError
from pysv.experiment.checks import whole_number
from pysv.experiment.source import OneElectron
from pysv.julia import setup
from pysv.measures.observables import own_measures
from pysv.measures.registry import additional
from pysv.measures.ways import Lacks, gives_all, left_out, measuring
from pysv.model.conservation import occupied_sectors, run_labels
from pysv.run.divided import Divided, available, divided, lacking
from pysv.run.memory import available_memory
from pysv.run.plan import disk
from pysv.run.remarks import remarks
from pysv.run.smaller import spins_in_words, with_fewer_spins
from pysv.sectors import backend as backends
from pysv.sectors.shared import Shared
from pysv.units import about, duration, size

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.device import ChainDevice

START = 0.7
"""Seconds in which a process loads its compiled kernels."""
SHARE = 0.9
"""Share of the available memory that a run may take."""


@dataclass(frozen=True)
class Estimate:
    """Needs of a run.

    Parameters
    ----------
    engine, backend : str
    sectors : tuple of (str, tuple of int, int)
        For each pure run: its label, the total numbers of down spins it occupies, and its number of rows.
    amplitudes : int
        Complex amplitudes of all pure runs.
    memory, available : int
        Bytes needed, and bytes that the machine can give now.
    applications : int
        Applications of H, over all pure runs.
    seconds : float
        Run time on this machine, within a factor of `pysv.units.SPAN`, once all kernels are compiled.
    disk : int
        Bytes of the result file with a checkpoint.
    snapshots : int
    remarks : tuple of str
        What the user must know: truncation, measures left out.
    unit : str
        What `applications` counts, where it is not applications of H.
    batches : int
        Bytes of the batches with their states, at most, where the run has a target error or goes to a Dask cluster; 0
        for a run that has no batches.
    shares : Divided, optional
        Needs of each rank, where the run is divided among several; `memory` is then that of `Divided.here`.
    device_memory : int
        Bytes of states on a device with a memory of its own, besides `memory`; 0 on other backends.
    compiling : float
        Seconds more, rough, that the first run on this machine takes for compiling kernels. 0 where some run has
        compiled them in the version that this precision and this device take: with one hopping and no potential or
        otherwise, with one exchange and one J_sd or several. Of the kernels of `fock`, `llg` and `tdmrg` any
        version counts.
    """

    engine: str
    backend: str
    sectors: tuple[tuple[str, tuple[int, ...], int], ...]
    amplitudes: int
    memory: int
    available: int
    applications: int
    seconds: float
    disk: int
    snapshots: int
    remarks: tuple[str, ...]
    unit: str = "matvecs"
    batches: int = 0
    shares: Divided | None = None
    device_memory: int = 0
    compiling: float = 0.0
    lacks: Lacks = field(default=gives_all, repr=False, compare=False)
    """What cannot be measured of the states; see `_lacking`."""

    @property
    def fits(self) -> bool:
        """Whether the run fits in the memory that is available now."""
        return self.memory <= SHARE * self.available

    @property
    def _ranks(self) -> list[str]:
        """Lines of a run that is divided among ranks."""
        if self.shares is None:
            return []
        own = self.memory - self.shares.here + self.shares.leader
        return [f"ranks        {self.shares.ranks}: rank 0 takes {size(own)}, each other one {size(self.shares.other)}"]

    @property
    def _time(self) -> str:
        """The time in words."""
        if self.device_memory:
            return "not known: no run on a device was measured"
        elsewhere = self.shares is not None and led() == 1
        return about(self.seconds) + (", if each rank has two processors and a memory of its own" if elsewhere else "")

    def __str__(self) -> str:
        lines = [f"engine       {self.engine} ({self.backend} backend)"]
        if len(self.sectors) > 2:
            lines.append(
                f"pure runs    {len(self.sectors):,}, of up to {max(rows for _, _, rows in self.sectors):,} rows"
            )
        for label, sectors, rows in self.sectors if len(self.sectors) <= 2 else ():
            span = str(sectors[0]) if len(sectors) == 1 else f"{sectors[0]}–{sectors[-1]}"
            name = "sector" if len(sectors) == 1 else "sectors"
            lines.append(f"pure run     electron {label}: {name} of {span} down spins, {rows:,} rows")
        lines += [
            f"amplitudes   {self.amplitudes:,}",
            f"memory       {size(self.memory)} of {size(SHARE * self.available)} ({SHARE:.0%} of the free memory)"
            + ("" if self.fits else ": does not fit"),
            *self._ranks,
            *([f"device       {size(self.device_memory)} of states in its memory"] if self.device_memory else []),
            f"snapshots    {self.snapshots:,}",
            f"{self.unit:<12} about {self.applications:,}",
            f"time         {self._time}",
            *([f"first run    about {duration(self.compiling)} more to compile"] if self.compiling else []),
            *([f"batches      {size(self.batches)} on disk, with target_error or --dask"] if self.batches else []),
            *(f"remark       {remark}" for remark in self.remarks),
        ]
        return "\n".join(lines)


def estimate(
    experiment: Experiment, engine: str | Method = "auto", backend: str = "auto", ranks: int | None = None
) -> Estimate:
    """What `pysv.solve` will need; allocates nothing.

    Parameters
    ----------
    experiment : Experiment
    engine, backend
        As for `pysv.solve`.
    ranks : int, optional
        Number of processes that mpirun would start; by default those that it has started.

    Returns
    -------
    Estimate
        Prints as a table.

    Raises
    ------
    InvalidInputError
        If `ranks` is no whole number from 1 to the number of sites, or a backend is named beside it.
    EngineError
        If the engine does not divide a state among several ranks.
    """
    if ranks is not None:
        whole_number("ranks", ranks, low=1, high=experiment.device.sites)
        if ranks > 1 and backend not in ("auto", backends.dividing()):
            raise InvalidInputError(
                f"ranks = {ranks} divides a run, and backend {backend!r} keeps it in one process; leave one out",
                "ranks",
            )
        backend = backends.dividing() if ranks > 1 else backend
    method, chosen = choose(experiment, engine, backend)
    slow = slowness(measure=True)
    compiling = slow * _missing(experiment, method) if backends.backend(chosen).numba else 0.0
    with additional(own_measures(experiment)):
        found = _estimated(experiment, method, chosen, ranks or led(), slow)
    return replace(found, compiling=compiling, remarks=(*found.remarks, *_set_up_remarks(method, chosen)))


def _set_up_remarks(method: Method, chosen: str) -> tuple[str, ...]:
    """What becomes of a run whose backend pysv would set up first."""
    reason = method.lacking(chosen) if backends.backend(chosen).installs else None
    if reason is None:
        return ()
    after = (
        f"; a run with --backend {chosen} sets it up first (several minutes), and one that its file alone sends there "
        "is refused"
    )
    return (f"backend {chosen!r} is not ready here: {reason}{after if setup.would_install() else ''}",)


def _missing(experiment: Experiment, method: Method) -> float:
    """Seconds for the kernels of a run, in the version that its precision and its device take."""
    if not method.kernels:
        return 0.0
    shared, real = Shared.of_device(experiment.device), np.finfo(method.dtype).dtype.type
    return missing(method.kernels, lambda types: shared.version(types, real))


def _lacking(experiment: Experiment, method: Method, shares: Divided | None, rows: int) -> Lacks:
    """What the engine's states do not give, and what cannot be taken of a state that is divided among ranks."""
    if shares is None:
        return method.lacks
    states = measuring(experiment, rows, lacks=method.lacks)[0]
    spread = lacking(shares, states, int(SHARE * available()))
    return lambda measure: method.lacks(measure) or spread(measure)


def _estimated(experiment: Experiment, method: Method, chosen: str, ranks: int, slow: float) -> Estimate:
    device, times, one = experiment.device, experiment.times, isinstance(experiment.source, OneElectron)
    sectors = one and method.quantum
    own, rows = method.cost(experiment), run_rows(experiment) if sectors else ()
    where = backends.backend(chosen)
    shares = divided(own, rows, ranks) if where.divides else None
    # States on a device come to the machine's memory for checkpoints and measures, one of each pure run at a time.
    device_memory = own.states if where.own_memory else 0
    moved = own.disk - device_memory if device_memory else 0
    lacks = _lacking(experiment, method, shares, sum(rows))
    measures, per_snapshot = measuring(experiment, sum(rows), lacks=lacks)
    recorded = 8 * times.count * ((2 if one else 5) * device.sites + 4 * device.n_spins + 40)
    omitted = left_out(experiment, lacks=lacks)
    said = [*remarks(experiment)]
    reason = where.lacking() if where.own_memory else None
    if reason is not None:
        said.append(f"backend {chosen!r} is not ready here: {reason}")
    if omitted:
        said.append(f"left out: {', '.join(omitted)} ({next(iter(omitted.values()))})")
    return Estimate(
        engine=method.name,
        backend=chosen,
        sectors=tuple(zip(run_labels(experiment), occupied_sectors(experiment), rows, strict=True)) if sectors else (),
        amplitudes=own.amplitudes,
        memory=(shares.here if shares else own.memory + moved) + measures + recorded,
        available=available() if shares else available_memory(),
        applications=own.applications,
        seconds=slow * (START + (shares.seconds if shares else own.seconds) + times.count * per_snapshot),
        disk=own.disk + recorded,
        snapshots=times.count,
        remarks=tuple(said),
        unit=own.unit,
        batches=disk(experiment, method),
        shares=shares,
        device_memory=device_memory,
        lacks=lacks,
    )


def check_fits(experiment: Experiment, engine: str | Method = "auto", backend: str = "auto") -> Estimate:
    """What a run needs; refuses one that does not fit.

    Raises
    ------
    MemoryLimitError
        Says what the run needs, what is allowed, and how many spins would fit.
    """
    method, chosen = choose(experiment, engine, backend)
    with additional(own_measures(experiment)):
        needed = _estimated(experiment, method, chosen, led(), slowness())
    if needed.fits:
        return needed
    smaller = _smaller(experiment, engine, backend)
    remedy = "take fewer spins, sites or snapshots, or collinear spins, which stay in one S^z sector"
    if smaller is not None:
        device, fitting = smaller
        remedy = f"{spins_in_words(device)} would fit ({size(fitting.memory)}); {remedy}"
    raise MemoryLimitError(
        f"the run needs {size(needed.memory)} ({needed.amplitudes:,} amplitudes, {needed.snapshots:,} snapshots), "
        f"the limit is {size(SHARE * needed.available)} ({SHARE:.0%} of the free memory); {remedy}"
    )


def _smaller(experiment: Experiment, engine: str | Method, backend: str) -> tuple[ChainDevice, Estimate] | None:
    """The device with as few spins less as let the run fit, and what it needs; None where fewer spins do not help."""
    device = with_fewer_spins(experiment.device)
    while device is not None:
        try:
            found = estimate(replace(experiment, device=device), engine, backend)
        except PysvError:  # such as angles that are given spin by spin
            return None
        if found.fits:
            return device, found
        device = with_fewer_spins(device)
    return None
