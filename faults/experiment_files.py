"""Damaged experiment files: mutations of valid ones, and what is no file at all."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import pysv
from faults.process import begun, ended
from faults.promises import Case, Fault, broken, first
from faults.samples import KINDS, empty, written
from pysv.cli import main
from pysv.run.estimate import estimate

NUMBERS = (
    "0", "-0.0", "1", "-1", "0.5", "2", "3.0", "5", "1e308", "-1e308", "5e-324", "1e-12", "1e-10", "1e6", "1e12",
    "nan", "inf", "-inf", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "9" * 400, "1e999",
)  # fmt: skip
VALUES = (
    *NUMBERS, "true", "''", "'up'", "[]", "[[]]", "[1, 2, 3]", "[0.3, 0.1]", "{}", "{ a = 1 }", "1979-05-27",
    "07:32:00", "'\\u001b[2J'", "'" + "x" * 5000 + "'", "[" * 40 + "]" * 40, "[" + "1.0, " * 5000 + "1.0]",
)  # fmt: skip
MARKS = ("\ufeff", "\0", "\x1b", "\r", "'", '"""', "[", "]", "{", "}", "=", ".", "#", "\n", ",", "é", "\u202e")
SECONDS = 1.0
"""Estimated seconds up to which an experiment is run."""


def mutated(text: str, rng: np.random.Generator) -> tuple[str, bytes]:
    """The kind of a change, and a valid file with one to three changes of it."""
    kind = str(rng.choice(["a value at an end of its range or of another type", "a key", "a line", "a mark", "bytes"]))
    lines = text.splitlines()
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        place = int(rng.integers(len(lines)))
        key, equals, value = lines[place].partition(" = ")
        if kind.startswith("a value") and equals:
            lines[place] = f"{key} = {rng.choice(VALUES)}"
        elif kind == "a key":
            new = [key[:-1], key * 2, f"{key}.{key}", "a" + ".a" * 50, f"'{key}'", "", "x" * 10_000, "sites", "kind"]
            lines[place] = f"{rng.choice(new)}{equals}{value}"
        elif kind == "a line":
            other = int(rng.integers(len(lines)))
            lines[place : place + 1] = ([], [lines[place], lines[other]], [lines[other]])[int(rng.integers(3))]
            lines = lines or [""]
        elif kind == "a mark":
            within = int(rng.integers(len(lines[place]) + 1))
            lines[place] = lines[place][:within] + str(rng.choice(MARKS)) + lines[place][within:]
    raw = "\n".join([*lines, ""]).encode()
    if kind == "bytes":
        raw = raw[: int(rng.integers(1, len(raw) + 1))] + rng.bytes(int(rng.choice([0, 0, 1, 4])))
    return kind, raw


def attempt(path: str) -> int:
    """The exit code of ``pysv estimate``, and of ``pysv run`` where that takes no more than a moment."""
    code = main(["estimate", path])
    if code:
        return code
    asked = pysv.read(path)
    if estimate(asked.experiment, asked.engine, asked.backend).seconds > SECONDS:
        return 0
    code = main(["run", path, "--quiet", "--out", "run.nc"])
    if not code:
        data = pysv.load("run.nc")
        assert all(math.isfinite(float(abs(data[name]).max())) for name in ("norm", "energy")), "NaN in the result"
    return code


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Fixed files first, then mutations without an end."""
    yield from no_files(folder)
    number = 0
    while True:
        name = str(rng.choice(list(KINDS)))
        kind, raw = mutated(KINDS[name], rng)
        own = empty(folder, number)
        (own / "run.toml").write_bytes(raw)
        end = begun(lambda: attempt("run.toml"), own).wait()
        wrong = broken(end, (0, 1, 2))
        yield Case(kind, f"exit code {end.code}", wrong and f"{wrong} ({name}: {raw[:2000]!r})")
        number += 1


def no_files(folder: Path) -> Iterator[Case]:
    """What is no ordinary text: refused in a moment."""
    own = folder / "none"
    own.mkdir()
    os.mkfifo(own / "pipe")
    os.symlink("loop", own / "loop")
    (own / "folder").mkdir()
    (own / "mark.toml").write_bytes(b"\xef\xbb\xbf" + KINDS["plain"].encode())
    (own / "wide.toml").write_bytes(KINDS["plain"].encode("utf-16"))
    (own / "large.toml").write_bytes(b"#" * 300_000_000)
    written(own, "a" + ".a" * 400_000 + " = 1", "deep key.toml")
    written(own, "[" + "a." * 30_000 + "a]", "deep table.toml")
    written(own, "a = " + "[" * 300_000, "deep list.toml")
    written(own, "k" * 900_000 + " = 1", "long key.toml")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(own)  # the name of a socket must be short
        try:
            listening.bind("socket")
        finally:
            os.chdir(before)
        names = [*sorted(os.listdir(own)), "/dev/zero", "/dev/null", "absent.toml", ".", "/proc/self/mem", "x" * 5000]
        for name in names:
            end = ended("estimate", name, folder=own)
            slow = f"{end.seconds:.1f} s for {name[:20]}" if end.seconds > 5 else ""
            allowed = (0,) if name == "mark.toml" else (2,)
            yield Case("no ordinary text", f"exit code {end.code}", first(broken(end, allowed), slow))


FAULT = Fault(
    "Experiment files",
    "Valid files of eight kinds with one to three changes: values at the ends of their ranges or of other types, "
    "keys, lines, marks and bytes; and pipes, devices, folders, sockets, large files, deep keys and lists. `pysv "
    "estimate`, and `pysv run` where that takes up to a second: one sentence with exit code 2 (1 where the arithmetic "
    "fails), or a result without NaN.",
    0.2,
    600,
    cases,
)
