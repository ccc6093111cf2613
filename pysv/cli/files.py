"""Verbs that say what is in a result file, or write it as something else: info, export and cite."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from pysv.cli.inputs import at_in_words, loaded, stem
from pysv.cli.output import note, show
from pysv.cli.parser import at_option, file_name, verb
from pysv.errors import InvalidInputError

if TYPE_CHECKING:
    from pysv.cli.parser import Verbs


def add_info(verbs: Verbs) -> None:
    """``pysv info``"""
    info = verb(verbs, "info", _info, "describe a result file, or the folder of a sweep")
    info.add_argument("file", type=file_name, metavar="RUN.nc", help="result file, or folder of a sweep")


def add_export(verbs: Verbs) -> None:
    """``pysv export``"""
    export = verb(verbs, "export", _export, "write a result file as tables for other programs")
    export.add_argument("file", type=file_name, metavar="RUN.nc", help="result file, or folder of a sweep")
    export.add_argument("--csv", action="store_true", help="CSV files, one for each group of variables")
    export.add_argument("--out", type=file_name, metavar="DIR", help="folder of the tables (default: RUN-csv)")
    export.add_argument("--force", action="store_true", help="replace files in the folder")
    at_option(export)


def add_cite(verbs: Verbs) -> None:
    """``pysv cite``"""
    cite = verb(verbs, "cite", _cite, "list the references for a result file, or for pysv and the paper")
    cite.add_argument("file", type=file_name, metavar="RUN.nc", nargs="?")
    cite.add_argument("--bibtex", action="store_true", help="print BibTeX entries")


def _info(options: argparse.Namespace) -> None:
    from pathlib import Path

    from pysv.results.files import load
    from pysv.results.summary import describe
    from pysv.results.survey import describe_sweep

    if os.path.isdir(options.file):
        show(describe_sweep(Path(options.file)))
    else:
        show(describe(load(options.file), options.file))


def _export(options: argparse.Namespace) -> None:
    from pysv.results.export import to_csv

    if not options.csv:
        raise InvalidInputError("export: no format is named; write --csv")
    usual = "-".join([stem(options).name, *at_in_words(options), "csv"])
    folder = options.out if options.out is not None else stem(options).with_name(usual)
    for path in to_csv(loaded(options), folder, overwrite=options.force):
        note(str(path))


def _cite(options: argparse.Namespace) -> None:
    from pysv.results.citations import write
    from pysv.results.files import load

    show(write(load(options.file) if options.file else None, bibtex=options.bibtex))
