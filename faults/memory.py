"""Memory that runs out: limits of the address space, and a control group where this user has one."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from faults.process import begun, ended
from faults.promises import Case, Fault, broken
from faults.samples import PACKET, empty, written
from pysv.cli import main

GROUP = "PYSV_FAULTS_CGROUP"
"""Names a control group of this user (its folder), which may hold processes and whose limit of memory may be set."""
LIMIT = {True: "memory.max", False: "memory.limit_in_bytes"}


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Runs that need more or less than what is left."""
    number = 0
    while True:
        own = empty(folder, number)
        spins = int(rng.integers(3, 9))
        device = f"[device]\nsites = 60\npolarizer = [20, {19 + spins}]\nanalyzer = [40, {39 + spins}]\n"
        written(own, device + PACKET + "[record]\ndensity_matrix = true\n[evolution]\nstop = 2.0\nstep = 1.0\n")
        room = int(rng.uniform(0.0, 600e6))
        if number % 3 == 2:
            yield in_group(own, room)
        else:
            which = resource.RLIMIT_AS if number % 3 else resource.RLIMIT_DATA
            now = psutil.Process().memory_info()
            limit = (now.vms if number % 3 else now.data) + room
            end = ended("run", "run.toml", "--quiet", folder=own, limits={which: limit})
            name = "RLIMIT_AS" if number % 3 else "RLIMIT_DATA"
            yield Case(name, f"exit code {end.code}", broken(end, (0, 2), memory=4000))
        number += 1


def in_group(own: Path, room: int) -> Case:
    """A run in a control group below the one that this user has."""
    home = os.environ.get(GROUP)
    if home is None:
        return Case("a control group", f"not possible here: no group of one's own ({GROUP} names none)")
    group = Path(home) / "pysv-faults"
    group.mkdir()
    try:
        used = psutil.Process().memory_info().rss
        (group / LIMIT[(Path(home) / "memory.max").exists()]).write_text(str(used + room))

        def work() -> int:
            (group / "cgroup.procs").write_text(str(os.getpid()))
            return main(["run", "run.toml", "--quiet"])

        end = begun(work, own).wait()
    finally:
        group.rmdir()
    return Case("a control group", f"exit code {end.code}", broken(end, (0, 2), memory=4000))


FAULT = Fault(
    "Memory",
    "Runs of 3+3 to 8+8 spins with a random rest of memory, 0 to 600 MB (RLIMIT_AS, RLIMIT_DATA, a control group): "
    "they end, or one sentence says what they need, exit code 2. None is killed by the system.",
    0.05,
    90,
    cases,
)
