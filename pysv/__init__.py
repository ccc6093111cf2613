"""pysv: what a pulse of electrons does to quantum magnets.

Electron-mediated entanglement of two small ferromagnets in a spin valve (Suresh et al., PRA 109, 022414):

>>> import pysv
>>> experiment = pysv.Experiment(source=pysv.WavePacket(center=20), times=pysv.times(stop=30, step=1))
>>> data = pysv.solve(experiment, progress=False)  # doctest: +SKIP
>>> float(data.log_negativity[-1])  # doctest: +SKIP

Names are imported when they are first used, so that ``import pysv`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pysv.about import __version__

if TYPE_CHECKING:
    from pysv.config import Configuration, read
    from pysv.device import SpinValve
    from pysv.engines.chebyshev import Chebyshev
    from pysv.engines.fock import Fock
    from pysv.engines.krylov import Krylov
    from pysv.engines.lowrank import LowRank
    from pysv.engines.qutip import QuTiP
    from pysv.engines.rk4 import RK4
    from pysv.engines.tdmrg import TDMRG
    from pysv.engines.trajectories import Trajectories
    from pysv.experiment import BosonicBath, Experiment, Times, times
    from pysv.files import load, save
    from pysv.needs import Estimate, estimate
    from pysv.record import Every, Record
    from pysv.refinement import Convergence, convergence
    from pysv.run.merge import merge
    from pysv.run.solve import resume, solve
    from pysv.run.sweep import Point, Sweep, sweep
    from pysv.source import ConfinedElectrons, WavePacket
    from pysv.spins import Antiparallel, Gibbs, ProductState

_HOMES = {
    "Antiparallel": "spins",
    "BosonicBath": "experiment",
    "Chebyshev": "engines.chebyshev",
    "Configuration": "config",
    "ConfinedElectrons": "source",
    "Convergence": "refinement",
    "Estimate": "needs",
    "Experiment": "experiment",
    "Fock": "engines.fock",
    "Gibbs": "spins",
    "Krylov": "engines.krylov",
    "LowRank": "engines.lowrank",
    "Point": "run.sweep",
    "ProductState": "spins",
    "QuTiP": "engines.qutip",
    "RK4": "engines.rk4",
    "Every": "record",
    "Record": "record",
    "SpinValve": "device",
    "Sweep": "run.sweep",
    "TDMRG": "engines.tdmrg",
    "Times": "experiment",
    "Trajectories": "engines.trajectories",
    "WavePacket": "source",
    "convergence": "refinement",
    "estimate": "needs",
    "load": "files",
    "merge": "run.merge",
    "read": "config",
    "resume": "run.solve",
    "save": "files",
    "solve": "run.solve",
    "sweep": "run.sweep",
    "times": "experiment",
}

__all__ = [
    "RK4",
    "TDMRG",
    "Antiparallel",
    "BosonicBath",
    "Chebyshev",
    "Configuration",
    "ConfinedElectrons",
    "Convergence",
    "Estimate",
    "Every",
    "Experiment",
    "Fock",
    "Gibbs",
    "Krylov",
    "LowRank",
    "Point",
    "ProductState",
    "QuTiP",
    "Record",
    "SpinValve",
    "Sweep",
    "Times",
    "Trajectories",
    "WavePacket",
    "__version__",
    "convergence",
    "estimate",
    "load",
    "merge",
    "read",
    "resume",
    "save",
    "solve",
    "sweep",
    "times",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pysv' has no attribute {name!r}")
    value = getattr(import_module(f"pysv.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
