"""Sources of electrons: a wave packet of one electron (Eq. 11), or several electrons from a well (Eq. 21)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pysv.errors import InvalidInputError
from pysv.experiment.checks import Angles, Checked, angles, as_list, checked, choice, is_list, real_number, whole_number
from pysv.units import HBAR

if TYPE_CHECKING:
    import numpy as np

    from pysv.experiment.device import SpinValve

ELECTRON_SPINS = ("unpolarized", "up", "down")

TRUNCATION_WARNING = 1e-6
"""Probability beyond the chain above which the user is warned."""
TRUNCATION_ERROR = 1e-2
"""Probability beyond the chain above which the run is refused."""


def electron_spin(key: str, value: Any) -> str | Angles:
    """The spin of the electron: a word, or a Bloch direction [θ, φ] in rad."""
    value = as_list(value)
    if is_list(value):
        return angles(key, value)
    if isinstance(value, str):
        return choice(key, value, ELECTRON_SPINS)
    raise InvalidInputError(f"{key} = {value!r} must be one of {', '.join(ELECTRON_SPINS)} or [theta, phi] in rad", key)


@dataclass(frozen=True, kw_only=True)
class WavePacket(Checked):
    """One electron in the Gaussian packet ⟨x|Φ⟩ ∝ exp[i k x − δ_k² (x − x₀)²/4] (Eq. 11).

    Parameters
    ----------
    center : float
        x₀, in sites.
    momentum : float
        k, rad per site; k in (0, π) runs to the right.
    momentum_spread : float
        δ_k > 0, rad per site; |Φ|² has the standard deviation 1/δ_k sites.
    spin : {"unpolarized", "up", "down"} or (float, float)
        Spin of the electron: an equal mixture of up and down, a direction along z, or a Bloch direction [θ, φ] in rad.
    """

    center: float = checked(20.0, real_number, unit="site")
    momentum: float = checked(math.pi / 2, real_number, unit="rad per site")
    momentum_spread: float = checked(0.2, real_number, above=0.0, unit="rad per site")
    spin: str | Angles = checked("unpolarized", electron_spin)

    @property
    def count(self) -> int:
        """Number of electrons, 1."""
        return 1

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

    def wall_echoes(self, device: SpinValve) -> tuple[tuple[float, str], ...]:
        """Times at which reflections from the walls reach the layers, from the flight time of the packet's centre.

        The wall ahead of the packet reflects the part that passes the layers. The wall behind it reflects the part that
        the first spin ahead of the packet has reflected, if there is one. Hard walls stand one site beyond each end.

        Parameters
        ----------
        device : SpinValve

        Returns
        -------
        tuple of (float, str)
            Time in fs and the name of the wall, in order of time; empty for a packet at rest.
        """
        return _echoes(self.center, self.velocity(device.hopping), device)


@dataclass(frozen=True, kw_only=True)
class ConfinedElectrons(Checked):
    """Several electrons, released at t = 0 from the ground state of H + H_{V,B} (Eq. 21).

    H_{V,B} = −V Σ_{x≤N_conf} n_x − B Σ_{FM_p} Sᶻ + B Σ_{FM_a} Sᶻ acts for t ≤ 0 only, with operators Sᶻ of the run's
    spin convention. The electrons' total Sᶻ is 0 and the layers are polarised antiparallel.

    Parameters
    ----------
    electrons : int
        Number N_e of electrons: even, half up and half down, at most two for each confined site.
    confined_sites : int
        Number N_conf of sites of the well at the left end, before the layers.
    well : float
        Depth V of the well, eV.
    field : float
        gμ_B B that holds the layers polarised for t ≤ 0, eV.

    Raises
    ------
    InvalidInputError
        If a value is outside its range. A run checks later, on the ground state, that the well holds the electrons and
        the field polarises the layers.
    """

    electrons: int = checked(2, whole_number, low=2)
    confined_sites: int = checked(10, whole_number, low=1)
    well: float = checked(2.0, real_number, unit="eV")
    field: float = checked(10.0, real_number, unit="eV")

    def check(self) -> None:
        """The number of electrons is even, and the well has room for them."""
        if self.electrons % 2:
            raise InvalidInputError(f"electrons = {self.electrons} must be even (half up, half down)", "electrons")
        if self.electrons > 2 * self.confined_sites:
            raise InvalidInputError(
                f"electrons = {self.electrons} exceeds the {2 * self.confined_sites} that confined_sites = "
                f"{self.confined_sites} can hold, two on each site; take fewer electrons or more sites",
                "electrons",
            )

    @property
    def count(self) -> int:
        """Number of electrons, N_e."""
        return self.electrons

    def wall_echoes(self, device: SpinValve) -> tuple[tuple[float, str], ...]:
        """Times at which reflections from the walls reach the layers, from the flight time of the fastest electrons.

        These leave the last confined site with the largest group velocity, 2γ/ħ.

        Parameters
        ----------
        device : SpinValve

        Returns
        -------
        tuple of (float, str)
            Time in fs and the name of the wall, in order of time.
        """
        return _echoes(self.confined_sites, 2 * device.hopping / HBAR, device)


def _echoes(start: float, speed: float, device: SpinValve) -> tuple[tuple[float, str], ...]:
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
