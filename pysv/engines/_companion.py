"""A few columns of ρ beside random trajectories: they know no chance, and tell the splitting error of the steps.

All runs of one experiment have the same companion, whatever their trajectories. Batches of trajectories therefore take
the same steps as one run of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._columns import Columns
from pysv.engines._splitting import take
from pysv.engines.base import saved_array

if TYPE_CHECKING:
    from pysv.engines._open_system import OpenSystem
    from pysv.engines._splitting import Step

MOST = 4
"""Number of columns: those of largest weight."""
_NEGLIGIBLE = 1e-4
"""Share of ρ that a step may leave out before its columns are chosen."""


class Companion:
    """The heaviest columns of ρ, scaled up to trace 1 after each step.

    Parameters
    ----------
    system : OpenSystem
    parts : iterable of (float, int, complex ndarray)
        Weight, number of the basis and state of each part of ρ.
    """

    def __init__(self, system: OpenSystem, parts: Iterable[tuple[float, int, np.ndarray]]) -> None:
        starts = [np.zeros((0, *hamiltonian.shape), complex) for hamiltonian in system.hamiltonians]
        for weight, basis, psi in sorted(parts, key=lambda part: -part[0])[:MOST]:
            starts[basis] = np.concatenate([starts[basis], np.sqrt(weight) * psi[None]])
        self.columns = Columns.of_states(system, starts)
        self._choose()

    def take(self, step: Step, pending: float) -> float:
        """Take a step after some unitary evolution; returns the unitary evolution that is left to do, fs."""
        left = take(self.columns, step.rule, step.length, pending, _NEGLIGIBLE)
        self._choose()
        return left

    def _choose(self) -> None:
        weights = self.columns.weights()
        order = np.argsort(-np.concatenate(weights), kind="stable")
        chosen = np.zeros(order.size, dtype=bool)
        chosen[order[:MOST]] = True
        parts = np.split(chosen, np.cumsum([own.size for own in weights])[:-1])
        self.columns.parts = [part[own] for part, own in zip(self.columns.parts, parts, strict=True)]
        scale = self.columns.trace() ** -0.5
        for part in self.columns.parts:
            part *= scale

    def state(self) -> dict[str, np.ndarray]:
        """The columns of each basis, and the sites that they are on."""
        saved = {f"companion_{basis}": part for basis, part in enumerate(self.columns.states())}
        return saved | {"companion_window": np.array(self.columns.window)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from saved columns."""
        states, system = [], self.columns.system
        for basis, hamiltonian in enumerate(system.hamiltonians):
            name = f"companion_{basis}"
            states.append(saved_array(state, name, (len(state.get(name, ())), *hamiltonian.shape)))
        begin, end = map(int, saved_array(state, "companion_window", (2,)))
        self.columns = Columns.of_states(system, states, (begin, end))
