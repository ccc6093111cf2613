"""The Lindblad equation for ρ = ΦΦ† with few columns: deterministic, positive, trace 1.

One step is U(τ/2) · channel · U(τ/2) (see `pysv.model.channel`). U acts on each column. A Kraus map Σ K_a ΦΦ† K_a†
makes new columns K_a Φ. The eigenvectors of the Gram matrix then make the columns of each basis orthogonal, and the
columns of smallest weight are discarded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.linalg.blas import cherk, zherk

from pysv.compute import thread_pool
from pysv.engines._open_system import UNITARY_TOLERANCE, OpenSystem, layer_refusal, split_applications, time_steps
from pysv.engines.base import Amplitudes, Engine, Method, Work, saved_array
from pysv.engines.cost import Cost, pure_run_cost, run_places
from pysv.errors import EngineFailureError
from pysv.experiment.checks import checked, real_number, whole_number
from pysv.experiment.ranges import TIME_STEP
from pysv.model.basis import Spins
from pysv.model.conservation import keeps_spin_z
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.experiment import Experiment

_FIRST = 12
"""Rough rank after the first few steps."""
_PIECE = 8192
"""Amplitudes of a column in one chunk of a thread."""
_TOGETHER = 8
"""Chunks whose Gram matrices are held at a time."""
_SINGLE = 1e-6
"""A truncation that may discard more weight than this computes its Gram matrix in single precision."""
_ALIKE = 0.99
"""Weights with a ratio above this are kept or discarded together.

Jumps of either layer make states of equal weight. Diagonalisation mixes them into superpositions that entangle the
layers; the complete set does not.
"""
_ROUNDING = 1e-15
"""Weight that is rounding and that every truncation may discard."""


@dataclass(frozen=True, kw_only=True)
class LowRank(Method):
    """Low-rank engine: ρ = ΦΦ† without sampling noise.

    Parameters
    ----------
    tolerance : float
        Weight that the truncation may discard per fs, 0 … 0.01.
    max_rank : int
        Largest number of columns; a run that needs more stops.
    time_step : float
        Time step τ > 0, fs; shortened so that it divides the time between snapshots. The error is of second order in τ.
    """

    tolerance: float = checked(1e-4, real_number, low=0.0, high=1e-2, unit="per fs")
    max_rank: int = checked(2000, whole_number, low=1, high=1_000_000)
    time_step: float = checked(1.0, real_number, **TIME_STEP)

    name: ClassVar[str] = "low-rank"
    serves: ClassVar[str] = "one electron with baths, any state of the spins; deterministic"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    correlators: ClassVar[bool] = True
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
        """The truncation is bounded."""
        return (
            "bound on ‖ρ − ρ_exact‖₁ by the truncation of the rank; the splitting error is of second order in time_step"
        )

    def cost(self, experiment: Experiment) -> Cost:
        """Memory of six times the columns at the end, and of three states of work space for each thread."""
        places, times = run_places(experiment), experiment.times
        grown = _growth(experiment) * times.stop**2
        rank = min(float(self.max_rank), _FIRST + grown)
        found = pure_run_cost(
            experiment,
            split_applications(experiment, self.time_step),
            int(16 * max(places) * (6 * rank + 3 * thread_pool.largest())),
            columns=max(len(places), int(rank / 3)),
        )
        # Each step multiplies all columns, those of the jumps among them, with each other.
        steps = (times.count - 1) * time_steps(times.step, self.time_step)[0]
        return replace(found, seconds=found.seconds + steps * 3e-10 * rank**2 * max(places))

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0."""
        return _LowRankEngine(experiment, self)


def _growth(experiment: Experiment) -> float:
    """Rough growth of the rank, columns per fs².

    From runs with default baths: 51 columns of 3+3 spins after 30 fs, 771 of 4+4 spins after 60 fs.
    """
    bath = experiment.bath
    assert bath is not None
    activity = len(bath.coupling) * bath.strength / 0.0144 * (bath.temperature / 100 + 1) / 2
    return 0.04 * 5 ** (math.log2(Spins(experiment.device.levels).size) / 2 - 3) * activity


