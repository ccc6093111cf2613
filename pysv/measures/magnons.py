"""Spin flips with respect to the initial state: magnon probabilities and the one-magnon W state (Eqs. 25–27)."""

from __future__ import annotations

import numpy as np

from pysv.measures.factor import SpinFactor
from pysv.measures.registry import Measure, register
from pysv.measures.view import View
from pysv.model.basis import down_count, spin_bit
from pysv.model.density import SpinDensity


def flip_probabilities(configuration: np.ndarray, probability: np.ndarray, initial: int, n_spins: int) -> np.ndarray:
    """Probability of m = 0 … N flipped spins with respect to the initial configuration (Eq. 25).

    Parameters
    ----------
    configuration, probability : ndarray (n,)
        Diagonal of ρ.
    initial : int
        Initial configuration.
    n_spins : int
        N.

    Returns
    -------
    float64 ndarray (N + 1,)
    """
    return np.bincount(down_count(configuration ^ initial), weights=probability, minlength=n_spins + 1)


def w_fidelity(rho: SpinDensity | SpinFactor, initial: int) -> float:
    """⟨W|ρ|W⟩ with |W⟩ = N^{−1/2} Σ_i |spin i flipped⟩, real equal weights.

    Parameters
    ----------
    rho : SpinDensity or SpinFactor
    initial : int
        Initial configuration.
    """
    if isinstance(rho, SpinFactor):
        return rho.w_fidelity(initial)
    n = rho.n_spins
    flipped = np.array([initial ^ spin_bit(n, i) for i in range(n)])
    total = 0.0
    for block in rho.blocks:
        places = np.searchsorted(block.configuration, flipped)
        places = places[block.configuration[np.minimum(places, block.configuration.size - 1)] == flipped]
        total += float(block.matrix[np.ix_(places, places)].sum().real)
    return total / n


def _magnons(view: View) -> np.ndarray:
    n, initial = view.setting.experiment.device.n_spins, view.setting.initial
    if initial is not None:
        return flip_probabilities(*view.probabilities, initial, n)
    turned, initial = view.initial_frame
    assert isinstance(turned, SpinDensity)
    return flip_probabilities(*turned.probabilities, initial, n)


register(
    Measure(
        name="magnon_probability",
        long_name="probability of m flipped spins",
        dims=("flips",),
        needs="diagonal",
        initial_frame=True,
        linear=True,
        function=_magnons,
        place=60,
    )
)
register(
    Measure(
        name="w_fidelity",
        long_name="fidelity with the one-magnon W state",
        needs="eigenstates",
        initial_frame=True,
        schedule="w_fidelity",
        linear=True,
        function=lambda view: w_fidelity(*view.initial_frame),
        place=60,
    )
)
