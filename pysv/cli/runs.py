"""Verbs that run an experiment: run and resume."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pysv.cli import probes
from pysv.cli.inputs import check_made_with, read_asked
from pysv.cli.output import complain, note
from pysv.cli.parser import dask_option, engine_options, file_name, quiet_option, verb
from pysv.compute.ranks import INTERRUPTED
from pysv.errors import MemoryLimitError

if TYPE_CHECKING:
    from pysv.cli.parser import Verbs
    from pysv.config import Configuration


def add_run(verbs: Verbs) -> None:
    """``pysv run``"""
    run = verb(verbs, "run", _run, "run an experiment file")
    run.add_argument("file", type=file_name, metavar="FILE.toml")
    run.add_argument(
        "--out", type=file_name, metavar="RUN.nc", help="result file (default: FILE.nc in the current folder)"
    )
    run.add_argument("--force", action="store_true", help="replace the result file if it exists")
    run.add_argument(
        "--drop-batches",
        action="store_true",
        help="remove the batches of a complete run, so that it cannot be extended",
    )
    engine_options(run)
    dask_option(run)
    quiet_option(run)


def add_resume(verbs: Verbs) -> None:
    """``pysv resume``"""
    resume = verb(verbs, "resume", _resume, "continue or extend a run in its result file")
    resume.add_argument("file", type=file_name, metavar="RUN.nc")
    resume.add_argument("--stop", type=float, metavar="T", help="new last time, fs")
    resume.add_argument("--backend", metavar="B", help="backend, instead of the one in the file")
    resume.add_argument(
        "--experiment", type=file_name, metavar="FILE.toml", help="continue only if this experiment made the file"
    )
    resume.add_argument("--ntraj", type=int, metavar="N", help="larger number of trajectories of a run in batches")
    resume.add_argument(
        "--target-error", type=float, metavar="E", help="smaller error at which a run in batches ends; 0 for all"
    )
    dask_option(resume)
    quiet_option(resume)


def _run(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pysv.results.destination import check_apart
    from pysv.run.solve import solve

    asked = read_asked(options)
    out = options.out if options.out is not None else Path(options.file).with_suffix(".nc").name
    check_apart(Path(out), options.file)
    try:
        data = solve(
            asked.experiment,
            engine=asked.engine,
            backend=asked.backend,
            out=out,
            overwrite=options.force,
            progress=not options.quiet,
            dask=options.dask,
            keep_batches=not options.drop_batches,
        )
    except MemoryLimitError as error:
        raise MemoryLimitError(f"{options.file}: {error}") from error
    except KeyboardInterrupt:
        if Path(f"{out}.parts").is_dir():
            return complain(f"stopped; `pysv resume {out}` goes on with the batches that are missing", INTERRUPTED)
        raise
    return _report(data, str(out))


def _resume(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pysv.config import read
    from pysv.results.destination import followed
    from pysv.results.files import load
    from pysv.run.folder import Folder
    from pysv.run.longer import has_batches
    from pysv.run.solve import resume

    in_batches = has_batches(options.file)
    under_way = Folder(followed(Path(options.file))).asked() if in_batches else None
    attrs = load(options.file).attrs if under_way is None else {}
    if attrs.get("kind") is not None:
        return probes.resume(options)
    if options.backend is None:
        _check_backend(options, under_way, attrs)
    asked = read(options.experiment) if options.experiment else None
    try:
        data = resume(
            options.file,
            stop=options.stop,
            experiment=None if asked is None else asked.experiment,
            engine="auto" if asked is None else asked.engine,
            backend=options.backend,
            progress=not options.quiet,
            ntraj=options.ntraj,
            target_error=options.target_error,
            dask=options.dask,
        )
    except KeyboardInterrupt:
        if in_batches:
            return complain("stopped; the same command goes on with the batches that are missing", INTERRUPTED)
        raise
    return _report(data, options.file)


def _check_backend(options: argparse.Namespace, under_way: Configuration | None, attrs: Mapping[str, Any]) -> None:
    """Refuse to go on where the file's own backend would have to be installed first."""
    from pysv.config import loads

    if under_way is not None:
        check_made_with(under_way)
        return
    longer = any(getattr(options, name) is not None for name in ("stop", "ntraj", "target_error"))
    if longer or attrs["status"] != "complete":
        check_made_with(loads(str(attrs["experiment"]), f"{options.file}: experiment"))


def _report(data, out: str) -> int:  # type: ignore[no-untyped-def]
    from pathlib import Path

    source = data.encoding.get("source")
    if source and not (Path(out).exists() and Path(out).samefile(source)):
        out = source  # it had to be written elsewhere
    reached = f"{float(data.time[-1]):g} fs, {data.time.size} snapshots, {data.attrs['wall_time']:.2f} s"
    if data.attrs["status"] == "complete":
        note(f"{out}: complete, {reached}")
        return 0
    note(f"{out}: stopped at {reached}; continue with `pysv resume {out}`")
    return INTERRUPTED
