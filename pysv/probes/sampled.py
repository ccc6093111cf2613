"""Companions of random trajectories, with the statistical error of every value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._accompanied import AccompaniedTrajectories
from pysv.engines.base import Amplitudes
from pysv.probes.companions import Companions, Found, State
from pysv.probes.rows import Readout, applied, holding
from pysv.run.jackknife import NO_WEIGHT, jackknife_error
from pysv.sectors.state import PureMixture
from pysv.snapshot import EXACT

if TYPE_CHECKING:
    from pysv.engines._open_system import OpenSystem
    from pysv.engines.base import Engine
    from pysv.probes.operators import SpinOperator
    from pysv.run.one_run import Run
    from pysv.snapshot import Sample


class TrajectoryCompanions(Companions):
    """Companions Bψ of trajectories ψ, which have the same jumps; see `pysv.engines._accompanied`."""

    def __init__(self, run: Run, engine: Engine, operators: Sequence[SpinOperator]) -> None:
        super().__init__(run, engine, operators)
        self._history: list[State] = []
        self._readouts: dict[tuple[int, int], Readout] = {}
        self._pairs: dict[int, AccompaniedTrajectories] = {}
        self._rows = _rows(engine.system)  # type: ignore[attr-defined]

    def remember(self) -> Found:
        """Keep every trajectory, and the states without a jump."""
        state = {name: np.array(values) for name, values in self.engine.state().items()}
        self.grow(sum(values.nbytes for values in state.values()))
        self._history.append(state)
        snapshot = self.engine.snapshot()
        assert snapshot.sample is not None
        assert isinstance(snapshot.state, PureMixture)
        parts = snapshot.state.parts
        values = [
            part.weight * self._readout(0, int(basis), self._rows)(part.psi, part.psi).conj()
            for part, basis in zip(parts, state["basis"], strict=True)
        ]
        return sampled(np.array(values), np.array([part.weight for part in parts]), snapshot.sample)

    def follow(self, second: int, operator: int, times: Sequence[float]) -> Iterator[Found]:
        """Evolve the pairs (ψ, Bψ); see `Companions.follow`."""
        own, state = self.operators[operator], self._history[second]
        engine = self._engine(own.lowered)
        rows, bound = _rows(engine.system), own.bound
        psi, chi, basis = [], [], []
        for number, before in enumerate(state["basis"].tolist()):
            array, source = state[f"psi_{number}"], self._rows[before]
            target = before if own.lowered == 0 else holding(own, source, dict(enumerate(rows)))
            psi.append(applied(own, array, source, rows[target], 0.0, plus_one=True))
            chi.append(applied(own, array, source, rows[target], 1 / bound))
            basis.append(target)
        schedule = self.engine.schedule  # type: ignore[attr-defined]
        engine.begin_pairs(times[0], psi, chi, basis, state.get("branches"), (second, operator), schedule)
        for time in times:
            engine.advance(time)
            weights, sample = engine.pairs()
            trios = zip(engine.basis, engine.psi, engine.chi, strict=True)
            values = [self._readout(own.lowered, number, rows)(bra, ket) for number, bra, ket in trios]
            found = sampled(weights[:, None] * np.array(values), weights, sample)
            assert found.error is not None
            yield Found(bound * found.value, bound * found.error)

    def _engine(self, lowered: int) -> AccompaniedTrajectories:
        if lowered not in self._pairs:
            made = self.run.method.begin_moved(self.run.experiment, self.run.backend, lowered)
            assert isinstance(made, AccompaniedTrajectories)
            self._pairs[lowered] = made
        return self._pairs[lowered]

    def _readout(self, lowered: int, basis: int, rows: Sequence[Amplitudes]) -> Readout:
        if (lowered, basis) not in self._readouts:
            self._readouts[lowered, basis] = Readout(self.operators, rows[basis], rows[basis])
        return self._readouts[lowered, basis]


def sampled(values: np.ndarray, weights: np.ndarray, sample: Sample) -> Found:
    """A sum over pure states, with its jackknife error; see `pysv.run.jackknife`.

    Parameters
    ----------
    values : complex ndarray (parts, operators)
        Weights included.
    weights : float64 ndarray (parts,)
    sample : Sample
    """
    whole, drawn = values.sum(axis=0), sample.group != EXACT
    sizes = np.bincount(sample.group[drawn])
    counts = np.bincount(sample.stratum[drawn])
    left_out = []
    for group in range(sizes.size):
        kept = drawn & (sample.group != group)
        factors = counts / np.maximum(np.bincount(sample.stratum[kept], minlength=counts.size), 1)
        scale = np.where(kept, factors[np.minimum(sample.stratum, counts.size - 1)], 0.0)
        left_out.append((np.where(drawn, scale, 1.0)[:, None] * values).sum(axis=0))
    moved = whole
    exact = float(weights[~drawn].sum())
    if exact > NO_WEIGHT:  # one of the drawn states less, the states without a jump in its place
        number = np.count_nonzero(drawn)
        factor = 1 + float(weights[drawn].sum()) / (number * exact)
        moved = (np.where(drawn, 1 - 1 / number, factor)[:, None] * values).sum(axis=0)
    errors = [
        np.maximum(jackknife_error([part(own) for own in left_out], sizes, part(whole)), np.abs(part(moved - whole)))
        for part in (np.real, np.imag)
    ]
    return Found(whole, errors[0] + 1j * errors[1])


def _rows(system: OpenSystem) -> list[Amplitudes]:
    """How a state of each basis lies over the configurations."""
    return [Amplitudes(1, own.basis.configuration, own.basis.electron, own.layout) for own in system.hamiltonians]
