"""Write docs/validation.md: what was checked against what, with the numbers that this run finds.

    python validation/page.py [--reduced] [--out docs/validation.md]

Every number is measured now; references that share no code with pysv live in tests/brute*.py. Exit code 1 where a check
does not hold.
"""

from __future__ import annotations

import argparse
import platform
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("", "engines", "measures", "model", "mps")
sys.path[:0] = [str(ROOT / "tests" / room) for room in ROOMS]  # the references live beside the tests

import baths
import claims
import closed
import devices
import measures
import others
import several
from rows import Row, Section, table

from pysv.compute.environment import processor
from pysv.errors import PacketTruncationWarning
from pysv.results.versions import versions

HEAD = (
    "What was checked against what, and what was found. This page is written by `make validation`; every number in it "
    "was measured in one run, on {machine}, with {packages}. Differences are the largest absolute ones over all times, "
    "elements and cases, unless a line says otherwise; rounding makes their digit depend on the machine. The tests "
    "hold the same checks, and more: see [checks](checks.md)."
)
COLUMNS = "checked", "against", "cases", "found", "allowed"
SECTIONS = (
    Section(
        "Brute force",
        "One electron on random small devices: up to 4 spins, couplings of both signs, all spin conventions, unequal "
        "layers, tilted and collinear spins. The reference is Kronecker products of site, electron spin and all "
        "localized spins, without any conservation law, `scipy.sparse.linalg.expm_multiply`, and every measure written "
        "out from its definition (`tests/brute.py`, which imports nothing of pysv).",
        closed.brute_force,
    ),
    Section(
        "Known numbers",
        "4+4 spins on 201 sites, x₀ = 14, Pauli operators for both kinds of spin, unpolarized electron: values found "
        "once by brute force in the full product space, written down in `tests/engines/test_paper_numbers.py`. Half of "
        "the last digit is allowed.",
        closed.known_numbers,
        closed.known_and_found,
    ),
    Section("Solutions on paper", "Systems that can be solved by hand (`tests/analytic.py`).", closed.on_paper),
    Section(
        "Engine against engine",
        "On the paper's device, whose product space is too large for a dense solution.",
        closed.engines,
    ),
    Section("Stated errors", "What an engine states about its own error, against the true one.", closed.stated_errors),
    Section(
        "Any device",
        "One to three layers of spins 1/2 to 5/2 with couplings, anisotropies and fields one by one, lists of "
        "hoppings, potentials and disorder, tilted starts: Kronecker products in the full product space "
        "(`tests/brute_general.py`, written without sight of pysv). For `llg`, spins as vectors: dense matrices and "
        "SciPy's LSODA (`tests/brute_classical.py`).",
        devices.rows,
    ),
    Section(
        "Numbers of others",
        "Runs that people outside this project made with other programs, from the data of "
        "github.com/cpbunker/transport (arXiv:2602.21322): γ = 1, times in ħ/γ, spins σ/2, their units. Five polarised "
        "electrons were run further by hand: beside their TDVP the spins of `tdmrg` differ by 7e-6 at t = 30, and by "
        "2e-4 at t = 40, where `tdmrg` itself changes by 2e-4 from 400 to 700 states; neither is converged there.",
        others.rows,
    ),
    Section(
        "What the paper states without showing it",
        "It says that thermal layers have mutual information before the pulse, which they have not; that one electron "
        "makes at most one magnon; that the chain acts as an infinite one until a reflection returns; that there is no "
        "conventional torque; and that the negativity grows with the number of spins towards what S^z allows, from "
        "which it is far. (A zero negativity does not prove separability.)",
        claims.rows,
        claims.beside_the_quantum_spins,
    ),
    Section("Invariants and extended runs", "Default options.", closed.invariants),
    Section("Large systems", "Negativity without ρ.", closed.large),
    Section(
        "Measures",
        "States with an answer on paper, random states against QuTiP, and the same in another form.",
        measures.rows,
    ),
    Section(
        "Several electrons",
        "Jordan–Wigner matrices in Fock space on chains of 5 and 6 sites (`tests/brute_several.py`). `tdmrg` runs "
        "without truncation; what is left is the Trotter error.",
        several.rows,
    ),
    Section(
        "Temperature and baths",
        "Jump operators from the definition as a time integral, and the dense density matrix of electron and spins "
        "(`tests/brute_open.py`), 2+1 spins on 4 sites.",
        baths.rows,
    ),
)


def measure(reduced: bool) -> Iterator[tuple[Section, list[Row]]]:
    """All sections with their rows; `reduced` takes fewer and smaller cases of the same checks."""
    for section in SECTIONS:
        yield section, list(section.rows(reduced))


def page(found: list[tuple[Section, list[Row]]]) -> str:
    """The whole page."""
    rows = [row for _, group in found for row in group]
    failed, skipped = sum(row.fails for row in rows), sum(not row.run for row in rows)
    verdict = f"{len(rows) - skipped - failed} of {len(rows)} checks hold"
    verdict += f", {failed} **fail**" if failed else ""
    verdict += f"; {skipped} were not run, because Julia is not ready." if skipped else "."
    packages = ", ".join(f"{name} {version}" for name, version in versions().items() if name != "matplotlib")
    head = HEAD.format(machine=f"{processor()} ({platform.system()})", packages=packages)
    body = ["# Validation", fill(head), verdict]
    for section, group in found:
        body += [
            f"## {section.title}",
            fill(section.text),
            table(COLUMNS, (row.cells for row in group)),
            section.after(),
        ]
    return "\n\n".join(filter(None, body)) + "\n"


def fill(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the validation page from checks that run now.")
    parser.add_argument("--reduced", action="store_true", help="fewer and smaller cases (seconds)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "validation.md", help="page to write")
    options = parser.parse_args()
    warnings.simplefilter("ignore", PacketTruncationWarning)  # short chains cut the packet; both sides do
    found, begun = [], time.process_time()
    for section, rows in measure(options.reduced):
        found.append((section, rows))
        bad = [row.what for row in rows if row.fails]
        spent = f"{len(rows)} checks, {time.process_time() - begun:.0f} s of processor time so far"
        print(f"{section.title}: {spent}" + (f"; NOT HOLDING: {'; '.join(bad)}" if bad else ""), flush=True)
    options.out.write_text(page(found), encoding="utf-8")
    print(f"the page lies at {options.out}")
    return int(any(row.fails for _, rows in found for row in rows))


if __name__ == "__main__":
    sys.exit(main())
