"""The initial state: a weighted set of pure runs, each in the S^z sectors that it occupies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import Basis
from pysv.errors import NotReadyError
from pysv.hamiltonian import Hamiltonian
from pysv.source import ConfinedElectrons, WavePacket
from pysv.spins import DOWN, UP, Gibbs, bloch

if TYPE_CHECKING:
    from pysv.checks import Angles
    from pysv.experiment import Experiment


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


def occupied_sectors(experiment: Experiment) -> tuple[tuple[int, ...], ...]:
    """Numbers of down spins (electron included) with weight in the initial state, for each pure run.

    A spin along z has one down count, a tilted one has two: the run with c tilted spins occupies c + 1 sectors.
    """
    source, directions = _one_electron(experiment)
    found = []
    for _, _, electron in electron_states(source):
        spinors = [electron, *(bloch(direction) for direction in directions)]
        fixed = sum(1 for spinor in spinors if spinor[0] == 0)
        tilted = sum(1 for spinor in spinors if spinor.all())
        found.append(tuple(range(fixed, fixed + tilted + 1)))
    return tuple(found)


def conserves(experiment: Experiment) -> bool:
    """Whether each pure run lies in a single S^z sector, so that ρ is block diagonal in the number of down spins."""
    if isinstance(experiment.source, ConfinedElectrons):
        return True
    return all(len(sectors) == 1 for sectors in occupied_sectors(experiment))


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
    """The initial state (Eq. 10) as pure runs.

    Parameters
    ----------
    experiment : Experiment
        One electron, closed system, product state of the spins.

    Returns
    -------
    tuple of PureRun
        One run, or two of weight 1/2 for an unpolarized electron.

    Raises
    ------
    NotReadyError
        For states and sources that this version does not serve.
    """
    source, directions = _one_electron(experiment)
    device = experiment.device
    packet = source.amplitudes(device.sites)
    spinors = [bloch(direction) for direction in directions]
    runs = []
    for (label, weight, electron), sectors in zip(electron_states(source), occupied_sectors(experiment), strict=True):
        basis = Basis.of_sectors(device.n_spins, sectors)
        amplitude = electron[basis.electron]
        for i, spinor in enumerate(spinors):
            amplitude = amplitude * spinor[(basis.configuration >> (device.n_spins - 1 - i)) & 1]
        runs.append(PureRun(label, weight, Hamiltonian.of_device(device, basis), amplitude, packet))
    return tuple(runs)


def _one_electron(experiment: Experiment) -> tuple[WavePacket, tuple[Angles, ...]]:
    if not isinstance(experiment.source, WavePacket):
        raise NotReadyError("source 'confined' (several electrons) is not ready in this version; use 'wave-packet'")
    if isinstance(experiment.spins, Gibbs):
        raise NotReadyError("spins 'gibbs' are not ready in this version; use 'antiparallel' or 'product'")
    return experiment.source, experiment.spins.directions(experiment.device)
