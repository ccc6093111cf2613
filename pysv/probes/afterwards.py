"""Correlators far beyond a run: once the electron has left, H_FM alone acts on the localized spins.

Until the last time t_f of the run the companion O_k|ψ(t₂)⟩ is evolved beside ψ. Then the electron is traced out of
both, M(t₂) = Tr_e |O_k ψ(t₂) → t_f⟩⟨ψ(t_f)|, and with O_k(t) under H_FM from t_f on

    ⟨O_k†(t₁) O_k(t₂)⟩ = Tr[O_k†(t₁) M(t₂)]   for t₂ ≤ t_f < t₁,    Tr[O_k†(t₁) O_k(t₂) ρ(t_f)]   for t_f < t₁, t₂.

This is exact where the electron does not come back; what is left of it at the layers at t_f makes the error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pysv import config
from pysv.errors import EngineError, InvalidInputError
from pysv.experiment.checks import real_number
from pysv.experiment.record import momentum_list
from pysv.model.alone import SpinsAlone
from pysv.model.basis import Spins
from pysv.probes.operators import chosen_operators
from pysv.probes.rest import at_rest
from pysv.probes.structure import labelled
from pysv.run import interrupt
from pysv.run.one_run import OneThread, Run
from pysv.run.tasks import progress_bar
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.engines.base import Engine, Method
    from pysv.experiment import Experiment
    from pysv.probes.operators import SpinOperator

State = Mapping[str, np.ndarray]
Blocks = dict[int, np.ndarray]
"""Matrices over the configurations of each down count."""


def long_correlator(
    experiment: Experiment,
    momenta: Sequence[float],
    *,
    stop: float,
    engine: str | Method = "auto",
    backend: str = "auto",
    progress: bool = True,
) -> xr.DataArray:
    """⟨O_k†(t₁) O_k(t₂)⟩_c far beyond the last time of the experiment, when the electron has left.

    Parameters
    ----------
    experiment : Experiment
        One electron that is up, down or unpolarized, localized spins of definite S^z, equally spaced times, no bath.
    momenta : sequence of float
        k, rad per site.
    stop : float
        Last time of the correlators, fs; they have the step of the experiment.
    engine, backend, progress
        As for `correlator`: `chebyshev`, `rk4` or `krylov`.

    Returns
    -------
    xarray.DataArray
        (momentum, time, time2), complex; see `pysv.probes.structure.connected`. Attribute ``experiment``: as TOML.

    Raises
    ------
    InvalidInputError
        If the times are a list of one's own, or `stop` is earlier than theirs.
    EngineError
        If the state of the engine does not hold amplitudes of definite S^z.
    """
    k = np.array(momentum_list("momenta", list(momenta), unit="rad per site"))
    operators = chosen_operators(experiment.device, (), k.tolist())
    if experiment.times.at:
        raise InvalidInputError("the times must be equally spaced, two at least; take [evolution] step", "times")
    until = real_number("stop", stop, low=experiment.times.stop, unit="fs")
    run = Run.prepare(experiment, engine, backend)
    with OneThread():
        own = _Followed(experiment, run.begin(), operators)
        early, across, rho = own.go(progress)
    later = experiment.times.step * np.arange(1, round((until - experiment.times.stop) / experiment.times.step) + 1)
    count = early.shape[1]
    found = np.zeros((k.size, count + later.size, count + later.size), dtype=complex)
    means = np.zeros((k.size, count + later.size), dtype=complex)
    for number, operator in enumerate(operators):
        alone = _Alone(experiment, operator, later)
        found[number, :count, :count] = early[number]
        found[number, count:, :count] = alone.against(across[number])
        found[number, :count, count:] = found[number, count:, :count].conj().T
        found[number, count:, count:] = alone.among(rho)
        means[number, :count] = own.means[number]
        means[number, count:] = alone.mean(rho)
    found -= means.conj()[:, :, None] * means[:, None, :]
    times = np.concatenate([experiment.times.values, experiment.times.stop + later])
    made_by = config.dumps(experiment, run.method, run.backend)
    return labelled(found, k, times, experiment.device.n_spins, at_rest(experiment)).assign_attrs(experiment=made_by)


@dataclass(eq=False)
class _Followed:
    """ψ and its companions until the last time of the run.

    Parameters
    ----------
    experiment : Experiment
    engine : Engine
        At t = 0.
    operators : sequence of SpinOperator
        O_k.
    """

    experiment: Experiment
    engine: Engine
    operators: Sequence[SpinOperator]

    def __post_init__(self) -> None:
        self.rows = self.engine.amplitudes()
        for own in self.rows.values():
            if own.quadratic or own.axis != 1 or np.unique(own.configuration).size < own.configuration.size:
                raise EngineError(
                    "correlators beyond the run need one electron that is up, down or unpolarized, spins of definite "
                    "S^z and no bath; use pysv.correlator"
                )
        if not self.rows:
            raise EngineError("correlators beyond the run need amplitudes; use engine chebyshev, krylov or rk4")
        self.means = np.zeros((len(self.operators), self.experiment.times.count), dtype=complex)

    def go(self, progress: bool) -> tuple[np.ndarray, list[list[Blocks]], Blocks]:
        """⟨O_k†(t₁) O_k(t₂)⟩ (k, time, time2), M(t₂) for each k and t₂, and ρ(t_f)."""
        times = [float(time) for time in self.experiment.times.values]
        history = self._history(times)
        early = np.zeros((len(self.operators), len(times), len(times)), dtype=complex)
        across: list[list[Blocks]] = [[] for _ in self.operators]
        bar = progress_bar("companions", len(self.operators) * len(times), progress)
        with closing(bar):
            for number, operators in enumerate(self._diagonals):
                bound = self.operators[number].bound  # no companion is longer than ψ
                for second, time in enumerate(times):
                    start = history[second] | {
                        name: history[second][name] * operators[name][None, :, None] / bound for name in self.rows
                    }
                    self.engine.restore(time, start)
                    self.engine.expect(times[second + 1 :])
                    for first in range(second, len(times)):
                        self.engine.advance(times[first])
                        state = self.engine.state()
                        value = bound * self._overlap(history[first], operators, state)
                        early[number, first, second] = value
                        early[number, second, first] = value.conjugate()
                    traced = self._traced(state, history[-1])
                    across[number].append({down: bound * block for down, block in traced.items()})
                    bar.update(1)
                    interrupt.check()
        return early, across, self._traced(history[-1], history[-1])

    @cached_property
    def _diagonals(self) -> list[dict[str, np.ndarray]]:
        """O_k in each row of each array, for each k."""
        return [
            {name: operator.diagonal(own.configuration) for name, own in self.rows.items()}
            for operator in self.operators
        ]

    def _history(self, times: list[float]) -> list[dict[str, np.ndarray]]:
        found = []
        self.engine.expect(times)
        for place, time in enumerate(times):
            self.engine.advance(time)
            state = {name: np.array(values) for name, values in self.engine.state().items()}
            found.append(state)
            for number, operators in enumerate(self._diagonals):
                self.means[number, place] = sum(
                    own.weight * ((np.abs(state[name]) ** 2).sum(axis=(0, 2)) @ operators[name])
                    for name, own in self.rows.items()
                )
        return found

    def _overlap(self, bra: State, operators: Mapping[str, np.ndarray], ket: State) -> complex:
        """⟨ψ|O_k†|χ⟩, weighted."""
        total = 0j
        for name, own in self.rows.items():
            total += own.weight * ((bra[name].conj() * ket[name]).sum(axis=(0, 2)) @ operators[name].conj())
        return complex(total)

    def _traced(self, ket: State, bra: State) -> Blocks:
        """Tr_e |ket⟩⟨bra|, weighted, over ascending configurations of each down count."""
        spins = Spins(self.experiment.device.levels)
        found: Blocks = {}
        for name, own in self.rows.items():
            down = spins.down(own.configuration)
            for d in np.unique(down):
                inside = np.flatnonzero(down == d)
                inside = inside[np.argsort(own.configuration[inside])]
                one, other = (
                    np.moveaxis(state[name][:, inside], 1, 0).reshape(inside.size, -1) for state in (ket, bra)
                )
                found[int(d)] = found.get(int(d), 0) + own.weight * (one @ other.conj().T)
        return found


@dataclass(eq=False)
class _Alone:
    """O_k(t) under H_FM from t_f on, in its eigenbasis.

    Parameters
    ----------
    experiment : Experiment
    operator : SpinOperator
        O_k.
    times : float ndarray
        t − t_f, fs.
    """

    experiment: Experiment
    operator: SpinOperator
    times: np.ndarray

    @cached_property
    def _levels(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        return SpinsAlone(self.experiment).levels

    def _moving(self, down: int) -> np.ndarray:
        """O_k(t), complex (times, n, n)."""
        energies, vectors = self._levels[down]
        spins = Spins(self.experiment.device.levels)
        at_first = (vectors.T * self.operator.diagonal(spins.configurations(down))) @ vectors
        phases = np.exp(1j * np.multiply.outer(self.times, energies) / HBAR)
        return np.asarray(phases[:, :, None] * at_first * phases.conj()[:, None, :])

    def _turned(self, blocks: Blocks, down: int) -> np.ndarray:
        vectors = self._levels[down][1]
        return np.asarray(vectors.T @ blocks[down] @ vectors)

    def against(self, across: list[Blocks]) -> np.ndarray:
        """Tr[O_k†(t₁) M(t₂)], complex (times, times of the run)."""
        found = np.zeros((self.times.size, len(across)), dtype=complex)
        for down in across[0]:
            moving = self._moving(down).conj().reshape(self.times.size, -1)
            found += moving @ np.stack([self._turned(own, down).ravel() for own in across], axis=1)
        return found

    def among(self, rho: Blocks) -> np.ndarray:
        """Tr[O_k†(t₁) O_k(t₂) ρ(t_f)], complex (times, times)."""
        found = np.zeros((self.times.size, self.times.size), dtype=complex)
        for down in rho:
            moving = self._moving(down)
            ahead = (moving @ self._turned(rho, down)).reshape(self.times.size, -1)
            found += moving.conj().reshape(self.times.size, -1) @ ahead.T
        return found

    def mean(self, rho: Blocks) -> np.ndarray:
        """Tr[O_k(t) ρ(t_f)], complex (times,)."""
        return np.asarray(sum(np.einsum("tab,ba->t", self._moving(d), self._turned(rho, d)) for d in rho))
