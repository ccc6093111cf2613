"""What each engine serves besides the paper's spin valve, found by asking its `refusal` about small experiments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pysv.engines import methods
from pysv.engines.base import Method
from pysv.errors import InvalidInputError
from pysv.experiment import Experiment, default_times
from pysv.experiment.bath import BosonicBath
from pysv.experiment.device import Device, SpinValve
from pysv.experiment.layer import Layer, Potential
from pysv.experiment.record import Record
from pysv.experiment.source import ConfinedElectrons, Orbital, WavePacket
from pysv.experiment.spins import Bell, Gibbs, ProductState
from pysv.experiment.train import Train
from pysv.measures.registry import measures

_PACKET = WavePacket(center=5, momentum_spread=1.5, spin="up")
_VALVE = SpinValve(sites=12, polarizer=(7, 7), analyzer=(10, 10))


def _device(*layers: Layer, **changes: object) -> Experiment:
    own = layers or (Layer(sites=(7, 7)), Layer(sites=(10, 10)))
    return Experiment(device=Device(sites=12, layers=own, **changes), source=_PACKET)  # type: ignore[arg-type]


def _as_train(experiment: Experiment) -> Experiment:
    """The same experiment with a train of its packets."""
    packet = experiment.source
    assert isinstance(packet, WavePacket)
    train = Train(center=packet.center, momentum_spread=packet.momentum_spread, spin=packet.spin)
    return replace(experiment, source=train, times=default_times(train))


def guests() -> dict[str, Experiment]:
    """An experiment for each kind of guest, by a name for it."""
    plain = Experiment(device=_VALVE, source=_PACKET)
    confined = ConfinedElectrons(confined_sites=4, well=20.0)
    tilted = ProductState(polarizer=(0.5, 0.0))
    long = _device(Layer(sites=(7, 7), spin=1.0), Layer(sites=(10, 10), spin=2.5))
    return {
        "spin valve": plain,
        "one layer, or three": _device(Layer(sites=(4, 4)), Layer(sites=(7, 7)), Layer(sites=(10, 10))),
        "spins 1 to 5/2": long,
        "couplings one by one": _device(Layer(sites=(7, 8), sd_exchange=(0.5, 0.4)), Layer(sites=(10, 10))),
        "anisotropy, field": _device(Layer(sites=(7, 8), spin=1.0, anisotropy=0.1, field=0.1), Layer(sites=(10, 10))),
        "potentials": _device(potential=(Potential(sites=(2, 3), energy=0.5),)),
        "list of hoppings": _device(hopping=(1.0, 0.5)),
        "orbital, amplitudes": replace(plain, source=Orbital(confined_sites=4, spin="up")),
        "unpolarized electron": replace(plain, source=replace(_PACKET, spin="unpolarized")),
        "tilted spins": replace(plain, spins=tilted),
        "thermal spins": replace(plain, spins=Gibbs()),
        "entangled spins": replace(plain, spins=Bell()),
        "currents, torque": replace(plain, record=Record(currents=True, torque=True)),
        "baths": replace(plain, bath=BosonicBath()),
        "shared baths, a temperature for each layer": replace(
            plain, bath=BosonicBath(shared="layer", temperature=(100.0, 300.0))
        ),
        "dephasing of the electron": replace(plain, bath=BosonicBath(strength=0.0, dephasing_rate=0.01)),
        "two electrons": Experiment(device=_VALVE, source=confined),
        "more electrons": Experiment(device=_VALVE, source=replace(confined, electrons=4)),
        "two polarised electrons": Experiment(device=_VALVE, source=replace(confined, spin="up")),
        "trains of electrons": _as_train(plain),
        "odd electrons": Experiment(device=_VALVE, source=replace(confined, electrons=3, spin=(2, 1))),
        "two electrons, tilted spins": Experiment(device=_VALVE, source=confined, spins=tilted),
        "more electrons, tilted spins": Experiment(device=_VALVE, source=replace(confined, electrons=4), spins=tilted),
        "two electrons, entangled spins": Experiment(device=_VALVE, source=confined, spins=Bell()),
        "more electrons, entangled spins": Experiment(
            device=_VALVE, source=replace(confined, electrons=4), spins=Bell()
        ),
        "two electrons, spins 1 to 5/2": replace(long, source=confined),
        "two electrons, currents, torque": Experiment(
            device=_VALVE, source=confined, record=Record(currents=True, torque=True)
        ),
    }


def table() -> Iterator[tuple[str, dict[str, bool]]]:
    """For each kind of guest, whether each engine serves it; engines of open systems or trains are asked with these."""
    known = {name: method() for name, method in methods().items()}
    for guest, experiment in guests().items():
        yield guest, {name: _serves(method, experiment) for name, method in known.items()}


def _serves(method: Method, experiment: Experiment) -> bool:
    if not method.closed and experiment.bath is None:
        try:
            experiment = replace(experiment, bath=BosonicBath())
        except InvalidInputError:  # no engine serves it with a bath
            return False
    if method.trains and type(experiment.source) is WavePacket:
        experiment = _as_train(experiment)
    wanted = [one for one in measures() if one.option and getattr(experiment.record, one.option)]
    return method.refused(experiment) is None and all(method.lacks(measure) is None for measure in wanted)


def as_text() -> str:
    """The table for a terminal: a column for each engine, a cross where it serves."""
    rows = list(table())
    width = max(len(guest) for guest, _ in rows)
    names = list(rows[0][1])
    lines = [" " * width + "  " + "  ".join(names)]
    for guest, served in rows:
        marks = ("x".center(len(name)) if served[name] else " " * len(name) for name in names)
        lines.append(f"{guest:<{width}}  {'  '.join(marks)}".rstrip())
    return "\n".join(lines)


def as_markdown() -> str:
    """The table for the documentation."""
    rows = list(table())
    names = list(rows[0][1])
    lines = [f"| | {' | '.join(f'`{name}`' for name in names)} |", "|---|" + ":-:|" * len(names)]
    lines += [f"| {guest} | {' | '.join('x' if served[name] else '' for name in names)} |" for guest, served in rows]
    return "\n".join(lines)
