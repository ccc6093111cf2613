"""H of Eqs. 7 and 21 as one list of terms, the only place where it is written down with the factors of the convention.

Whatever needs H (sparse matrix, tables of the kernels, gates, layers, bounds of the norm) makes it from this list. A
term says what it is as a sum of products of elementary operators, with Pauli matrices of the electron and 2S of a
localized spin, which are its Pauli matrices for S = 1/2; sites and localized spins are counted from 1.
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
    from pysv.experiment.device import ChainDevice
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
    """−J s·2S = −J [sᶻ 2Sᶻ + 2 (s⁺S⁻ + s⁻S⁺)] of the electrons on a site and a localized spin.

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
    """−4J (SˣSˣ + SʸSʸ) − 4J_z SᶻSᶻ = −2J (S⁺S⁻ + S⁻S⁺) − 4J_z SᶻSᶻ of two localized spins.

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
class Anisotropy(Term):
    """−K (2Sᶻ)² of a localized spin; a number for a spin 1/2.

    Parameters
    ----------
    spin : int
    strength : float
        K, eV.
    """

    spin: int
    strength: float

    def products(self) -> Iterator[Product]:
        """One."""
        yield Product(-self.strength, (), (Spin(self.spin, "z"), Spin(self.spin, "z")))


@dataclass(frozen=True)
class Field(Term):
    """−2B Sᶻ of a localized spin, −B σᶻ of a spin 1/2.

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


def hamiltonian_terms(device: ChainDevice) -> tuple[Term, ...]:
    """H of Eq. 7 for any device, which acts for t > 0, and the terms of one's own that `register` has made known."""
    f_e, f_s = device.electron_factor, device.spin_factor
    found: list[Term] = [Hopping(1, device.sites, device.hoppings)]
    found += (OnSite(site, energy) for site, energy in device.potentials.items())
    for layer, spins in zip(device.layers, device.layer_spins, strict=True):
        own = zip(layer.spin_sites, spins, layer.each("sd_exchange"), strict=True)
        found += (SdExchange(site, n, f_e * f_s * coupling) for site, n, coupling in own)
    for layer, spins in zip(device.layers, device.layer_spins, strict=True):
        bonds = zip(pairwise(spins), layer.each("exchange"), layer.each("exchange_z"), strict=True)
        found += (Exchange(*pair, f_s**2 * across, f_s**2 * along) for pair, across, along in bonds)
        found += (Anisotropy(n, f_s**2 * k) for n, k in zip(spins, layer.each("anisotropy"), strict=True) if k)
        found += (Field(n, f_s * b) for n, b in zip(spins, layer.each("field"), strict=True) if b)
    found += (_checked(term, device) for maker in _registered.values() for term in maker(device))
    return tuple(found)


def products(terms: Iterable[Term]) -> dict[Factors, float]:
    """The sum of some terms as one sum of products."""
    return collect(product for term in terms for product in term.products())


def without_hops(terms: Iterable[Term]) -> dict[Factors, float]:
    """The same without the hops along the chain, which may be very many."""
    return products(term for term in terms if not isinstance(term, Hopping))


Ups = tuple[bool, ...] | None
"""Whether each localized spin is held up; None for the first layer up and all others down."""


def held_up(device: ChainDevice, ups: Ups = None) -> tuple[bool, ...]:
    """Whether each localized spin is held up."""
    return ups or tuple(number == 0 for number, layer in enumerate(device.layer_spins) for _ in layer)


def polarising_terms(device: ChainDevice, field: float, ups: Ups = None) -> tuple[Term, ...]:
    """−B Σ_{FM_p} Sᶻ + B Σ_{FM_a} Sᶻ, B (`field`) in eV: the field of Eq. 21 and the pinning of a Gibbs state.

    FM_a, and any layer but the first, is turned against the first, unless `ups` says otherwise.
    """
    strength = field * device.spin_factor
    return tuple(Field(spin, strength if up else -strength) for spin, up in enumerate(held_up(device, ups), start=1))


def preparation_terms(device: ChainDevice, source: ConfinedElectrons, ups: Ups = None) -> tuple[Term, ...]:
    """H_{V,B} of Eq. 21, which acts beside H until t = 0: the well of the electrons and the field of the layers."""
    well = (OnSite(site, -source.well) for site in range(1, source.confined_sites + 1))
    return *well, *polarising_terms(device, source.field, ups)


Maker = Callable[["ChainDevice"], Iterable[Term]]
"""Makes terms of a device: none for the devices that it does not know."""

_registered: dict[str, Maker] = {}
"""Makers by module and name."""


def register(maker: Maker) -> Maker:
    """Make terms of one's own known; a decorator of a function that gives the additional terms of a device.

    It is called for every device. A function of the same module and name takes the place of the earlier one.
    """
    _registered[f"{maker.__module__}.{maker.__qualname__}"] = maker
    return maker


def _checked(term: Term, device: ChainDevice) -> Term:
    """A term of one's own, after a look at what every form of H relies on.

    Raises
    ------
    InvalidInputError
        If it is not Hermitian, does not keep S^z, or acts on what the device does not have.
    """
    own = products([term])
    if not same(own, {factors.adjoint: value for factors, value in own.items()}):
        raise InvalidInputError(f"{term} is not Hermitian; add the Hermitian conjugates of its products")
    for factors in own:
        if factors.sigmas.count("+") != factors.sigmas.count("-"):
            raise InvalidInputError(
                f"{term} has the product {factors}, which changes S^z; all of pysv relies on its conservation: leave "
                "the product out"
            )
        _check_range(term, factors, device)
    return term


def _check_range(term: Term, factors: Factors, device: ChainDevice) -> None:
    sites = {site for one in factors.electrons for site in (one.to, one.of)}
    for what, found, most in (("site", sites, device.sites), ("spin", factors.numbers, device.n_spins)):
        beyond = [number for number in found if not 1 <= number <= most]
        if beyond:
            raise InvalidInputError(
                f"{term} acts on {what} {beyond[0]}; the device has {what}s 1 to {most}, counted from 1"
            )
