"""The page that tells which faults were injected, how many, and what came of them."""

from __future__ import annotations

import datetime
import os
import platform
import textwrap
from collections import Counter
from collections.abc import Iterable

from faults.promises import Case, Fault
from pysv.compute.environment import processor
from pysv.results.versions import versions

HEAD = (
    "Which faults were injected on purpose, how many, and what came of them. This page is written by `make faults`, "
    "which takes up to 20 minutes: a sample of each class with the seed {seed}, on {date}, with {packages}, on "
    "{machine}. What is promised, and by which test it is kept, is in [reliability](reliability.md)."
)
OWED = (
    "Whatever is done to a command, it ends by itself, with an exit code that the class allows, without a traceback; "
    "what it writes on standard error are sentences of pysv; it takes no more memory than its experiment."
)


def page(found: Iterable[tuple[Fault, list[Case]]], seed: int) -> str:
    """The whole page."""
    found = list(found)
    cases = [case for _, own in found for case in own if case.run]
    failed = sum(bool(case.broken) for case in cases)
    packages = ", ".join(f"{name} {version}" for name, version in versions().items())
    machine = f"{processor()} ({platform.system()}), {os.cpu_count()} processors"
    head = HEAD.format(seed=seed, date=datetime.date.today().isoformat(), packages=packages, machine=machine)
    verdict = f"{len(cases)} faults; {failed or 'no'} promise{'' if failed == 1 else 's'} broken."
    body = ["# Faults", fill(head), fill(OWED), f"**{verdict}**" if failed else verdict]
    for fault, own in found:
        body += [f"## {fault.title}", fill(fault.text), table(own)]
        body += [f"- **broken**, {plain(case.what)}: {plain(case.broken)}" for case in own if case.broken]
    return "\n\n".join(body) + "\n"


def table(cases: Iterable[Case]) -> str:
    """How often each kind of fault had each outcome."""
    lines = ["| fault | cases | outcomes |", "|---|---|---|"]
    kinds: dict[str, list[Case]] = {}
    for case in cases:
        kinds.setdefault(case.what, []).append(case)
    for what, own in kinds.items():
        outcomes = Counter(case.outcome for case in own)
        run = sum(case.run for case in own)
        told = ", ".join(
            f"{outcome} ({count})" if len(outcomes) > 1 else outcome for outcome, count in outcomes.most_common()
        )
        lines.append(f"| {plain(what)} | {run} | {plain(told)} |")
    return "\n".join(lines)


def plain(text: str) -> str:
    """A text that cannot break a table or a line."""
    return " ".join(text[:300].split()).replace("|", r"\|").replace("<", r"\<").replace(">", r"\>")


def fill(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)
