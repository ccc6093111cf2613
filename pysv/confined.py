"""Whether the ground state of H + H_{V,B} is where a run of several electrons is meant to start (Eq. 21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import configurations, spin_bit, spin_signs
from pysv.errors import GroundStateError

if TYPE_CHECKING:
    from pysv.device import SpinValve
    from pysv.source import ConfinedElectrons

_ASTRAY = 1e-3
"""Electrons that may reach the layers, and |⟨σᶻ⟩| that the layers may lack, before the run."""
_SMALLEST_GAP = 1e-6
"""Gap of the polarised layers below which their ground state counts as degenerate, in units of γ."""


def check_field(device: SpinValve, source: ConfinedElectrons) -> None:
    """See that the field polarises the layers: their ground state, by exact diagonalisation, is the polarised one.

    Raises
    ------
    GroundStateError
        If a state with as many down spins in all lies as low or lower.
    """
    lowest = []
    for size, sign in ((device.n_polarizer, -1), (device.n_analyzer, 1)):
        lowest.append(_layer_levels(device, size, sign * source.field * device.spin_factor))
    n_a = device.n_analyzer
    sums = {p: lowest[0][p] + lowest[1][n_a - p] for p in range(min(device.n_polarizer, n_a) + 1)}
    rival = min((p for p in sums if p > 0), key=lambda p: sums[p])
    if sums[rival] < sums[0] + _SMALLEST_GAP * device.hopping:
        raise GroundStateError(
            f"field = {source.field:g} eV does not polarise the layers: with {rival} down spins in FM_p and "
            f"{n_a - rival} in FM_a instead of 0 and {n_a} their energy changes by {sums[rival] - sums[0]:.3g} eV; "
            "raise the field"
        )


def _layer_levels(device: SpinValve, size: int, field: float) -> list[float]:
    """Lowest energy of a layer in a field (field·Σσᶻ) for each number of down spins, eV."""
    f_s = device.spin_factor
    found = []
    for downs in range(size + 1):
        states = configurations(size, downs)
        signs = spin_signs(states, size).astype(float)
        matrix = np.diag(field * signs.sum(axis=1))
        for spin in range(size - 1):
            aligned = signs[:, spin] * signs[:, spin + 1]
            matrix -= f_s**2 * device.exchange_z * np.diag(aligned)
            here = np.flatnonzero(aligned < 0)
            there = np.searchsorted(states, states[here] ^ (spin_bit(size, spin) | spin_bit(size, spin + 1)))
            matrix[here, there] -= 2 * f_s**2 * device.exchange
        found.append(float(np.linalg.eigvalsh(matrix)[0]))
    return found


def check_prepared(density: np.ndarray, spin_z: dict[int, float], device: SpinValve, source: ConfinedElectrons) -> None:
    """The check of `check_sector`, from the electron density (L_x,) and the localized ⟨σᶻ⟩ by site.

    Raises
    ------
    GroundStateError
    """
    astray = float(density[min(device.spin_sites) - 1 :].sum())
    if astray > _ASTRAY:
        raise GroundStateError(
            f"the ground state has {astray:.3g} of its {source.electrons} electrons at the layers or beyond: well = "
            f"{source.well:g} eV on {source.confined_sites} sites does not hold them; raise well or confined_sites, or "
            "take fewer electrons"
        )
    for site, found in spin_z.items():
        wanted = 1.0 if site in device.polarizer_sites else -1.0
        if abs(found - wanted) > _ASTRAY:
            raise GroundStateError(
                f"the ground state has spin z = {found:.3f} on site {site} where {wanted:+.0f} is meant: field = "
                f"{source.field:g} eV does not polarise the layers; raise it"
            )
