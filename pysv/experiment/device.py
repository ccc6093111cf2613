"""Devices: a chain of sites and the magnetic layers on it, with the couplings of Eq. 7."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pysv.errors import InvalidInputError
from pysv.experiment.checks import (
    Checked,
    checked,
    choice,
    label,
    number_or_list,
    objects,
    real_number,
    site_list,
    site_range,
    whole_number,
)

CONVENTIONS: dict[str, tuple[float, float]] = {"pauli": (1.0, 1.0), "half": (0.5, 0.5), "mixed": (1.0, 0.5)}
"""For each spin convention, the factors (electron, localized spin) of the Pauli matrices in H."""

SEVERAL_ELECTRONS: dict[str, Any] = {"sites": 112, "polarizer": (51, 54), "analyzer": (59, 62)}
"""Chain of Fig. 6, where it differs from the default."""

MAX_SPINS = 60
"""Largest number of localized spins; 64-bit integers hold their configurations, and sums of these."""
MAX_CONFIGURATIONS = 2**MAX_SPINS
_LARGEST_ENERGY = 1e6
_ENERGY: dict[str, Any] = {"low": -_LARGEST_ENERGY, "high": _LARGEST_ENERGY, "unit": "eV"}

Values = float | tuple[float, ...]
"""One number for all, or one for each."""


def spin_length(key: str, value: Any) -> float:
    """0.5, 1, 1.5, 2 or 2.5; S of a localized spin."""
    number = real_number(key, value)
    if number not in (0.5, 1.0, 1.5, 2.0, 2.5):
        raise InvalidInputError(f"{key} = {number:g} must be 0.5, 1, 1.5, 2 or 2.5", key)
    return number


def _listed(sites: tuple[int, ...]) -> tuple[int, ...]:
    """All sites that a first and a last one, or a list, stand for; see `site_list`."""
    return tuple(range(sites[0], sites[1] + 1)) if len(sites) == 2 else sites


def _check_length(key: str, value: Values, count: int, what: str) -> None:
    """A list has one number for each spin, bond or site."""
    if isinstance(value, tuple) and len(value) != count:
        raise InvalidInputError(
            f"{key} has length {len(value)}; it must be one number or a list of length {count}, one for each {what}",
            key,
        )


@dataclass(frozen=True, kw_only=True)
class Layer(Checked):
    """A magnetic layer: localized spins on some sites, coupled to the electrons there and to their neighbours.

    H gains −J_sd,i s·S_i on each site of the layer, −J (SˣSˣ + SʸSʸ) − J_z SᶻSᶻ for each two successive spins,
    −K_i (Sᶻ_i)² and −B_i Sᶻ_i, with operators in the device's spin convention: 2 f_s times the spin-S matrices.

    Parameters
    ----------
    name : str
        By default L1, L2, … in the order of the device's layers.
    sites : (int, int) or sequence of int
        Sites of the localized spins, one on each: first and last site, or three or more sites, ascending.
    spin : float
        Length S of each localized spin: 1/2, 1, 3/2, 2 or 5/2.
    sd_exchange : float or sequence of float
        J_sd between the electron's spin and a localized spin, eV; one number for all spins, or one for each.
    exchange : float or sequence of float
        J (transverse) between successive spins, eV; one number for all bonds, or one for each. J < 0 is
        antiferromagnetic.
    exchange_z : float or sequence of float
        J_z (longitudinal) between successive spins, eV; one number for all bonds, or one for each. J_z < 0 is
        antiferromagnetic.
    anisotropy : float or sequence of float
        K, eV; one number for all spins, or one for each. K > 0 makes z the easy axis; without effect on spins 1/2.
    field : float or sequence of float
        B along z, eV; one number for all spins, or one for each.

    Raises
    ------
    InvalidInputError
        If a value is outside its range, or a list has the wrong length.
    """

    name: str = checked("", label)
    sites: tuple[int, ...] = checked((44, 47), site_list)
    spin: float = checked(0.5, spin_length)
    sd_exchange: Values = checked(0.5, number_or_list, **_ENERGY)
    exchange: Values = checked(0.1, number_or_list, **_ENERGY)
    exchange_z: Values = checked(0.1005, number_or_list, **_ENERGY)
    anisotropy: Values = checked(0.0, number_or_list, **_ENERGY)
    field: Values = checked(0.0, number_or_list, **_ENERGY)

    def check(self) -> None:
        """The spins are not too many, and lists have one number for each spin, or for each bond."""
        if len(self.sites) == 2 and self.sites[1] - self.sites[0] >= MAX_SPINS:
            raise InvalidInputError(
                f"sites = {list(self.sites)} hold {self.sites[1] - self.sites[0] + 1} spins; the limit is {MAX_SPINS}, "
                "and far fewer fit in memory",
                "sites",
            )
        for key, count, what in (
            ("sd_exchange", self.count, "spin"),
            ("exchange", self.count - 1, "bond"),
            ("exchange_z", self.count - 1, "bond"),
            ("anisotropy", self.count, "spin"),
            ("field", self.count, "spin"),
        ):
            _check_length(key, getattr(self, key), count, what)

    @cached_property
    def spin_sites(self) -> tuple[int, ...]:
        """Site of each spin, ascending."""
        return _listed(self.sites)

    @property
    def count(self) -> int:
        """Number of spins."""
        return len(self.spin_sites)

    @property
    def levels(self) -> int:
        """2S + 1."""
        return round(2 * self.spin) + 1

    def each(self, key: str) -> tuple[float, ...]:
        """A coupling spin by spin, or bond by bond."""
        value = getattr(self, key)
        if isinstance(value, tuple):
            return value
        return (value,) * (self.count - 1 if key in ("exchange", "exchange_z") else self.count)


@dataclass(frozen=True, kw_only=True)
class Potential(Checked):
    """On-site energy ε_x n_x of the electrons: a barrier, a well, disorder.

    Parameters
    ----------
    sites : (int, int), sequence of int, or "all"
        Sites on which it acts: first and last site, or three or more sites, ascending.
    energy : float or sequence of float
        ε, eV; one number for all sites, or one for each.
    disorder : float
        Width W ≥ 0 of an additional random energy, uniform in [−W/2, W/2] and independent on each site, eV.
    seed : int
        Seed of the random energies; refused without `disorder`.

    Raises
    ------
    InvalidInputError
        If a value is outside its range, a list has the wrong length, or `seed` would be ignored.
    """

    sites: tuple[int, ...] | str = checked("all", site_list, words=("all",))
    energy: Values = checked(0.0, number_or_list, **_ENERGY)
    disorder: float = checked(0.0, real_number, low=0.0, high=_LARGEST_ENERGY, unit="eV")
    seed: int = checked(0, whole_number, low=0, high=2**63 - 1)

    def check(self) -> None:
        """A seed needs disorder."""
        if self.seed and not self.disorder:
            raise InvalidInputError(
                f"seed = {self.seed} would be ignored, because disorder = 0; give a disorder, or leave seed out", "seed"
            )

    def on(self, sites: int) -> dict[int, float]:
        """ε of each site that it acts on, for a chain of so many sites.

        Raises
        ------
        InvalidInputError
            If a site lies outside the chain, or the list of energies has the wrong length.
        """
        if isinstance(self.sites, str):
            where: Sequence[int] = range(1, sites + 1)
        else:
            where = _listed(self.sites)
        _check_inside("potential: sites", where, sites)
        _check_length("energy", self.energy, len(where), "site of the potential")
        energies = self.energy if isinstance(self.energy, tuple) else (self.energy,) * len(where)
        found = dict(zip(where, energies, strict=True))
        if self.disorder:
            import numpy as np

            random = np.random.default_rng(self.seed).uniform(-self.disorder / 2, self.disorder / 2, len(where))
            found = {site: energy + float(shift) for (site, energy), shift in zip(found.items(), random, strict=True)}
        return found


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

    sites: int = checked(201, whole_number, low=2, high=10**9)
    layers: tuple[Layer, ...] = checked(
        (Layer(name="FM_p", sites=(44, 47)), Layer(name="FM_a", sites=(52, 55))), layer_list
    )
    hopping: Values = checked(1.0, number_or_list, **_ENERGY)
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
            _check_inside(f"layer {layer.name!r}: sites", layer.spin_sites, self.sites)
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
        if not any(self.hoppings):
            raise InvalidInputError(
                "hopping = 0 leaves every electron where it is; give a number that is not 0", "hopping"
            )
        for potential in self.potential:
            potential.on(self.sites)

    @property
    def hoppings(self) -> tuple[float, ...]:
        """γ of the bonds from the left, repeated along the chain, eV."""
        return self.hopping if isinstance(self.hopping, tuple) else (self.hopping,)

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

    sites: int = checked(201, whole_number, low=2, high=10**9)
    polarizer: tuple[int, int] = checked((44, 47), site_range)
    analyzer: tuple[int, int] = checked((52, 55), site_range)
    hopping: float = checked(1.0, real_number, above=0.0, high=_LARGEST_ENERGY, unit="eV")
    sd_exchange: float = checked(0.5, real_number, **_ENERGY)
    exchange: float = checked(0.1, real_number, **_ENERGY)
    exchange_z: float = checked(0.1005, real_number, **_ENERGY)
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

    @property
    def hoppings(self) -> tuple[float, ...]:
        """γ, eV."""
        return (self.hopping,)

    @property
    def potentials(self) -> Mapping[int, float]:
        """None."""
        return {}


def _check_inside(what: str, where: Sequence[int], sites: int) -> None:
    """The sites, which ascend, lie on the chain."""
    for site in (where[0], where[-1]):
        if not 1 <= site <= sites:
            raise InvalidInputError(f"{what} reach outside the chain at {site}; its sites are 1 to {sites}", "sites")
