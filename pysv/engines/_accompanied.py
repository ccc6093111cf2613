"""Trajectories of pairs (ψ, χ) that have the same jumps, for correlators at two times.

With χ = Bψ at t₂ the pair is a state of the doubled space. A Kraus operator K_a of a channel is drawn with the
probability p_a = (‖K_a ψ‖² + ‖K_a χ‖²)/(‖ψ‖² + ‖χ‖²), acts on both, and both are divided by √p_a. Then the mean of
|χ⟩⟨ψ| is Σ_a K_a |χ⟩⟨ψ| K_a†, for any channel: it is e^{ℒ(t₁ − t₂)}(B ρ(t₂)) of the quantum regression theorem, without
bias for any number of trajectories (H.-P. Breuer, B. Kappler and F. Petruccione, Phys. Rev. A 56, 2334 (1997)). The
other way, four states (1 ± B)ψ and (1 ± iB)ψ with jumps of their own (J. Dalibard, Y. Castin and K. Mølmer, Phys. Rev.
Lett. 68, 580 (1992)), has no bias either. But it finds ⟨A†B⟩ as a difference of large numbers whose errors are
independent.

The pairs without a jump since t = 0 are followed exactly, as in `pysv.engines._branches`. The norms of the pairs differ
at t₂. A trajectory carries its norm as a factor of its weight until it begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._branches import plain_weights
from pysv.engines._trajectory_engine import TrajectoriesEngine

if TYPE_CHECKING:
    from pysv.engines._open_system import OpenSystem
    from pysv.engines._splitting import Step, StepControl
    from pysv.engines._trajectories import Sampling
    from pysv.experiment import Experiment
    from pysv.snapshot import Sample


class AccompaniedTrajectories(TrajectoriesEngine):
    """An engine whose states are pairs; see `TrajectoriesEngine`."""

    def __init__(self, experiment: Experiment, method: Sampling, control: StepControl, system: OpenSystem) -> None:
        self.chi: list[np.ndarray] = []
        """The companion of each state, in the same basis."""
        super().__init__(experiment, method, control, system)
        self._ratio = np.ones(method.ntraj)
        """Weight of each trajectory relative to the mean of those that begin anew from the same branches."""

    def _planned(self, time: float) -> Iterator[Step]:
        """The steps of ψ alone, whose error is measured."""
        yield from self.schedule[self.time, time]

    @property
    def _together(self) -> tuple[list[np.ndarray], ...]:
        return self.psi, self.chi

    def begin_pairs(
        self,
        time: float,
        psi: Sequence[np.ndarray],
        chi: Sequence[np.ndarray],
        basis: Sequence[int],
        branches: np.ndarray | None,
        stream: tuple[int, int],
        schedule: Mapping[tuple[float, float], tuple[Step, ...]],
    ) -> None:
        """Continue from pairs.

        Parameters
        ----------
        time : float
            t₂, fs.
        psi, chi : sequence of complex ndarray
            Trajectories, then the branches without a jump, as the engine of ψ alone has them at t₂.
        basis : sequence of int
            Of each pair.
        branches : float64 ndarray, optional
            Weights of the branches of ψ, see `Branches.state`.
        stream : pair of int
            What distinguishes the random numbers of this companion from those of all others.
        schedule : mapping
            The steps of the engine of ψ, see `TrajectoriesEngine.schedule`.
        """
        self.schedule = dict(schedule)
        norms = np.array([math.hypot(*map(np.linalg.norm, pair)) for pair in zip(psi, chi, strict=True)])
        self.psi, self.chi = ([own / norm for own, norm in zip(states, norms, strict=True)] for states in (psi, chi))
        self.basis = list(basis)
        ntraj = self.method.ntraj
        if branches is None:
            self._branches = None
            self._ratio = norms**2
        else:
            assert self._branches is not None
            self._branches.restore(branches)
            self._ratio = self._branches.gain(norms[:ntraj] ** 2, norms[ntraj:] ** 2)
        self._random = [
            np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, *stream)))) for seed in self._seeds
        ]
        self.time = time

    def pairs(self) -> tuple[np.ndarray, Sample]:
        """Weight of each pair, float64, and how the pairs were sampled."""
        if self._branches is None:
            weights, sample = plain_weights(self.system.runs, self._run_strata, self._strata)
            return weights * self._ratio, sample
        weights = self._branches.weights
        weights[: self.method.ntraj] *= self._ratio
        return weights, self._branches.sample

    def _begin_anew(self, number: int, before: Sequence[np.ndarray], basis: int) -> None:
        super()._begin_anew(number, before, basis)
        self._ratio[number] = 1.0
