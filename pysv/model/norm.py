"""Bounds of the spectrum of H, from its terms.

By the triangle inequality, for what moves electrons, what acts where an electron is, and what acts on localized spins
alone. An electron is on one site at a time, so that of the second only the site with the most counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pysv.model.basis import Spins
from pysv.model.operators import Factors, Sum, act
from pysv.model.terms import Hopping, Term, without_hops

_FEW = 16
"""Most configurations of localized spins that are diagonalised together: those of four spins 1/2."""


class Interval(NamedTuple):
    """An interval that holds the spectrum of an operator, eV."""

    low: float
    high: float

    @property
    def norm(self) -> float:
        """Largest modulus."""
        return max(abs(self.low), abs(self.high))

    @property
    def half_width(self) -> float:
        """Half of the width."""
        return (self.high - self.low) / 2


def norm_bound(terms: Sequence[Term], spins: Spins, configuration: np.ndarray, electrons: int = 1) -> float:
    """Rigorous bound on ‖H‖, eV.

    For H of Eq. 7: the hopping has norm < 2γ and the sd exchange 3 f_e f_s |J_sd|, for each electron; a row of the
    exchange of the layers sums to its diagonal element and 2 f_s² |J| for each antiparallel pair (Gershgorin).

    Parameters
    ----------
    terms : sequence of Term
    spins : Spins
    configuration : int64 ndarray (n,)
        Configurations of the localized spins that occur, see `pysv.model.basis`.
    electrons : int
        Number of electrons.
    """
    moving, on_site, localized = _parts(terms, spins, electrons)
    centre, radius = np.zeros((2, configuration.size))
    for factors, value in localized.items():
        factor, _, after = act(factors, np.zeros_like(configuration), configuration, spins)
        if np.array_equal(after, configuration):
            centre += value * factor
        else:
            radius += np.abs(value * factor)
    return moving + on_site.norm + float((np.abs(centre) + radius).max(initial=0.0))


def half_width(terms: Sequence[Term], spins: Spins, electrons: int = 1) -> float:
    """Rough half-width of the spectrum of H, from above, eV: the localized spins are diagonalised a few at a time.

    Parameters
    ----------
    terms : sequence of Term
    spins : Spins
    electrons : int
        Number of electrons.
    """
    moving, on_site, localized = _parts(terms, spins, electrons)
    clusters = _clusters(localized, spins)
    return moving + on_site.half_width + sum(_spectrum(cluster, spins).half_width for cluster in clusters)


def _parts(terms: Sequence[Term], spins: Spins, electrons: int) -> tuple[float, Interval, dict[Factors, float]]:
    """Norm of what moves electrons, interval of what acts where they are, products of localized spins alone."""
    # A chain of hops is not written out: each site is reached from two others at most.
    moving = sum(2 * max(map(abs, term.amplitudes)) for term in terms if isinstance(term, Hopping))
    reached: dict[int, float] = defaultdict(float)
    many = 0.0
    on_site: dict[int, dict[Factors, float]] = defaultdict(dict)
    localized = {}
    for factors, value in without_hops(terms).items():
        if not factors.electrons:
            localized[factors] = value
        elif len(factors.electrons) > 1:
            many += abs(value) * electrons ** len(factors.electrons)
        elif factors.electrons[0].to == factors.electrons[0].of:
            on_site[factors.electrons[0].to][factors] = value
        else:
            reached[factors.electrons[0].to] += abs(value)
    moving = electrons * (moving + max(reached.values(), default=0.0)) + many
    intervals = [Interval(0.0, 0.0), *(_spectrum(own, spins) for own in on_site.values())]
    low, high = min(one.low for one in intervals), max(one.high for one in intervals)
    return moving, Interval(electrons * low, electrons * high), localized


def _clusters(products: Sum, spins: Spins) -> Iterator[Sum]:
    """The products in groups that act on a few spins each."""
    cluster: dict[Factors, float] = {}
    held: frozenset[int] = frozenset()
    for factors, value in products.items():
        if cluster and _joined(held | factors.numbers, spins).size > _FEW:
            yield cluster
            cluster, held = {}, frozenset()
        cluster[factors] = value
        held |= factors.numbers
    yield cluster


def _joined(numbers: Iterable[int], spins: Spins) -> Spins:
    """Some of the spins, which are counted from 1, alone."""
    return spins.chosen(number - 1 for number in sorted(numbers))


def _spectrum(products: Sum, spins: Spins) -> Interval:
    """Ends of the spectrum of products that act on one electron's spin and localized spins."""
    numbers = sorted(frozenset().union(*(factors.numbers for factors in products)))
    own = _joined(numbers, spins)
    if len(numbers) > 2 and own.size > _FEW:
        total = sum(abs(value) * _norm(factors, spins) for factors, value in products.items())
        return Interval(-total, total)
    place = {number: k for k, number in enumerate(numbers, start=1)}
    anywhere = tuple((factors.renumbered(place).anywhere, value) for factors, value in products.items())
    return _ends(anywhere, own)


def _norm(factors: Factors, spins: Spins) -> float:
    """Bound on the norm of a product: 2S for 2Sᶻ, S + 1/2 for S^±."""
    found = 1.0
    for number, sigma in factors.spins:
        levels = spins.levels[number - 1]
        found *= levels - 1 if sigma == "z" else levels / 2
    return found


@lru_cache(maxsize=256)
def _ends(products: tuple[tuple[Factors, float], ...], spins: Spins) -> Interval:
    """Ends of the spectrum of products on all of some spins; alike for spins and sites that are coupled alike."""
    electron, configuration = (table.ravel() for table in np.indices((2, spins.size)))
    matrix = np.zeros((2 * spins.size,) * 2)
    for factors, value in products:
        factor, spin, after = act(factors, electron, configuration, spins)
        matrix[spin * spins.size + after, np.arange(2 * spins.size)] += value * factor
    levels = np.linalg.eigvalsh(matrix)
    return Interval(float(levels[0]), float(levels[-1]))
