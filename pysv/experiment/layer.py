"""What stands on the chain of a device: magnetic layers and potentials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pysv.errors import InvalidInputError
from pysv.experiment.checks import Checked, checked, label, number_or_list, real_number, site_list, whole_number
from pysv.experiment.ranges import ENERGY, SEED, WIDTH

MAX_SPINS = 60
"""Largest number of localized spins; 64-bit integers hold their configurations, and sums of these."""
MAX_CONFIGURATIONS = 2**MAX_SPINS

Values = float | tuple[float, ...]
"""One number for all, or one for each."""


def spin_length(key: str, value: Any) -> float:
    """0.5, 1, 1.5, 2 or 2.5; S of a localized spin."""
    number = real_number(key, value)
    if number not in (0.5, 1.0, 1.5, 2.0, 2.5):
        raise InvalidInputError(f"{key} = {number:g} must be 0.5, 1, 1.5, 2 or 2.5", key)
    return number


def listed_sites(sites: tuple[int, ...]) -> tuple[int, ...]:
    """All sites that a first and a last one, or a list, stand for; see `site_list`."""
    return tuple(range(sites[0], sites[1] + 1)) if len(sites) == 2 else sites


def check_length(key: str, value: Values, count: int, what: str) -> None:
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
        K, eV; one number for all spins, or one for each. K > 0 makes z the easy axis; without effect on
        quantum spins 1/2.
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
    sd_exchange: Values = checked(0.5, number_or_list, **ENERGY)
    exchange: Values = checked(0.1, number_or_list, **ENERGY)
    exchange_z: Values = checked(0.1005, number_or_list, **ENERGY)
    anisotropy: Values = checked(0.0, number_or_list, **ENERGY)
    field: Values = checked(0.0, number_or_list, **ENERGY)

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
            check_length(key, getattr(self, key), count, what)

    @cached_property
    def spin_sites(self) -> tuple[int, ...]:
        """Site of each spin, ascending."""
        return listed_sites(self.sites)

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

    def moved(self, by: int) -> Layer:
        """The same layer so many sites further to the right."""
        return replace(self, sites=tuple(site + by for site in self.sites))


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
    energy: Values = checked(0.0, number_or_list, **ENERGY)
    disorder: float = checked(0.0, real_number, **WIDTH)
    seed: int = checked(0, whole_number, **SEED)

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
            where = listed_sites(self.sites)
        check_inside("potential: sites", where, sites)
        check_length("energy", self.energy, len(where), "site of the potential")
        energies = self.energy if isinstance(self.energy, tuple) else (self.energy,) * len(where)
        found = dict(zip(where, energies, strict=True))
        if self.disorder:
            import numpy as np

            random = np.random.default_rng(self.seed).uniform(-self.disorder / 2, self.disorder / 2, len(where))
            found = {site: energy + float(shift) for (site, energy), shift in zip(found.items(), random, strict=True)}
        return found

    def moved(self, by: int, sites: int) -> Potential:
        """The same potential so many sites further to the right, from a chain of so many sites.

        One number on "all" sites stays on all of them; a list or disorder stays on the sites of the shorter chain.
        """
        if isinstance(self.sites, str):
            if not self.disorder and not isinstance(self.energy, tuple):
                return self
            return Potential(sites=(1 + by, sites + by), energy=tuple(self.on(sites).values()))
        return replace(self, sites=tuple(site + by for site in self.sites))


def check_inside(what: str, where: Sequence[int], sites: int, key: str = "sites") -> None:
    """The sites, which ascend, lie on the chain."""
    for site in (where[0], where[-1]):
        if not 1 <= site <= sites:
            raise InvalidInputError(f"{what} reach outside the chain at {site}; its sites are 1 to {sites}", key)
