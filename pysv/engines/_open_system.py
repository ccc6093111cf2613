"""What the engines of open systems share: bases, propagators, channels and time steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines._dephasing import Dephasing
from pysv.engines.cost import radius
from pysv.model.basis import Basis, Spins
from pysv.model.baths.jumps import bath_spins, layer_baths
from pysv.model.channel import MAX_CHANNEL_STATES, Form, LayerChannel
from pysv.model.conservation import keeps_spin_z
from pysv.sectors.backend import backend
from pysv.sectors.chebyshev import Propagator, coefficients, substeps
from pysv.sectors.pure_run import pure_runs, widened
from pysv.sectors.row_operator import RowOperator
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.experiment import Experiment

UNITARY_TOLERANCE = 1e-9
"""Truncation error of the unitary steps per fs, far below the splitting error."""


def layer_refusal(method: Method, experiment: Experiment) -> str | None:
    """Why a layer, or all spins that share a bath, are too large for their channel; None if they are not."""
    device, bath = experiment.device, experiment.bath
    assert bath is not None
    spins = Spins(device.levels)
    groups = [spins.part(own.start - 1, own.stop - 1) for own in bath_spins(device, bath)]
    largest = max(groups, key=lambda own: own.size, default=Spins(()))
    if largest.size <= MAX_CHANNEL_STATES:
        return None
    most = f"{MAX_CHANNEL_STATES.bit_length() - 1} spins 1/2, or {MAX_CHANNEL_STATES} states"
    if bath.shared == "all":
        return (
            f"a bath that all {largest.count} spins share is too large for engine {method.name!r}, which forms its "
            f"channel (4^n × 4^n numbers for n spins 1/2); take at most {most}, or shared = 'layer', or engine 'qutip'"
        )
    return (
        f"a layer of {largest.count} spins is too large for engine {method.name!r}, which forms its channel (4^n × "
        f"4^n numbers for n spins 1/2); take at most {most}, in a layer"
    )


def split_applications(experiment: Experiment, time_step: float) -> int:
    """Applications of H for steps U(τ/2) · channel · U(τ/2); adjacent half steps are merged between snapshots."""
    times, width = experiment.times, radius(experiment)
    count, short = time_steps(times.step, time_step)
    total = 0
    for length, often in ((short, count - 1), (short / 2, 2)):
        parts, part = substeps(length, width)
        total += often * parts * (coefficients(width * part / HBAR, UNITARY_TOLERANCE * part)[0].size - 1)
    return 40 + (times.count - 1) * total


def time_steps(interval: float, time_step: float) -> tuple[int, float]:
    """Number and length (fs) of equal steps that fill an interval, each at most `time_step` long."""
    count = max(1, int(np.ceil(interval / time_step - 1e-9)))
    return count, interval / count


@dataclass(frozen=True)
class Bathing:
    """One action of the baths within a step.

    Parameters
    ----------
    length : float
        Time for which the baths act, fs.
    form : str
        See `pysv.model.channel`.
    """

    length: float
    form: Form = "averaged"


class OpenSystem:
    """Hamiltonians, propagators and channels of an open run, in the bases that its pure states can reach.

    Parameters
    ----------
    experiment : Experiment
    lowered : int
        If not 0, the bases hold also what an operator that lowers S^z by so much makes of these states.
    """

    def __init__(self, experiment: Experiment, lowered: int = 0) -> None:
        device = experiment.device
        assert experiment.bath is not None
        self.runs = pure_runs(experiment)
        if lowered:
            self.runs = widened(self.runs, lowered, spread=not keeps_spin_z(experiment))
        self.layers = bath_spins(device, experiment.bath)
        """Spins of each channel: those of each layer, or all where they share a bath."""
        rates = experiment.bath.dephasing(device.sites)
        self.dephasing = Dephasing(rates) if rates else None
        self._baths = layer_baths(device, experiment.bath)
        self._channels: dict[Bathing, tuple[LayerChannel, ...]] = {}
        self._operators: dict[tuple[Bathing, int, int, int], RowOperator] = {}
        self.hamiltonians = list({run.hamiltonian: None for run in self.runs})
        self.flipped = list(range(len(self.hamiltonians)))
        """For each Hamiltonian, the index of the one that a jump of odd parity leads to."""
        if not keeps_spin_z(experiment):
            self._add_flipped(experiment)
        self.spaces = [backend("python").space(hamiltonian, np.complex128) for hamiltonian in self.hamiltonians]
        self.propagators = [Propagator(hamiltonian, UNITARY_TOLERANCE) for hamiltonian in self.hamiltonians]

    def _add_flipped(self, experiment: Experiment) -> None:
        spins = self.hamiltonians[0].basis.spins
        known = {hamiltonian.basis.sectors: number for number, hamiltonian in enumerate(self.hamiltonians)}
        for sectors in list(known):
            parities = {(sector + 1) % 2 for sector in sectors}
            other = tuple(sector for sector in range(spins.lowest + 2) if sector % 2 in parities)
            if other not in known:
                known[other] = len(self.hamiltonians)
                self.hamiltonians.append(self.hamiltonians[0].on(Basis.of_sectors(spins, other)))
                self.flipped.append(known[sectors])
            self.flipped[known[sectors]] = known[other]

    @property
    def n_channels(self) -> int:
        """Number of channels of a step: those of `layers`, and then the dephasing."""
        return len(self.layers) + (self.dephasing is not None)

    def channels(self, bathing: Bathing) -> tuple[LayerChannel, ...]:
        """Channels of all layers, or of the bath that they share."""
        if bathing not in self._channels:
            made = tuple(LayerChannel.of_bath(bath, bathing.length, bathing.form) for bath in self._baths)
            self._channels[bathing] = made
        return self._channels[bathing]

    def certain(self, bathing: Bathing, channel: int) -> float:
        """Smallest probability that a channel makes no jump, over all states."""
        if channel == len(self.layers):
            assert self.dephasing is not None
            return self.dephasing.certain(bathing.length)
        return self.channels(bathing)[channel].certain

    def operator(self, bathing: Bathing, layer: int, which: int, basis: int) -> tuple[RowOperator, int]:
        """Kraus operator `which` of a layer on the states of a basis, and the index of the basis it leads to."""
        channel = self.channels(bathing)[layer]
        after = self.flipped[basis] if channel.flips[which] else basis
        key = bathing, layer, which, basis
        if key not in self._operators:
            bases = [self.hamiltonians[number].basis for number in (basis, after)]
            self._operators[key] = RowOperator.of_spins(channel.kraus[which], self.layers[layer], *bases)
        return self._operators[key], after
