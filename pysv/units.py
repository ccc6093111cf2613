"""Physical constants and the two unit systems of the paper.

At every public boundary energies are in eV, times in fs, temperatures in K and sites count from 1.
"""

from __future__ import annotations

HBAR = 0.6582119569
"""Reduced Planck constant, eV fs (CODATA 2018)."""

BOLTZMANN = 8.617333262e-5
"""Boltzmann constant, eV/K (CODATA 2018)."""


def to_hopping_times(time: float, hopping: float) -> float:
    """Time in units of ħ/γ, the paper's natural unit.

    Parameters
    ----------
    time : float
        Time in fs.
    hopping : float
        γ in eV.

    Returns
    -------
    float
        γ t/ħ, a pure number.
    """
    return time * hopping / HBAR


def size(count: float) -> str:
    """Bytes in readable units.

    >>> size(1_380_000)
    '1.38 MB'
    """
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{float(count):.3g} EB"
