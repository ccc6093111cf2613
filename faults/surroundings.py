"""Settings, caches, streams and locks, each in a new process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faults.process import anew
from faults.promises import Case, Fault, broken, first, same
from faults.samples import SMALL, written

SETTINGS = (
    {"NUMBA_NUM_THREADS": "0"}, {"NUMBA_NUM_THREADS": "abc"}, {"NUMBA_NUM_THREADS": "-1"}, {"NUMBA_DISABLE_JIT": "1"},
    {"TQDM_MININTERVAL": "x"}, {"TQDM_DISABLE": "1"}, {"MPLBACKEND": "foo"}, {"MPLCONFIGDIR": "/dev/null"},
    {"NUMBA_THREADING_LAYER": "nothing"}, {"OMP_NUM_THREADS": "abc"}, {"HOME": "/nowhere"}, {"TERM": "dumb"},
    {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, {"COLUMNS": "x"}, {"PYTHONOPTIMIZE": "2"}, {"TMPDIR": "/nowhere"},
    {"NUMBA_OPT": "x"}, {"NUMBA_DEBUG_CACHE": "x"}, {"XDG_CACHE_HOME": "/dev/null"}, {"HDF5_USE_FILE_LOCKING": "maybe"},
)  # fmt: skip
STREAMS = ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", "> >(true)"
HOLDER = "import h5py\nwith h5py.File('run.nc', 'r+'): print(flush=True); input()"


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Each setting and stream once, then a cache that is damaged again and again."""
    written(folder, SMALL)
    whole = folder / "whole.nc"
    end = anew("run", "run.toml", "--quiet", "--out", "whole.nc", folder=folder)
    if end.code:
        raise RuntimeError(end.err)
    out = folder / "run.nc"
    for settings in SETTINGS:
        end = anew("run", "run.toml", "--quiet", "--force", folder=folder, environment=settings)
        what = ", ".join(f"{name}={value}" for name, value in settings.items())
        yield Case(f"setting {what}", f"exit code {end.code}", first(broken(end, (0, 2)), result(end.code, out, whole)))
    for stream in STREAMS:
        end = anew("run", "run.toml", "--quiet", "--force", folder=folder, redirected=stream)
        yield Case(f"streams {stream}", f"exit code {end.code}", first(broken(end, (0,)), result(end.code, out, whole)))
    yield from locked(folder)
    cache = folder / "cache"
    own = {"NUMBA_CACHE_DIR": str(cache)}
    anew("run", "run.toml", "--quiet", "--force", folder=folder, environment=own)
    while True:
        damaged = [path for path in sorted(cache.rglob("*.nb?")) if rng.random() < 0.3]
        for path in damaged:
            raw = path.read_bytes()
            path.write_bytes(raw[: int(rng.integers(len(raw) + 1))])
        end = anew("run", "run.toml", "--quiet", "--force", folder=folder, environment=own)
        wrong = first(broken(end, (0,)), result(end.code, out, whole))
        yield Case("truncated files in numba's cache", f"exit code {end.code}", wrong)
        shutil.rmtree(cache)
        cache.touch()
        end = anew("estimate", "run.toml", folder=folder, environment=own)
        yield Case("a cache that is no folder", f"exit code {end.code}", broken(end, (0,)))
        cache.unlink()
        anew("run", "run.toml", "--quiet", "--force", folder=folder, environment=own)


def result(code: int, out: Path, whole: Path) -> str:
    return same(out, whole) if code == 0 else ""


def locked(folder: Path) -> Iterator[Case]:
    """Another program writes the file."""
    line = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(line, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for verb in ("info", "resume"):
            end = anew(verb, "run.nc", folder=folder)
            wrong = first(broken(end, (2,)), "" if "is locked" in end.err else f"not called locked: {end.last}")
            yield Case("a file that another program writes", f"exit code {end.code}", wrong)
        other.communicate(b"\n")


FAULT = Fault(
    "Surroundings",
    "Settings that libraries read, standard streams that are closed or full, a result file that another program "
    "writes, and numba's cache truncated or no folder: the run ends with the same numbers, or in one sentence with "
    "exit code 2.",
    0.09,
    60,
    cases,
)
