"""The Lindblad equation for ρ = ΦΦ† with few columns: deterministic, positive, trace 1.

Unitary evolution and channels of the baths alternate (see `pysv.model.channel`). The columns of smallest weight are
discarded (see `pysv.engines._columns`). The time step follows from the splitting error, which is measured (see
`pysv.engines._splitting`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.compute import thread_pool
from pysv.compute.compiling import Kernels
from pysv.engines._columns import WINDOW_TOLERANCE, Columns
from pysv.engines._kernels import BOUNDS, MARGINALS, STEPS
from pysv.engines._open_system import UNITARY_TOLERANCE, OpenSystem, layer_refusal, split_applications, time_steps
from pysv.engines._splitting import LONGEST, Step, StepControl
from pysv.engines.base import Amplitudes, Engine, Method, Work, saved_array
from pysv.engines.cost import Cost, pure_run_cost, run_places
from pysv.errors import EngineFailureError
from pysv.experiment.checks import checked, optional_number, optional_of, real_number, whole_number
from pysv.experiment.ranges import TIME_STEP
from pysv.experiment.source import WavePacket
from pysv.model.basis import Spins
from pysv.model.conservation import keeps_spin_z
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.engines._open_system import Bathing
    from pysv.experiment import Experiment

_FIRST = 12
"""Rough rank after the first few steps."""
_PASSING = 20.0
"""Time that the packet takes to pass and the layers to come to rest, fs; roughly."""
_COVERED = 20
"""Rough number of sites that a packet covers."""


@dataclass(frozen=True, kw_only=True)
class LowRank(Method):
    """Low-rank engine: ρ = ΦΦ† without sampling noise.

    Parameters
    ----------
    tolerance : float
        Weight that the truncation may discard per fs, 0 … 0.01. It changes ρ by twice the weight in trace norm. The
        splitting into time steps may change it by as much: `state_deviation` grows by at most 4 · `tolerance` per fs.
    max_rank : int
        Largest number of columns; a run that needs more stops.
    time_step : float
        Time step τ > 0, fs; shortened so that it divides the time between snapshots. Left out, τ is at most 1 fs and
        follows from `tolerance`. The splitting error is measured either way.
    order : int
        Order of the splitting error in τ, 2 or 4; left out, 4 where τ follows from `tolerance`, 2 where it is given.
    """

    tolerance: float = checked(1e-4, real_number, low=0.0, high=1e-2, unit="per fs", finer=0.1)
    max_rank: int = checked(2000, whole_number, low=1, high=1_000_000)
    time_step: float | None = checked(None, optional_number, **TIME_STEP, finer=0.5)
    order: int | None = checked(None, optional_of, (2, 4))

    name: ClassVar[str] = "low-rank"
    serves: ClassVar[str] = "one electron with baths, any state of the spins; deterministic"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    kernels: ClassVar[tuple[Kernels, ...]] = (STEPS, MARGINALS, BOUNDS)
    correlators: ClassVar[str] = "columns"
    cites: ClassVar[tuple[str, ...]] = ("TalEzer1984",)
    closed: ClassVar[bool] = False
    open: ClassVar[bool] = True

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse also a layer that is too large for its channel."""
        return super().refusal(experiment) or layer_refusal(self, experiment)

    def drift_tolerance(self, stop: float) -> float:
        """ρ is rescaled after each truncation; the unitary steps change the norm by less than this."""
        return 1e-9 + 2 * UNITARY_TOLERANCE * stop

    @property
    def deviation_kind(self) -> str:
        """The truncation is bounded, the splitting error measured."""
        return (
            "‖ρ − ρ_exact‖₁: bound of the truncation of the rank and of the unitary steps, plus the measured splitting "
            "error of the time steps"
        )

    def cost(self, experiment: Experiment) -> Cost:
        """Memory of six times the columns at the end, and of three states of work space for each thread."""
        places, times = run_places(experiment), experiment.times
        grown = _growth(experiment) * _busy(experiment) ** 2 * (1e-4 / max(self.tolerance, 1e-9)) ** 0.5
        rank = min(float(self.max_rank), _FIRST + grown + _dephased(experiment))
        step = self.time_step or LONGEST * min(1.0, max(self.tolerance, 1e-12) / 1e-4) ** 0.25
        found = pure_run_cost(
            experiment,
            split_applications(experiment, step),
            int(16 * max(places) * (6 * rank + 3 * thread_pool.largest())),
            columns=max(len(places), int(0.7 * rank)),
            split=True,
        )
        # Each step multiplies all columns, those of the jumps among them, with each other.
        steps = (times.count - 1) * time_steps(times.step, step)[0]
        return replace(found, seconds=found.seconds + steps * 3e-10 * rank**2 * max(places))

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0."""
        return _LowRankEngine(experiment, self, OpenSystem(experiment))

    def begin_moved(self, experiment: Experiment, backend: str, lowered: int) -> Engine | None:
        """See `Method.begin_moved`."""
        return _LowRankEngine(experiment, self, OpenSystem(experiment, lowered))


def _growth(experiment: Experiment) -> float:
    """Rough growth of the rank, columns per fs².

    From runs with default baths: 51 columns of 3+3 spins after 30 fs, 771 of 4+4 spins after 60 fs.
    """
    bath = experiment.bath
    assert bath is not None
    layers = range(len(experiment.device.layers))
    temperature = sum(bath.temperature_of(layer) for layer in layers) / len(layers)
    activity = len(bath.coupling) * bath.strength / 0.0144 * (temperature / 100 + 1) / 2
    return float(0.04 * 5.0 ** (math.log2(Spins(experiment.device.levels).size) / 2 - 3) * activity)


def _busy(experiment: Experiment) -> float:
    """Time for which the rank grows, fs: until the electron has passed, and from the first wall echo on."""
    stop, source = experiment.times.stop, experiment.source
    if not isinstance(source, WavePacket):
        return stop
    echo = min((time for time, _ in experiment.wall_echoes), default=stop)
    speed = abs(source.velocity(experiment.device.largest_hopping))
    way = max(abs(site - source.center) for site in experiment.device.spin_sites)
    passed = _PASSING + way / speed if way < speed * stop else stop
    return min(stop, passed) + max(0.0, stop - max(echo, passed))


def _dephased(experiment: Experiment) -> float:
    """Rough number of columns by dephasing of the electron.

    From runs of 1+1 and 2+2 spins for 12 fs: 6 columns by one site and 17 by four with 0.01/fs, 11 and 30 with 0.1/fs,
    92 and 111 by all sites, of which the packet covers some twenty at a time.
    """
    bath = experiment.bath
    assert bath is not None
    rates = sorted(bath.dephasing(experiment.device.sites).values(), reverse=True)
    return float(sum(5 * (rate / 0.01) ** 0.25 for rate in rates[:_COVERED]))


class _LowRankEngine(Engine):
    def __init__(self, experiment: Experiment, method: LowRank, system: OpenSystem) -> None:
        self.time = 0.0
        self.method = method
        self.system = system
        self._begun = sum(propagator.bounds.steps for propagator in self.system.propagators)
        self.discarded = self.splitting = 0.0
        self.measured_from = 0.0
        """Time (fs) from which the splitting error is known: that of the resumption of an earlier version's file."""
        self.shortest = np.inf
        self.largest = 0
        order = method.order or (4 if method.time_step is None else 2)
        self.control = StepControl(2 * method.tolerance, order, method.time_step)
        self._keeps_spin_z = keeps_spin_z(experiment)
        starts = [np.zeros((0, *hamiltonian.shape), complex) for hamiltonian in self.system.hamiltonians]
        for run in self.system.runs:
            basis = self.system.hamiltonians.index(run.hamiltonian)
            own = np.sqrt(run.weight) * run.psi[None]
            starts[basis] = np.concatenate([starts[basis], own])
        self.columns = Columns.of_states(self.system, starts)

    @property
    def rank(self) -> int:
        """Number of columns of Φ."""
        return self.columns.rank

    def advance(self, time: float) -> None:
        """Evolve ρ to `time`, fs."""
        pending, now = 0.0, self.time
        for step in self.control.steps(self.columns, time - self.time) if time > self.time else ():
            pending = self._take(step, pending, now)
            now += step.length
            self.splitting += step.error
            self.shortest = min(self.shortest, step.length)
        self.columns.evolve(pending)
        self.time = time

    def _take(self, step: Step, pending: float, begin: float) -> float:
        """Take a step from `begin` (fs); returns the unitary evolution that is left to do."""
        *gaps, last = step.rule.gaps(step.length)
        bathing = step.rule.bathing(step.length)
        for number, gap in enumerate(gaps, start=1):
            self.columns.evolve(pending + gap)
            self._dissipate(bathing, begin + number * bathing.length)
            pending = 0.0
        return last

    def _dissipate(self, bathing: Bathing, until: float) -> None:
        """Apply the channels of all layers, and rescale ρ to keep its trace.

        Baths that conserve S^z also conserve the weight of each of its sectors, which is rescaled by itself. Weight
        that earlier steps up to `until` (fs) were allowed to discard but kept may be discarded now, up to the allowance
        of one more step.
        """
        columns = self.columns
        allowed = self.method.tolerance * bathing.length
        budget = min(2 * allowed, self.method.tolerance * until - self.discarded)
        total, sectors = columns.trace(), self._sector_weights()
        if total == 0:  # what a correlator's operator leaves of a state may be nothing
            return
        columns.dissipate(bathing, total * budget)
        self._check_rank()
        self.discarded += self._rescale(total, sectors) / total

    def _rescale(self, total: float, sectors: list[np.ndarray]) -> float:
        """Give ρ its trace back, and each sector its weight where the baths conserve it, after a truncation.

        Returns
        -------
        float
            Half of a bound on what the truncation and this do to ρ, trace norm. A truncation that takes the weight w
            changes ρ by w. With D for the factors of the amplitudes, ‖DρD − ρ‖ ≤ 2 ‖(D − 1)Φ‖_F ‖DΦ‖_F for columns Φ
            that are superpositions of sectors, which is larger than w where a sector of little weight has lost some.
        """
        columns, change = self.columns, 0.0
        for part, rows, old in zip(columns.parts, self._sectors, sectors, strict=True):
            new = np.array([np.linalg.norm(part[:, :, where]) ** 2 for where in rows])
            factors = np.sqrt(np.divide(old, new, out=np.ones_like(old), where=new > 0))
            for where, factor in zip(rows, factors, strict=True):
                part[:, :, where] *= factor
            lost = float(np.abs(old - new).sum())
            spread = 2 * float(np.sqrt(((factors - 1) ** 2 * new).sum() * (factors**2 * new).sum()))
            change += lost + (lost if len(rows) == 1 else spread)
        now = columns.trace()
        for part in columns.parts:
            part *= (total / now) ** 0.5
        return change / 2 if self._keeps_spin_z else total - now

    def _check_rank(self) -> None:
        self.largest = max(self.largest, self.rank)
        if self.rank > self.method.max_rank:
            raise EngineFailureError(
                f"the rank grew to {self.rank} at t = {self.time:g} fs, above max_rank = {self.method.max_rank}; raise "
                "max_rank or tolerance in [evolution.low-rank], or use 'trajectories'"
            )

    @cached_property
    def _sectors(self) -> list[list[slice]]:
        """For each basis, the rows of each sector whose weight the baths conserve; none where they do not."""
        if not self._keeps_spin_z:
            return [[] for _ in self.system.hamiltonians]
        starts = [hamiltonian.basis.starts[::2] for hamiltonian in self.system.hamiltonians]
        return [[slice(int(begin), int(end)) for begin, end in pairwise(own)] for own in starts]

    def _sector_weights(self) -> list[np.ndarray]:
        """Weight of each of these sectors."""
        return [
            np.array([np.linalg.norm(part[:, :, where]) ** 2 for where in rows])
            for part, rows in zip(self.columns.parts, self._sectors, strict=True)
        ]

    @property
    def deviation(self) -> float:
        """Bound on ‖ρ − ρ_exact‖₁."""
        return 2 * self.discarded + self.splitting + 2 * (UNITARY_TOLERANCE + WINDOW_TOLERANCE) * self.time

    def snapshot(self) -> Snapshot:
        """The columns, each a part of weight 1."""
        parts = tuple(
            Part(1.0, space, psi)
            for space, columns in zip(self.system.spaces, self.columns.states(), strict=True)
            for psi in columns
        )
        return Snapshot(self.time, PureMixture(parts), self.deviation)

    def work(self) -> Work:
        """Applications of H, truncation, splitting and rank."""
        details = {
            "discarded_weight": self.discarded,
            "splitting_error": self.splitting,
            "shortest_step": self.shortest if np.isfinite(self.shortest) else 0.0,
            "rank": self.rank,
            "largest_rank": self.largest,
        }
        warnings: tuple[str, ...] = ()
        if self.measured_from > 0:
            warnings = (
                f"state_deviation leaves out the splitting error until {self.measured_from:g} fs, which version 0.1.0 "
                "of pysv did not measure",
            )
        return Work(self._begun + self.columns.applications, self.deviation, details, warnings)

    def state(self) -> dict[str, np.ndarray]:
        """The columns, the errors so far, and the last step."""
        saved = {f"columns_{basis}": part for basis, part in enumerate(self.columns.states())}
        saved["window"] = np.array(self.columns.window)
        numbers = [self.discarded, self.largest, self._begun + self.columns.applications]
        steps = [self.splitting, self.measured_from, self.shortest]
        return saved | {"numbers": np.array(numbers), "steps": np.array(steps), "control": self.control.state()}

    def amplitudes(self) -> dict[str, Amplitudes]:
        """The columns of each basis."""
        return {
            f"columns_{number}": Amplitudes(2, basis.configuration, basis.electron, layout, quadratic=True)
            for number, (basis, layout) in enumerate((own.basis, own.layout) for own in self.system.hamiltonians)
        }

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved columns."""
        states = []
        for basis, hamiltonian in enumerate(self.system.hamiltonians):
            rank = len(state.get(f"columns_{basis}", ()))
            states.append(saved_array(state, f"columns_{basis}", (rank, *hamiltonian.shape)))
        begin, end = map(int, saved_array(state, "window", (2,))) if "window" in state else (0, hamiltonian.sites)
        self.columns = Columns.of_states(self.system, states, (begin, end))
        self.discarded, largest, applications = (float(value) for value in saved_array(state, "numbers", (3,)))
        self.largest, self._begun = int(largest), int(applications)
        self.time = time
        if "steps" not in state:  # of version 0.1.0
            self.measured_from = time
            return
        self.splitting, self.measured_from, self.shortest = map(float, saved_array(state, "steps", (3,)))
        self.control.restore(saved_array(state, "control", StepControl.shape(state)))
