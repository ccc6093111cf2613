"""The parser of the command line, and words that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from pysv.cli.output import BAD_INPUT, complain
from pysv.errors import quoted

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[Any]


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    complete: Callable[[], None] | None = None
    """Fills in the parts of the help that take long to find."""

    def format_help(self) -> str:
        if self.complete is not None:
            self.complete()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        raise SystemExit(complain(f"{message} (see `{self.prog} --help`)", BAD_INPUT))


def file_name(text: str) -> str:
    """The name of a file or folder on the command line."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is no name of a file or folder; give one")
    return text


def numbers(text: str) -> list[float]:
    """Numbers separated by commas."""
    try:
        return [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{quoted(text)} must be numbers separated by commas") from None


def verb(verbs: Verbs, name: str, function: Callable[[argparse.Namespace], int | None], summary: str) -> Parser:
    """Add a verb; `function` takes its options and returns the exit code, None for 0."""
    sub: Parser = verbs.add_parser(name, help=summary, description=summary)
    sub.set_defaults(verb=function, name=name)
    return sub


def engine_options(parser: argparse.ArgumentParser) -> None:
    """``--engine`` and ``--backend``, for verbs that take an experiment file."""
    parser.add_argument("--engine", metavar="E", help="engine, instead of the one in the file")
    parser.add_argument("--backend", metavar="B", help="backend, instead of the one in the file")


def at_option(parser: argparse.ArgumentParser, more: str = "") -> None:
    """``--at``, for verbs that take a point of a sweep; `more` says what else it chooses."""
    usual = "of a sweep, the point or points of this value"
    parser.add_argument("--at", metavar="KEY=VALUE", action="append", default=[], help=usual + more)


def dask_option(parser: argparse.ArgumentParser) -> None:
    """``--dask``, for verbs that spread runs over processes."""
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="address of a Dask scheduler, or local, or local:N for N worker processes"
    )


def quiet_option(parser: argparse.ArgumentParser) -> None:
    """``--quiet``, for verbs that show a progress bar."""
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
