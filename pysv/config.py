"""Experiment files: TOML in, objects out, and back."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import tomli_w

from pysv.engines import BACKENDS, automatic, engine_names, methods
from pysv.engines.base import Method
from pysv.errors import ExperimentFileError, InvalidInputError, quoted, unknown_name
from pysv.experiment import Experiment, default_times
from pysv.experiment.bath import BosonicBath
from pysv.experiment.device import SEVERAL_ELECTRONS, ChainDevice, Device, SpinValve
from pysv.experiment.probe import Probe
from pysv.experiment.record import Every, Record
from pysv.experiment.source import Amplitudes, ConfinedElectrons, Orbital, WavePacket
from pysv.experiment.spins import (
    GHZ,
    Antiparallel,
    Bell,
    Gibbs,
    Ground,
    Parallel,
    ProductState,
    SpinVector,
    WState,
)
from pysv.experiment.text import check_shape, read_text
from pysv.experiment.times import Times, check_alone
from pysv.experiment.train import Train

SOURCES: dict[str, Callable[..., Any]] = {
    "wave-packet": WavePacket,
    "orbital": Orbital,
    "amplitudes": Amplitudes,
    "train": Train,
    "confined": ConfinedElectrons,
}
SPINS: dict[str, Callable[..., Any]] = {
    "antiparallel": Antiparallel,
    "parallel": Parallel,
    "product": ProductState,
    "gibbs": Gibbs,
    "ground": Ground,
    "bell": Bell,
    "singlet": Bell,
    "triplet": Bell,
    "w": WState,
    "ghz": GHZ,
    "vector": SpinVector,
}
PHASES = {"singlet": math.pi, "triplet": 0.0}
"""Phase of the Bell states with names of their own."""
_HOMES = dict.fromkeys(("between", "layer", "observables"), "record")
_HOMES |= dict.fromkeys(("temperature", "dephasing_rate", "dephasing_sites"), "bath")
_HOMES |= dict.fromkeys(("polarizer", "analyzer", "pair", "spin_z"), "spins") | {"step": "evolution", "at": "evolution"}
"""Tables of keys that an experiment as a whole may refuse; the others are those of [source]."""
_LISTS = {"layer": "layers", "potential": "potential"}
"""Arrays of tables in [device], and the fields that they become."""
TABLES = ("device", "source", "spins", "bath", "evolution", "record", "probe")


@dataclass(frozen=True)
class Configuration:
    """Content of an experiment file.

    Parameters
    ----------
    experiment : Experiment
    engine : str or Method
        ``"auto"``, the name of an engine, or its options.
    backend : {"auto", "python", "julia", "mpi", "cuda"}
    probe : Probe
        What `pysv probe` measures; runs do without it.
    probes : bool
        Whether the file has a table [probe].
    """

    experiment: Experiment
    engine: str | Method = "auto"
    backend: str = "auto"
    probe: Probe = field(default_factory=Probe)
    probes: bool = False


def read(path: str | Path) -> Configuration:
    """Read an experiment file.

    Parameters
    ----------
    path : str or Path
        A TOML file; docs/keys.md lists its keys. Every key is optional.

    Returns
    -------
    Configuration

    Raises
    ------
    ExperimentFileError
        If the file cannot be read, is not TOML, or holds a key or value that is not allowed. The sentence names the
        file, the key and the allowed values.
    """
    return loads(read_text(path), str(path))


def read_tables(path: str | Path) -> dict[str, Any]:
    """The tables of an experiment file, unchecked."""
    return _tables(read_text(path), str(path))


def loads(text: str, name: str = "experiment") -> Configuration:
    """The configuration that a TOML text describes; error sentences begin with `name`."""
    return from_tables(_tables(text, name), name)


def _tables(text: str, name: str) -> dict[str, Any]:
    check_shape(text, name)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits, or very deep nesting
        raise ExperimentFileError(f"{name}: is not valid TOML: {error}") from error


def from_tables(tables: Mapping[str, Any], name: str = "experiment") -> Configuration:
    """The configuration that nested mappings describe, in the form that a TOML parser returns."""
    for key, table in tables.items():
        if key not in TABLES:
            raise ExperimentFileError(f"{name}: {unknown_name('table', key, TABLES)}", key)
        if not isinstance(table, Mapping):
            raise ExperimentFileError(f"{name}: {key} = {quoted(table)} must be a table [{key}]", key)
    evolution = dict(tables.get("evolution", {}))
    engine, backend, options = _engine(evolution, name)
    source = _make_kind(SOURCES, tables.get("source", {}), f"{name}: [source]")
    device = _device(tables.get("device", {}), isinstance(source, ConfinedElectrons), f"{name}: [device]")
    parts: dict[str, Any] = {
        "device": device,
        "source": source,
        "spins": _spins(dict(tables.get("spins", {})), device, f"{name}: [spins]"),
        "bath": _make(BosonicBath, tables["bath"], f"{name}: [bath]") if "bath" in tables else None,
        "times": _make(Times, _times(source, evolution, f"{name}: [evolution]"), f"{name}: [evolution]"),
        "record": _make(Record, tables.get("record", {}), f"{name}: [record]"),
    }
    try:
        experiment = Experiment(**parts)
    except InvalidInputError as error:
        table = _HOMES.get(error.key or "", "source")
        if error.key == "values" and isinstance(parts["spins"], SpinVector):
            table = "spins"
        raise ExperimentFileError(f"{name}: [{table}] {error}", error.key) from error
    probe = _make(Probe, tables.get("probe", {}), f"{name}: [probe]")
    return Configuration(
        experiment, _with_options(experiment, engine, options, name), backend, probe, "probe" in tables
    )


def dumps(experiment: Experiment, engine: str | Method = "auto", backend: str = "auto") -> str:
    """The experiment file with every key, which repeats the same run.

    Parameters
    ----------
    experiment : Experiment
    engine : str or Method
    backend : str

    Returns
    -------
    str
        TOML.
    """
    tables: dict[str, dict[str, Any]] = {
        "device": _device_table(experiment.device),
        "source": _with_kind(SOURCES, experiment.source),
        "spins": _with_kind(SPINS, experiment.spins),
    }
    tables["spins"] |= tables["spins"].pop("layers", {})
    if experiment.bath is not None:
        tables["bath"] = _entries(experiment.bath)
    usual = isinstance(experiment.source, Train) and experiment.times == default_times(experiment.source)
    times = {"at": experiment.times.at} if experiment.times.at else _entries(experiment.times)
    tables["evolution"] = {} if usual else times  # so that other pulses bring other times
    tables["evolution"] |= {"engine": engine if isinstance(engine, str) else engine.name, "backend": backend}
    if isinstance(engine, Method):
        tables["evolution"][engine.name] = _options(engine)
    tables["record"] = _entries(experiment.record)
    return tomli_w.dumps(tables)


def fingerprint(experiment: Experiment, engine: Method) -> str:
    """Digest of all that determines the results of a run, except its last time: a longer run has the same digest."""
    open_ended = dataclasses.replace(experiment, times=experiment.times.kind)
    return hashlib.sha256(dumps(open_ended, engine).encode()).hexdigest()[:16]


def _times(source: Any, evolution: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Entries of the times; those of the source, where a file names neither a time nor a list."""
    if evolution.get("at"):
        try:
            check_alone(evolution)
        except InvalidInputError as error:
            raise ExperimentFileError(f"{where} {error}", error.key) from error
        return dict(evolution)
    return _entries(default_times(source)) | dict(evolution)


