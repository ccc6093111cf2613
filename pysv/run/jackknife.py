"""Measures of random trajectories: ρ is averaged first, then measured; errors by jackknife, biases by half samples.

Trajectories come in strata (the electron's incoming spin) of fixed weight, and are dealt into G groups. With θ a
measure of the average over all groups and θ_g of that over all but group g, the standard error of θ is, for equal
groups, [(G − 1)/G Σ_g (θ_g − θ̄)²]^{1/2}; for unequal ones see `jackknife_error`. A measure that is not linear in ρ is
biased by c/n to leading order in the number n of trajectories; measured on halves of the groups it is biased by 2c/n,
so that θ_half − θ estimates the bias.

States without a jump may be known exactly. They are part of every average. An error is then at least what θ changes by
when one of the n trajectories is replaced by them: jump probability / n times the effect of a jump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pysv.measures.registry import biased, sampled
from pysv.model.density import SpinDensity
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import EXACT, Sample

Measured = dict[str, np.ndarray | float]
NO_WEIGHT = 1e-12
"""Weight of states without a jump below which they say nothing."""


@dataclass(frozen=True, eq=False)
class GroupSum:
    """What is linear in ρ, for the trajectories of one stratum in one group, weights included.

    Parameters
    ----------
    rho : SpinDensity
        Not normalised.
    others : mapping of str to ndarray or float
        Measures of the whole state that are linear in ρ, such as the electron's densities and the invariants.
    """

    rho: SpinDensity
    others: Measured


GroupSums = dict[tuple[int, int], GroupSum]
"""By (stratum, group)."""


def group_sums(mixture: PureMixture, sample: Sample, of_state: Callable[[PureMixture], Measured]) -> GroupSums:
    """Sums over the trajectories of each stratum in each group.

    Parameters
    ----------
    mixture : PureMixture
    sample : Sample
    of_state : callable
        Measures of a state that are linear in ρ, by name.
    """
    members: dict[tuple[int, int], list[Part]] = {}
    for part, stratum, group in zip(mixture.parts, sample.stratum, sample.group, strict=True):
        members.setdefault((int(stratum), int(group)), []).append(part)
    sums = {key: PureMixture(tuple(parts)) for key, parts in members.items()}
    return {key: GroupSum(some.spin_density(), of_state(some)) for key, some in sums.items()}


def average(cells: GroupSums, sample: Sample, groups: Sequence[int]) -> GroupSum:
    """The average over some of the groups; each stratum keeps its weight, and what was not drawn is always there."""
    chosen = np.isin(sample.group, groups)
    drawn = sample.group != EXACT
    factors = {
        stratum: np.count_nonzero(drawn & (sample.stratum == stratum))
        / np.count_nonzero(chosen & (sample.stratum == stratum))
        for stratum in np.unique(sample.stratum[drawn]).tolist()
    }
    return _combined(
        (1.0 if group == EXACT else factors[stratum], cell)
        for (stratum, group), cell in sorted(cells.items())
        if group == EXACT or group in groups
    )


def _combined(terms: Iterable[tuple[float, GroupSum]]) -> GroupSum:
    taken = list(terms)
    rho = SpinDensity.combination((factor, cell.rho) for factor, cell in taken)
    names = taken[0][1].others
    others: Measured = {
        name: np.sum([factor * np.asarray(cell.others[name]) for factor, cell in taken], axis=0) for name in names
    }
    return GroupSum(rho, others)


def measure_sample(cells: GroupSums, sample: Sample, of_density: Callable[[SpinDensity], Measured]) -> Measured:
    """Measures of the average, their standard errors and biases.

    Parameters
    ----------
    cells : mapping
        See `group_sums`.
    sample : Sample
    of_density : callable
        Measures of a density matrix of the localized spins, by name.

    Returns
    -------
    dict
        Each variable X, with X_error, and X_bias where X is not linear in ρ.
    """
    groups = list(range(int(sample.group.max()) + 1))
    drawn = sample.group[sample.group != EXACT]

    def measured(chosen: Sequence[int]) -> Measured:
        mean = average(cells, sample, chosen)
        return of_density(mean.rho) | mean.others

    whole = measured(groups)
    sizes = np.bincount(drawn)
    left = [measured([other for other in groups if other != group]) for group in groups]
    halves = [measured(half) for split in _splits(groups) for half in split]
    fewer = _one_less(cells, drawn.size)
    moved = whole if fewer is None else of_density(fewer.rho) | fewer.others
    found = dict(whole)
    for name in sampled():
        if name in whole:
            error = jackknife_error([values[name] for values in left], sizes, whole[name])
            found[f"{name}_error"] = np.maximum(error, np.abs(np.asarray(moved[name]) - np.asarray(whole[name])))
    for name in biased():
        if name in whole:
            half = np.mean([np.asarray(values[name]) for values in halves], axis=0)
            found[f"{name}_bias"] = half - np.asarray(whole[name])
    return found


def _one_less(cells: GroupSums, drawn: int) -> GroupSum | None:
    """The average with one of the drawn parts replaced by the states without a jump; None without such states.

    Of n equal outcomes a jackknife makes an error of 0. Yet one in n + 1 or so may have another outcome, of which the
    sample says nothing. It is taken to be as far away as a jump is from no jump.
    """
    traces = {key: float(cell.rho.probabilities[1].sum()) for key, cell in cells.items()}
    jumped = sum(trace for (_, group), trace in traces.items() if group != EXACT)
    exact = sum(trace for (_, group), trace in traces.items() if group == EXACT)
    if exact <= NO_WEIGHT:
        return None
    factors = {True: 1 + jumped / (drawn * exact), False: 1 - 1 / drawn}
    return _combined((factors[group == EXACT], cell) for (_, group), cell in sorted(cells.items()))


def jackknife_error(
    left_out: Sequence[np.ndarray | float], sizes: Sequence[int] | np.ndarray, whole: np.ndarray | float
) -> np.ndarray:
    """Standard error from the values without each group in turn.

    With n_g of n trajectories in group g, h_g = n/n_g and the pseudovalues h_g θ − (h_g − 1) θ_g, whose mean weighted
    with n_g/n is θ_J, it is [Σ_g (h_g θ − (h_g − 1) θ_g − θ_J)²/(G (h_g − 1))]^{1/2} (F. M. T. A. Busing, E. Meijer and
    R. van der Leeden, Stat. Comput. 9, 3 (1999)).

    Parameters
    ----------
    left_out : sequence of array-like
        θ_g, of any shape.
    sizes : sequence of int
        n_g.
    whole : array-like
        θ.
    """
    values = np.asarray(left_out)
    share = np.asarray(sizes, dtype=float) / np.sum(sizes)
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    pseudo = (np.asarray(whole) - (1 - share) * values) / share
    off = pseudo - (share * pseudo).sum(axis=0)
    return np.asarray(np.sqrt((off**2 * share / (1 - share)).sum(axis=0) / len(values)))


def _splits(groups: list[int]) -> list[tuple[list[int], list[int]]]:
    """Two ways to cut the groups in halves."""
    middle = len(groups) // 2
    return [(groups[::2], groups[1::2]), (groups[:middle], groups[middle:])]
