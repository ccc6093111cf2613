"""The pure runs of an experiment with one electron."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.basis import Basis, Spins
from pysv.model.conservation import components
from pysv.model.initial import packet, run_label
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.layout import CUT, Cut

if TYPE_CHECKING:
    from pysv.experiment import Experiment


@dataclass(frozen=True, eq=False)
class PureRun:
    """One pure state of the mixture and the Hamiltonian on its basis.

    Parameters
    ----------
    label : str
        Name of the run, e.g. ``"up"`` for an incoming up electron.
    weight : float
        Its probability in the mixture.
    hamiltonian : Hamiltonian
    amplitude : complex ndarray (rows,)
        Spin part of the state at t = 0: spin of the electron and localized spins.
    packet : complex ndarray (sites,)
        Orbital part. The state at t = 0 is the product of the two parts.
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
        self.hamiltonian.layout.write_product(psi, self.amplitude, self.packet)
        return psi

    @property
    def psi(self) -> np.ndarray:
        """The state at t = 0, a new complex array (tiles, rows, width), normalised."""
        return self.fill(np.empty(self.hamiltonian.shape, dtype=complex))


def pure_runs(experiment: Experiment, cut: Cut = CUT) -> tuple[PureRun, ...]:
    """The initial state (Eq. 10 or 12) as pure runs; runs in the same sectors share one Hamiltonian.

    Parameters
    ----------
    experiment : Experiment
        With one electron.
    cut : Cut
        How states lie in memory.

    Returns
    -------
    tuple of PureRun
        One run for each pair of a state of the incoming electron (two of weight 1/2 if it is unpolarized) and a state
        of the localized spins.

    Raises
    ------
    InvalidInputError
        If the source has several electrons.
    """
    device = experiment.device
    orbital = packet(experiment)
    hamiltonians: dict[tuple[int, ...], Hamiltonian] = {}
    runs = []
    for state, spins, sectors in components(experiment):
        if sectors not in hamiltonians:
            basis = Basis.of_sectors(Spins(device.levels), sectors)
            known = next(iter(hamiltonians.values()), None)
            hamiltonians[sectors] = known.on(basis) if known else Hamiltonian.of_device(device, basis, cut)
        hamiltonian = hamiltonians[sectors]
        amplitude = state[2][hamiltonian.basis.electron] * spins.amplitude(hamiltonian.basis.configuration)
        runs.append(PureRun(run_label(state, spins), state[1] * spins.weight, hamiltonian, amplitude, orbital))
    return tuple(runs)


def moved(runs: tuple[PureRun, ...], lowered: int) -> tuple[PureRun, ...]:
    """The runs in the sectors to which an operator that lowers S^z by so much takes them, without their states.

    A run for which there is no such sector is left out.
    """
    return _on_sectors(runs, lambda own: {sector + lowered for sector in own})


def widened(runs: tuple[PureRun, ...], lowered: int, *, spread: bool) -> tuple[PureRun, ...]:
    """The runs on bases that also hold what an operator that lowers S^z by so much makes of them.

    Parameters
    ----------
    runs : tuple of PureRun
    lowered : int
    spread : bool
        Whether baths spread a run over all sectors of the same parity: those of both are then in the basis.
    """
    everything = range(runs[0].hamiltonian.basis.spins.lowest + 2)
    return _on_sectors(runs, lambda own: everything if spread else {*own, *(sector + lowered for sector in own)})


def _on_sectors(runs: tuple[PureRun, ...], wanted: Callable[[tuple[int, ...]], Iterable[int]]) -> tuple[PureRun, ...]:
    """The runs on other sectors: those of `wanted` that exist."""
    known = {run.hamiltonian.basis.sectors: run.hamiltonian for run in runs}
    found = []
    for run in runs:
        basis = run.hamiltonian.basis
        sectors = tuple(sorted(set(wanted(basis.sectors)) & set(range(basis.spins.lowest + 2))))
        if not sectors:
            continue
        if sectors not in known:
            known[sectors] = run.hamiltonian.on(Basis.of_sectors(basis.spins, sectors))
        after = known[sectors].basis
        place = after.rows_of(basis.electron, basis.configuration)
        amplitude = np.zeros(after.rows, dtype=complex)
        amplitude[place[place >= 0]] = run.amplitude[place >= 0]
        found.append(replace(run, hamiltonian=known[sectors], amplitude=amplitude))
    return tuple(found)
