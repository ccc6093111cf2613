"""Spin flips with respect to the initial state: magnon probabilities and the one-magnon W state (Eqs. 25–27)."""

from __future__ import annotations

import numpy as np

from pysv.measures.factor import SpinFactor
from pysv.measures.registry import Measure, register
from pysv.measures.view import View
from pysv.model.basis import Spins
from pysv.model.density import SpinDensity


def flip_probabilities(
    configuration: np.ndarray, probability: np.ndarray, initial: int, spins: Spins | int
) -> np.ndarray:
    """Probability of m = 0 … Σ 2S flipped spins with respect to the initial configuration (Eq. 25).

    A spin S counts as often as it is lowered or raised.

    Parameters
    ----------
    configuration, probability : ndarray (n,)
        Diagonal of ρ.
    initial : int
        Initial configuration.
    spins : Spins or int
        A number stands for so many spins 1/2.

    Returns
    -------
    float64 ndarray (Σ 2S + 1,)
    """
    localized = Spins.of(spins)
    start = np.array([initial])
    digits = ((localized.digit(configuration, n), localized.digit(start, n)) for n in range(localized.count))
    flips = sum((np.abs(now - before) for now, before in digits), np.zeros(configuration.size, np.int64))
    return np.bincount(flips, weights=probability, minlength=localized.lowest + 1)


def one_flip(initial: int, spins: Spins) -> np.ndarray:
    """Configurations with one unit of spin flipped, for each spin in turn, int64 (N,); initial spins lie along ±z."""
    start = np.array([initial])
    signs = [1 if spins.digit(start, n)[0] == 0 else -1 for n in range(spins.count)]
    return np.array([initial + sign * spins.place(n) for n, sign in enumerate(signs)])


def w_fidelity(rho: SpinDensity | SpinFactor, initial: int) -> float:
    """⟨W|ρ|W⟩ with |W⟩ = N^{−1/2} Σ_i |spin i flipped⟩, real equal weights.

    Parameters
    ----------
    rho : SpinDensity or SpinFactor
    initial : int
        Initial configuration.
    """
    flipped = one_flip(initial, rho.spins)
    total = 0.0
    if isinstance(rho, SpinFactor):
        for factor in rho.blocks:
            here = np.sort(flipped[rho.spins.down(flipped) == factor.n_down])
            places = np.searchsorted(rho.spins.configurations(factor.n_down), here)
            for part, _, rows in factor.sources:
                overlap = part.psi[:, rows.start + places].sum(axis=1)
                total += part.weight * float((np.abs(overlap) ** 2).sum())
        return total / rho.n_spins
    for block in rho.blocks:
        places = np.searchsorted(block.configuration, flipped)
        places = places[block.configuration[np.minimum(places, block.configuration.size - 1)] == flipped]
        total += float(block.matrix[np.ix_(places, places)].sum().real)
    return total / rho.n_spins


def _magnons(view: View) -> np.ndarray:
    spins, initial = view.setting.spins, view.setting.initial
    if initial is not None:
        return flip_probabilities(*view.probabilities, initial, spins)
    turned, initial = view.initial_frame
    assert isinstance(turned, SpinDensity)
    return flip_probabilities(*turned.probabilities, initial, spins)


register(
    Measure(
        name="magnon_probability",
        long_name="probability of m flipped spins",
        dims=("flips",),
        needs="diagonal",
        initial_frame=True,
        linear=True,
        function=_magnons,
        place=20,
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
        place=20,
    )
)