def _device(table: Any, several: bool, where: str) -> ChainDevice:
    """The device of a table: a `SpinValve`, or a `Device` where it has layers, potentials or a list of hoppings."""
    if not isinstance(table, Mapping):
        raise ExperimentFileError(f"{where} must be a table")
    entries = dict(table)
    general = [key for key in ("layer", "potential") if key in entries]
    if not general and not isinstance(entries.get("hopping"), list):
        return _make(SpinValve, (SEVERAL_ELECTRONS if several else {}) | entries, where)  # type: ignore[no-any-return]
    if "layer" in entries:
        valve = [entry.name for entry in fields(SpinValve) if entry.name not in [own.name for own in fields(Device)]]
        for key in valve:
            if key in entries:
                raise ExperimentFileError(f"{where} {key} would be ignored beside [[device.layer]]; leave it out", key)
    else:  # the short form of two layers, beside potentials or a list of hoppings
        shared = {key: entries.pop(key) for key in list(entries) if key in _SHORT}
        short = _make(SpinValve, (SEVERAL_ELECTRONS if several else {}) | shared, where)
        entries["layer"] = [_entries(layer) for layer in short.layers]
        entries.setdefault("sites", short.sites)
    if "layers" in entries:
        raise ExperimentFileError(f"{where} unknown key 'layers'; layers are tables [[device.layer]]", "layers")
    for key, attribute in _LISTS.items():
        if key in entries and not isinstance(entries[key], list):
            raise ExperimentFileError(f"{where} {key} must be an array of tables [[device.{key}]]", key)
        if key in entries:
            entries[attribute] = entries.pop(key)
    known = [own.name for own in fields(Device) if own.name != "layers"]
    for key in entries:
        if key not in (*known, "layers"):
            raise ExperimentFileError(f"{where} {unknown_name('key', key, [*known, 'layer'])}", key)
    return _make(Device, entries, where)  # type: ignore[no-any-return]


_SHORT = ("sites", "polarizer", "analyzer", "sd_exchange", "exchange", "exchange_z")
"""Keys of the short form that become those of its layers, and the number of sites."""


def _device_table(device: ChainDevice) -> dict[str, Any]:
    """The [device] table of a device."""
    if not isinstance(device, Device):
        return _entries(device)
    found = _entries(device)
    found["layer"] = [_entries(layer) for layer in device.layers]
    found["potential"] = [_entries(potential) for potential in device.potential]
    del found["layers"]
    return found


