"""Devices: a chain of sites and the magnetic layers on it, with the couplings of Eq. 7."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import Any, Self

from pysv.errors import InvalidInputError
from pysv.experiment.checks import (
    Checked,
    checked,
    choice,
    number_or_list,
    objects,
    real_number,
    site_range,
    whole_number,
)
from pysv.experiment.layer import (
    MAX_CONFIGURATIONS,
    MAX_SPINS,
    Layer,
    Potential,
    Values,
    check_inside,
)
from pysv.experiment.ranges import ENERGY, HOPPING, SITES
from pysv.units import HBAR

CONVENTIONS: dict[str, tuple[float, float]] = {"pauli": (1.0, 1.0), "half": (0.5, 0.5), "mixed": (1.0, 0.5)}
"""For each spin convention, the factors (electron, localized spin) of the Pauli matrices in H."""

SEVERAL_ELECTRONS: dict[str, Any] = {"sites": 112, "polarizer": (51, 54), "analyzer": (59, 62)}
"""Chain of Fig. 6, where it differs from the default."""

_FRONT = 8.0
"""Sites, in units of (z/2)^(1/3), between z = 2γt/ħ and the place beyond which the amplitude J_n(z) is below 1e-7."""


class ChainDevice(Checked, ABC):
    """What every device is: a chain with layers, in the order in which their spins are numbered."""

    sites: int
    convention: str

    @property
    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """The layers, each with its name."""

    @property
    @abstractmethod
    def hoppings(self) -> tuple[float, ...]:
        """γ of the bonds from the left, repeated along the chain, eV."""

    @property
    @abstractmethod
    def potentials(self) -> Mapping[int, float]:
        """On-site energies ε by site, eV."""

    @property
    def irregular(self) -> tuple[int, int]:
        """First and last site between which the chain is no lead: all spins, and what changes along the chain.

        Left of it and right of it potential and hopping are those of the end of the chain, or repeat with the period of
        a short list of hoppings, so that an electron that runs away does not come back.
        """
        sites = [*self.spin_sites]
        energies = [self.potentials.get(site, 0.0) for site in range(1, self.sites + 1)] if self.potentials else []
        bonds = self.hoppings if len(self.hoppings) == self.sites - 1 else ()
        for values, width in ((energies, 0), (bonds, 1)):
            left = next((n for n, value in enumerate(values, start=1) if value != values[0]), None)
            if left is not None:
                right = max(n for n, value in enumerate(values, start=1) if value != values[-1])
                sites += [left, right + width]
        return min(sites), max(sites)

    @abstractmethod
    def lengthened(self, left: int, right: int) -> Self:
        """The same device with so many more sites at either end; layers and potentials keep their neighbours."""

    def longer_leads(self, stop: float) -> tuple[int, int]:
        """Sites to add at either end so that no echo acts on the spins before `stop`, fs; see `echo_free`."""
        reach = 2 * self.largest_hopping * stop / HBAR
        reach += _FRONT * (reach / 2) ** (1 / 3)
        free = min(self.spin_sites), self.sites + 1 - max(self.spin_sites)
        left, right = (max(0, ceil((reach - own - 1) / 2)) for own in free)
        return left, right

    def echo_free(self, *, stop: float) -> Self:
        """The same device with leads so long that no echo from a wall acts on the spins before a time.

        An electron that is anywhere on the present chain at t = 0 and runs to the nearer wall with the largest group
        velocity, 2γ/ħ, is not back at the spins before `stop`; what runs ahead of it has an amplitude below 1e-7. Sites
        that are added on the left shift the numbers of all others, see `pysv.Experiment.echo_free`.

        Parameters
        ----------
        stop : float
            fs.
        """
        return self.lengthened(*self.longer_leads(real_number("stop", stop, above=0.0, unit="fs")))

    @property
    def largest_hopping(self) -> float:
        """Largest |γ|, eV."""
        return max(map(abs, self.hoppings))

    @cached_property
    def layer_spins(self) -> tuple[range, ...]:
        """Numbers, from 1, of the localized spins of each layer."""
        found, first = [], 1
        for layer in self.layers:
            found.append(range(first, first + layer.count))
            first += layer.count
        return tuple(found)

    @cached_property
    def spin_sites(self) -> tuple[int, ...]:
        """Chain site r_i of localized spin i = 1 … N, layer by layer."""
        return tuple(site for layer in self.layers for site in layer.spin_sites)

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """2S + 1 of each localized spin."""
        return tuple(layer.levels for layer in self.layers for _ in layer.spin_sites)

    @property
    def n_spins(self) -> int:
        """Number N of localized spins."""
        return len(self.spin_sites)

    @property
    def electron_factor(self) -> float:
        """Factor of the electron's Pauli matrices in H."""
        return CONVENTIONS[self.convention][0]

    @property
    def spin_factor(self) -> float:
        """Factor of the localized spins' operators 2S in H."""
        return CONVENTIONS[self.convention][1]

    def layer_named(self, name: str) -> int:
        """Place of a layer in `layers`.

        Raises
        ------
        InvalidInputError
            If no layer has that name.
        """
        from pysv.errors import unknown_name

        names = [layer.name for layer in self.layers]
        if name not in names:
            raise InvalidInputError(unknown_name("layer", name, names), "layer")
        return names.index(name)


