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


SPAN = 2.0
"""A run takes a time between the estimate divided by this and multiplied by it."""


def about(seconds: float) -> str:
    """The range in which an estimated time lies, in words."""
    ends = [duration(seconds / SPAN), duration(seconds * SPAN)]
    return " to ".join(dict.fromkeys(ends))


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would take, without an exponent."""
    if seconds < 0.01:
        return "less than 0.01 s"
    for below, length, unit in ((90, 1, "s"), (5400, 60, "min"), (1.7e5, 3600, "h"), (6.3e7, 86400, "days")):
        if seconds < below:
            number = seconds / length
            return f"{number:.2g} {unit}" if number < 10 else f"{number:.0f} {unit}"
    years = seconds / 31_557_600
    if years < 1e4:
        return f"{float(f'{years:.2g}'):.0f} years"
    return "more than 10,000 years"
