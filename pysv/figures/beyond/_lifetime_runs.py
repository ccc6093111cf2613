"""The runs of the figure of lifetimes: valves of several sizes with baths of several temperatures, without echoes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pysv.engines.low_rank import LowRank
from pysv.experiment import Experiment
from pysv.experiment.bath import BosonicBath
from pysv.experiment.device import SpinValve
from pysv.experiment.record import Every, Record
from pysv.experiment.source import WavePacket
from pysv.experiment.spins import Antiparallel, Gibbs
from pysv.experiment.times import Times
from pysv.figures.planned import PlannedRun, Version

STOP = 150.0
"""End of the runs, fs."""
PINNING = 0.02
"""Field (eV) that prepares the thermal states antiparallel."""
_TOLERANCE = {1: 1e-5, 2: 1e-5, 3: 3e-5, 4: 1e-4}
"""Of `low-rank`, per fs, for each size of a layer."""
_QUICK_TOLERANCE = 1e-4


class Case(NamedTuple):
    """One run.

    Parameters
    ----------
    size : int
        Spins of each layer.
    coupling : str
        Of the spins to their baths.
    temperature : float
        Of the baths, K.
    gibbs : bool
        Whether the spins start in a thermal state of this temperature, instead of that of T = 0.
    """

    size: int
    coupling: str
    temperature: float
    gibbs: bool = False

    @property
    def label(self) -> str:
        """Label of the run."""
        start = " gibbs" if self.gibbs else ""
        return f"{self.size}+{self.size} {self.coupling} {self.temperature:g} K{start}"


def cases(version: Version) -> Iterator[Case]:
    """The runs of a version of the figure.

    A pinned thermal state of up to 30 K is that of T = 0, but for a weight below 1e-6: such starts are left out.
    """
    sizes, temperatures = ((1, 2), (10.0, 100.0)) if version.quick else ((2, 3, 4), (10.0, 30.0, 100.0, 300.0))
    for size in sizes:
        for coupling in "xz":
            for temperature in temperatures:
                yield Case(size, coupling, temperature)
                if temperature > 30:
                    yield Case(size, coupling, temperature, gibbs=True)


def planned(case: Case, version: Version) -> PlannedRun:
    """How a run is made."""
    experiment = Experiment(
        device=SpinValve.with_layers(case.size),
        source=WavePacket(center=20),
        spins=Gibbs(temperature=case.temperature, pinning=PINNING) if case.gibbs else Antiparallel(),
        bath=BosonicBath(temperature=case.temperature, coupling=case.coupling),
        times=Times(stop=STOP, step=2.5),
        record=Record(every=Every(qfi=0, w_fidelity=0)),
    ).echo_free()
    return PlannedRun(experiment, LowRank(tolerance=_QUICK_TOLERANCE if version.quick else _TOLERANCE[case.size]))
