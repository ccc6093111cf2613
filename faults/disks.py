"""Full disks: a limit on the size of files, and a small disk where one can be mounted."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from faults.kills import often
from faults.process import Ended, begun, ended
from faults.promises import Case, Fault, broken, first, same
from faults.samples import LONG, SMALL, empty, written


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Limits of files and small disks in turn."""
    whole = folder / "whole"
    whole.mkdir()
    written(whole, LONG)
    end = begun(often("run"), whole).wait()
    if end.code:
        raise RuntimeError(end.err)
    size = (whole / "run.nc").stat().st_size
    number = 0
    while True:
        yield limited(rng, empty(folder, number), whole / "run.nc", size)
        with small_disk(folder / f"disk{number}", int(rng.uniform(0.5, 6.0) * size) // 4096 + 1) as disk:
            if disk is None:
                yield Case("a small disk", "not possible here: nothing can be mounted")
            else:
                yield on_disk(rng, disk, empty(folder, number + 10_000), whole / "run.nc", number)
        number += 1


def limited(rng: np.random.Generator, own: Path, whole: Path, size: int) -> Case:
    """No file may be larger than some size: a run, and one that replaces a result."""
    written(own, LONG)
    old = b"" if rng.random() < 0.5 else b"old"
    if old:
        written(own, SMALL, "small.toml")
        ended("run", "small.toml", "--quiet", "--out", "run.nc", folder=own)
        old = (own / "run.nc").read_bytes()
    most = int(rng.uniform(0.0, 1.2) * size)
    force = ("--force",) if old else ()
    end = ended("run", "run.toml", "--quiet", *force, folder=own, limits={resource.RLIMIT_FSIZE: most})
    return Case("a limit of file sizes", f"exit code {end.code}", verdict(end, own / "run.nc", old, whole))


def on_disk(rng: np.random.Generator, disk: Path, own: Path, whole: Path, number: int) -> Case:
    """A run, or its resumption, whose file is on a disk that fills."""
    text = written(own, LONG)
    used = int(rng.uniform(0.0, 1.0) * shutil.disk_usage(disk).free)
    (disk / "other").write_bytes(bytes(used))
    what = ("run", "--quiet", str(text), "--out", str(disk / "run.nc"))
    end = ended(*what, folder=own)
    wrong = verdict(end, disk / "run.nc", b"", whole)
    if end.code and not wrong:
        (disk / "other").unlink()
        again = ended(*what, folder=own)
        wrong = verdict(again, disk / "run.nc", b"", whole)
    return Case("a small disk", f"exit code {end.code}", wrong)


def verdict(end: Ended, path: Path, old: bytes, whole: Path) -> str:
    """Success: the result is where the command says. Else the old file is as it was, and nothing lies beside it."""
    wrong = broken(end, (0, 1, 2))
    if wrong:
        return wrong
    if end.code == 0:
        said = Path(end.out.partition(": complete")[0])
        return same(path.parent / said if not said.is_absolute() else said, whole)
    if old and path.read_bytes() != old:
        return "the old file is gone"
    parts = [name for name in os.listdir(path.parent) if re.search(r"\.part$|\.lock$", name)]
    return first("a file half written" if path.exists() and not old else "", f"litter: {parts}" if parts else "")


@contextmanager
def small_disk(path: Path, pages: int) -> Iterator[Path | None]:
    """A disk in memory of some pages of 4 KiB; None where this user cannot mount one."""
    path.mkdir()
    size = f"size={4 * pages}k"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)], capture_output=True, check=False)
    if done.returncode:
        yield None
        return
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], capture_output=True, check=True)


FAULT = Fault(
    "Full disks",
    "Runs whose files may not grow beyond a random size (RLIMIT_FSIZE), and runs on a small tmpfs that is partly "
    "full. The result is where the command says, in another folder if need be; or one sentence, exit code 1 or 2, the "
    "old file as it was, and nothing beside it. HDF5 does not crash.",
    0.08,
    120,
    cases,
)
