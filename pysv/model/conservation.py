"""What an experiment conserves: sectors of its pure runs, blocks of ρ, invariants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pysv.experiment.source import ConfinedElectrons
from pysv.experiment.train import Train
from pysv.model.basis import Spins
from pysv.model.initial import ElectronState, SpinState, localized_states, products, run_label

if TYPE_CHECKING:
    from pysv.experiment import Experiment


def components(experiment: Experiment) -> Iterator[tuple[ElectronState, SpinState, tuple[int, ...]]]:
    """States of the electron and of the localized spins of each pure run, and the sectors that it occupies.

    Baths that do not conserve S^z spread a run over all sectors of the same parity: Sˣ and Sʸ raise and lower a spin in
    superposition.
    """
    reached = range(Spins(experiment.device.levels).lowest + 2)
    for electron, spins, sectors in products(experiment):
        if keeps_spin_z(experiment):
            yield electron, spins, sectors
        else:
            parities = {sector % 2 for sector in sectors}
            yield electron, spins, tuple(sector for sector in reached if sector % 2 in parities)


def occupied_sectors(experiment: Experiment) -> tuple[tuple[int, ...], ...]:
    """Down counts (electron included) that each pure run occupies, until a jump at least.

    A spin along z has one down count, a tilted spin S has 2S + 1: the run with c tilted spins 1/2 occupies c + 1
    sectors. Baths that do not conserve S^z spread a run over all sectors of the same parity. Several electrons are one
    pure run with a definite number of ↓ electrons.
    """
    if isinstance(experiment.source, ConfinedElectrons):
        (spins,) = localized_states(experiment.device, experiment.spins)
        return (tuple(down + experiment.source.numbers[1] for down in spins.downs),)
    return tuple(sectors for _, _, sectors in components(experiment))


def run_labels(experiment: Experiment) -> tuple[str, ...]:
    """Label of each pure run."""
    return tuple(run_label(electron, spins) for electron, spins, _ in components(experiment))


def conserves(experiment: Experiment) -> bool:
    """Whether each pure run lies in a single S^z sector, so that ρ is block diagonal in the down count."""
    return all(len(sectors) == 1 for sectors in occupied_sectors(experiment))


def keeps_parity(experiment: Experiment) -> bool:
    """Whether each pure run keeps to down counts of one parity, so that ρ is at least block diagonal in the parity."""
    return all(len({sector % 2 for sector in sectors}) == 1 for sectors in occupied_sectors(experiment))


def keeps_spin_z(experiment: Experiment) -> bool:
    """Whether S^z_tot is conserved: no bath, or one that couples to σᶻ or to no spin."""
    return experiment.bath is None or experiment.bath.keeps_spin_z


def conserved(experiment: Experiment) -> tuple[str, ...]:
    """Invariants that the experiment conserves: with baths neither energy nor, but for σᶻ, the total spin.

    In a train each electron exchanges energy and S^z with the spins.
    """
    if isinstance(experiment.source, Train):
        return ("norm",)
    always = ("norm", "electron_number")
    if experiment.bath is None:
        return (*always, "energy", "spin_z_total")
    return (*always, "spin_z_total") if keeps_spin_z(experiment) else always


def down_spins(experiment: Experiment) -> tuple[int, ...]:
    """Down counts of the localized spins that a run can reach, one for each block of ρ, where `conserves` holds.

    Any number of the electrons, from none to all, can be ↓.
    """
    if isinstance(experiment.source, Train):
        reached = set(range(Spins(experiment.device.levels).lowest + 1))
    else:
        flips = range(experiment.source.count + 1)
        reached = {sector - down for (sector,) in occupied_sectors(experiment) for down in flips}
    return tuple(sorted(d for d in reached if 0 <= d <= Spins(experiment.device.levels).lowest))
