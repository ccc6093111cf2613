"""The verb probe, and how a probe is resumed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pysv.cli.inputs import check_made_with, read_asked
from pysv.cli.output import note
from pysv.cli.parser import engine_options, file_name, numbers, quiet_option, verb
from pysv.compute.ranks import INTERRUPTED
from pysv.errors import InvalidInputError, MemoryLimitError

if TYPE_CHECKING:
    from pysv.cli.parser import Verbs


def add_probe(verbs: Verbs) -> None:
    """``pysv probe``"""
    probing = verb(verbs, "probe", _probe, "compute correlators at two times and the spectra of a probe pulse")
    probing.add_argument("file", type=file_name, metavar="FILE.toml")
    probing.add_argument(
        "--out", type=file_name, metavar="PROBE.nc", help="result file (default: FILE-probe.nc in the current folder)"
    )
    probing.add_argument("--momenta", type=numbers, metavar="K1,K2", help="rad per site, instead of those in the file")
    probing.add_argument("--sigma", type=float, metavar="S", help="width of the pulse in fs, instead of the file's")
    probing.add_argument("--force", action="store_true", help="replace the result file if it exists")
    engine_options(probing)
    quiet_option(probing)


def _probe(options: argparse.Namespace) -> int:
    from dataclasses import replace
    from pathlib import Path

    from pysv.probes.probe import probe
    from pysv.results.destination import check_apart

    asked = read_asked(options)
    given = {"momenta": options.momenta, "sigma": options.sigma}
    try:
        pulse = replace(asked.probe, **{name: value for name, value in given.items() if value is not None})
        pulse.check_times(asked.experiment.times)
    except InvalidInputError as error:
        raise InvalidInputError(f"{options.file}: [probe] {error}", error.key) from error
    out = options.out if options.out is not None else f"{Path(options.file).stem}-probe.nc"
    check_apart(Path(out), options.file)
    try:
        data = probe(
            asked.experiment,
            pulse,
            engine=asked.engine,
            backend=asked.backend,
            out=out,
            overwrite=options.force,
            progress=not options.quiet,
        )
    except MemoryLimitError as error:
        raise MemoryLimitError(f"{options.file}: {error}") from error
    return _report(data, str(out))


def resume(options: argparse.Namespace) -> int:
    """Go on with a probe; ``pysv resume`` comes here with a probe's file."""
    from pysv.config import loads
    from pysv.probes.probe import resume_probe
    from pysv.results.files import load

    for name in ("stop", "backend", "experiment", "ntraj", "target_error", "dask"):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise InvalidInputError(
                f"{options.file}: {option} would be ignored, because the file holds a probe; leave it out"
            )
    attrs = load(options.file).attrs
    if attrs["status"] != "complete":
        check_made_with(loads(str(attrs["experiment"]), f"{options.file}: experiment"), "")
    return _report(resume_probe(options.file, progress=not options.quiet), options.file)


def _report(data, out: str) -> int:  # type: ignore[no-untyped-def]
    from pysv.results.summary import fitting_times

    if data.attrs["status"] == "complete":
        fits = fitting_times(data).size
        note(f"{out}: complete, {fits} times at which the pulse fits into the run, {data.attrs['wall_time']:.2f} s")
        return 0
    note(f"{out}: stopped after {data.attrs['done']} of {data.time.size} times; continue with `pysv resume {out}`")
    return INTERRUPTED