def _spins(entries: dict[str, Any], device: ChainDevice, where: str) -> Any:
    """The spins of a table: layers by their names, Bell states by theirs."""
    kind = str(entries.get("kind"))
    if kind in PHASES and "phase" in entries:
        raise ExperimentFileError(f"{where} phase belongs to kind = 'bell', not to kind = {quoted(kind)}", "phase")
    if kind in PHASES:
        entries |= {"kind": "bell", "phase": PHASES[kind]}
    if kind == "product":
        own = [layer.name for layer in device.layers if layer.name not in ("polarizer", "analyzer")]
        named = {key: entries.pop(key) for key in own if key in entries}
        if named:
            entries["layers"] = named
    return _make_kind(SPINS, entries, where)


def _entries(part: Any) -> dict[str, Any]:
    """Fields of a dataclass as entries of a table, without those that are None, or new and at their defaults."""
    found = {}
    for entry in fields(part):
        value = getattr(part, entry.name)
        if value is None or (entry.metadata.get("added") and value == entry.default):
            continue
        found[entry.name] = dataclasses.asdict(value) if isinstance(value, Every) else value
    if "observables" in found:
        found["observables"] = dict(found["observables"])
    if "layers" in found and not isinstance(part, Device):
        found["layers"] = dict(found["layers"])
    return found


def _engine(evolution: dict[str, Any], name: str) -> tuple[str, str, dict[str, Any]]:
    """Remove engine, backend and tables of engines from the evolution table, and return them."""
    chosen = evolution.pop("engine", "auto")
    backend = evolution.pop("backend", "auto")
    where = f"{name}: [evolution]"
    if not isinstance(chosen, str) or chosen not in engine_names():
        raise ExperimentFileError(f"{where} {unknown_name('engine', str(chosen), engine_names())}", "engine")
    if not isinstance(backend, str) or backend not in BACKENDS:
        raise ExperimentFileError(f"{where} {unknown_name('backend', str(backend), BACKENDS)}", "backend")
    tables = {key: evolution.pop(key) for key in list(evolution) if isinstance(evolution[key], Mapping)}
    for key in tables:
        if key not in engine_names() or key == "auto":
            raise ExperimentFileError(f"{name}: {unknown_name('table', f'evolution.{key}', _engine_tables())}", key)
    return chosen, backend, tables


def _with_options(experiment: Experiment, chosen: str, tables: Mapping[str, Any], name: str) -> str | Method:
    """The engine with the options of its table; where none is named, the table must be of the one that "auto" takes."""
    engine: str | Method = chosen
    taken = automatic(experiment) if chosen == "auto" and tables else chosen
    for key, options in tables.items():
        if key != taken:
            why = f"engine = {chosen!r}" + (f" takes {taken!r} here" if taken != chosen else "")
            raise ExperimentFileError(
                f"{name}: [evolution.{key}] would be ignored, because {why}; "
                f"set engine = {key!r} or leave the table out",
                key,
            )
        if key in methods():
            engine = _make(methods()[key], options, f"{name}: [evolution.{key}]")
    return engine


def _engine_tables() -> list[str]:
    return [f"evolution.{engine}" for engine in engine_names() if engine != "auto"]


def _make(kind: type, table: Any, where: str) -> Any:
    if not isinstance(table, Mapping):
        raise ExperimentFileError(f"{where} must be a table")
    known = [entry.name for entry in fields(kind)]
    if kind is Times:
        known += ["engine", "backend"]
    for key in table:
        if key not in known:
            raise ExperimentFileError(f"{where} {unknown_name('key', key, known)}", key)
    try:
        return kind(**table)
    except InvalidInputError as error:
        raise ExperimentFileError(f"{where} {error}", error.key) from error


def _make_kind(kinds: Mapping[str, Any], table: Mapping[str, Any], where: str) -> Any:
    entries = dict(table)
    kind = entries.pop("kind", next(iter(kinds)))
    if not isinstance(kind, str) or kind not in kinds:
        raise ExperimentFileError(f"{where} {unknown_name('kind', str(kind), kinds)}", "kind")
    own = [entry.name for entry in fields(kinds[kind])]
    for key in entries:
        others = [other for other, made in kinds.items() if key in (entry.name for entry in fields(made))]
        if key not in own and others:
            raise ExperimentFileError(f"{where} {key} belongs to kind = {others[0]!r}, not to kind = {kind!r}", key)
        if key not in own:
            raise ExperimentFileError(f"{where} {unknown_name('key', key, ['kind', *own])}", key)
    return _make(kinds[kind], entries, where)


def _with_kind(kinds: Mapping[str, Any], part: Any) -> dict[str, Any]:
    kind = next(name for name, made in kinds.items() if type(part) is made)
    return {"kind": kind} | _entries(part)


def _options(engine: Method) -> dict[str, Any]:
    """Every option of an engine that is not None, but new ones at their defaults."""
    given = {entry: getattr(engine, entry.name) for entry in fields(engine)}  # type: ignore[arg-type]
    return {
        entry.name: value
        for entry, value in given.items()
        if value is not None and not (entry.metadata.get("added") and value == entry.default)
    }
