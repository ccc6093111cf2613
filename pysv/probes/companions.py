"""Companions B|ψ(t₂)⟩ of a run: how each kind of engine evolves them, and what they give at the times t₁ ≥ t₂.

For a pure state ⟨A†(t₁) B(t₂)⟩ = ⟨ψ(t₁)|A† U(t₁, t₂) B|ψ(t₂)⟩. With baths the quantum regression theorem gives
Tr[A† e^{ℒ(t₁ − t₂)}(B ρ(t₂))] (M. Lax, Phys. Rev. 129, 2342 (1963)).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pysv.probes.cost import check_history
from pysv.probes.rows import Readout, applied, holding

if TYPE_CHECKING:
    from pysv.engines.base import Engine
    from pysv.probes.operators import SpinOperator
    from pysv.run.one_run import Run

State = dict[str, np.ndarray]


class Found(NamedTuple):
    """Values for every operator A, complex (operators,), and their standard errors where they are sampled.

    The real and the imaginary part of an error belong to the real and the imaginary part of the value.
    """

    value: np.ndarray
    error: np.ndarray | None = None


class Companions(ABC):
    """The states of a run at the times so far, and the companions that start from them.

    Parameters
    ----------
    run : Run
    engine : Engine
        Of the run, at t = 0.
    operators : sequence of SpinOperator
    """

    def __init__(self, run: Run, engine: Engine, operators: Sequence[SpinOperator]) -> None:
        self.run = run
        self.engine = engine
        self.operators = operators
        self.warnings: list[str] = []
        self.details: dict[str, float] = {}
        self._moved: dict[int, Engine | None] = {0: engine}
        self._bytes = self._held = 0

    @abstractmethod
    def remember(self) -> Found:
        """Keep the present state of the run; returns ⟨A⟩ in it."""

    @abstractmethod
    def follow(self, second: int, operator: int, times: Sequence[float]) -> Iterator[Found]:
        """Evolve the companion of one operator from the state kept as number `second`.

        Parameters
        ----------
        second : int
        operator : int
            Number of B.
        times : sequence of float
            Times of the states kept from number `second` on, fs.

        Returns
        -------
        iterator of Found
            ⟨A†(t₁) B(t₂)⟩ for each t₁ of `times`.
        """

    def moved(self, lowered: int) -> Engine | None:
        """The engine for what an operator that lowers S^z leaves of the run's states; None if that is nothing."""
        if lowered not in self._moved:
            self._moved[lowered] = self.run.method.begin_moved(self.run.experiment, self.run.backend, lowered)
        return self._moved[lowered]

    def grow(self, more: int) -> None:
        """Count the bytes of one more state that is kept.

        Raises
        ------
        MemoryLimitError
            If the states at all times, each of this size, do not fit in memory.
        """
        self._bytes = max(self._bytes, more)
        check_history(self.run.experiment.times.count, self._bytes, self._held)
        self._held += more


class StateCompanions(Companions):
    """Companions of pure states: one for each operator."""

    def __init__(self, run: Run, engine: Engine, operators: Sequence[SpinOperator]) -> None:
        super().__init__(run, engine, operators)
        self._rows = engine.amplitudes()
        self._history: list[State] = []
        self._readouts: dict[int, dict[str, Readout]] = {}

    def remember(self) -> Found:
        """Keep the amplitudes of every pure run."""
        state = self.engine.state()
        self.grow(sum(state[name].nbytes for name in self._rows))
        kept = {name: np.array(state[name]) for name in self._rows}
        self._history.append(kept)
        return Found(self._summed(kept, kept, 0).conj())

    def follow(self, second: int, operator: int, times: Sequence[float]) -> Iterator[Found]:
        """Evolve B|ψ⟩ of every pure run; see `Companions.follow`."""
        own, none = self.operators[operator], np.zeros(len(self.operators), dtype=complex)
        engine = self.moved(own.lowered)
        if engine is None:  # no state has room for another flip
            yield from (Found(none) for _ in times)
            return
        rows, bound = engine.amplitudes(), own.bound
        start = {
            name: applied(own, self._history[second][name], self._rows[name], after, 1 / bound)
            for name, after in rows.items()
        }
        engine.begin_from(times[0], start)
        engine.expect(list(times[1:]))
        for place, time in enumerate(times):
            engine.advance(time)
            bra = self._history[second + place]
            yield Found(bound * self._summed(bra, engine.state(), own.lowered))

    def _summed(self, bra: State, ket: Mapping[str, np.ndarray], lowered: int) -> np.ndarray:
        """Σ weight ⟨ψ|A†|χ⟩ over the pure runs, for every A."""
        engine = self.moved(lowered)
        assert engine is not None
        rows = engine.amplitudes()
        if lowered not in self._readouts:
            self._readouts[lowered] = {
                name: Readout(self.operators, self._rows[name], own) for name, own in rows.items() if own.weight
            }
        found = np.zeros(len(self.operators), dtype=complex)
        for name, readout in self._readouts[lowered].items():
            found += rows[name].weight * readout(bra[name], ket[name])
        return found


