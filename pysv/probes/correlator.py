"""Correlators of the localized spins at two times, ⟨S^z_i(t₁) S^z_j(t₂)⟩."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from pysv import config
from pysv.engines import methods
from pysv.engines.cost import radius
from pysv.errors import EngineError, MemoryLimitError, ResultExistsError, ResumeError
from pysv.experiment.checks import real_number
from pysv.model.basis import Spins
from pysv.results import files
from pysv.results.dataset import ALWAYS, build, provenance
from pysv.results.destination import check_destination
from pysv.run.estimate import SHARE
from pysv.run.interrupt import CtrlC
from pysv.run.invariants import Watch
from pysv.run.memory import available_memory
from pysv.run.one_run import OneThread, Run
from pysv.run.remarks import remarks, warn
from pysv.run.tasks import progress_bar
from pysv.units import size

if TYPE_CHECKING:
    from pysv.engines.base import Amplitudes, Engine, Method
    from pysv.experiment import Experiment

KIND = "correlator"
"""Attribute `kind` of these datasets."""
_PASSED = 1e-9
"""Times that are this close are one, fs."""

State = dict[str, np.ndarray]


def correlator(
    experiment: Experiment,
    *,
    engine: str | Method = "auto",
    backend: str = "auto",
    reach: float | None = None,
    progress: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    checkpoint_every: float = 30.0,
) -> xr.Dataset:
    """⟨S^z_i(t₁) S^z_j(t₂)⟩ of all pairs of localized spins, for all times of the experiment.

    For a pure state it is ⟨ψ(t₁)|S^z_i U(t₁, t₂) S^z_j|ψ(t₂)⟩: the *companion* S^z_j|ψ(t₂)⟩ is evolved from every t₂
    and for every j, as a run of the same engine. A mixture is the weighted sum. With baths the quantum regression
    theorem gives Tr[S^z_i e^{ℒ(t₁−t₂)}(S^z_j ρ(t₂))] for t₁ ≥ t₂; the operator S ρ is put together from four positive
    ones, which the engine evolves.

    Parameters
    ----------
    experiment : Experiment
    engine, backend
        As for `pysv.solve`: `chebyshev`, `rk4`, `krylov`, `qutip` (closed), `fock`, and with baths `low-rank`, which is
        the one of "auto" then.
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
        ``correlation (time, time2, spin, spin2)``, complex, of operators S^z with eigenvalues −S … S; ``moment (time,
        spin)``, their ⟨S^z⟩. After Ctrl-C the attribute ``status`` is ``"interrupted"``.

    Raises
    ------
    EngineError
        If the engine cannot run the experiment, or offers no correlators.
    MemoryLimitError
        If the states of all times do not fit in memory.
    ResultExistsError, ResumeError
        If `out` exists and holds something else, or the same of other times.
    """
    if reach is not None:
        reach = real_number("reach", reach, low=0.0, unit="fs")
    chosen: str | Method = "low-rank" if engine == "auto" and experiment.bath is not None else engine
    run = Run.prepare(experiment, chosen, backend)
    target = None if out is None else Path(out)
    table = _Table.empty(experiment, run, reach)
    if target is not None and target.exists() and not overwrite:
        table.take_up(target)
    elif target is not None:
        check_destination(target, overwrite=overwrite)
    warn(experiment)
    with OneThread():
        engine_ = run.begin()
        rows = engine_.amplitudes()
        if not rows:
            offered = sorted(name for name, own in methods().items() if own.correlators)
            raise EngineError(
                f"engine {run.method.name!r} offers no correlators: its state does not hold the amplitudes of the "
                f"localized spins; use {', '.join(offered)}"
            )
        return _Correlator(engine_, rows, table, target, checkpoint_every).go(progress)


@dataclass(eq=False)
class _Table:
    """What has been found so far.

    Parameters
    ----------
    experiment : Experiment
    run : Run
    reach : float or None
    correlation : complex ndarray (times, times, spins, spins)
    moment : float ndarray (times, spins)
    watch : Watch
        Invariants of ψ itself.
    invariants : dict of str to float ndarray (times,)
    done : int
        Number of times t₂ that are finished.
    seconds : float
        Wall time.
    """

    experiment: Experiment
    run: Run
    reach: float | None
    correlation: np.ndarray
    moment: np.ndarray
    watch: Watch
    invariants: dict[str, np.ndarray]
    done: int = 0
    seconds: float = 0.0

    @classmethod
    def empty(cls, experiment: Experiment, run: Run, reach: float | None) -> _Table:
        count, spins = experiment.times.count, experiment.device.n_spins
        correlation = np.full((count, count, spins, spins), complex(np.nan, np.nan))
        method = run.method
        watch = Watch(method.drift_tolerance(experiment.times.stop), radius(experiment), method.conserved(experiment))
        invariants = {name: np.full(count, np.nan) for name in ALWAYS}
        return cls(experiment, run, reach, correlation, np.full((count, spins), np.nan), watch, invariants)

    def take_up(self, path: Path) -> None:
        """Continue from a file of the same correlator."""
        data = files.load(path)
        if data.attrs.get("kind") != KIND:
            raise ResultExistsError(f"{path}: exists already; use --force (overwrite=True) to replace it")
        if data.attrs["experiment"] != self.toml or data.attrs["reach"] != self._reach:
            raise ResumeError(f"{path}: is the correlator of another experiment, engine or reach; name another file")
        self.correlation, self.moment = data.correlation.values.copy(), data.moment.values.copy()
        self.done, self.seconds = int(data.attrs["done"]), float(data.attrs["wall_time"])

    @property
    def toml(self) -> str:
        """The experiment with its engine."""
        return config.dumps(self.experiment, self.run.method, self.run.backend)

    @property
    def _reach(self) -> float | str:
        return "all" if self.reach is None else self.reach

    def dataset(self, engine: Engine, seconds: float) -> xr.Dataset:
        """The labelled arrays, with their provenance."""
        times, work = self.experiment.times.values, engine.work()
        attrs: dict[str, Any] = dict(provenance(self.toml, self.run.method.name, self.run.backend, "none"))
        attrs |= {
            "kind": KIND,
            "status": "complete" if self.done == len(times) else "interrupted",
            "reach": self._reach,
            "done": self.done,
            "wall_time": self.seconds + seconds,
            "drift_tolerance": self.watch.tolerance,
            "state_deviation_kind": self.run.method.deviation_kind,
            "warnings": "\n".join((*remarks(self.experiment), *work.warnings)),
            "left_out": "",
        }
        attrs |= {f"drift_{name}": value for name, value in self.watch.drift.items()}
        arrays = {"correlation": self.correlation, "moment": self.moment, **self.invariants}
        return build(self.experiment, times, arrays, attrs)


@dataclass(eq=False)
class _Correlator:
    """The evolution of ψ, and of its companions one after the other.

    Parameters
    ----------
    engine : Engine
        At t = 0.
    rows : mapping of str to Amplitudes
        What each array of its state holds.
    table : _Table
    target : Path or None
    checkpoint_every : float
        s.
    """

    engine: Engine
    rows: Mapping[str, Amplitudes]
    table: _Table
    target: Path | None
    checkpoint_every: float

    def go(self, progress: bool) -> xr.Dataset:
        """All companions; returns the dataset."""
        begun = saved = time.monotonic()
        table, times = self.table, self.table.experiment.times.values
        self._check_memory(len(times))
        history = self._history(times)
        spins = table.experiment.device.n_spins
        bar = progress_bar("companions", len(times) * spins, progress)
        bar.update(table.done * spins)
        with closing(bar), CtrlC(lambda text: bar.write(text)) as stop:
            for second in range(table.done, len(times)):
                for spin in range(spins):
                    self._companion(history, times, second, spin)
                    bar.update(1)
                    if stop.requested:
                        break
                if stop.requested:
                    break
                table.done = second + 1
                if self.target is not None and time.monotonic() - saved > self.checkpoint_every:
                    files.write(table.dataset(self.engine, time.monotonic() - begun), self.target)
                    saved = time.monotonic()
        data = table.dataset(self.engine, time.monotonic() - begun)
        if self.target is not None:
            files.write(data, self.target)
        return data

    @cached_property
    def _lengths(self) -> np.ndarray:
        """S of each spin, float64 (spins,)."""
        return (np.array(self.table.experiment.device.levels) - 1) / 2

    @cached_property
    def _moments(self) -> dict[str, np.ndarray]:
        """S^z/S of each spin in each row of each array, float64 (rows, spins): a companion is no longer than ψ."""
        spins = Spins(self.table.experiment.device.levels)
        return {name: spins.moments(own.configuration) / (2 * self._lengths) for name, own in self.rows.items()}

    def _check_memory(self, count: int) -> None:
        bytes_ = count * sum(self.engine.state()[name].nbytes for name in self.rows)
        allowed = SHARE * available_memory()
        if bytes_ > allowed:
            raise MemoryLimitError(
                f"the states at all {count} times need {size(bytes_)}; the limit is {size(allowed)}; take fewer times "
                "or spins"
            )

    def _history(self, times: np.ndarray) -> list[State]:
        """The state at every time, and the moments."""
        found = []
        self.engine.expect([float(own) for own in times])
        for number, own in enumerate(times):
            self.engine.advance(float(own))
            state = {name: np.array(values) for name, values in self.engine.state().items()}
            found.append(state)
            self.table.moment[number] = self._lengths * self._mean(state)
            self.table.watch.heard(number, self.engine.snapshot())
            for name, value in self.table.watch.now.items():
                self.table.invariants[name][number] = value
        return found

    def _mean(self, state: State) -> np.ndarray:
        """⟨S^z⟩/S of each spin."""
        return self._summed({name: np.abs(state[name]) ** 2 for name in self.rows}).real

    def _companion(self, history: list[State], times: np.ndarray, second: int, spin: int) -> None:
        """The elements with S^z of one spin at the earlier time t₂."""
        reach = np.inf if self.table.reach is None else self.table.reach
        later = [n for n in range(second, len(times)) if times[n] - times[second] <= reach + _PASSED]
        found = np.zeros((len(later), self.table.experiment.device.n_spins), dtype=complex)
        quadratic = next(iter(self.rows.values())).quadratic
        for factor, start in self._starts(history[second], spin, quadratic):
            self.engine.restore(float(times[second]), start)
            self.engine.expect([float(times[n]) for n in later[1:]])
            for place, n in enumerate(later):
                self.engine.advance(float(times[n]))
                state = self.engine.state()
                found[place] += factor * (self._mean(state) if quadratic else self._overlap(history[n], state))
        found *= self._lengths * self._lengths[spin]
        for place, n in enumerate(later):
            self.table.correlation[n, second, :, spin] = found[place]
            self.table.correlation[second, n, spin, :] = found[place].conj()

    def _starts(self, state: State, spin: int, quadratic: bool) -> Iterator[tuple[complex, State]]:
        """States to evolve, and the factors with which they add up to S ρ, or to S|ψ⟩ alone.

        With s = S/2, which makes no state vanish in 1 + s,
        S ρ = [(1 + s)ρ(1 + s) − ρ − sρs] − i[(1 + is)ρ(1 − is) − ρ − sρs].
        """
        if not quadratic:
            yield 1.0, self._times(state, spin, 0.0, 1.0)
            return
        yield 1.0, self._times(state, spin, 1.0, 0.5)
        yield -1j, self._times(state, spin, 1.0, 0.5j)
        for one, s in ((1.0, 0.0), (0.0, 0.5)):
            yield 1j - 1.0, self._times(state, spin, one, s)

    def _times(self, state: State, spin: int, one: complex, s: complex) -> State:
        """(one + s·S^z/S) on every state of the localized spins."""
        found = dict(state)
        for name, own in self.rows.items():
            factors = one + s * self._moments[name][:, spin]
            shape = [1] * state[name].ndim
            shape[own.axis] = -1
            found[name] = state[name] * factors.reshape(shape)
        return found

    def _overlap(self, bra: State, ket: State) -> np.ndarray:
        """⟨ψ|S^z_i|χ⟩/S of each spin."""
        return self._summed({name: bra[name].conj() * ket[name] for name in self.rows})

    def _summed(self, values: State) -> np.ndarray:
        """Σ S^z_i/S · values over all rows and all else, for each spin, weighted; complex (spins,)."""
        total = np.zeros(self.table.experiment.device.n_spins, dtype=complex)
        for name, own in self.rows.items():
            others = tuple(n for n in range(values[name].ndim) if n != own.axis)
            total += own.weight * (values[name].sum(axis=others) @ self._moments[name])
        return total
