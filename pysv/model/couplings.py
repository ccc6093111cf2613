"""H sorted by the kinds of product that specialised tables hold, whatever terms these come from.

Operators of a localized spin S are 2S here, which are Pauli matrices for S = 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.errors import NotReadyError
from pysv.model.operators import Factors, Sum
from pysv.model.terms import Term, products

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Couplings:
    """H by sites and spins, both counted from 1; energies in eV. σ of a localized spin S stands for 2S.

    Parameters
    ----------
    hopping : dict of (int, int) to float
        γ of −γ (c†_x c_y + h.c.) for two sites x < y.
    potential : dict of int to float
        ε of ε n for a site.
    sd : dict of (int, int) to float
        J of −J s·σ for a site and a localized spin.
    transverse : dict of (int, int) to float
        J of −J (σˣσˣ + σʸσʸ) for two localized spins in ascending order.
    longitudinal : dict of tuple of int to float
        c of −c Πσᶻ for one, two or more localized spins.
    others : dict of Factors to float
        Products of any other kind, with their coefficients.
    """

    hopping: dict[Pair, float] = field(default_factory=dict)
    potential: dict[int, float] = field(default_factory=dict)
    sd: dict[Pair, float] = field(default_factory=dict)
    transverse: dict[Pair, float] = field(default_factory=dict)
    longitudinal: dict[tuple[int, ...], float] = field(default_factory=dict)
    others: dict[Factors, float] = field(default_factory=dict)

    @classmethod
    def of_terms(cls, terms: Iterable[Term]) -> Couplings:
        """Those of a list of terms."""
        return cls.of_products(products(terms))

    @classmethod
    def of_products(cls, whole: Sum) -> Couplings:
        """Those of a Hermitian sum of products."""
        found = cls()
        for factors, value in whole.items():
            found._sort_in(factors, value, whole)
        return found

    def _sort_in(self, factors: Factors, value: float, whole: Sum) -> None:
        electrons, spins = factors
        kind, numbers = factors.sigmas, tuple(spin.number for spin in spins)
        moves = any(one.to != one.of for one in electrons)
        if spins and set(kind) <= {"z"} and not electrons:
            self.longitudinal[numbers] = -value
        elif not electrons and kind in (("+", "-"), ("-", "+")) and numbers[0] != numbers[1]:
            self.transverse[numbers[0], numbers[1]] = -value / 2
        elif kind == ("1",) and moves:
            self.hopping[min(electrons[0][:2]), max(electrons[0][:2])] = -value
        elif kind == ("1",):
            self.potential[electrons[0].to] = value
        elif len(electrons) == len(spins) == 1 and not moves and _isotropic(factors, whole):
            self.sd[electrons[0].to, numbers[0]] = -value if kind == ("z", "z") else -value / 2
        else:
            self.others[factors] = value

    def energies(self, signs: np.ndarray, numbers: Collection[int]) -> np.ndarray:
        """Energy of the products of σᶻ.

        Parameters
        ----------
        signs : int8 ndarray (n, columns)
            2m of some localized spins, a column each, in n configurations.
        numbers : collection of int
            The spins of the columns. Products with another spin are left out.

        Returns
        -------
        float64 ndarray (n,)
            eV.
        """
        column = {number: k for k, number in enumerate(numbers)}
        found = np.zeros(len(signs))
        for spins, value in self.longitudinal.items():
            if column.keys() >= set(spins):
                found -= value * signs[:, [column[number] for number in spins]].prod(axis=1, dtype=float)
        return found

    def orbital(self, sites: int) -> np.ndarray:
        """Hopping and potential of one electron, without spins, float64 (sites, sites), eV."""
        found = np.zeros((sites, sites))
        for (x, y), value in self.hopping.items():
            found[x - 1, y - 1] = found[y - 1, x - 1] = -value
        for x, value in self.potential.items():
            found[x - 1, x - 1] = value
        return found


def _isotropic(factors: Factors, whole: Sum) -> bool:
    """Whether a product belongs to an exchange s·σ between the electrons on a site and a localized spin."""
    (electron,), (spin,) = factors
    longitudinal, *flips = (
        whole.get(Factors((electron._replace(sigma=one),), (spin._replace(sigma=other),)), 0.0)
        for one, other in ("zz", "+-", "-+")
    )
    return factors.sigmas in (("z", "z"), ("+", "-"), ("-", "+")) and all(
        math.isclose(flip, 2 * longitudinal, rel_tol=1e-14) for flip in flips
    )


@dataclass(frozen=True)
class Holder:
    """Tables that hold H, and what their sentences say where they cannot.

    Parameters
    ----------
    name, remedy : str
        Of "H has …, which `name` cannot hold; `remedy`".
    """

    name: str
    remedy: str

    def check_held(self, h: Couplings, device: ChainDevice, groups: Sequence[range]) -> None:
        """See that H has hops between neighbours, sd exchange where the spins are, and couplings inside groups only.

        Parameters
        ----------
        h : Couplings
        device : ChainDevice
        groups : sequence of range
            Numbers, from 1, of the spins that may be coupled with each other.

        Raises
        ------
        NotReadyError
            If H has anything else; says what, and which engine can hold it.
        """
        carried = {(site, number) for number, site in enumerate(device.spin_sites, start=1)}
        self.none("hopping between sites", {(x, y): value for (x, y), value in h.hopping.items() if y != x + 1})
        self.none("sd exchange at site and spin", {place: v for place, v in h.sd.items() if place not in carried})
        for what, values in (("transverse exchange of spins", h.transverse), ("coupling of spins", h.longitudinal)):
            self.none(what, {numbers: v for numbers, v in values.items() if not _together(numbers, groups)})
        self.none("product", h.others)

    def one(self, what: str, values: Mapping[Any, float], places: Collection[Any]) -> float:
        """The one value that there is at all places, 0 where there are none.

        Raises
        ------
        NotReadyError
            If there are several values, or one anywhere else.
        """
        self.none(what, {place: value for place, value in values.items() if place not in places})
        found = sorted({values.get(place, 0.0) for place in places})
        if len(found) > 1:
            raise NotReadyError(
                f"H has values of the {what} from {found[0]:g} to {found[-1]:g} eV, and {self.name} hold one for all; "
                f"{self.remedy}"
            )
        return found[0] if found else 0.0

    def none(self, what: str, values: Mapping[Any, float]) -> None:
        """See that there is nothing of a kind.

        Raises
        ------
        NotReadyError
            If there is.
        """
        for place, value in values.items():
            if value:
                where = place if isinstance(place, int | Factors) else ", ".join(map(str, place))
                raise NotReadyError(
                    f"H has the {what} {where} of {value:g} eV, which {self.name} cannot hold; {self.remedy}"
                )


CURRENTS = Holder("the formulas of currents and torque", "leave currents and torque out of [record]")


def _together(spins: tuple[int, ...], groups: Sequence[range]) -> bool:
    return any(set(spins) <= set(group) for group in groups)