def layer_list(key: str, value: Any) -> tuple[Layer, ...]:
    """One layer or more."""
    found = objects(key, value, Layer)
    if not found:
        raise InvalidInputError(f"{key} is empty; a device has at least one layer", key)
    return found


def potential_list(key: str, value: Any) -> tuple[Potential, ...]:
    """Any number of potentials."""
    return objects(key, value, Potential)


@dataclass(frozen=True, kw_only=True)
class Device(ChainDevice):
    """A chain of electrons with any number of magnetic layers on it; see `Layer` for their part of H.

    H = −Σ γ_x (c†_{x+1}c_x + h.c.) + Σ ε_x n_x and the terms of the layers.

    Parameters
    ----------
    sites : int
        Number L_x of sites of the chain, numbered 1 … L_x.
    layers : sequence of Layer
        Their spins are numbered in this order.
    hopping : float or sequence of float
        γ between neighbouring sites, eV: one number, or a list that is repeated along the bonds, such as [v, w] or one
        number for each bond.
    potential : sequence of Potential
        Those on one site add up.
    convention : {"pauli", "half", "mixed"}
        Spin operators of the electron and of the localized spins in H: σ and 2S, σ/2 and S, or σ and S; 2S = σ for
        spins 1/2. Reported spins are ⟨σ⟩ and ⟨S⟩/S in every convention.

    Raises
    ------
    InvalidInputError
        If a value is outside its range, layers share a site or leave the chain, or their spins are too many.
    """

    sites: int = checked(201, whole_number, **SITES)
    layers: tuple[Layer, ...] = checked(
        (Layer(name="FM_p", sites=(44, 47)), Layer(name="FM_a", sites=(52, 55))), layer_list
    )
    hopping: Values = checked(1.0, number_or_list, **ENERGY)
    potential: tuple[Potential, ...] = checked((), potential_list)
    convention: str = checked("pauli", choice, CONVENTIONS)

    def derived(self) -> Mapping[str, Any]:
        """Names of layers that have none."""
        named = [replace(own, name=own.name or f"L{n}") for n, own in enumerate(self.layers, start=1)]
        return {"layers": tuple(named)}

    def check(self) -> None:
        """The layers lie on the chain and share no site and no name, the hopping and the potentials fit."""
        names = [layer.name for layer in self.layers]
        taken: dict[int, str] = {}
        for layer in self.layers:
            if names.count(layer.name) > 1:
                raise InvalidInputError(f"two layers are called {layer.name!r}; give each a name of its own", "layer")
            check_inside(f"layer {layer.name!r}: sites", layer.spin_sites, self.sites)
            for site in layer.spin_sites:
                if site in taken:
                    raise InvalidInputError(
                        f"layer {layer.name!r} overlaps layer {taken[site]!r} on site {site}; move one of the layers",
                        "layer",
                    )
                taken[site] = layer.name
        size = 1
        for levels in self.levels:
            size *= levels
        if size > MAX_CONFIGURATIONS:
            raise InvalidInputError(
                f"the {self.n_spins} localized spins have {size:.1e} configurations; the limit is "
                f"{MAX_CONFIGURATIONS:.1e}, and far fewer fit in memory",
                "layer",
            )
        if isinstance(self.hopping, tuple) and len(self.hopping) > self.sites - 1:
            raise InvalidInputError(
                f"hopping has length {len(self.hopping)}; the limit is {self.sites - 1}, one for each bond of the "
                "chain",
                "hopping",
            )
        if self.largest_hopping < HOPPING["low"]:
            raise InvalidInputError(
                f"hopping = {self.largest_hopping:g} leaves every electron where it is; give a number of at least "
                f"{HOPPING['low']:g} eV",
                "hopping",
            )
        for potential in self.potential:
            potential.on(self.sites)

    @property
    def hoppings(self) -> tuple[float, ...]:
        """γ of the bonds from the left, repeated along the chain, eV."""
        return self.hopping if isinstance(self.hopping, tuple) else (self.hopping,)

    def lengthened(self, left: int, right: int) -> Device:
        """The same device with so many more sites at either end.

        A list of hoppings goes on with its period, or with its first and last number where it names every bond.
        """
        hopping = self.hopping
        if isinstance(hopping, tuple) and len(hopping) == self.sites - 1:
            hopping = (hopping[0],) * left + hopping + (hopping[-1],) * right
        elif isinstance(hopping, tuple):
            hopping = tuple(hopping[(bond - left) % len(hopping)] for bond in range(len(hopping)))
        return replace(
            self,
            sites=self.sites + left + right,
            layers=tuple(layer.moved(left) for layer in self.layers),
            hopping=hopping,
            potential=tuple(own.moved(left, self.sites) for own in self.potential),
        )

    @cached_property
    def potentials(self) -> Mapping[int, float]:
        """On-site energies ε by site, eV."""
        found: dict[int, float] = {}
        for potential in self.potential:
            for site, energy in potential.on(self.sites).items():
                found[site] = found.get(site, 0.0) + energy
        return found


