"""The initial state: a weighted set of pure runs, each in the S^z sectors that it occupies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import InvalidInputError
from pysv.experiment.source import WavePacket
from pysv.experiment.spins import Z_DOWN, Z_UP, Antiparallel, Gibbs, ProductState, bloch
from pysv.model.basis import spin_bit
from pysv.model.layer import LAYERS, layer_spectrum
from pysv.model.terms import polarising_terms

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.checks import Angles
    from pysv.experiment.device import SpinValve
    from pysv.model.layer import LayerSpectrum


def electron_states(source: WavePacket) -> tuple[tuple[str, float, np.ndarray], ...]:
    """Label, weight and spinor of each incoming electron spin; an unpolarized one is a mixture of up and down."""
    up, down = ("up", bloch(Z_UP)), ("down", bloch(Z_DOWN))
    if source.spin == "unpolarized":
        return (up[0], 0.5, up[1]), (down[0], 0.5, down[1])
    if isinstance(source.spin, str):
        label, spinor = up if source.spin == "up" else down
        return ((label, 1.0, spinor),)
    return (("tilted", 1.0, bloch(source.spin)),)


@dataclass(frozen=True, eq=False)
class SpinState:
    """One pure state of the localized spins at t = 0.

    Parameters
    ----------
    label : str
        What distinguishes it in its mixture; empty for a product state.
    weight : float
        Its probability in the mixture.
    downs : tuple of int
        Numbers of down spins with weight, ascending.
    amplitude : callable
        Amplitudes, complex ndarray (n,), of given configurations, int64 ndarray (n,).
    """

    label: str
    weight: float
    downs: tuple[int, ...]
    amplitude: Callable[[np.ndarray], np.ndarray]


@lru_cache(maxsize=8)
def localized_states(device: SpinValve, spins: Antiparallel | ProductState | Gibbs) -> tuple[SpinState, ...]:
    """The localized spins at t = 0 (Eq. 10, or Eq. 12 for a Gibbs state) as a mixture of pure states.

    The Gibbs state of two layers that are not coupled is the mixture of all pairs of their eigenstates. The weakest
    pairs, of total weight at most ``spins.tolerance``, are left out; the other weights are scaled to add up to 1.
    """
    if isinstance(spins, Gibbs):
        return _gibbs_states(device, spins)
    spinors = [bloch(direction) for direction in spins.directions(device)]
    fixed = sum(1 for spinor in spinors if spinor[0] == 0)
    tilted = sum(1 for spinor in spinors if spinor.all())
    n = len(spinors)

    def amplitude(configuration: np.ndarray) -> np.ndarray:
        found = np.ones(configuration.shape, dtype=complex)
        for i, spinor in enumerate(spinors):
            found = found * spinor[(configuration >> (n - 1 - i)) & 1]
        return found

    return (SpinState("", 1.0, tuple(range(fixed, fixed + tilted + 1)), amplitude),)


def dropped_weight(experiment: Experiment) -> float:
    """Weight of the eigenstates of a Gibbs state that are left out; 0 for product states."""
    if not isinstance(experiment.spins, Gibbs):
        return 0.0
    weights = _pair_weights(experiment.device, experiment.spins)
    return float(weights[_dropped(weights, experiment.spins.tolerance)].sum())


def _spectra(device: SpinValve, spins: Gibbs) -> tuple[LayerSpectrum, LayerSpectrum]:
    polarizer, analyzer = (layer_spectrum(device, layer, polarising_terms(device, spins.pinning)) for layer in LAYERS)
    return polarizer, analyzer


def _pair_weights(device: SpinValve, spins: Gibbs) -> np.ndarray:
    """Gibbs weight of each pair of eigenstates, FM_p's first, float64 (2^N,)."""
    polarizer, analyzer = (spectrum.populations(spins.temperature) for spectrum in _spectra(device, spins))
    return np.outer(polarizer, analyzer).ravel()


def _dropped(weights: np.ndarray, tolerance: float) -> np.ndarray:
    """Indices of the smallest weights that add up to at most the tolerance; equal weights are kept together."""
    order = np.argsort(weights, kind="stable")
    count = int(np.searchsorted(np.cumsum(weights[order]), tolerance, side="right"))
    smallest = weights[order[min(count, weights.size - 1)]]
    return np.flatnonzero(weights < smallest * (1 - 1e-9))


def _gibbs_states(device: SpinValve, spins: Gibbs) -> tuple[SpinState, ...]:
    polarizer, analyzer = _spectra(device, spins)
    weights = _pair_weights(device, spins)
    weights[_dropped(weights, spins.tolerance)] = 0
    weights /= weights.sum()
    size, shift = len(analyzer.energies), device.n_analyzer

    def state(number: int) -> SpinState:
        p, a = divmod(number, size)

        def amplitude(configuration: np.ndarray) -> np.ndarray:
            parts = polarizer.vectors[configuration >> shift, p], analyzer.vectors[configuration & (size - 1), a]
            return np.asarray(parts[0] * parts[1], dtype=complex)

        downs = int(polarizer.downs[p] + analyzer.downs[a])
        return SpinState(f"{p}_{a}", float(weights[number]), (downs,), amplitude)

    return tuple(state(int(number)) for number in np.argsort(-weights, kind="stable") if weights[number] > 0)


ElectronState = tuple[str, float, np.ndarray]
"""Label, weight and spinor."""


def products(experiment: Experiment) -> Iterator[tuple[ElectronState, SpinState, tuple[int, ...]]]:
    """Each state of the electron with each state of the localized spins, and the sectors that the pair occupies."""
    source = one_electron(experiment)
    for electron in electron_states(source):
        own = np.flatnonzero(electron[2])
        for spins in localized_states(experiment.device, experiment.spins):
            yield electron, spins, tuple(range(int(own[0]) + spins.downs[0], int(own[-1]) + spins.downs[-1] + 1))


def run_label(electron: ElectronState, spins: SpinState) -> str:
    """Label of the pure run that a pair of states starts."""
    return f"{electron[0]}_{spins.label}" if spins.label else electron[0]


def one_electron(experiment: Experiment) -> WavePacket:
    """The source of an experiment with one electron.

    Raises
    ------
    InvalidInputError
        If the source has several electrons.
    """
    if not isinstance(experiment.source, WavePacket):
        raise InvalidInputError("source must have one electron, not several; use kind = 'wave-packet'", "source")
    return experiment.source


def collinear_configuration(directions: tuple[Angles, ...]) -> int | None:
    """Configuration of a product state whose spins all lie along ±z, None for a tilted one."""
    spinors = [bloch(direction) for direction in directions]
    if any(spinor.all() for spinor in spinors):
        return None
    return sum(spin_bit(len(spinors), i) for i, spinor in enumerate(spinors) if spinor[0] == 0)
