"""Bounds of the spectrum of H, from its terms.

By the triangle inequality, for what moves electrons, what acts where an electron is, and what acts on localized spins
alone. An electron is on one site at a time, so that of the second only the site with the most counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pysv.model.operators import Factors, Sum, act
from pysv.model.terms import Hopping, Term, without_hops

_FEW = 4
"""Localized spins that are diagonalised together."""


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


def norm_bound(terms: Sequence[Term], n_spins: int, configuration: np.ndarray, electrons: int = 1) -> float:
    """Rigorous bound on ‖H‖, eV.

    For H of Eq. 7: the hopping has norm < 2γ and the sd exchange 3 f_e f_s |J_sd|, for each electron; a row of the
    exchange of the layers sums to its diagonal element and 2 f_s² |J| for each antiparallel pair (Gershgorin).

    Parameters
    ----------
    terms : sequence of Term
    n_spins : int
        N.
    configuration : int64 ndarray (n,)
        Configurations of the localized spins that occur, see `pysv.model.basis`.
    electrons : int
        Number of electrons.
    """
    moving, on_site, spins = _parts(terms, electrons)
    centre, radius = np.zeros((2, configuration.size))
    for factors, value in spins.items():
        factor, _, after = act(factors, np.zeros_like(configuration), configuration, n_spins)
        if np.array_equal(after, configuration):
            centre += value * factor
        else:
            radius += np.abs(value * factor)
    return moving + on_site.norm + float((np.abs(centre) + radius).max(initial=0.0))


def half_width(terms: Sequence[Term], electrons: int = 1) -> float:
    """Rough half-width of the spectrum of H, from above, eV: the localized spins are diagonalised a few at a time.

    Parameters
    ----------
    terms : sequence of Term
    electrons : int
        Number of electrons.
    """
    moving, on_site, spins = _parts(terms, electrons)
    return moving + on_site.half_width + sum(_spectrum(cluster).half_width for cluster in _clusters(spins))


def _parts(terms: Sequence[Term], electrons: int) -> tuple[float, Interval, dict[Factors, float]]:
    """Norm of what moves electrons, interval of what acts where they are, products of localized spins alone."""
    # A chain of hops is not written out: each site is reached from two others at most.
    moving = sum(2 * max(map(abs, term.amplitudes)) for term in terms if isinstance(term, Hopping))
    reached: dict[int, float] = defaultdict(float)
    many = 0.0
    on_site: dict[int, dict[Factors, float]] = defaultdict(dict)
    spins = {}
    for factors, value in without_hops(terms).items():
        if not factors.electrons:
            spins[factors] = value
        elif len(factors.electrons) > 1:
            many += abs(value) * electrons ** len(factors.electrons)
        elif factors.electrons[0].to == factors.electrons[0].of:
            on_site[factors.electrons[0].to][factors] = value
        else:
            reached[factors.electrons[0].to] += abs(value)
    moving = electrons * (moving + max(reached.values(), default=0.0)) + many
    intervals = [Interval(0.0, 0.0), *(_spectrum(own) for own in on_site.values())]
    low, high = min(one.low for one in intervals), max(one.high for one in intervals)
    return moving, Interval(electrons * low, electrons * high), spins


def _clusters(spins: Sum) -> Iterator[Sum]:
    """The products in groups that act on a few spins each."""
    cluster: dict[Factors, float] = {}
    held: frozenset[int] = frozenset()
    for factors, value in spins.items():
        if cluster and len(held | factors.numbers) > _FEW:
            yield cluster
            cluster, held = {}, frozenset()
        cluster[factors] = value
        held |= factors.numbers
    yield cluster


def _spectrum(products: Sum) -> Interval:
    """Ends of the spectrum of products that act on one electron's spin and localized spins."""
    numbers = sorted(frozenset().union(*(factors.numbers for factors in products)))
    if len(numbers) > _FEW:
        total = sum(map(abs, products.values()))
        return Interval(-total, total)
    place = {number: k for k, number in enumerate(numbers, start=1)}
    anywhere = tuple((factors.renumbered(place).anywhere, value) for factors, value in products.items())
    return _ends(anywhere, len(numbers))


@lru_cache(maxsize=256)
def _ends(products: tuple[tuple[Factors, float], ...], n: int) -> Interval:
    """Ends of the spectrum of products on spins 1 … n; alike for spins and sites that are coupled alike."""
    electron, configuration = (table.ravel() for table in np.indices((2, 1 << n)))
    matrix = np.zeros((2 << n, 2 << n))
    for factors, value in products:
        factor, spin, after = act(factors, electron, configuration, n)
        matrix[(spin << n) | after, np.arange(2 << n)] += value * factor
    levels = np.linalg.eigvalsh(matrix)
    return Interval(float(levels[0]), float(levels[-1]))
