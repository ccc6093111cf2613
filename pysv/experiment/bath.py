"""The options of the baths: bosonic ones of the localized spins, and dephasing of the electron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError
from pysv.experiment.checks import (
    Checked,
    checked,
    choice,
    number_or_list,
    optional_numbers,
    real_number,
    site_list,
    truth,
    whole_number,
)
from pysv.experiment.layer import Values, check_inside, check_length, listed_sites
from pysv.experiment.ranges import COUPLING, CUTOFF, RATE, TEMPERATURE

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice


@dataclass(frozen=True, kw_only=True)
class BosonicBath(Checked):
    """Bosonic baths of the localized spins, in the universal Lindblad equation (Eqs. 14–20), dephasing of the electron.

    Parameters
    ----------
    temperature : float or sequence of float
        Temperature T > 0 of the baths, K; one number for all layers, or one for each, in the order of the layers.
    coupling : {"x", "y", "z", "xyz"}
        Pauli matrix that couples a spin to its bath; "xyz" gives each spin three baths.
    strength : float
        Coupling strength Γ/ω_m ≥ 0; with 0 the localized spins have no bath.
    cutoff : float
        Cutoff ω_m > 0 of the spectral density, eV.
    cutoff_shape : {"gaussian", "exponential", "hard"}
        How the spectral density ends above ω_m: with exp(−ω²/2ω_m²), with exp(−|ω|/ω_m), or abruptly.
    lamb_shift : bool
        Whether the Hamiltonian includes the Lamb shift.
    series_terms : int
        N_L of the paper's power series for the jump operators (Eq. 18), 0 … 60; 0 means the exact operators.
    shared : {"spin", "layer", "all"}
        Which spins share a bath: each "spin" has its own, or all spins of a "layer", or "all" spins have one, which
        couples to the sum of their Pauli matrices.
    dephasing_rate : float or sequence of float, optional
        Rate Γ_x ≥ 0 at which the electron dephases on a site, by the jump operator √Γ_x n_x, 1/fs; one number for all
        `dephasing_sites`, or one for each.
    dephasing_sites : (int, int), sequence of int, or "all"
        Sites on which the electron dephases: first and last site, or three or more sites, ascending; refused without
        `dephasing_rate`.

    Raises
    ------
    InvalidInputError
        If a value is outside its range, would be ignored, or does not fit another one; if the power series does not
        exist for the cutoff.
    """

    temperature: Values = checked(100.0, number_or_list, **TEMPERATURE)
    coupling: str = checked("x", choice, ("x", "y", "z", "xyz"))
    strength: float = checked(0.0144, real_number, **COUPLING)
    cutoff: float = checked(0.1, real_number, **CUTOFF)
    cutoff_shape: str = checked("gaussian", choice, ("gaussian", "exponential", "hard"))
    lamb_shift: bool = checked(False, truth)
    series_terms: int = checked(0, whole_number, low=0, high=60)
    shared: str = checked("spin", choice, ("spin", "layer", "all"), added=True)
    dephasing_rate: Values | None = checked(None, optional_numbers, added=True, **RATE)
    dephasing_sites: tuple[int, ...] | str = checked("all", site_list, words=("all",), added=True)

    def check(self) -> None:
        """The power series exists, one bath has one temperature, and no site is named in vain."""
        if self.series_terms and self.cutoff_shape != "gaussian":
            reason = "a jump in √J" if self.cutoff_shape == "hard" else "a cusp of √J at ω = 0"
            raise InvalidInputError(
                f"series_terms = {self.series_terms} with cutoff_shape = {self.cutoff_shape!r}: the moments ∫g(t)tⁿdt "
                f"of Eq. 18 diverge because of {reason}; use the exact operators (series_terms = 0) or the gaussian "
                "cutoff",
                "series_terms",
            )
        if self.shared == "all" and isinstance(self.temperature, tuple):
            raise InvalidInputError(
                f"temperature = {list(self.temperature)} with shared = 'all': one bath has one temperature; give one "
                "number, or take shared = 'layer'",
                "temperature",
            )
        if self.dephasing_rate is None and self.dephasing_sites != "all":
            raise InvalidInputError(
                f"dephasing_sites = {list(self.dephasing_sites)} would be ignored without a dephasing_rate; give one, "
                "or leave dephasing_sites out",
                "dephasing_sites",
            )

    def check_device(self, device: ChainDevice) -> None:
        """There is a temperature for each layer, and the electron dephases on sites of the chain.

        Raises
        ------
        InvalidInputError
            If not.
        """
        if isinstance(self.temperature, tuple):
            check_length("temperature", self.temperature, len(device.layers), "layer")
        self.dephasing(device.sites)

    def temperature_of(self, layer: int) -> float:
        """Temperature (K) of the baths of a layer, counted from 0."""
        return self.temperature[layer] if isinstance(self.temperature, tuple) else self.temperature

    @property
    def dephases(self) -> bool:
        """Whether the electron dephases on some sites, be it with the rate 0."""
        return self.dephasing_rate is not None

    @property
    def couples(self) -> bool:
        """Whether the localized spins have baths; without dephasing they always do, be it with the strength 0."""
        return self.strength > 0 or not self.dephases

    @property
    def keeps_spin_z(self) -> bool:
        """Whether S^z_tot is conserved: the spins couple to their baths by σᶻ, or not at all."""
        return self.coupling == "z" or not self.couples

    def dephasing(self, sites: int) -> Mapping[int, float]:
        """Γ_x (1/fs) of each site on which the electron dephases, for a chain of so many sites.

        Raises
        ------
        InvalidInputError
            If a site lies outside the chain, or the list of rates has the wrong length.
        """
        if self.dephasing_rate is None:
            return {}
        own = self.dephasing_sites
        if not isinstance(own, str):
            check_inside("dephasing_sites", own, sites, "dephasing_sites")
        where = range(1, sites + 1) if isinstance(own, str) else listed_sites(own)
        check_length("dephasing_rate", self.dephasing_rate, len(where), "site of the dephasing")
        rates = self.dephasing_rate if isinstance(self.dephasing_rate, tuple) else (self.dephasing_rate,) * len(where)
        return dict(zip(where, rates, strict=True))

    def moved(self, by: int, sites: int) -> BosonicBath:
        """The same baths where a chain of so many sites begins that much further to the right.

        One rate on "all" sites stays on all of them; a list stays on the sites of the shorter chain.
        """
        own = self.dephasing_sites
        if not isinstance(own, str):
            return replace(self, dephasing_sites=tuple(site + by for site in own))
        return replace(self, dephasing_sites=(1 + by, sites + by)) if isinstance(self.dephasing_rate, tuple) else self
