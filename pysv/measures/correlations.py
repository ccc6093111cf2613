"""Correlations of each two localized spins at one time: ⟨S_i·S_j⟩ and its z part, in units of S_i S_j.

⟨S_i⟩·⟨S_j⟩ is not subtracted, so that they are linear in ρ. For two spins 1/2 ⟨σ_i·σ_j⟩ is −3 in the singlet, 1 in any
triplet, and between −1 and 1 in every separable state.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from pysv.measures.observables import ladder_expectation
from pysv.measures.registry import Measure, register
from pysv.measures.view import View
from pysv.model.basis import Spins
from pysv.model.density import SpinDensity
from pysv.model.operators import Spin


def z_correlations(configuration: np.ndarray, probability: np.ndarray, spins: Spins) -> np.ndarray:
    """⟨S^z_i S^z_j⟩/(S_i S_j), ⟨σᶻ_i σᶻ_j⟩ of spins 1/2.

    Parameters
    ----------
    configuration, probability : ndarray (n,)
        Diagonal of ρ.
    spins : Spins

    Returns
    -------
    float64 ndarray (N, N)
        On the diagonal ⟨(S^z)²⟩/S².
    """
    moments = spins.moments(configuration) / (np.array(spins.levels) - 1.0)
    return np.asarray((moments.T * probability) @ moments)


def correlations(rho: SpinDensity) -> np.ndarray:
    """⟨S_i·S_j⟩/(S_i S_j), ⟨σ_i·σ_j⟩ of spins 1/2, from S_i·S_j = S^z_i S^z_j + (S⁺_i S⁻_j + S⁻_i S⁺_j)/2.

    Parameters
    ----------
    rho : SpinDensity

    Returns
    -------
    float64 ndarray (N, N)
        On the diagonal (S + 1)/S, 3 for spins 1/2.
    """
    configuration, probability = rho.probabilities
    found = z_correlations(configuration, probability, rho.spins)
    length = (np.array(rho.spins.levels) - 1) / 2
    np.fill_diagonal(found, (length + 1) / length * probability.sum())
    for one, other in combinations(range(rho.n_spins), 2):
        flip = ladder_expectation(rho, (Spin(one + 1, "+"), Spin(other + 1, "-")))
        found[[one, other], [other, one]] += flip.real / (length[one] * length[other])
    return found


def _whole(view: View) -> np.ndarray:
    assert isinstance(view.rho, SpinDensity)
    return correlations(view.rho)


def _z(view: View) -> np.ndarray:
    return z_correlations(*view.probabilities, view.setting.spins)


register(
    Measure(
        name="spin_correlation",
        long_name="correlation ⟨σ_i·σ_j⟩ of two localized spins",
        dims=("spin", "spin2"),
        needs="density matrix",
        linear=True,
        option="correlations",
        function=_whole,
        place=19,
    )
)
register(
    Measure(
        name="spin_correlation_z",
        long_name="correlation ⟨σ^z_i σ^z_j⟩ of two localized spins",
        dims=("spin", "spin2"),
        needs="diagonal",
        linear=True,
        option="correlations",
        function=_z,
        place=19,
    )
)
