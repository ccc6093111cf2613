"""Write docs/faults.md: which faults were injected, how many, with what result.

    python -m faults [--minutes 20] [--seed 19] [--only CLASS] [--cases N] [--out docs/faults.md]

Exit code 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from faults import (
    clusters,
    disks,
    experiment_files,
    kills,
    memory,
    result_files,
    stop_signals,
    surroundings,
    writers,
)
from faults.page import page
from faults.process import ROOT
from faults.promises import Case, Fault
from faults.samples import ENGINES, KINDS, written
from pysv import cli

FAULTS: tuple[Fault, ...] = (
    experiment_files.FAULT,
    result_files.FAULT,
    kills.FAULT,
    stop_signals.FAULT,
    disks.FAULT,
    memory.FAULT,
    writers.FAULT,
    surroundings.FAULT,
    clusters.FAULT,
)


def injected(fault: Fault, seed: int, seconds: float, most: int, folder: Path) -> list[Case]:
    """The cases of a class until its time or its number is over."""
    home = folder / fault.title.split()[0]
    home.mkdir()
    rng = np.random.default_rng([seed, *fault.title.encode()])
    found: list[Case] = []
    begun = time.monotonic()
    for case in fault.cases(rng, home):
        found.append(case)
        if case.broken:
            print(f"BROKEN  {fault.title}, {case.what}: {case.broken}", flush=True)
        if len(found) >= most or time.monotonic() - begun > seconds:
            break
    return found


def warm(folder: Path) -> None:
    """Import and compile everything that a small run needs, so that copies of this process begin at once."""
    home = folder / "warm"
    home.mkdir()
    before = Path.cwd()
    os.chdir(home)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            for text in (KINDS | ENGINES).values():
                written(home, text)
                if cli.main(["run", "run.toml", "--quiet", "--force"]) or cli.main(["estimate", "run.toml"]):
                    raise RuntimeError(f"this experiment does not run:\n{text}")
            cli.main(["plot", "run.nc"])
            cli.main(["info", "run.nc"])
    finally:
        os.chdir(before)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m faults", description="Inject faults, and write what came of it.")
    parser.add_argument("--minutes", type=float, default=20.0, help="of the whole, of which each class has its share")
    parser.add_argument("--seed", type=int, default=19, help="of all random numbers")
    parser.add_argument("--only", choices=[fault.title for fault in FAULTS], action="append", help="these classes")
    parser.add_argument("--cases", type=int, help="largest number of cases of a class")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "faults.md", help="page to write")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if options.only is None or fault.title in options.only]
    total, spare = 60 * options.minutes, 0.0
    found: list[tuple[Fault, list[Case]]] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name).resolve()
        (folder / "home").mkdir()
        os.environ |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "home")}  # where a full disk is fled to
        tempfile.tempdir = None
        warm(folder)
        for fault in chosen:
            allowed = fault.share / sum(one.share for one in chosen) * 0.95 * total + spare
            begun = time.monotonic()
            found.append((fault, injected(fault, options.seed, allowed, options.cases or fault.most, folder)))
            lasted = time.monotonic() - begun
            spare = allowed - lasted
            cases = found[-1][1]
            print(
                f"{fault.title}: {len(cases)} cases, {sum(bool(case.broken) for case in cases)} broken, {lasted:.0f} s",
                flush=True,
            )
    options.out.write_text(page(found, options.seed), encoding="utf-8")
    print(f"the page lies at {options.out}")
    return int(any(case.broken for _, cases in found for case in cases))


if __name__ == "__main__":
    sys.exit(main())
