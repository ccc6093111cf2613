"""Branches of an unravelling: the states without a jump, which are known exactly, and those with one, which are drawn.

Without a jump a trajectory is deterministic: each pure state of the mixture has one such branch, with a weight that
falls. All other trajectories have jumped at least once. The idea is that of M. Abdelhafez, D. I. Schuster and J. Koch,
Phys. Rev. A 99, 052327 (2019), and of QuTiP's option `improved_sampling`, which fixes the time at which the run stops.

Here the stop is open. At every time each trajectory is distributed like one that has jumped already. A step in which
the weight f leaves the branches without a jump, while m has left before, keeps this so: with the probability f/(m + f)
a trajectory begins anew with a jump in this step, and otherwise it goes on. A longer run therefore has the same
beginning, and all trajectories are at work from the first step on.

Each pure state of a mixture has its branch without a jump. Where there are more of them than trajectories, each
trajectory draws one of them, whose branch is then followed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._trajectories import sample_of
from pysv.snapshot import Sample

if TYPE_CHECKING:
    from pysv.sectors.pure_run import PureRun


class Branches:
    """Weights of the branches, and what jumps out of them.

    Parameters
    ----------
    weights : sequence of float
        Weight of each pure state at t = 0.
    run_strata : sequence of int
        Stratum of each pure state, from 0.
    strata : int ndarray (trajectories,)
        Stratum of each trajectory: it begins from pure states of that stratum.
    draw : callable
        Draws a pure state for a trajectory, by its number.
    """

    def __init__(
        self, weights: Sequence[float], run_strata: Sequence[int], strata: np.ndarray, draw: Callable[[int], int]
    ) -> None:
        if len(weights) <= strata.size:
            self.runs = list(range(len(weights)))
            """Numbers of the pure states whose branches are followed."""
            self.no_jump = np.array(weights, dtype=float)
            """Weight of each branch without a jump, float64 (branches,)."""
            self.sample = sample_of(strata.tolist(), run_strata)
            """How the trajectories, followed by the branches without a jump, were sampled."""
            self._source, self._target = np.array(run_strata), strata
        else:
            self.runs = [draw(number) for number in range(strata.size)]
            self.no_jump = (np.bincount(run_strata, weights) / np.bincount(strata))[strata]
            once = sample_of(strata.tolist())
            self.sample = Sample(np.tile(once.stratum, 2), np.tile(once.group, 2))
            self._source = self._target = np.arange(strata.size)
        self.jumped = np.zeros(self._target.max() + 1)
        """Weight of what has jumped, by the set of branches that trajectories begin anew from, float64 (sets,)."""

    def leave(self, probabilities: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Move the weight that jumps in one step, and choose where trajectories begin anew.

        Parameters
        ----------
        probabilities : float64 ndarray (branches, ways)
            Of the first jump of each branch in this step, in each of some ways.
        draws : float64 ndarray (trajectories,)
            Random numbers in [0, 1).

        Returns
        -------
        int ndarray (trajectories,)
            branch · ways + way of the jump with which a trajectory begins anew, −1 for one that goes on.
        """
        fresh = self.no_jump[:, None] * probabilities
        self.no_jump = np.maximum(self.no_jump - fresh.sum(axis=1), 0.0)
        source = np.repeat(self._source, fresh.shape[1])
        chosen = np.full(draws.size, -1)
        for number in range(self.jumped.size):
            own, places = self._target == number, np.flatnonzero(source == number)
            cumulative = np.cumsum(fresh.ravel()[places])
            self.jumped[number] += cumulative[-1]
            if cumulative[-1] > 0:
                place = np.searchsorted(cumulative / self.jumped[number], draws[own], side="right")
                chosen[own] = np.append(places, -1)[place]
        return chosen

    def gain(self, drawn: np.ndarray, branches: np.ndarray) -> np.ndarray:
        """Multiply the weight of every state by a factor of its own.

        Parameters
        ----------
        drawn, branches : float64 ndarray
            Factors of the trajectories, and of the branches without a jump.

        Returns
        -------
        float64 ndarray (trajectories,)
            Weight of each trajectory relative to the mean of its set, to which its share in `weights` belongs. As each
            one begins anew with the same probability, it stays so.
        """
        mean = np.bincount(self._target, drawn) / np.bincount(self._target)
        self.no_jump = self.no_jump * branches
        self.jumped = self.jumped * mean
        return np.asarray(drawn / mean[self._target])

    @property
    def weights(self) -> np.ndarray:
        """Of the trajectories, then of the branches without a jump, float64."""
        return np.append((self.jumped / np.bincount(self._target))[self._target], self.no_jump)

    def state(self) -> np.ndarray:
        """The weights as one array, for a checkpoint."""
        return np.concatenate([self.no_jump, self.jumped])

    def restore(self, saved: np.ndarray) -> None:
        """Continue from saved weights."""
        self.no_jump, self.jumped = saved[: self.no_jump.size].copy(), saved[self.no_jump.size :].copy()


def plain_weights(runs: Sequence[PureRun], run_strata: Sequence[int], strata: np.ndarray) -> tuple[np.ndarray, Sample]:
    """Weights of trajectories that are drawn among all, float64 (trajectories,), and how they were sampled."""
    weights = np.bincount(run_strata, [run.weight for run in runs])
    return (weights / np.bincount(strata))[strata], sample_of(strata.tolist())
