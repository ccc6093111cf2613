"""What a benchmark prints and judges; kept in a file it becomes a part of the performance page."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib import metadata, util
from pathlib import Path

import pysv
from pysv.compute.environment import processor

RESULTS = Path(__file__).parent / "results"
"""Files of the runs that the performance page shows."""
_PACKAGES = "numpy", "scipy", "numba", "qutip", "quspin", "physics-tenpy"


@dataclass(frozen=True)
class Judgement:
    """A measured value, its target, and whether that is reached."""

    name: str
    value: str
    target: str
    reached: bool


@dataclass
class Result:
    """One run of a benchmark."""

    command: str
    machine: str
    day: str
    output: str = ""
    judged: list[Judgement] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Result:
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(**found | {"judged": [Judgement(**judgement) for judgement in found["judged"]]})


_present = Result("", "", "")


def judge(name: str, value: str, target: str, reached: bool) -> None:
    """Print a measured value, its target, and whether that is reached."""
    print(f"{name:<46} {value:<36} {target:<22} {'reached' if reached else 'not reached'}")
    _present.judged.append(Judgement(name, value, target, bool(reached)))


def figure(name: str, value: float) -> None:
    """Keep a number under a name that a text may use."""
    _present.figures[name] = float(value)


def machine() -> str:
    """Processor, cores, load, and the versions of what is measured."""
    packages = [name for name in _PACKAGES if util.find_spec({"physics-tenpy": "tenpy"}.get(name, name))]
    versions = [f"pysv {pysv.__version__}", *(f"{name} {metadata.version(name)}" for name in packages)]
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return f"{processor()}, {load}; Python {platform.python_version()}, {', '.join(versions)}"


class _Tee(io.TextIOBase):
    """Writes to the terminal and remembers."""

    def __init__(self) -> None:
        self.text = io.StringIO()
        self._terminal = sys.stdout

    def write(self, text: str) -> int:
        self._terminal.write(text)
        self._terminal.flush()
        return self.text.write(text)


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option `--keep`."""
    parser.add_argument("--keep", metavar="FILE.json", type=Path, help="also write what was measured to a file")


@contextlib.contextmanager
def kept(path: Path | None) -> Iterator[None]:
    """Print the machine, and write what is printed and judged inside to `path`, when all of it has been measured."""
    _present.command = " ".join(["python", *sys.argv])
    _present.machine, _present.day = machine(), date.today().isoformat()
    print(_present.machine)
    tee = _Tee()
    with contextlib.redirect_stdout(tee):
        yield
    if path is not None:
        _present.output = tee.text.getvalue()
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(asdict(_present), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