_ROOTS = tuple(np.exp(2j * np.pi * n / 3) for n in range(3))
"""The cube roots of 1: Σ c̄ = Σ c̄² = 0."""


class ColumnCompanions(Companions):
    """Companions of a density matrix ρ = ΦΦ†, by the quantum regression theorem.

    The engine evolves positive operators. With the cube roots c of 1, B ρ = ⅓ Σ c̄ (1 + cB) ρ (1 + cB)†. B is taken so
    small that no state vanishes in 1 + cB.
    """

    def __init__(self, run: Run, engine: Engine, operators: Sequence[SpinOperator]) -> None:
        super().__init__(run, engine, operators)
        self._rows = engine.amplitudes()
        self._history: list[State] = []
        self._readouts: dict[int, dict[str, Readout]] = {}

    def remember(self) -> Found:
        """Keep the columns, and how the engine finds its steps."""
        state = {name: np.array(values) for name, values in self.engine.state().items()}
        self.grow(sum(values.nbytes for values in state.values()))
        self._history.append(state)
        return Found(self._traces(state, 0).conj())

    def follow(self, second: int, operator: int, times: Sequence[float]) -> Iterator[Found]:
        """Evolve (1 + cB) ρ (1 + cB)† for the three roots c; see `Companions.follow`."""
        own = self.operators[operator]
        engine = self.moved(own.lowered)
        assert engine is not None  # its bases hold those of ρ itself
        scale = 1 / (2 * own.bound)
        found = np.zeros((len(times), len(self.operators)), dtype=complex)
        for root in _ROOTS:
            engine.restore(times[0], self._start(second, own, engine, root * scale))
            engine.expect(list(times[1:]))
            for place, time in enumerate(times):
                engine.advance(time)
                found[place] += np.conj(root) / 3 / scale * self._traces(engine.state(), own.lowered)
        yield from map(Found, found)

    def _start(self, second: int, own: SpinOperator, engine: Engine, factor: complex) -> State:
        """(1 + factor · B) on every column."""
        state, rows = dict(self._history[second]), engine.amplitudes()
        parts: dict[str, list[np.ndarray]] = {name: [] for name in rows}
        for name, before in self._rows.items():
            columns = state.pop(name)
            target = name if own.lowered == 0 else holding(own, before, rows)
            image = applied(own, columns, before, rows[target], factor, plus_one=True)
            parts[target].append(image)
        return state | {name: np.concatenate(images) for name, images in parts.items() if images}

    def _traces(self, state: Mapping[str, np.ndarray], lowered: int) -> np.ndarray:
        """Tr[A† ρ] for every A."""
        engine = self.moved(lowered)
        assert engine is not None
        if lowered not in self._readouts:
            rows = engine.amplitudes().items()
            self._readouts[lowered] = {name: Readout(self.operators, own, own) for name, own in rows}
        found = np.zeros(len(self.operators), dtype=complex)
        for name, readout in self._readouts[lowered].items():
            if name in state and len(state[name]):
                found += readout(state[name], state[name])
        return found
