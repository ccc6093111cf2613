"""What engines of random trajectories share: their number and seeds, strata and jackknife groups, a target error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pysv.engines.base import Method
from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment.checks import as_list, checked, choice, is_list, real_number, whole_number
from pysv.experiment.ranges import SEED
from pysv.measures.registry import sampled
from pysv.model.conservation import conserves
from pysv.snapshot import EXACT, Sample

if TYPE_CHECKING:
    from pysv.experiment import Experiment

GROUPS = 20
"""Most jackknife groups that trajectories are dealt into."""
FEWEST = 4
"""Fewest trajectories of an unpolarized electron: two of either spin."""
APART, PLAIN = "no-jump apart", "plain"

Seeds = int | tuple[int, ...]


def seed_numbers(key: str, value: Any) -> Seeds:
    """A whole number ≥ 0, or a list of such numbers, all different; a number stands for seeds that follow from it."""
    given = as_list(value)
    if not is_list(given):
        return whole_number(key, value, **SEED)
    listed = tuple(whole_number(f"{key}[{n}]", seed, **SEED) for n, seed in enumerate(given))
    if len(set(listed)) < len(listed):
        raise InvalidInputError(f"{key} names a number twice: two trajectories would be the same; change one", key)
    return listed


@dataclass(frozen=True, kw_only=True)
class Sampling(Method):
    """Options of random trajectories.

    Parameters
    ----------
    ntraj : int
        Number of trajectories, at least 2, or 4 for an unpolarized electron: they start in turn with either spin. With
        a target error it is the largest number.
    seeds : int or sequence of int
        A number from which a `SeedSequence` makes one seed for each trajectory, or the seeds themselves. The same seeds
        give the same bits.
    target_error : float
        Standard error at which no more trajectories are added, the largest over all times and elements; 0, the default,
        for all `ntraj`.
    target_variable : str
        Variable whose error counts, e.g. ``"log_negativity"``; if empty, every measure that is linear in ρ.
    unravelling : {"local", "mixed"}
        Which of the many sets of jump operators with the same Lindblad equation the trajectories have: "local" ones act
        on one layer each; "mixed" ones are superpositions of jumps of both layers, so that a jump entangles the layers,
        and only the average over many trajectories is free of it.
    sampling : {"no-jump apart", "plain"}
        "no-jump apart" follows the states without a jump exactly, with their weights, and draws the trajectories among
        those with at least one jump; "plain" draws them among all, so that its errors know of no jump that was not
        drawn.
    """

    ntraj: int = checked(200, whole_number, low=2, high=1_000_000)
    seeds: Seeds = checked(0, seed_numbers)
    target_error: float = checked(0.0, real_number, low=0.0, high=1e3)
    target_variable: str = ""
    unravelling: str = checked("local", choice, ("local", "mixed"))
    sampling: str = checked(APART, choice, (APART, PLAIN), added=True)

    def check(self) -> None:
        """There is a seed for each trajectory, and the target is of a variable that is sampled."""
        if isinstance(self.seeds, tuple) and len(self.seeds) != self.ntraj:
            raise InvalidInputError(
                f"seeds lists {len(self.seeds)} numbers for ntraj = {self.ntraj} trajectories; give one for each, or "
                "one number",
                "seeds",
            )
        if self.target_variable and not self.target_error:
            raise InvalidInputError(
                f"target_variable = {self.target_variable!r} would be ignored without a target_error; set one, or "
                "leave it out",
                "target_variable",
            )
        if self.target_variable and self.target_variable not in sampled():
            known = unknown_name("variable", str(self.target_variable), sampled())
            raise InvalidInputError(f"target_variable: {known}", "target_variable")

    def conserved(self, experiment: Experiment) -> tuple[str, ...]:
        """Jumps weigh the parts of a superposition of several S^z anew: only the mean of all trajectories keeps S^z."""
        found = super().conserved(experiment)
        superposed = experiment.bath is not None and not conserves(experiment) and self.samples(experiment)
        return tuple(name for name in found if name != "spin_z_total") if superposed else found

    def samples(self, experiment: Experiment) -> bool:
        """Whether an experiment is run by random trajectories."""
        return True

    def of_seeds(self, seeds: tuple[int, ...]) -> Self:
        """The same options for some of the trajectories, without a target."""
        return replace(self, ntraj=len(seeds), seeds=seeds, target_error=0.0, target_variable="")


def trajectory_seeds(ntraj: int, seeds: Seeds) -> tuple[int, ...]:
    """One seed for each trajectory: those given, or the first words of SeedSequence(seeds).

    The first n seeds do not depend on how many more there are.
    """
    if isinstance(seeds, tuple):
        return seeds
    words = np.random.SeedSequence(seeds).generate_state(ntraj, np.uint64)
    return tuple(int(word >> np.uint64(1)) for word in words)  # TOML and JSON readers take 63 bits


def mixed_refusal(experiment: Experiment, unravelling: str) -> str | None:
    """Why there are no jumps of two layers to superpose, None if there are."""
    bath = experiment.bath
    if unravelling != "mixed" or bath is None or (bath.couples and bath.shared != "all"):
        return None
    reason = f"shared = {bath.shared!r}" if bath.couples else "strength = 0"
    return f"unravelling = 'mixed' superposes the jumps of several baths, which {reason} does not have; use 'local'"


def check_strata(experiment: Experiment, ntraj: int) -> str | None:
    """Why so few trajectories cannot serve an unpolarized electron, None if they can."""
    if getattr(experiment.source, "spin", "") == "unpolarized" and ntraj < FEWEST:
        return f"ntraj = {ntraj} is too few for an unpolarized electron; take at least {FEWEST}, two for either spin"
    return None


def sample_of(strata: Sequence[int], exact: Sequence[int] = ()) -> Sample:
    """Jackknife groups for trajectories of given strata: each group has as many of every stratum, to within one.

    Parameters
    ----------
    strata : sequence of int
        Of the trajectories.
    exact : sequence of int
        Strata of parts that follow them and are not drawn.
    """
    stratum = np.array(strata)
    counts = np.bincount(stratum)
    groups = int(min(GROUPS, counts.min()))
    place = np.zeros(stratum.size, dtype=int)
    for number, count in enumerate(counts):
        place[stratum == number] = np.arange(count)
    return Sample(np.append(stratum, exact).astype(int), np.append(place % groups, [EXACT] * len(exact)).astype(int))
