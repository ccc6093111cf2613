"""Damaged result files: bytes, lengths, attributes, variables, links, and what is no file at all."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

import pysv
from faults.process import Ended, begun, ended
from faults.promises import SAME, Case, Fault, broken, difference, first, same
from faults.samples import SMALL, empty, written
from pysv.cli import main
from pysv.errors import PysvError

VERBS = "info", "plot", "resume", "movie", "cite"
STOP = "8"


def flipped(path: Path, rng: np.random.Generator) -> None:
    raw = bytearray(path.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        raw[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
    path.write_bytes(raw)


def cut(path: Path, rng: np.random.Generator) -> None:
    raw = path.read_bytes()
    begin = int(rng.integers(len(raw)))
    path.write_bytes(raw[:begin] if rng.random() < 0.7 else raw[begin:])


def overwritten(path: Path, rng: np.random.Generator) -> None:
    raw = bytearray(path.read_bytes())
    begin = int(rng.integers(len(raw)))
    length = min(int(rng.choice([8, 512, 4096])), len(raw) - begin)
    raw[begin : begin + length] = bytes(length) if rng.random() < 0.5 else rng.bytes(length)
    path.write_bytes(raw)


def attribute(path: Path, rng: np.random.Generator) -> None:
    values = (7, -1.5, np.nan, "", "x" * 5000, "[device]\nsites = -3\n", np.ones(3), "{}", "\x1b[2J", 2**63 - 1)
    with h5py.File(path, "a") as file:
        holders = [file, file["checkpoint"], file["digest"], file["norm"], file["time"]]
        holder = holders[int(rng.choice(5, p=[0.6, 0.1, 0.1, 0.1, 0.1]))]
        name = str(rng.choice(sorted(holder.attrs)))
        if rng.random() < 0.2:
            del holder.attrs[name]
        else:
            holder.attrs[name] = values[int(rng.integers(len(values)))]


def arrays(file: h5py.File) -> list[str]:
    """Names of the arrays of a file."""
    found: list[str] = []
    file.visititems(lambda name, thing: found.append(name) if isinstance(thing, h5py.Dataset) else None)
    return sorted(found)


def deleted(path: Path, rng: np.random.Generator) -> None:
    with h5py.File(path, "a") as file:
        del file[str(rng.choice([*arrays(file), "checkpoint", "digest"]))]


def value(path: Path, rng: np.random.Generator) -> None:
    with h5py.File(path, "a") as file:
        holder = file[str(rng.choice([name for name in arrays(file) if file[name].dtype.kind in "fc"]))]
        place = tuple(int(rng.integers(size)) for size in holder.shape)
        holder[place] = rng.choice([np.nan, np.inf, -1.0, 1e308, 0.5])


def replaced(path: Path, rng: np.random.Generator) -> None:
    """Another type, shape or home of an array, or arrays that nobody knows."""
    with h5py.File(path, "a") as file:
        name = str(rng.choice(arrays(file)))
        kind = int(rng.integers(7))
        if kind == 6:
            for number in range(3):
                file.create_dataset(f"zeros{number}", (16_000, 16_000), float)
            return
        del file[name]
        match kind:
            case 0:
                file[name] = ["a", "b"]
            case 1:
                file[name] = np.ones((3, 3, 3, 3))
            case 2:
                file.create_dataset(name, (10**9,), float, chunks=(1000,), compression="gzip")[:4] = 1.0
            case 3:
                file[name] = h5py.ExternalLink("elsewhere.nc", name)
            case 4:
                file[name] = h5py.SoftLink("/nowhere")
            case 5:
                file.create_dataset(name, (4,), float, external=[("/etc/passwd", 0, 32)])


CHANGES: dict[str, Callable[[Path, np.random.Generator], None]] = {
    "flipped bits": flipped,
    "truncation": cut,
    "overwritten bytes": overwritten,
    "attribute": attribute,
    "deleted array": deleted,
    "value": value,
    "replaced array": replaced,
}


def read(path: Path, whole: Path) -> int:
    """The exit code of ``pysv info``; 66 where a changed result is taken for a good one."""
    code = main(["info", path.name])
    if code:
        return code
    try:
        data = pysv.load(path)
        return 66 if difference(data, pysv.load(whole), 0.0) else 0
    except PysvError:
        return 66


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """What is no file, then changes of one file without an end, each read and resumed."""
    home = folder / "whole"
    home.mkdir()
    written(home, SMALL)
    whole, longer = home / "run.nc", home / "longer.nc"
    for words in (("run", "run.toml", "--quiet"), ("resume", "longer.nc", "--quiet", "--stop", STOP)):
        end = ended(*words, folder=home)
        if end.code:
            raise RuntimeError(end.err)
        if words[0] == "run":
            shutil.copy(whole, longer)
    yield from no_files(folder)
    number = 0
    while True:
        kind = str(rng.choice(list(CHANGES)))
        own = empty(folder, number)
        path = Path(shutil.copy(whole, own / "run.nc"))
        CHANGES[kind](path, rng)
        shown = begun(lambda path=path: read(path, whole), own).wait()  # type: ignore[misc]
        yield Case(kind, f"read: exit code {shown.code}", broken(shown, (0, 2)))
        gone_on = ended("resume", "run.nc", "--quiet", "--stop", STOP, folder=own)
        wrong = broken(gone_on, (0, 2))
        yield Case(kind, f"resumed: exit code {gone_on.code}", wrong or differs(gone_on, path, longer))
        if number % 10 == 0:
            verb = VERBS[(number // 10) % len(VERBS)]
            end = ended(verb, "run.nc", *quiet(verb), folder=own)
            yield Case(kind, f"{verb}: exit code {end.code}", broken(end, (0, 2)))
        number += 1


def quiet(verb: str) -> tuple[str, ...]:
    """Without a progress bar."""
    return ("--quiet",) if verb in ("resume", "movie") else ()


def differs(end: Ended, path: Path, longer: Path) -> str:
    return same(path, longer, SAME) if end.code == 0 else ""


def no_files(folder: Path) -> Iterator[Case]:
    """Pipes, devices, sockets, folders, texts: every verb refuses them in a moment."""
    own = folder / "none"
    own.mkdir()
    os.mkfifo(own / "pipe.nc")
    (own / "folder.nc").mkdir()
    (own / "empty.nc").touch()
    written(own, SMALL, "text.nc")
    os.symlink("loop.nc", own / "loop.nc")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(own)  # the name of a socket must be short
        try:
            listening.bind("socket.nc")
        finally:
            os.chdir(before)
        for name in [*sorted(os.listdir(own)), "/dev/zero", "/dev/null", "/proc/self/mem", "absent.nc", "x" * 5000]:
            for verb in VERBS:
                end = ended(verb, name, *quiet(verb), folder=own)
                slow = f"{end.seconds:.1f} s for {verb} {name[:20]}" if end.seconds > 10 else ""
                yield Case("no result file", f"exit code {end.code}", first(broken(end, (2,)), slow))


FAULT = Fault(
    "Result files",
    "A complete file with changed bits, bytes, lengths, attributes, values and arrays, links, and arrays of 2 GB that "
    "are announced only; pipes, devices, folders and sockets. Every verb refuses it in one sentence with exit code 2 "
    "before an array is read, or finds what was written; `pysv resume` never gives another result than that of the "
    "file as it was.",
    0.2,
    600,
    cases,
)
