"""Correlators of the localized spins at two times, ⟨A†(t₁) B(t₂)⟩."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pysv.experiment.checks import real_number
from pysv.probes.companions import ColumnCompanions, Companions, StateCompanions
from pysv.probes.cost import check_history, companion_cost, no_correlators
from pysv.probes.operators import chosen_operators
from pysv.probes.structure import PASSED
from pysv.probes.table import Table
from pysv.results import files
from pysv.results.destination import check_destination
from pysv.run.interrupt import CtrlC
from pysv.run.one_run import OneThread, Run
from pysv.run.remarks import warn
from pysv.run.tasks import progress_bar

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Engine, Method
    from pysv.experiment import Experiment


def correlator(
    experiment: Experiment,
    *,
    operators: Sequence[str] | None = None,
    momenta: Sequence[float] = (),
    engine: str | Method = "auto",
    backend: str = "auto",
    reach: float | None = None,
    progress: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    checkpoint_every: float = 30.0,
) -> xr.Dataset:
    """⟨A†(t₁) B(t₂)⟩ of operators of the localized spins, for all times of the experiment.

    For a pure state it is ⟨ψ(t₁)|A† U(t₁, t₂) B|ψ(t₂)⟩: the *companion* B|ψ(t₂)⟩ is evolved from every t₂ and for every
    B, as a run of the same engine. A mixture is the weighted sum. With baths the quantum regression theorem gives
    Tr[A† e^{ℒ(t₁ − t₂)}(B ρ(t₂))] for t₁ ≥ t₂ (M. Lax, Phys. Rev. 129, 2342 (1963)). Earlier t₁ follow from
    ⟨A†(t₁) B(t₂)⟩ = ⟨B†(t₂) A(t₁)⟩*.

    Parameters
    ----------
    experiment : Experiment
    operators : sequence of {"z", "plus", "minus"}, optional
        S^z_j, S⁺_j = S^x_j + iS^y_j and S⁻_j of every spin, among which A and B are taken; by default "z", or none if
        there are momenta.
    momenta : sequence of float
        k, rad per site: A and B are also O_k = Σ_j e^{ikr_j} S^z_j. A few momenta take fewer companions than all spins.
    engine, backend
        As for `pysv.solve`: `chebyshev`, `rk4`, `krylov`, `qutip` (closed), `fock`, `tdmrg`, and with baths `low-rank`,
        which is the one of "auto" then, and `trajectories`.
    reach : float, optional
        Largest |t₁ − t₂|, fs; elements beyond are NaN. By default all pairs of times.
    progress : bool
        Whether to show a bar that counts companions.
    out : str or Path, optional
        Result file, updated during the run. A file of the same correlator that was interrupted is continued.
    overwrite : bool
        Whether `out` may be replaced if it holds something else.
    checkpoint_every : float
        Shortest time between two updates of `out`, s.

    Returns
    -------
    xarray.Dataset
        For "z" alone ``correlation (time, time2, spin, spin2)``, complex, of operators S^z with eigenvalues −S … S, and
        ``moment (time, spin)``, their ⟨S^z⟩. Otherwise ``operator_correlation (time, time2, operator, operator2)`` and
        ``operator_mean (time, operator)``, complex, with the names of A and B, such as ``"z1"``, ``"plus2"`` and
        ``"k=0.5"``, as coordinates. Trajectories add the standard errors ``…_error``; those of a complex variable are
        complex, for the real and the imaginary part. After Ctrl-C the attribute ``status`` is ``"interrupted"``.

    Raises
    ------
    InvalidInputError
        If operators or momenta are unknown or named twice.
    EngineError
        If the engine cannot run the experiment, or offers no correlators.
    MemoryLimitError
        If the states of all times do not fit in memory.
    ResultExistsError, ResumeError
        If `out` exists and holds something else, or the same of other times.
    """
    if reach is not None:
        reach = real_number("reach", reach, low=0.0, unit="fs")
    kinds = (() if momenta else ("z",)) if operators is None else tuple(operators)
    chosen = chosen_operators(experiment.device, kinds, momenta)
    run = Run.prepare(experiment, engine_of(experiment, engine), backend)
    target = None if out is None else Path(out)
    table = Table.empty(experiment, run, reach, chosen)
    if target is not None and target.exists() and not overwrite:
        table.take_up(target)
    elif target is not None:
        check_destination(target, overwrite=overwrite)
    with OneThread():
        companions = _companions(run, table)
        warn(experiment)  # a refusal comes alone, without warnings
        return _Correlator(companions, table, target, checkpoint_every).go(progress)


def engine_of(experiment: Experiment, engine: str | Method) -> str | Method:
    """The engine of a correlator: "auto" means `low-rank` where there are baths."""
    return "low-rank" if engine == "auto" and experiment.bath is not None else engine


def _companions(run: Run, table: Table) -> Companions:
    """Companions as the engine of the run needs them."""
    kind, engine = run.method.correlators, run.begin()
    if kind in ("states", "columns") and engine.amplitudes():
        needed = companion_cost(run.experiment, run.method, len(table.operators), table.reach)
        if not needed.bound:
            check_history(needed.starts, needed.history // needed.starts)
        return (StateCompanions if kind == "states" else ColumnCompanions)(run, engine, table.operators)
    if kind == "trajectories":
        from pysv.probes.sampled import TrajectoryCompanions

        return TrajectoryCompanions(run, engine, table.operators)
    if kind == "matrix product":
        from pysv.probes.chains import ChainCompanions

        return ChainCompanions(run, engine, table.operators)
    raise no_correlators(run.method)


@dataclass(eq=False)
class _Correlator:
    """The evolution of ψ, and of its companions one after the other.

    Parameters
    ----------
    companions : Companions
        With an engine at t = 0.
    table : Table
    target : Path or None
    checkpoint_every : float
        s.
    """

    companions: Companions
    table: Table
    target: Path | None
    checkpoint_every: float

    @property
    def engine(self) -> Engine:
        """Of the run itself."""
        return self.companions.engine

    def go(self, progress: bool) -> xr.Dataset:
        """All companions; returns the dataset."""
        begun = saved = time.monotonic()
        table, times = self.table, self.table.experiment.times.values
        self._remember(times)
        each = len(table.operators)
        bar = progress_bar("companions", len(times) * each, progress)
        bar.update(table.done * each)

        def dataset() -> xr.Dataset:
            return table.dataset(self.engine.work(), self.companions, time.monotonic() - begun)

        with closing(bar), CtrlC(lambda text: bar.write(text)) as stop:
            for second in range(table.done, len(times)):
                for number in range(each):
                    self._companion(times, second, number)
                    bar.update(1)
                    if stop.requested:
                        break
                if stop.requested:
                    break
                table.done = second + 1
                if self.target is not None and time.monotonic() - saved > self.checkpoint_every:
                    files.write(dataset(), self.target)
                    saved = time.monotonic()
        data = dataset()
        if self.target is not None:
            files.write(data, self.target)
        return data

    def _remember(self, times: np.ndarray) -> None:
        """The state at every time, its means, and its invariants."""
        self.engine.expect([float(own) for own in times])
        for number, own in enumerate(times):
            self.engine.advance(float(own))
            self.table.hear(number, self.engine.snapshot())
            self.table.put_mean(number, self.companions.remember())

    def _companion(self, times: np.ndarray, second: int, number: int) -> None:
        """The elements with one operator B at the earlier time t₂."""
        reach = np.inf if self.table.reach is None else self.table.reach
        later = [float(own) for own in times[second:] if own - times[second] <= reach + PASSED]
        for place, found in enumerate(self.companions.follow(second, number, later)):
            self.table.put(second + place, second, number, found)
