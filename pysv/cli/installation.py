"""Verbs about pysv itself: keys, engines, julia and doctor."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pysv.cli.output import FAILED, say, show
from pysv.cli.parser import verb
from pysv.errors import InvalidInputError

if TYPE_CHECKING:
    from pysv.cli.parser import Verbs


def add_keys(verbs: Verbs) -> None:
    """``pysv keys``"""
    keys = verb(verbs, "keys", _keys, "list the keys of an experiment file: default, unit, allowed values and meaning")
    keys.add_argument("table", metavar="TABLE", nargs="?", help="one table, e.g. device.layer or evolution.tdmrg")
    keys.add_argument("--markdown", action="store_true", help="all tables as a page of Markdown")


def add_engines(verbs: Verbs) -> None:
    """``pysv engines``"""
    verb(verbs, "engines", _engines, "list engines and backends: ready, or why not")


def add_julia(verbs: Verbs) -> None:
    """``pysv julia``"""
    julia = verb(verbs, "julia", _julia, "set up the backend 'julia', or show its status")
    julia.add_argument(
        "action",
        choices=("setup", "status"),
        metavar="{setup,status}",
        help="install, compile and check, or only report",
    )
    julia.add_argument(
        "--tdmrg", action="store_true", help="also ITensors and ITensorMPS, which the engine tdmrg needs in Julia"
    )


def add_doctor(verbs: Verbs) -> None:
    """``pysv doctor``"""
    verb(verbs, "doctor", _doctor, "check this installation")


def _keys(options: argparse.Namespace) -> None:
    from pysv import keys

    if options.markdown and options.table:
        raise InvalidInputError(f"keys: {options.table} would be ignored with --markdown, which writes all tables")
    if options.markdown:
        show(keys.as_markdown(), end="")
    else:
        show(keys.as_text(keys.tables_named(options.table) if options.table else keys.tables()))


def _engines(options: argparse.Namespace) -> None:
    from pysv.engines import guests, readiness

    for row in readiness():
        state = "ready" if row.ready else "not ready"
        show(f"{row.engine:<13} {row.backend:<7} {state:<10} {row.serves}" + (f"; {row.remark}" if row.remark else ""))
    show("\n" + guests.as_text())


def _doctor(options: argparse.Namespace) -> int:
    from pysv.doctor import examine

    healthy, report = examine()
    show(report)
    return 0 if healthy else FAILED


def _julia(options: argparse.Namespace) -> int:
    from pysv import doctor

    if options.action == "setup":
        found = doctor.set_up_julia(lambda text: say(f"pysv: {text}"), tdmrg=options.tdmrg)
    else:
        found = doctor.julia_status()
    width = max(map(len, found))
    show("\n".join(f"{name:<{width}} {value}" for name, value in found.items()))
    asked = ("state", "tdmrg") if options.tdmrg else ("state",)
    return 0 if all(found.get(name, "").startswith("ready") for name in asked) else FAILED
