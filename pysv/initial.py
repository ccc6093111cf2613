"""The initial state: a weighted set of pure runs, each in the S^z sectors that it occupies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import Basis
from pysv.errors import NotReadyError
from pysv.hamiltonian import Hamiltonian
from pysv.layers import layer_spectrum
from pysv.source import ConfinedElectrons, WavePacket
from pysv.spins import DOWN, UP, Antiparallel, Gibbs, ProductState, bloch

if TYPE_CHECKING:
    from pysv.device import SpinValve
    from pysv.experiment import Experiment
    from pysv.layers import LayerSpectrum


@dataclass(frozen=True, eq=False)
class PureRun:
    """One pure state of the mixture and the Hamiltonian on its basis.

    Parameters
    ----------
    label : str
        What distinguishes it, e.g. ``"up"`` for an incoming up electron.
    weight : float
        Its probability in the mixture.
    hamiltonian : Hamiltonian
    amplitude : complex ndarray (rows,)
        Spin part of the state at t = 0: electron's spin and localized spins.
    packet : complex ndarray (sites,)
        Orbital part. The state at t = 0 is their product.
    """

    label: str
    weight: float
    hamiltonian: Hamiltonian
    amplitude: np.ndarray
    packet: np.ndarray

    @property
    def electron(self) -> str:
        """Label of the incoming electron's state."""
        return self.label.partition("_")[0]

    def fill(self, psi: np.ndarray) -> np.ndarray:
        """Write the state at t = 0 into an array (tiles, rows, width) and return it."""
        psi[...] = 0
        occupied = np.flatnonzero(self.amplitude)
        for tile, (sites, columns) in enumerate(self.hamiltonian.layout.slices()):
            psi[tile, occupied, columns] = np.outer(self.amplitude[occupied], self.packet[sites])
        return psi

    @property
    def psi(self) -> np.ndarray:
        """The state at t = 0, a new complex array (tiles, rows, width), normalised."""
        return self.fill(np.empty(self.hamiltonian.shape, dtype=complex))


def electron_states(source: WavePacket) -> tuple[tuple[str, float, np.ndarray], ...]:
    """Label, weight and spinor of each incoming electron spin; an unpolarized one is a mixture of up and down."""
    up, down = ("up", bloch(UP)), ("down", bloch(DOWN))
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
    return layer_spectrum(device, "polarizer", spins.pinning), layer_spectrum(device, "analyzer", -spins.pinning)


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


def occupied_sectors(experiment: Experiment) -> tuple[tuple[int, ...], ...]:
    """Numbers of down spins (electron included) that each pure run occupies, until a jump at least.

    A spin along z has one down count, a tilted one has two: the run with c tilted spins occupies c + 1 sectors. Baths
    that do not conserve S^z spread a run over all sectors of the same parity.
    """
    return tuple(sectors for _, _, sectors in _products(experiment))


def run_labels(experiment: Experiment) -> tuple[str, ...]:
    """Label of each pure run."""
    return tuple(_label(electron, spins) for electron, spins, _ in _products(experiment))


def conserves(experiment: Experiment) -> bool:
    """Whether each pure run lies in a single S^z sector, so that ρ is block diagonal in the number of down spins."""
    if isinstance(experiment.source, ConfinedElectrons):
        return True
    return all(len(sectors) == 1 for sectors in occupied_sectors(experiment))


def keeps_parity(experiment: Experiment) -> bool:
    """Whether each pure run keeps to down counts of one parity, so that ρ is at least block diagonal in the parity."""
    return all(len({sector % 2 for sector in sectors}) == 1 for sectors in occupied_sectors(experiment))


def keeps_spin_z(experiment: Experiment) -> bool:
    """Whether S^z_tot is conserved: no bath, or one that couples to σᶻ."""
    return experiment.bath is None or experiment.bath.coupling == "z"


def conserved(experiment: Experiment) -> tuple[str, ...]:
    """Invariants that the experiment conserves: with baths neither energy nor, but for σᶻ, the total spin."""
    always = ("norm", "electron_number")
    if experiment.bath is None:
        return (*always, "energy", "spin_z_total")
    return (*always, "spin_z_total") if keeps_spin_z(experiment) else always


def down_spins(experiment: Experiment) -> tuple[int, ...]:
    """Numbers of down localized spins that a run can reach, one for each block of ρ, where `conserves` holds.

    The electrons can take or give as many spin flips as there are electrons of either spin.
    """
    n = experiment.device.n_spins
    if isinstance(experiment.source, ConfinedElectrons):
        pairs, start = experiment.source.electrons // 2, experiment.device.n_analyzer
        reached = set(range(start - pairs, start + pairs + 1))
    else:
        reached = {sector - spin for (sector,) in occupied_sectors(experiment) for spin in (0, 1)}
    return tuple(sorted(d for d in reached if 0 <= d <= n))


def pure_runs(experiment: Experiment) -> tuple[PureRun, ...]:
    """The initial state (Eq. 10 or 12) as pure runs; runs in the same sectors share one Hamiltonian.

    Parameters
    ----------
    experiment : Experiment
        One electron.

    Returns
    -------
    tuple of PureRun
        A run for each state of the incoming electron (two of weight 1/2 for an unpolarized one) and of the localized
        spins.

    Raises
    ------
    NotReadyError
        For sources that this version does not serve.
    """
    device = experiment.device
    packet = _one_electron(experiment).amplitudes(device.sites)
    hamiltonians: dict[tuple[int, ...], Hamiltonian] = {}
    runs = []
    for state, spins, sectors in _products(experiment):
        if sectors not in hamiltonians:
            hamiltonians[sectors] = Hamiltonian.of_device(device, Basis.of_sectors(device.n_spins, sectors))
        hamiltonian = hamiltonians[sectors]
        amplitude = state[2][hamiltonian.basis.electron] * spins.amplitude(hamiltonian.basis.configuration)
        runs.append(PureRun(_label(state, spins), state[1] * spins.weight, hamiltonian, amplitude, packet))
    return tuple(runs)


ElectronState = tuple[str, float, np.ndarray]
"""Label, weight and spinor."""


def _products(experiment: Experiment) -> Iterator[tuple[ElectronState, SpinState, tuple[int, ...]]]:
    """Each state of the electron with each state of the localized spins, and the sectors that the pair occupies."""
    source = _one_electron(experiment)
    for electron in electron_states(source):
        own = np.flatnonzero(electron[2])
        for spins in localized_states(experiment.device, experiment.spins):
            sectors = tuple(range(int(own[0]) + spins.downs[0], int(own[-1]) + spins.downs[-1] + 1))
            yield electron, spins, sectors if keeps_spin_z(experiment) else _of_parity(sectors, experiment)


def _of_parity(sectors: tuple[int, ...], experiment: Experiment) -> tuple[int, ...]:
    """All sectors of the same parities: σˣ and σʸ add and remove a down spin in superposition."""
    parities = {sector % 2 for sector in sectors}
    return tuple(sector for sector in range(experiment.device.n_spins + 2) if sector % 2 in parities)


def _label(electron: ElectronState, spins: SpinState) -> str:
    return f"{electron[0]}_{spins.label}" if spins.label else electron[0]


def _one_electron(experiment: Experiment) -> WavePacket:
    if not isinstance(experiment.source, WavePacket):
        raise NotReadyError("source 'confined' (several electrons) is not ready in this version; use 'wave-packet'")
    return experiment.source