@dataclass(frozen=True, kw_only=True)
class SpinValve(ChainDevice):
    """FM_p / NM / FM_a spin valve on a one-dimensional chain (Fig. 1 and Eq. 7 of the paper).

    H = −γ Σ c†c − J_sd Σ s_i·S_i − Σ_<ij> [J (SˣSˣ + SʸSʸ) + J_z SᶻSᶻ]. Every site of a layer carries one localized
    spin 1/2; J and J_z couple neighbours within a layer only. It is the `Device` of two layers, "polarizer" and
    "analyzer", with common couplings.

    Parameters
    ----------
    sites : int
        Number L_x of sites of the chain, numbered 1 … L_x.
    polarizer, analyzer : (int, int)
        First and last site of FM_p and of FM_a, both included. The layers may differ in size.
    hopping : float
        γ > 0 between neighbouring sites, eV.
    sd_exchange : float
        J_sd between the electron's spin and the localized spin of the same site, eV.
    exchange : float
        J (transverse) between neighbouring localized spins, eV; J > 0 is ferromagnetic.
    exchange_z : float
        J_z (longitudinal) between neighbouring localized spins, eV; J_z > 0 is ferromagnetic.
    convention : {"pauli", "half", "mixed"}
        Spin operators of the electron and of the localized spins in H: σ and σ, σ/2 and σ/2, or σ and σ/2. Reported
        spins are ⟨σ⟩ in every convention.

    Raises
    ------
    InvalidInputError
        If a value is outside its range, or the layers overlap or leave the chain.
    """

    sites: int = checked(201, whole_number, **SITES)
    polarizer: tuple[int, int] = checked((44, 47), site_range)
    analyzer: tuple[int, int] = checked((52, 55), site_range)
    hopping: float = checked(1.0, real_number, **HOPPING)
    sd_exchange: float = checked(0.5, real_number, **ENERGY)
    exchange: float = checked(0.1, real_number, **ENERGY)
    exchange_z: float = checked(0.1005, real_number, **ENERGY)
    convention: str = checked("pauli", choice, CONVENTIONS)

    def check(self) -> None:
        """The layers lie on the chain and do not overlap, and their spins are not too many."""
        for key, (first, last) in (("polarizer", self.polarizer), ("analyzer", self.analyzer)):
            if first < 1 or last > self.sites:
                raise InvalidInputError(
                    f"{key} = [{first}, {last}] reaches outside the chain; its sites are 1 to {self.sites}", key
                )
        shared = max(self.polarizer[0], self.analyzer[0])
        if shared <= min(self.polarizer[1], self.analyzer[1]):
            raise InvalidInputError(
                f"analyzer = {list(self.analyzer)} overlaps polarizer = {list(self.polarizer)} "
                f"on site {shared}; move one of the layers",
                "analyzer",
            )
        if self.n_polarizer + self.n_analyzer > MAX_SPINS:
            raise InvalidInputError(
                f"polarizer = {list(self.polarizer)} and analyzer = {list(self.analyzer)} hold "
                f"{self.n_polarizer + self.n_analyzer} localized spins; the limit is {MAX_SPINS}, and far fewer fit in "
                "memory",
                "polarizer",
            )

    @classmethod
    def with_layers(
        cls, polarizer: int, analyzer: int | None = None, *, first: int = 44, spacer: int = 4, **couplings: Any
    ) -> SpinValve:
        """The paper's valve with other layer sizes: FM_p starts at site 44 and the spacer has 4 sites.

        Parameters
        ----------
        polarizer, analyzer : int
            Number of localized spins in each layer; by default FM_a is as large as FM_p.
        first : int
            First site of FM_p.
        spacer : int
            Number N_NM of normal-metal sites between the layers.
        **couplings
            Any other field of `SpinValve`.
        """
        n_p = whole_number("polarizer", polarizer, low=1)
        n_a = n_p if analyzer is None else whole_number("analyzer", analyzer, low=1)
        gap = first + n_p + whole_number("spacer", spacer, low=0)
        return cls(polarizer=(first, first + n_p - 1), analyzer=(gap, gap + n_a - 1), **couplings)

    @classmethod
    def for_several_electrons(cls, **changes: Any) -> SpinValve:
        """The valve of Fig. 6: 112 sites, FM_p on 51–54 and FM_a on 59–62, the default with `ConfinedElectrons`.

        The paper does not give the positions. With these, all of FM_a lies in the right half, sites 57–112.

        Parameters
        ----------
        **changes
            Any field of `SpinValve`.
        """
        return cls(**(SEVERAL_ELECTRONS | changes))

    @property
    def polarizer_sites(self) -> range:
        """Sites of FM_p."""
        return range(self.polarizer[0], self.polarizer[1] + 1)

    @property
    def analyzer_sites(self) -> range:
        """Sites of FM_a."""
        return range(self.analyzer[0], self.analyzer[1] + 1)

    @property
    def n_polarizer(self) -> int:
        """Number of localized spins in FM_p."""
        return self.polarizer[1] - self.polarizer[0] + 1

    @property
    def n_analyzer(self) -> int:
        """Number of localized spins in FM_a."""
        return self.analyzer[1] - self.analyzer[0] + 1

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """FM_p and FM_a, as "polarizer" and "analyzer"."""
        shared = {"sd_exchange": self.sd_exchange, "exchange": self.exchange, "exchange_z": self.exchange_z}
        return tuple(Layer(name=name, sites=getattr(self, name), **shared) for name in ("polarizer", "analyzer"))

    def lengthened(self, left: int, right: int) -> SpinValve:
        """The same valve with so many more sites at either end."""
        polarizer, analyzer = ((first + left, last + left) for first, last in (self.polarizer, self.analyzer))
        return replace(self, sites=self.sites + left + right, polarizer=polarizer, analyzer=analyzer)

    @property
    def hoppings(self) -> tuple[float, ...]:
        """γ, eV."""
        return (self.hopping,)

    @property
    def potentials(self) -> Mapping[int, float]:
        """None."""
        return {}
