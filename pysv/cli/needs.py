"""Verbs that look at an experiment before it is trusted: estimate and convergence."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pysv.cli.inputs import read_asked
from pysv.cli.output import BAD_INPUT, complain, show
from pysv.cli.parser import engine_options, file_name, quiet_option, verb
from pysv.compute.ranks import INTERRUPTED
from pysv.errors import InvalidInputError
from pysv.run import interrupt

if TYPE_CHECKING:
    from pysv.cli.parser import Verbs
    from pysv.config import Configuration


def add_estimate(verbs: Verbs) -> None:
    """``pysv estimate``"""
    needs = verb(verbs, "estimate", _estimate, "estimate the memory, time and disk space of a run")
    needs.add_argument("file", type=file_name, metavar="FILE.toml")
    engine_options(needs)
    needs.add_argument("--ranks", metavar="R", type=int, help="processes that mpirun will start")


def add_convergence(verbs: Verbs) -> None:
    """``pysv convergence``"""
    finer = verb(
        verbs, "convergence", _convergence, "repeat a run with finer steps and tolerances and print the changes"
    )
    finer.add_argument("file", type=file_name, metavar="FILE.toml")
    engine_options(finer)
    quiet_option(finer)


def _estimate(options: argparse.Namespace) -> int:
    from pysv.run.estimate import estimate

    asked = read_asked(options, runs=False)
    needed = estimate(asked.experiment, asked.engine, asked.backend, options.ranks)
    show(str(needed))
    if asked.probes and not _estimate_probe(asked):
        return complain(f"{options.file}: the probe does not fit in memory", BAD_INPUT)
    if needed.fits:
        return 0
    return complain(f"{options.file}: the run does not fit in memory", BAD_INPUT)


def _estimate_probe(asked: Configuration) -> bool:
    """Print what the probe of a file will need, or why there will be none; returns whether it fits."""
    from pysv.errors import EngineError
    from pysv.probes.probe import estimate_probe

    try:
        needed = estimate_probe(asked.experiment, asked.probe, asked.engine, asked.backend)
    except (EngineError, InvalidInputError) as error:
        show(f"no probe     {error}")
        return True
    show(str(needed))
    return needed.fits


def _convergence(options: argparse.Namespace) -> int:
    from pysv.run.convergence import convergence

    asked = read_asked(options)
    show(str(convergence(asked.experiment, asked.engine, asked.backend, progress=not options.quiet)))
    return INTERRUPTED if interrupt.asked() else 0
