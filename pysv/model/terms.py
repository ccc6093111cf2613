"""H of Eqs. 7 and 21 as one list of terms, the only place where it is written down with the factors of the convention.

Whatever needs H (sparse matrix, tables of the kernels, gates, layers, bounds of the norm) makes it from this list. A
term says what it is as a sum of products of elementary operators, with Pauli matrices for either kind of spin; sites
and localized spins are counted from 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError
from pysv.model.operators import Electron, Factors, Product, Spin, collect, same

if TYPE_CHECKING:
    from pysv.experiment.device import SpinValve
    from pysv.experiment.source import ConfinedElectrons


class Term(ABC):
    """A Hermitian operator that keeps Σσᶻ of electrons and localized spins. A kind of term is a frozen dataclass."""

    @abstractmethod
    def products(self) -> Iterator[Product]:
        """The products that it is the sum of, their Hermitian conjugates included."""


@dataclass(frozen=True)
class Hopping(Term):
    """−Σ γ_x (c†_{x+1} c_x + h.c.) along a part of the chain.

    Parameters
    ----------
    first, last : int
        Ends of the part.
    amplitudes : tuple of float
        γ_x of the bonds from the left, repeated as often as there are more bonds, eV.
    """

    first: int
    last: int
    amplitudes: tuple[float, ...]

    def products(self) -> Iterator[Product]:
        """Both ways on each bond."""
        for bond, x in enumerate(range(self.first, self.last)):
            amplitude = self.amplitudes[bond % len(self.amplitudes)]
            yield Product(-amplitude, (Electron(x + 1, x),))
            yield Product(-amplitude, (Electron(x, x + 1),))


@dataclass(frozen=True)
class OnSite(Term):
    """ε n: an energy of each electron on a site.

    Parameters
    ----------
    site : int
    energy : float
        ε, eV.
    """

    site: int
    energy: float

    def products(self) -> Iterator[Product]:
        """One."""
        yield Product(self.energy, (Electron(self.site, self.site),))


@dataclass(frozen=True)
class SdExchange(Term):
    """−J s·σ = −J [sᶻσᶻ + 2 (s⁺σ⁻ + s⁻σ⁺)] of the electrons on a site and a localized spin.

    Parameters
    ----------
    site, spin : int
    coupling : float
        J, eV.
    """

    site: int
    spin: int
    coupling: float

    def products(self) -> Iterator[Product]:
        """Longitudinal, and the two that trade the spins."""
        for sigma, other, factor in (("z", "z", 1), ("+", "-", 2), ("-", "+", 2)):
            yield Product(-factor * self.coupling, (Electron(self.site, self.site, sigma),), (Spin(self.spin, other),))


@dataclass(frozen=True)
class Exchange(Term):
    """−J (σˣσˣ + σʸσʸ) − J_z σᶻσᶻ = −2J (σ⁺σ⁻ + σ⁻σ⁺) − J_z σᶻσᶻ of two localized spins.

    Parameters
    ----------
    one, other : int
        The spins.
    transverse, longitudinal : float
        J and J_z, eV.
    """

    one: int
    other: int
    transverse: float
    longitudinal: float

    def products(self) -> Iterator[Product]:
        """Longitudinal, and the two that trade the spins."""
        yield Product(-self.longitudinal, (), (Spin(self.one, "z"), Spin(self.other, "z")))
        for sigma, other in ("+-", "-+"):
            yield Product(-2 * self.transverse, (), (Spin(self.one, sigma), Spin(self.other, other)))


@dataclass(frozen=True)
class Field(Term):
    """−B σᶻ of a localized spin.

    Parameters
    ----------
    spin : int
    strength : float
        B, eV.
    """

    spin: int
    strength: float

    def products(self) -> Iterator[Product]:
        """One."""
        yield Product(-self.strength, (), (Spin(self.spin, "z"),))


def layers(device: SpinValve) -> tuple[range, ...]:
    """Numbers of the localized spins of each layer."""
    first = device.n_polarizer + 1
    return range(1, first), range(first, device.n_spins + 1)


def hamiltonian_terms(device: SpinValve) -> tuple[Term, ...]:
    """H of Eq. 7, which acts for t > 0, and the terms of one's own that `register` has made known."""
    f_e, f_s = device.electron_factor, device.spin_factor
    bonds = [bond for layer in layers(device) for bond in pairwise(layer)]
    return (
        Hopping(1, device.sites, (device.hopping,)),
        *(SdExchange(site, n, f_e * f_s * device.sd_exchange) for n, site in enumerate(device.spin_sites, start=1)),
        *(Exchange(*bond, f_s**2 * device.exchange, f_s**2 * device.exchange_z) for bond in bonds),
        *(_checked(term, device) for maker in _makers.values() for term in maker(device)),
    )


def without_hops(terms: Iterable[Term]) -> dict[Factors, float]:
    """Products of all terms but the hops along the chain, which may be very many."""
    return collect(p for term in terms if not isinstance(term, Hopping) for p in term.products())


def polarising_terms(device: SpinValve, field: float) -> tuple[Term, ...]:
    """−B Σ_{FM_p} Sᶻ + B Σ_{FM_a} Sᶻ, B (`field`) in eV: the field of Eq. 21 and the pinning of a Gibbs state.

    FM_a, and any layer but the first, is turned against the first.
    """
    strength = field * device.spin_factor
    return tuple(
        Field(spin, strength if number == 0 else -strength)
        for number, layer in enumerate(layers(device))
        for spin in layer
    )


def preparation_terms(device: SpinValve, source: ConfinedElectrons) -> tuple[Term, ...]:
    """H_{V,B} of Eq. 21, which acts beside H until t = 0: the well of the electrons and the field of the layers."""
    well = (OnSite(site, -source.well) for site in range(1, source.confined_sites + 1))
    return *well, *polarising_terms(device, source.field)


Maker = Callable[["SpinValve"], Iterable[Term]]
"""Makes terms of a device: none for the devices that it does not know."""

_makers: dict[str, Maker] = {}


def _name(maker: Maker) -> str:
    return f"{maker.__module__}.{maker.__qualname__}"


def register(maker: Maker) -> Maker:
    """Make terms of one's own known; a decorator of a function that gives a device's additional terms.

    A function of the same module and name is replaced.
    """
    _makers[_name(maker)] = maker
    return maker


def forget(maker: Maker) -> None:
    """Undo `register`."""
    del _makers[_name(maker)]


def _checked(term: Term, device: SpinValve) -> Term:
    """A term of one's own, after a look at what every form of H relies on.

    Raises
    ------
    InvalidInputError
        If it is not Hermitian, does not keep S^z, or acts on what the device does not have.
    """
    products = collect(term.products())
    if not same(products, collect(Product(value, *factors.adjoint) for factors, value in products.items())):
        raise InvalidInputError(f"{term} is not Hermitian; add the Hermitian conjugates of its products")
    for factors in products:
        if factors.sigmas.count("+") != factors.sigmas.count("-"):
            raise InvalidInputError(
                f"{term} has the product {factors}, which changes S^z; all of pysv relies on its conservation: leave "
                "the product out"
            )
        _check_range(term, factors, device)
    return term


def _check_range(term: Term, factors: Factors, device: SpinValve) -> None:
    sites = {site for one in factors.electrons for site in (one.to, one.of)}
    for what, found, most in (("site", sites, device.sites), ("spin", factors.numbers, device.n_spins)):
        beyond = [number for number in found if not 1 <= number <= most]
        if beyond:
            raise InvalidInputError(
                f"{term} acts on {what} {beyond[0]}; the device has {what}s 1 to {most}, counted from 1"
            )
