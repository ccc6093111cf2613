"""The verb sweep."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pysv.cli.inputs import GIVE_BACKEND, asks_by_file
from pysv.cli.output import FAILED, complain, note
from pysv.cli.parser import dask_option, engine_options, file_name, quiet_option, verb
from pysv.compute.ranks import INTERRUPTED
from pysv.errors import InvalidInputError, SweepFailureError

if TYPE_CHECKING:
    from pysv.cli.parser import Verbs


def add_sweep(verbs: Verbs) -> None:
    """``pysv sweep``"""
    sweep = verb(verbs, "sweep", _sweep, "run an experiment file for several values of its keys")
    sweep.add_argument("file", type=file_name, metavar="FILE.toml")
    sweep.add_argument(
        "--set",
        metavar="KEY=V1,V2",
        action="append",
        required=True,
        help="values of a key, e.g. bath.temperature=10,30, or START:STOP:STEP; several --set make all combinations",
    )
    sweep.add_argument(
        "--out", type=file_name, metavar="DIR", help="folder of the results (default: FILE-sweep in the current one)"
    )
    sweep.add_argument("--force", action="store_true", help="replace files of other runs in the folder")
    engine_options(sweep)
    dask_option(sweep)
    quiet_option(sweep)


def _sweep(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pysv.config import read_tables
    from pysv.results.destination import check_apart
    from pysv.results.points import COMBINED
    from pysv.run.sweep import sweep_tables
    from pysv.run.sweep_values import setting

    grid: dict[str, list[object]] = {}
    for text in options.set:
        key, values = setting(text)
        if key in grid:
            raise InvalidInputError(f"--set {key} is given twice; write --set {key}=V1,V2,…")
        grid[key] = values
    tables = read_tables(options.file)
    by_file = _asks_by_file(options, tables, grid)
    chosen = {name: getattr(options, name) for name in ("engine", "backend") if getattr(options, name) is not None}
    if chosen and isinstance(tables.setdefault("evolution", {}), dict):
        tables["evolution"] |= chosen
    folder = options.out if options.out is not None else f"{Path(options.file).stem}-sweep"
    for path in Path(folder).glob("*.nc"):
        check_apart(path, options.file)
    how = {"dask": options.dask, "overwrite": options.force, "progress": not options.quiet}
    how |= {"by_file": by_file, "remedy": GIVE_BACKEND}
    try:
        done = sweep_tables(tables, grid, options.file, out=folder, **how)
    except KeyboardInterrupt:
        return complain("stopped; run the same command again to compute the missing points", INTERRUPTED)
    except SweepFailureError as error:
        for sentence in error.sentences:
            complain(sentence, FAILED)
        count = len(error.points)
        note(f"{folder}: {count} of {count + len(error.sentences)} points complete, {len(error.sentences)} failed")
        return FAILED
    note(f"{folder}: complete, {len(done.points)} points")
    if done.combined is None:
        note(f"no {COMBINED}: the points differ in their times")
    return 0


def _asks_by_file(options: argparse.Namespace, tables: Mapping[str, Any], grid: Mapping[str, object]) -> bool:
    """As `asks_by_file`; --set names a backend or an engine, too."""
    if "evolution.backend" in grid:
        return False
    evolution = tables.get("evolution")
    backend = evolution.get("backend", "auto") if isinstance(evolution, Mapping) else "auto"
    return asks_by_file(options, backend) and ("evolution.engine" not in grid or backend != "auto")
