"""What a verb works on: an experiment file, with --engine and --backend, or a dataset, with --at."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import xarray as xr

    from pysv.config import Configuration
    from pysv.engines.base import Method

GIVE_BACKEND = "give --backend julia to install it"
"""What a verb with the option --backend proposes where a file alone asks for a Julia that is not set up."""


def read_asked(options: argparse.Namespace, *, runs: bool = True) -> Configuration:
    """The experiment file, with the engine and the backend that will run it.

    Parameters
    ----------
    options : argparse.Namespace
    runs : bool
        Whether the verb runs it, so that what the file asks for must be installed.
    """
    from dataclasses import replace

    from pysv.config import read
    from pysv.engines import BACKENDS, choose, engine_names
    from pysv.errors import EngineError

    asked = read(options.file)
    by_file = asks_by_file(options, asked.backend)
    if options.engine is not None:
        if options.engine not in engine_names():
            raise EngineError(unknown_name("engine", options.engine, engine_names()))
        if not isinstance(asked.engine, str) and asked.engine.name != options.engine:
            raise EngineError(
                f"{options.file}: [evolution.{asked.engine.name}] would be ignored with --engine {options.engine}; "
                "leave the table out"
            )
        if isinstance(asked.engine, str):
            asked = replace(asked, engine=options.engine)
    if options.backend is not None:
        if options.backend not in BACKENDS:
            raise EngineError(unknown_name("backend", options.backend, BACKENDS))
        asked = replace(asked, backend=options.backend)
    try:
        method, backend = choose(asked.experiment, asked.engine, asked.backend)
    except EngineError as error:
        raise EngineError(f"{options.file}: {error}") from error
    if by_file and runs:
        _check_installs_nothing(method, backend)
    return asked


def asks_by_file(options: argparse.Namespace, backend: str) -> bool:
    """Whether a file alone asks for its backend: the command line names neither one, nor an engine that brings it."""
    return options.backend is None and (options.engine is None or backend != "auto")


def check_made_with(made: Configuration, remedy: str = GIVE_BACKEND) -> None:
    """Refuse to go on with a result file whose own backend would have to be installed first."""
    from pysv.engines import choose, going_on

    _check_installs_nothing(*choose(made.experiment, made.engine, going_on(made.backend)), remedy)


def _check_installs_nothing(method: Method, backend: str, remedy: str = GIVE_BACKEND) -> None:
    """Refuse a backend that nobody named on the command line and that would have to be installed first."""
    from pysv.julia import setup
    from pysv.sectors import backend as backends

    if backends.backend(backend).installs:
        setup.check_asked_by_file(remedy, tdmrg=method.needs_itensors)


def loaded(options: argparse.Namespace) -> xr.Dataset:
    """The dataset of a file or of the folder of a sweep, at the values that --at gives."""
    return loaded_at(options.file, chosen(options))


def loaded_at(file: str, at: dict[str, object]) -> xr.Dataset:
    """The dataset of a file or of the folder of a sweep, at values of its keys."""
    from pysv.results.points import load

    return load(file, at=at or None)


def chosen(options: argparse.Namespace) -> dict[str, object]:
    """What --at gives, each name once."""
    from pysv.run.sweep_values import one_setting

    at: dict[str, object] = {}
    for text in options.at:
        key, value = one_setting(text)
        if key in at:
            raise InvalidInputError(f"--at {key} is given twice; leave one out")
        at[key] = value
    return at


def stem(options: argparse.Namespace) -> Path:
    """The path of a file without its ending, or of a folder."""
    from pathlib import Path

    path = Path(options.file)
    return path.parent / path.name if os.path.isdir(path) else path.with_suffix("")


def at_in_words(options: argparse.Namespace) -> list[str]:
    """The values that --at gives, as a part of the name of a picture."""
    from pysv.run.sweep_values import one_setting

    return [in_a_name(dict(map(one_setting, options.at)))] if options.at else []


def in_a_name(settings: Mapping[str, object]) -> str:
    """Settings as a part of the name of a picture."""
    from pysv.results.points import file_of

    return file_of(settings).removesuffix(".nc")
