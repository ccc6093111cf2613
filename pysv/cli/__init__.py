"""The command line: ``pysv VERB …``. A user's mistake gives one line on stderr and exit code 2, never a traceback."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence

from pysv.cli import files, installation, needs, pictures, probes, runs, sweeps
from pysv.cli.output import BAD_INPUT, FAILED, OutputError, complain, show_warning
from pysv.cli.parser import Parser
from pysv.compute.environment import check_environment
from pysv.compute.ranks import INTERRUPTED
from pysv.errors import (
    BondLimitError,
    EngineFailureError,
    InvalidInputError,
    InvariantError,
    PysvError,
    PysvWarning,
    RanksError,
    SpectralBoundsError,
    UnsavedResultError,
    arithmetic,
    reason,
)
from pysv.results.versions import __version__
from pysv.run import interrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``pysv``; those of the process by default.

    Returns
    -------
    int
        0; 2 for what the user can mend; 1 for a run that failed; 130 where Ctrl-C, SIGTERM or SIGHUP ended the command
        (the first signal saves what was recorded). docs/files.md has the whole list.
    """
    from pysv.compute import ranks

    own_process = arguments is None
    if own_process:
        _prepare_process()
    try:
        with interrupt.caught(last=own_process):
            try:
                return ranks.lead(lambda: _answer(None)) if own_process else _answer(arguments)
            except KeyboardInterrupt as error:
                return complain(reason(error), INTERRUPTED)
            except (RanksError, InvalidInputError) as error:
                return complain(reason(error), BAD_INPUT)
    except KeyboardInterrupt:  # once more, while the first one was reported
        return INTERRUPTED


def _prepare_process() -> None:
    """What the surroundings of a command may lack or bring along."""
    for number in range(3):  # a file must not take the number of a closed standard stream
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files; the user's backend may not exist here


def _answer(arguments: Sequence[str] | None) -> int:
    """Run one verb; every failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    warnings.simplefilter("always", PysvWarning)
    warnings.showwarning = show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without σ shows a question mark
    try:
        check_environment()
        return int(options.verb(options) or 0)
    except (BondLimitError, EngineFailureError, InvariantError, SpectralBoundsError, UnsavedResultError) as error:
        return complain(str(error), FAILED)
    except PysvError as error:
        return complain(str(error), BAD_INPUT)
    except OutputError as error:
        return FAILED if isinstance(error.__cause__, BrokenPipeError) else complain(str(error), FAILED)
    except MemoryError as error:
        return complain(f"{reason(error)}; end other programs, or take fewer spins, sites or snapshots", BAD_INPUT)
    except ArithmeticError as error:
        return complain(f"{_subject(options)}{arithmetic(error)}", FAILED)
    except OSError as error:
        return complain(f"{error.filename or 'a file'}: {error.strerror or reason(error)}", FAILED)
    except ValueError as error:
        if type(error).__name__ != "LinAlgError":  # NumPy is not imported for it
            raise
        return complain(f"{_subject(options)}{arithmetic(error)}", FAILED)


def _subject(options: argparse.Namespace) -> str:
    """The file that a verb works on, at the beginning of a sentence."""
    file = getattr(options, "file", None)
    return f"{file}: " if file else ""


def _parser() -> Parser:
    """All verbs, in the order of ``pysv --help``."""
    whole = Parser(prog="pysv", description="Simulate how a pulse of electrons entangles quantum magnets.")
    whole.add_argument("--version", action="version", version=f"pysv {__version__}")
    verbs = whole.add_subparsers(metavar="VERB", required=True)
    for add in (
        runs.add_run,
        probes.add_probe,
        runs.add_resume,
        files.add_info,
        needs.add_estimate,
        needs.add_convergence,
        pictures.add_plot,
        pictures.add_figure,
        pictures.add_view,
        pictures.add_movie,
        files.add_export,
        installation.add_keys,
        installation.add_engines,
        installation.add_julia,
        sweeps.add_sweep,
        installation.add_doctor,
        files.add_cite,
    ):
        add(verbs)
    return whole
