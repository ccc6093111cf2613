"""Sources: one electron in a wave packet (Eq. 11), in an orbital or anywhere; several from a well (Eq. 21)."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pysv.errors import InvalidInputError, quoted
from pysv.experiment.checks import (
    Angles,
    Checked,
    angles,
    as_list,
    checked,
    choice,
    complex_list,
    is_list,
    real_number,
    truth,
    whole_number,
)
from pysv.experiment.ranges import (
    ELECTRONS,
    ENERGY,
    LEVEL,
    MOMENTUM,
    POLARIZATION,
    SITE,
    SPREAD,
    WELL_SITES,
)
from pysv.units import HBAR

if TYPE_CHECKING:
    import numpy as np

    from pysv.experiment.device import ChainDevice

ELECTRON_SPINS = ("unpolarized", "up", "down")

TRUNCATION_WARNING = 1e-4
"""Probability beyond the chain above which the user is warned; the packet of the paper has 4.7e-5."""
TRUNCATION_ERROR = 1e-2
"""Probability beyond the chain above which the run is refused."""


def electron_spin(key: str, value: Any, *, words: tuple[str, ...] = ELECTRON_SPINS) -> str | Angles:
    """A word, or a Bloch direction [θ, φ] in rad, 0 ≤ θ ≤ π."""
    value = as_list(value)
    if is_list(value):
        return angles(key, value)
    if isinstance(value, str):
        return choice(key, value, words)
    raise InvalidInputError(f"{key} = {quoted(value)} must be one of {', '.join(words)} or [theta, phi] in rad", key)


class OneElectron(Checked):
    """A source of one electron: its spin, and where it is.

    `polarization` p makes an unpolarized electron a mixture with the weights (1 + p)/2 of ↑ and (1 − p)/2 of ↓.
    """

    spin: str | Angles
    polarization: float

    @property
    def count(self) -> int:
        """Number of electrons, 1."""
        return 1

    def check(self) -> None:
        """A polarization goes with an unpolarized electron."""
        if self.polarization and self.spin != "unpolarized":
            raise InvalidInputError(
                f"polarization = {self.polarization:g} would be ignored, because spin = {self.spin!r}; leave it out, "
                "or take spin = 'unpolarized'",
                "polarization",
            )

    @abstractmethod
    def beyond_ends(self, sites: int) -> tuple[float, float]:
        """Probability of the untruncated packet beyond the left and the right end of the chain."""

    @abstractmethod
    def wall_echoes(self, device: ChainDevice) -> tuple[tuple[float, str], ...]:
        """Times (fs) at which reflections from the walls first reach the layers, with the wall; ascending."""


@dataclass(frozen=True, kw_only=True)
class WavePacket(OneElectron):
    """One electron in the Gaussian packet ⟨x|Φ⟩ ∝ exp[i k x − δ_k² (x − x₀)²/4] (Eq. 11).

    Parameters
    ----------
    center : float
        Centre x₀ of the packet, 1 … L_x, in sites; it need not be whole. At most 1e-2 of the packet may lie beyond the
        ends of the chain, unless `allow_truncation` is true.
    momentum : float
        Mean momentum k, rad per site; k in (0, π) runs to the right.
    momentum_spread : float
        Width δ_k > 0 in momentum, rad per site; |Φ|² has the standard deviation 1/δ_k sites.
    spin : {"unpolarized", "up", "down"} or (float, float)
        Spin of the electron: an equal mixture of up and down, a direction along z, or a Bloch direction [θ, φ] in rad.
    polarization : float
        p of an unpolarized electron: the weights (1 + p)/2 of up and (1 − p)/2 of down, −1 … 1.
    allow_truncation : bool
        Whether a packet may reach far beyond the chain. Its part beyond the ends is cut off, the rest is normalised to
        one electron; the dataset says how much was lost.
    """

    center: float = checked(20.0, real_number, **SITE)
    momentum: float = checked(math.pi / 2, real_number, **MOMENTUM)
    momentum_spread: float = checked(0.2, real_number, **SPREAD)
    spin: str | Angles = checked("unpolarized", electron_spin, words=ELECTRON_SPINS)
    polarization: float = checked(0.0, real_number, added=True, **POLARIZATION)
    allow_truncation: bool = checked(False, truth, added=True)

    def amplitudes(self, sites: int) -> np.ndarray:
        """Amplitudes ⟨x|Φ⟩ on the chain, normalised there.

        Parameters
        ----------
        sites : int
            L_x.

        Returns
        -------
        complex ndarray (sites,)
        """
        import numpy as np

        x = np.arange(1, sites + 1)
        exponent = (self.momentum_spread * (x - self.center)) ** 2 / 4
        # Without the shift by the minimum, a narrow packet centred between two sites underflows.
        packet = np.exp(1j * self.momentum * x - (exponent - exponent.min()))
        return np.asarray(packet / np.linalg.norm(packet))

    def beyond_ends(self, sites: int) -> tuple[float, float]:
        """Probability of the untruncated packet beyond the left and the right end of the chain.

        Parameters
        ----------
        sites : int
            L_x.

        Returns
        -------
        left, right : float
            Σ_{x<1} |Φ|² and Σ_{x>L_x} |Φ|², of the packet normalised on the infinite lattice.
        """
        if self.momentum_spread < 1e-5:  # so wide a packet that the sum equals an integral to all digits
            scale = self.momentum_spread / math.sqrt(2)
            left, right = self.center - 0.5, sites + 0.5 - self.center
            return math.erfc(scale * left) / 2, math.erfc(scale * right) / 2
        import numpy as np

        reach = math.ceil(12 / self.momentum_spread) + 1
        middle = round(self.center)
        x = np.arange(middle - reach, middle + reach + 1)
        exponent = (self.momentum_spread * (x - self.center)) ** 2 / 2
        weight = np.exp(exponent.min() - exponent)
        total = weight.sum()
        return float(weight[x < 1].sum() / total), float(weight[x > sites].sum() / total)

    def velocity(self, hopping: float) -> float:
        """Group velocity 2γ sin(k)/ħ in sites per fs."""
        return 2 * hopping * math.sin(self.momentum) / HBAR

    def runs_away(self, device: ChainDevice) -> str | None:
        """Side to which the packet runs away from all localized spins; None if it does not.

        It does where the mean momentum and those two standard deviations δ_k/2 above and below all lead away.
        """
        hopping = _signed_hopping(device)
        if hopping is None or min(device.spin_sites) <= self.center <= max(device.spin_sites):
            return None
        side, sign = ("left", -1) if self.center < min(device.spin_sites) else ("right", 1)
        momenta = (self.momentum + shift * self.momentum_spread for shift in (-1, 0, 1))
        return side if all(sign * hopping * math.sin(momentum) > 1e-12 for momentum in momenta) else None

    def wall_echoes(self, device: ChainDevice) -> tuple[tuple[float, str], ...]:
        """Times at which reflections from the walls reach the layers, from the flight time of the packet's centre.

        The wall ahead of the packet reflects the part that passes the layers. The wall behind it reflects the part that
        the first spin ahead of the packet has reflected, if there is one. Hard walls stand one site beyond each end.

        Parameters
        ----------
        device : ChainDevice

        Returns
        -------
        tuple of (float, str)
            Time in fs and the name of the wall, in order of time; empty for a packet at rest.
        """
        hopping = _signed_hopping(device)
        return () if hopping is None else _echoes(self.center, self.velocity(hopping), device)


@dataclass(frozen=True, kw_only=True)
class Orbital(OneElectron):
    """One electron in an orbital of a well, released at t = 0.

    It is an eigenstate of the hopping and the potentials of the chain with a well −V on the first sites.

    Parameters
    ----------
    confined_sites : int
        Number of sites of the well, at the left end.
    well : float
        Depth V of the well, eV.
    level : int
        Number of the orbital, 0 for the lowest.
    spin, polarization
        Of the electron, as for `WavePacket`.
    """

    confined_sites: int = checked(10, whole_number, **WELL_SITES)
    well: float = checked(2.0, real_number, **ENERGY)
    level: int = checked(0, whole_number, **LEVEL)
    spin: str | Angles = checked("unpolarized", electron_spin, words=ELECTRON_SPINS)
    polarization: float = checked(0.0, real_number, **POLARIZATION)

    def beyond_ends(self, sites: int) -> tuple[float, float]:
        """Nothing is cut off."""
        return 0.0, 0.0

    def wall_echoes(self, device: ChainDevice) -> tuple[tuple[float, str], ...]:
        """From the flight time of the fastest electrons, which leave the last site of the well with 2γ/ħ."""
        return _echoes(self.confined_sites, 2 * device.largest_hopping / HBAR, device)


@dataclass(frozen=True, kw_only=True)
class Amplitudes(OneElectron):
    """One electron with any amplitudes ⟨x|Φ⟩.

    Parameters
    ----------
    values : sequence of complex, or of (float, float)
        Amplitudes from site 1 on, as numbers or as pairs (real, imaginary part); 0 on the other sites. They are
        normalised.
    spin, polarization
        Of the electron, as for `WavePacket`.
    """

    values: tuple[tuple[float, float], ...] = checked(((1.0, 0.0),), complex_list)
    spin: str | Angles = checked("unpolarized", electron_spin, words=ELECTRON_SPINS)
    polarization: float = checked(0.0, real_number, **POLARIZATION)

    def amplitudes(self, sites: int) -> np.ndarray:
        """Amplitudes ⟨x|Φ⟩ on the chain, normalised, complex ndarray (sites,)."""
        import numpy as np

        found = np.zeros(sites, dtype=complex)
        found[: len(self.values)] = [complex(*pair) for pair in self.values]
        found /= np.abs(found).max()  # neither under- nor overflow
        return np.asarray(found / np.linalg.norm(found))

    def beyond_ends(self, sites: int) -> tuple[float, float]:
        """Nothing is cut off."""
        return 0.0, 0.0

    def wall_echoes(self, device: ChainDevice) -> tuple[tuple[float, str], ...]:
        """None: where the electron goes is not known beforehand."""
        return ()


def electron_numbers(key: str, value: Any, *, words: tuple[str, ...] = ELECTRON_SPINS) -> str | tuple[int, int]:
    """A word, or two whole numbers [n_up, n_down]."""
    value = as_list(value)
    if isinstance(value, str):
        return choice(key, value, words)
    if not is_list(value) or len(value) != 2:
        raise InvalidInputError(f"{key} = {quoted(value)} must be one of {', '.join(words)} or [n_up, n_down]", key)
    up, down = (whole_number(f"{key}[{n}]", count, low=0) for n, count in enumerate(value))
    return up, down


@dataclass(frozen=True, kw_only=True)
class ConfinedElectrons(Checked):
    """Several electrons, released at t = 0 from the ground state of H + H_{V,B} (Eq. 21).

    H_{V,B} = −V Σ_{x≤N_conf} n_x − B Σ_{FM_p} Sᶻ + B Σ_{FM_a} Sᶻ acts for t ≤ 0 only, with operators Sᶻ of the run's
    spin convention; with other collinear states of the spins the field holds each spin in its direction. Beside tilted
    or entangled spins, and in `fock` with two polarised electrons, the electrons start in the lowest orbitals of the
    well instead.

    Parameters
    ----------
    electrons : int
        Number N_e of electrons, at most one of either spin for each confined site.
    confined_sites : int
        Number N_conf of sites of the well at the left end, before the layers.
    well : float
        Depth V of the well, eV.
    field : float
        Field gμ_B B that holds the layers polarised for t ≤ 0, eV.
    spin : {"unpolarized", "up", "down"} or (int, int)
        Half up and half down, all of one spin, or the numbers of ↑ and ↓ electrons.
    allow_leak : bool
        Whether electrons may reach the layers before t = 0; the dataset says how many are outside the well.

    Raises
    ------
    InvalidInputError
        If a value is outside its range. A run checks later, on the ground state, that the well holds the electrons and
        the field polarises the layers.
    """

    electrons: int = checked(2, whole_number, **ELECTRONS)
    confined_sites: int = checked(10, whole_number, **WELL_SITES)
    well: float = checked(2.0, real_number, **ENERGY)
    field: float = checked(10.0, real_number, **ENERGY)
    spin: str | tuple[int, int] = checked("unpolarized", electron_numbers, added=True, words=ELECTRON_SPINS)
    allow_leak: bool = checked(False, truth, added=True)

    def check(self) -> None:
        """The number of electrons fits their spins, and the well has room for them."""
        if isinstance(self.spin, tuple) and sum(self.spin) != self.electrons:
            raise InvalidInputError(
                f"spin = {list(self.spin)} makes {sum(self.spin)} electrons, not {self.electrons}; change one",
                "spin",
            )
        if self.spin == "unpolarized" and self.electrons % 2:
            raise InvalidInputError(
                f"electrons = {self.electrons} must be even (half up, half down); or say spin = 'up', 'down' or "
                "[n_up, n_down]",
                "electrons",
            )
        if max(self.numbers) > self.confined_sites:
            raise InvalidInputError(
                f"electrons = {self.electrons} exceeds the {2 * self.confined_sites} that confined_sites = "
                f"{self.confined_sites} can hold, two on each site; take fewer electrons or more sites"
                if self.spin == "unpolarized"
                else f"{max(self.numbers)} electrons of one spin exceed confined_sites = {self.confined_sites}, one on "
                "each site; take fewer electrons or more sites",
                "electrons",
            )

    @property
    def numbers(self) -> tuple[int, int]:
        """Numbers of ↑ and of ↓ electrons."""
        if isinstance(self.spin, tuple):
            return self.spin
        ups = {"unpolarized": self.electrons // 2, "up": self.electrons, "down": 0}[self.spin]
        return ups, self.electrons - ups

    @property
    def count(self) -> int:
        """Number of electrons, N_e."""
        return self.electrons

    def wall_echoes(self, device: ChainDevice) -> tuple[tuple[float, str], ...]:
        """Times at which reflections from the walls reach the layers, from the flight time of the fastest electrons.

        These leave the last confined site with the largest group velocity, 2γ/ħ.

        Parameters
        ----------
        device : ChainDevice

        Returns
        -------
        tuple of (float, str)
            Time in fs and the name of the wall, in order of time.
        """
        return _echoes(self.confined_sites, 2 * device.largest_hopping / HBAR, device)


def _signed_hopping(device: ChainDevice) -> float | None:
    """γ that decides where a packet runs: the largest one, None where the signs of the bonds differ."""
    signs = {hopping > 0 for hopping in device.hoppings}
    return device.largest_hopping * (1 if signs == {True} else -1) if len(signs) == 1 else None


def _echoes(start: float, speed: float, device: ChainDevice) -> tuple[tuple[float, str], ...]:
    if abs(speed) < 1e-12:
        return ()
    # For electrons that move to the left, the chain is mirrored.
    wall, spins, names = device.sites + 1, device.spin_sites, ("left wall", "right wall")
    if speed < 0:
        spins, start, names = tuple(wall - site for site in spins), wall - start, names[::-1]
    paths = [((wall - start) + (wall - max(spins)), names[1])]
    ahead = [site for site in spins if site >= start]
    if ahead:
        paths.append(((min(ahead) - start) + min(ahead) + min(spins), names[0]))
    return tuple(sorted((path / abs(speed), name) for path, name in paths))
