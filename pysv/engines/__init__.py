"""Engines: every `Method` that a module of this package defines, and every one given to `register`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from dataclasses import dataclass
from functools import cache

from pysv.compute import ranks
from pysv.engines.base import Method
from pysv.errors import EngineError, InvalidInputError, unknown_name
from pysv.experiment import Experiment
from pysv.experiment.source import ConfinedElectrons
from pysv.experiment.train import Train
from pysv.julia import setup
from pysv.model.conservation import conserves
from pysv.sectors import backend as backends
from pysv.units import duration

BACKENDS = ("auto", *backends.names())


@dataclass(frozen=True)
class Readiness:
    """Whether an engine is ready on one backend.

    Parameters
    ----------
    engine, backend : str
    serves : str
        What the engine runs.
    ready : bool
    remark : str
        Why it is not ready and what to do; empty if it is ready.
    """

    engine: str
    backend: str
    serves: str
    ready: bool
    remark: str = ""


@cache
def _built_in() -> dict[str, type[Method]]:
    """Engines that the modules of this package define."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        for _, thing in inspect.getmembers(importlib.import_module(f"{__name__}.{module.name}"), inspect.isclass):
            if issubclass(thing, Method) and not inspect.isabstract(thing):
                found[thing.name] = thing
    return found


_registered: dict[str, type[Method]] = {}
"""Engines from outside this package."""


def register(method: type[Method]) -> type[Method]:
    """Register an engine under its name; a decorator for its `Method`.

    Raises
    ------
    EngineError
        If an engine of pysv has that name.
    """
    if method.name in ("auto", *_built_in()):
        raise EngineError(f"engine {method.name!r} exists already; choose another name")
    _registered[method.name] = method
    return method


def methods() -> dict[str, type[Method]]:
    """Engines by name: those of pysv, then the registered ones."""
    return _built_in() | _registered


def engine_names() -> tuple[str, ...]:
    """Names that an experiment file may use."""
    return ("auto", *methods())


def readiness() -> tuple[Readiness, ...]:
    """Each engine on each of its backends: ready, or why not."""
    found = []
    for name, method in methods().items():
        for backend in method.backends:
            lacking = method.lacking(backend)
            found.append(Readiness(name, backend, method.serves, lacking is None, lacking or ""))
    return tuple(found)


def automatic(experiment: Experiment) -> str:
    """The engine; "auto" is `chebyshev` for one electron, `trajectories` with baths, `tdmrg` for several.

    Two electrons go to `fock` where `tdmrg` does not serve them, and beside tilted or entangled spins. A train
    has an engine of its own.
    """
    if isinstance(experiment.source, ConfinedElectrons):
        if experiment.source.electrons != 2:
            return "tdmrg"
        served = methods()["tdmrg"]().refused(experiment) is None
        return "tdmrg" if served and experiment.spins.is_product and conserves(experiment) else "fock"
    if isinstance(experiment.source, Train):
        return "train"
    return "chebyshev" if experiment.bath is None else "trajectories"


def choose(experiment: Experiment, engine: str | Method = "auto", backend: str = "auto") -> tuple[Method, str]:
    """The method and backend that run an experiment.

    Parameters
    ----------
    experiment : Experiment
    engine : str or Method
        ``"auto"``, a name (with default options), or an options object such as ``pysv.RK4(time_step=0.05)``.
    backend : {"auto", "python", "julia", "mpi", "cuda"}

    Returns
    -------
    Method
    str
        The backend.

    Raises
    ------
    EngineError
        If the engine or the backend does not exist, or the engine cannot run the experiment or use the backend.
    InvalidInputError
        If `experiment` is not an `Experiment`.
    """
    if not isinstance(experiment, Experiment):
        raise InvalidInputError(f"experiment = {experiment!r} must be a pysv.Experiment")
    if isinstance(engine, str):
        name = automatic(experiment) if engine == "auto" else engine
        if name not in methods():
            raise EngineError(unknown_name("engine", name, engine_names()))
        method = methods()[name]()
    elif isinstance(engine, Method):
        method = engine
    else:
        raise EngineError(f"engine = {engine!r} must be a name or an options object such as pysv.Chebyshev()")
    if backend not in BACKENDS:
        raise EngineError(unknown_name("backend", str(backend), BACKENDS))
    able, count = method.able(), ranks.led()
    if count > 1 and (backend not in ("auto", backends.dividing()) or backends.dividing() not in able):
        asked = f"engine {method.name!r}" + ("" if backend == "auto" else f" with backend {backend!r}")
        remedy = "start it without mpirun" + ("" if backends.dividing() not in able else ", or leave the backend out")
        raise EngineError(f"mpirun started {count} processes, and {asked} runs in one; {remedy}")
    if backend not in ("auto", *able):
        asked = f"engine {method.name!r}" + (" with these options" if backend in method.backends else "")
        raise EngineError(f"{asked} has no backend {backend!r}; use backend {' or '.join(map(repr, able))}")
    reason = method.refused(experiment)
    if reason is not None:
        raise EngineError(reason)
    if count > 1:
        return method, backends.dividing()
    if backend != "auto":
        return method, backend
    for other in able[1:]:
        if backends.backend(other).automatic and _startable(method, other) and _worth(method, other, experiment):
            return method, other
    return method, able[0]


def going_on(backend: str) -> str:
    """The backend that goes on with a run: the one that began it, or all processes that mpirun started."""
    return "auto" if ranks.led() > 1 else backend


def chosen_because(experiment: Experiment, method: Method, chosen: str, asked: str) -> str:
    """Why this backend runs an experiment: a phrase for the dataset, after `choose`."""
    if asked != "auto":
        return "asked for"
    if backends.backend(chosen).divides:
        return f"mpirun started {ranks.led()} processes"
    if chosen == method.able()[0]:
        return "the engine's first backend"
    return (
        f"Julia is ready, and the run is estimated at {duration(method.cost(experiment).seconds)}; "
        f"backend = {method.able()[0]!r} keeps it from Julia"
    )


def faster_elsewhere(experiment: Experiment, method: Method, chosen: str, asked: str) -> str | None:
    """What a heavy run would gain from a backend that is not set up, and the command; None where there is nothing."""
    if asked != "auto" or chosen == "julia" or "julia" not in method.able() or method.gain > _WORTH_A_SETUP:
        return None
    if method.lacking("julia") is None or not _worth(method, "julia", experiment):
        return None
    return (
        f"this run is estimated at {duration(method.cost(experiment).seconds)}; with backend 'julia' it takes about "
        f"{method.gain:g} times as long; `{setup.command(method.needs_itensors)}` installs that"
    )


_WORTH_A_SETUP = 0.8
"""A set-up of minutes is proposed where Julia takes at most this part of Python's time."""


def _worth(method: Method, backend: str, experiment: Experiment) -> bool:
    return method.pays(backend, method.cost(experiment)) and method.serves_on(backend, experiment)


def _startable(method: Method, backend: str) -> bool:
    """Whether a backend is ready for an engine and may start in this thread; Julia must start in the main thread."""
    return threading.current_thread() is threading.main_thread() and method.lacking(backend) is None
