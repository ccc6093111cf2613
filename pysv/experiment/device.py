"""The spin valve: a chain of sites, two ferromagnetic layers on it, and the couplings of Eq. 7."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pysv.errors import InvalidInputError
from pysv.experiment.checks import Checked, checked, choice, real_number, site_range, whole_number

CONVENTIONS: dict[str, tuple[float, float]] = {"pauli": (1.0, 1.0), "half": (0.5, 0.5), "mixed": (1.0, 0.5)}
"""For each spin convention, the factors (electron, localized spin) of the Pauli matrices in H."""

SEVERAL_ELECTRONS: dict[str, Any] = {"sites": 112, "polarizer": (51, 54), "analyzer": (59, 62)}
"""Chain of Fig. 6, where it differs from the default."""

MAX_SPINS = 60
"""Largest number of localized spins; 64-bit integers hold their configurations, and sums of these."""
_LARGEST_ENERGY = 1e6
_ENERGY: dict[str, Any] = {"low": -_LARGEST_ENERGY, "high": _LARGEST_ENERGY, "unit": "eV"}


@dataclass(frozen=True, kw_only=True)
class SpinValve(Checked):
    """FM_p / NM / FM_a spin valve on a one-dimensional chain (Fig. 1 and Eq. 7 of the paper).

    H = −γ Σ c†c − J_sd Σ s_i·S_i − Σ_<ij> [J (SˣSˣ + SʸSʸ) + J_z SᶻSᶻ]. Every site of a layer carries one localized
    spin 1/2; J and J_z couple neighbours within a layer only.

    Parameters
    ----------
    sites : int
        Number L_x of sites of the chain, numbered 1 … L_x.
    polarizer, analyzer : (int, int)
        First and last site of FM_p and of FM_a, both included. The layers may differ in size.
    hopping : float
        γ > 0, eV.
    sd_exchange : float
        J_sd between the electron's spin and the localized spin of the same site, eV.
    exchange, exchange_z : float
        J (transverse) and J_z (longitudinal) between neighbouring localized spins, eV.
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
        if self.n_spins > MAX_SPINS:
            raise InvalidInputError(
                f"polarizer = {list(self.polarizer)} and analyzer = {list(self.analyzer)} hold {self.n_spins} "
                f"localized spins; the limit is {MAX_SPINS}, and far fewer fit in memory",
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
    def spin_sites(self) -> tuple[int, ...]:
        """Chain site r_i of localized spin i = 1 … N: FM_p first, then FM_a."""
        return (*self.polarizer_sites, *self.analyzer_sites)

    @property
    def n_polarizer(self) -> int:
        """Number of localized spins in FM_p."""
        return self.polarizer[1] - self.polarizer[0] + 1

    @property
    def n_analyzer(self) -> int:
        """Number of localized spins in FM_a."""
        return self.analyzer[1] - self.analyzer[0] + 1

    @property
    def n_spins(self) -> int:
        """Number N of localized spins."""
        return self.n_polarizer + self.n_analyzer

    @property
    def electron_factor(self) -> float:
        """Factor of the electron's Pauli matrices in H."""
        return CONVENTIONS[self.convention][0]

    @property
    def spin_factor(self) -> float:
        """Factor of the localized spins' Pauli matrices in H."""
        return CONVENTIONS[self.convention][1]
