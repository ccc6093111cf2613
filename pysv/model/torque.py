"""The torque of the electrons on a localized spin: the sd part of its Heisenberg equation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pysv.units import HBAR

SIGMAS = "+-z"
"""σ⁺, σ⁻ and σᶻ of the electrons on a site; S⁺, S⁻ and 2Sᶻ of a localized spin."""
_CARTESIAN = np.array([[1, 1, 0], [-1j, 1j, 0], [0, 0, 1]])
"""σ = (σ⁺ + σ⁻, −i(σ⁺ − σ⁻), σᶻ); 2S likewise, with 2Sᶻ in place of σᶻ."""


def sd_torque(means: Mapping[tuple[str, str], complex], coupling: float, levels: int) -> np.ndarray:
    """(2J/ħ) ⟨S × σ⟩/S of one localized spin, for −J σ·2S, with σ the sum over the electrons on its site.

    Parameters
    ----------
    means : mapping of (str, str) to complex
        ⟨σ S⟩ for the operators of `SIGMAS`, the electrons' first.
    coupling : float
        J, eV.
    levels : int
        2S + 1.

    Returns
    -------
    float64 ndarray (3,)
        1/fs.
    """
    pairs = np.array([[means[one, two] for two in SIGMAS] for one in SIGMAS])
    tensor = (_CARTESIAN @ pairs @ _CARTESIAN.T).real / 2  # ⟨σ_a S_b⟩
    cross = np.array([tensor[2, 1] - tensor[1, 2], tensor[0, 2] - tensor[2, 0], tensor[1, 0] - tensor[0, 1]])
    return np.asarray(2 * coupling / HBAR * cross / ((levels - 1) / 2))