class _LowRankEngine(Engine):
    def __init__(self, experiment: Experiment, method: LowRank) -> None:
        self.time = 0.0
        self.method = method
        self.system = OpenSystem(experiment)
        self._applications = sum(propagator.bounds.steps for propagator in self.system.propagators)
        self.discarded = 0.0
        self.largest = 0
        self._keeps_spin_z = keeps_spin_z(experiment)
        self.columns = [np.zeros((0, *hamiltonian.shape), complex) for hamiltonian in self.system.hamiltonians]
        """For each basis, Φᵀ including the weights, complex (rank, tiles, rows, width)."""
        for run in self.system.runs:
            basis = self.system.hamiltonians.index(run.hamiltonian)
            self.columns[basis] = np.concatenate([self.columns[basis], np.sqrt(run.weight) * run.psi[None]])

    @property
    def rank(self) -> int:
        """Number of columns of Φ."""
        return sum(len(columns) for columns in self.columns)

    def advance(self, time: float) -> None:
        """Evolve ρ to `time`, fs."""
        interval = time - self.time
        if interval > 0:
            count, step = time_steps(interval, self.method.time_step)
            for index in range(count + 1):
                self._unitary(step / 2 if index in (0, count) else step)
                if index < count:
                    self._dissipate(step, self.time + (index + 1) * step)
        self.time = time

    def _unitary(self, interval: float) -> None:
        workers = thread_pool.largest()
        done = [0] * workers

        def evolve(worker: int) -> None:
            for propagator, columns in zip(self.system.propagators, self.columns, strict=True):
                spare = [np.zeros(columns.shape[1:], complex) for _ in range(2)]
                for psi in columns[worker::workers]:
                    count, after = propagator.advance(psi, spare[0], spare[1], interval)
                    done[worker] += count
                    if after is spare[1]:
                        psi[...] = after

        thread_pool.each(evolve, range(workers))
        self._applications += sum(done)

    def _dissipate(self, step: float, until: float) -> None:
        """Apply the channels of all layers up to `until` fs, and rescale ρ to keep its trace.

        Baths that conserve S^z also conserve the weight of each of its sectors, which is rescaled by itself.
        ρ is truncated after each channel, since the cost grows with the square of the rank. Weight that earlier steps
        were allowed to discard but kept may be discarded now, up to the allowance of one more step.
        """
        allowed = self.method.tolerance * step
        budget = min(2 * allowed, self.method.tolerance * until - self.discarded)
        total, sectors = self._trace(), self._sector_weights()
        if total == 0:  # what a correlator's operator leaves of a state may be nothing
            return
        layers = len(self.system.layers)
        for layer in range(layers):
            share = (layer + 1) / layers
            jumped = self._channel(layer, step, total * budget / (4 * layers))
            if jumped:
                self._truncate(share * (total * budget - (total - self._trace())))
        now = self._trace()
        self.discarded += max(0.0, 1 - now / total)
        for columns, rows, old, new in zip(self.columns, self._sectors, sectors, self._sector_weights(), strict=True):
            for where, factor in zip(rows, np.divide(old, new, out=np.ones_like(old), where=new > 0), strict=True):
                columns[:, :, where] *= factor**0.5
        now = self._trace()
        for columns in self.columns:
            columns *= (total / now) ** 0.5

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
            np.array([np.linalg.norm(columns[:, :, where]) ** 2 for where in rows])
            for columns, rows in zip(self.columns, self._sectors, strict=True)
        ]

    def _trace(self) -> float:
        return sum(float(_weights(columns).sum()) for columns in self.columns)

    def _channel(self, layer: int, step: float, budget: float) -> bool:
        """Apply the Kraus map of one layer without its weakest jumps; returns whether there were jumps."""
        system, channel = self.system, self.system.channels(step)[layer]
        before = [_weights(columns) for columns in self.columns]
        least = self._least(before, channel.strengths, budget)
        chosen = [
            [np.flatnonzero((strength * weights >= least) | (which == 0)) for weights in before]
            for which, strength in enumerate(channel.strengths)
        ]
        moves = [
            (system.operator(step, layer, which, basis), basis, places)
            for which, of_basis in enumerate(chosen)
            for basis, places in enumerate(of_basis)
            if places.size
        ]
        shapes = [columns.shape[1:] for columns in self.columns]
        counts = [sum(p.size for (_, after), _, p in moves if after == basis) for basis in range(len(shapes))]
        found = [np.empty((count, *shape), complex) for count, shape in zip(counts, shapes, strict=True)]
        filled = [0] * len(shapes)
        applied = []
        for (operator, after), basis, places in moves:
            for place in places:
                applied.append((operator, self.columns[basis][place], found[after][filled[after]]))
                filled[after] += 1

        def apply(number: int) -> None:
            operator, psi, out = applied[number]
            operator.apply(psi, out)

        thread_pool.each(apply, range(len(applied)))
        self.columns = found
        return sum(counts) > sum(map(len, before))

    @staticmethod
    def _least(before: list[np.ndarray], strengths: np.ndarray, budget: float) -> float:
        """Weight below which the jump of a column is dropped; the dropped weights add up to at most the budget."""
        bounds = np.sort(np.concatenate([np.outer(strengths[1:], weights).ravel() for weights in before]))
        dropped = int(np.searchsorted(np.cumsum(bounds), budget, side="right"))
        return float(bounds[dropped]) if dropped < bounds.size else np.inf

    def _truncate(self, budget: float) -> None:
        flat = [columns.reshape(len(columns), -1) for columns in self.columns]
        grams = [self._gram(matrix, single=budget > _SINGLE) for matrix in flat]
        spectra = [(np.empty(0), np.empty((0, 0)))] * len(grams)

        def diagonalise(basis: int) -> None:
            spectra[basis] = np.linalg.eigh(grams[basis])

        thread_pool.each(diagonalise, range(len(grams)))
        values = np.sort(np.concatenate([np.clip(weights, 0, None) for weights, _ in spectra]))
        first = int(np.searchsorted(np.cumsum(values), max(budget, _ROUNDING), side="right"))
        while first > 0 and values[first - 1] > _ALIKE * values[first]:
            first -= 1
        least = values[first]
        for basis, (matrix, (weights, vectors)) in enumerate(zip(flat, spectra, strict=True)):
            chosen = weights >= least
            chosen[-1:] |= weights[-1:] > _ROUNDING  # a basis must not lose all of its weight: it may be conserved
            kept = np.ascontiguousarray(vectors[:, chosen].T)
            self.columns[basis] = self._product(kept, matrix).reshape(-1, *self.columns[basis].shape[1:])
        self.largest = max(self.largest, self.rank)
        if self.rank > self.method.max_rank:
            raise EngineFailureError(
                f"the rank grew to {self.rank} at t = {self.time:g} fs, above max_rank = {self.method.max_rank}; raise "
                "max_rank or tolerance in [evolution.low-rank], or use 'trajectories'"
            )

    def _gram(self, matrix: np.ndarray, single: bool) -> np.ndarray:
        """Φ†Φ for Φᵀ = matrix, chunk by chunk on all threads.

        Single precision does not harm ρ: the eigenvectors form a unitary matrix whatever the error of the elements.
        Only the choice of the discarded columns depends on it.
        """
        begins = range(0, matrix.shape[1], _PIECE)
        herk = cherk if single else zherk
        total = np.zeros((len(matrix), len(matrix)), complex, order="F")
        for some in range(0, len(begins), _TOGETHER):  # in a fixed order, whatever the number of threads
            parts: dict[int, np.ndarray] = {}

            def form(begin: int, parts: dict[int, np.ndarray] = parts) -> None:
                part = matrix[:, begin : begin + _PIECE]
                parts[begin] = herk(1.0, part.astype(np.complex64 if single else complex, copy=False).T, trans=2)

            thread_pool.each(form, begins[some : some + _TOGETHER])
            for begin in sorted(parts):
                total += parts[begin]
        return np.asarray(total + np.triu(total, 1).conj().T)

    def _product(self, turn: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """turn · matrix, chunk by chunk on all threads."""
        out = np.empty((len(turn), matrix.shape[1]), complex)

        def fill(begin: int) -> None:
            np.matmul(turn, matrix[:, begin : begin + _PIECE], out=out[:, begin : begin + _PIECE])

        thread_pool.each(fill, range(0, matrix.shape[1], _PIECE))
        return out

    def snapshot(self) -> Snapshot:
        """The columns, each a part of weight 1."""
        parts = tuple(
            Part(1.0, space, psi)
            for space, columns in zip(self.system.spaces, self.columns, strict=True)
            for psi in columns
        )
        return Snapshot(self.time, PureMixture(parts), 2 * self.discarded)

    def work(self) -> Work:
        """Applications of H, truncation and rank."""
        details = {"discarded_weight": self.discarded, "rank": self.rank, "largest_rank": self.largest}
        return Work(self._applications, 2 * self.discarded, details)

    def state(self) -> dict[str, np.ndarray]:
        """The columns and the discarded weight."""
        saved = {f"columns_{basis}": columns for basis, columns in enumerate(self.columns)}
        return saved | {"numbers": np.array([self.discarded, self.largest, self._applications])}

    def amplitudes(self) -> dict[str, Amplitudes]:
        """The columns of each basis."""
        return {
            f"columns_{basis}": Amplitudes(2, hamiltonian.basis.configuration, quadratic=True)
            for basis, hamiltonian in enumerate(self.system.hamiltonians)
        }

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved columns."""
        for basis, hamiltonian in enumerate(self.system.hamiltonians):
            rank = len(state.get(f"columns_{basis}", ()))
            self.columns[basis] = saved_array(state, f"columns_{basis}", (rank, *hamiltonian.shape)).astype(complex)
        self.discarded, largest, applications = (float(value) for value in saved_array(state, "numbers", (3,)))
        self.largest, self._applications = int(largest), int(applications)
        self.time = time


def _weights(columns: np.ndarray) -> np.ndarray:
    flat = columns.reshape(len(columns), math.prod(columns.shape[1:]))  # there may be none
    return np.array([np.vdot(column, column).real for column in flat])
