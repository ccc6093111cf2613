"""How a snapshot is measured, by the size of the system; what is left out, and what measuring costs.

- *dense*: ρ is formed in blocks; every measure.
- *factor*: ρ is never formed (see `pysv.measures.factor`); every measure, the negativity with an error bar. Needs pure
  runs in single S^z sectors.
- *diagonal*: only what the diagonal of ρ gives; for large systems with tilted spins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pysv.experiment.source import OneElectron
from pysv.experiment.train import Train
from pysv.measures.registry import Measure, measures
from pysv.measures.sizes import FORMED, LIMITS, Limits, Sizes
from pysv.model.initial import collinear_configuration

if TYPE_CHECKING:
    from pysv.experiment import Experiment


def way(experiment: Experiment, limits: Limits = LIMITS) -> str:
    """``"dense"``, ``"factor"`` or ``"diagonal"``: how the experiment's snapshots are measured."""
    return Sizes(experiment, limits).way


Lacks = Callable[[Measure], str | None]
"""Why the states of an engine do not give a measure (a sentence without its subject), or None where they do."""


def gives_all(measure: Measure) -> str | None:
    """The `Lacks` of most engines: their states give every measure."""
    del measure
    return None


NOT_ASKED = "not asked for"
"""Beginning of the reason of a measure that the experiment itself says is never taken."""


def left_out(
    experiment: Experiment, limits: Limits = LIMITS, *, averaged: bool = False, lacks: Lacks = gives_all
) -> dict[str, str]:
    """Measures that are not recorded for this experiment, each with the reason.

    Parameters
    ----------
    experiment : Experiment
    limits : Limits
    averaged : bool
        Whether it is run in parts, by random trajectories or in batches: their ρ is formed at any size, and averaged.
    lacks : callable
        What the engine's states do not give.
    """
    sizes, every = Sizes(experiment, FORMED if averaged else limits), experiment.record.every
    asked = [measure for measure in measures() if measure.asked(sizes)]
    reasons = {
        measure.name: lacks(measure) or (_of_average if averaged else _of_sizes)(measure, sizes) for measure in asked
    }
    never = {
        name: f"{NOT_ASKED}: every = {{ {measure.schedule} = 0 }}"
        for measure in asked
        if measure.schedule and getattr(every, measure.schedule) == 0
        for name in measure.names
    }
    return {name: reason for name, reason in reasons.items() if reason} | never


def _of_sizes(measure: Measure, sizes: Sizes) -> str | None:
    """Why a measure cannot be had in the way that the sizes allow."""
    source = sizes.experiment.source
    if measure.needs == "amplitudes" and (not isinstance(source, OneElectron) or isinstance(source, Train)):
        return "needs the amplitudes of one electron on the chain"
    if sizes.way != "dense" and measure.of_density:
        why = (
            f"needs the density matrix, whose largest block has {sizes.block} rows, "
            f"this version forms up to {sizes.limits.block}"
        )
        directions = sizes.experiment.spins.directions(sizes.experiment.device)
        if measure.needs == "density matrix":
            return why
        if measure.initial_frame and collinear_configuration(directions, sizes.localized) is None:
            return f"{why} with tilted spins"
        if measure.needs == "eigenstates" and sizes.way == "diagonal":
            return f"{why}, and its factor serves collinear spins only"
    return measure.refusal(sizes) if measure.refusal else None


def _of_average(measure: Measure, sizes: Sizes) -> str | None:
    """Why a measure cannot be had of an average over the parts of a run."""
    if measure.needs in ("state", "amplitudes") and not measure.linear:
        return "is not known to be linear in ρ, and over trajectories or batches only ρ of the spins is averaged"
    return measure.refusal(sizes) if measure.refusal else None


def probe_seeds(experiment: Experiment, limits: Limits = LIMITS, lacks: Lacks = gives_all) -> str:
    """Seeds of what is random in the measures, for the dataset; empty where nothing is."""
    omitted, chosen = left_out(experiment, limits, lacks=lacks), way(experiment, limits)
    sizes = Sizes(experiment, limits)
    return "; ".join(
        f"{measure.probes.seed} (probes of {measure.name}, the same at every snapshot)"
        for measure in measures()
        if measure.probes and measure.probes.way == chosen and measure.name not in omitted and measure.asked(sizes)
    )


def measuring(
    experiment: Experiment, rows: int, limits: Limits = LIMITS, lacks: Lacks = gives_all
) -> tuple[int, float]:
    """Bytes, and rough seconds for each snapshot, that measuring takes.

    Parameters
    ----------
    experiment : Experiment
    rows : int
        Of all pure runs of one electron together.
    limits : Limits
    lacks : callable
        What the engine's states do not give.
    """
    sizes, every = Sizes(experiment, limits, rows), experiment.record.every
    omitted = left_out(experiment, limits, lacks=lacks)
    recorded = [measure for measure in measures() if measure.asked(sizes) and measure.name not in omitted]
    of_density = [measure for measure in recorded if measure.of_density and not measure.by_state]
    memory, seconds = _formed(sizes) if of_density else (0.0, 0.0)
    schedules = [getattr(every, m.schedule) for m in of_density if m.schedule and m.needs == "eigenstates"]
    due = [number for number in schedules if number]
    if due:
        own = _diagonalised(sizes)
        memory, seconds = memory + own[0], seconds + own[1] / min(due)
    for measure in recorded:
        often = getattr(every, measure.schedule) if measure.schedule else 1
        if measure.cost and often:
            own = measure.cost(sizes)
            memory, seconds = memory + own[0], seconds + own[1] / often
    return int(memory), seconds


def _formed(sizes: Sizes) -> tuple[float, float]:
    """ρ in blocks, which is formed at every snapshot, or its diagonal."""
    if sizes.way == "dense":
        return 32 * sizes.elements, 2e-3 + 1.4e-10 * sizes.elements * sizes.experiment.device.sites
    if sizes.way == "diagonal":
        return 200_000_000 + 16 * sizes.spins * sizes.rows, 1e-8 * sizes.spins * sizes.rows
    return 16 * sizes.rows, 1e-9 * sizes.rows * sizes.experiment.device.sites


def _diagonalised(sizes: Sizes) -> tuple[float, float]:
    """The eigenstates of ρ, or the Gram matrix of its factor, where a measure that needs them is due."""
    if sizes.way == "dense":
        return 16 * sizes.elements, 1.25e-9 * sizes.block**3
    if sizes.way == "diagonal":
        return 0, 0
    # About 80 eigenstates of a block of ρ have weight.
    sites = sizes.experiment.device.sites
    return 70_000_000 + 16 * (80 + sizes.spins) * sizes.rows, 16 * sizes.rows * sites**2 / 4e10
