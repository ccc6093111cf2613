"""Write docs/performance.md, the paragraph on speed in README.md, and the table of paper/paper.md, from kept results.

python benchmarks/page.py
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from report import RESULTS, Result

ROOT = Path(__file__).parents[1]
PAGE, README, PAPER = ROOT / "docs" / "performance.md", ROOT / "README.md", ROOT / "paper" / "paper.md"
BEGIN, END = "<!-- written by benchmarks/page.py -->\n", "<!-- end -->\n"
TITLES = {
    "one_electron": "One electron, 4+4 spins",
    "large": "Large systems",
    "growth": "From 4+4 to 10+10 spins",
    "several_electrons": "Several electrons",
    "backends": "Python and Julia",
    "ranks": "Threads and processes",
}
HEAD = """# Performance

Every number here was printed by the runs shown, and this page was written from their kept output; none was copied by
hand. `make performance` measures again and writes the page. How the benchmarks measure, and what is fair in them, is
said in [benchmarks](../benchmarks/README.md). On a shared machine seconds vary by a factor of two and more; the ratios,
measured in one run with the contenders in turn, matter.

## Against the targets
"""


def results() -> dict[str, Result]:
    """The kept results, in the order of `TITLES`."""
    found = {name: RESULTS / f"{name}.json" for name in TITLES}
    return {name: Result.read(path) for name, path in found.items() if path.exists()}


def page(found: dict[str, Result]) -> str:
    """The page on performance."""
    lines = ["| run | measured | value | target | reached |", "|---|---|---|---|---|"]
    lines += [
        f"| {TITLES[name]} | {j.name} | {j.value} | {j.target} | {'yes' if j.reached else '**no**'} |"
        for name, result in found.items()
        for j in result.judged
    ]
    parts = [HEAD, "\n".join(lines)]
    for name, result in found.items():
        parts.append(f"\n## {TITLES[name]}\n\n`{result.command}`, {result.day}, on {result.machine}.\n")
        parts.append(f"```text\n{shown(result)}\n```")
    return "\n".join(parts) + "\n"


def shown(result: Result) -> str:
    """The output without the lines that the table of targets holds."""
    names = tuple(f"{judgement.name} " for judgement in result.judged)
    lines = [line for line in result.output.splitlines() if not line.startswith(names)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def paragraph(one: Result, large: Result) -> str:
    """What the README says about speed."""
    f, whole_run = one.figures, large.figures

    def times(name: str) -> str:
        return f"{f[f'ratio: {name}']:.0f} times"

    quspin = f", QuSpin {times('QuSpin ExpmMultiplyParallel')}" if "ratio: QuSpin ExpmMultiplyParallel" in f else ""
    whole, sector, scipy = map(times, ("QuTiP adams, all S^z", "QuTiP adams 1e-10/1e-8", "SciPy expm_multiply"))
    text = (
        f"For 20 fs of the 4+4 valve with a state every fs (one incoming spin, 25,326 amplitudes, "
        f"{f['seconds: pysv chebyshev']:.3f} s) QuTiP's `sesolve` takes {whole} as long on the tensor-product space, "
        f"where a user of QuTiP would set the problem up, and {sector} as long when it is given pysv's own S^z sector "
        f"as a matrix; SciPy's `expm_multiply` {scipy}{quspin} as long on that same matrix (processor time, one thread "
        f"each). pysv's error is {f['error: pysv chebyshev']:.0e}, QuTiP's {f['error: QuTiP adams 1e-10/1e-8']:.0e}. "
        f"All measures of a snapshot take {1e3 * f['all measures of one 4+4 snapshot']:.1f} ms at best. Measured on "
        f"{one.day} in one run: see [performance](docs/performance.md).\n\n"
        f"10+10 spins and an unpolarized electron (70,895,916 amplitudes in each of two pure runs), 40 fs with the "
        f"diagonal measures every fs: {whole_run['whole run: seconds'] / 60:.1f} minutes and "
        f"{whole_run['whole run: GB']:.1f} GB on two cores; see [large systems](docs/large.md)."
    )
    parts = text.split("\n\n")
    return "\n".join(textwrap.fill(part, 120, break_long_words=False, break_on_hyphens=False) + "\n" for part in parts)


def comparison(one: Result, several: Result) -> str:
    """The table of the paper: the same problem with other programs."""
    contenders = {
        "pysv chebyshev": "`pysv`, Chebyshev expansion",
        "QuTiP adams, all S^z": "QuTiP [@Lambert2026], `sesolve`, in the tensor-product space",
        "QuTiP adams 1e-10/1e-8": "QuTiP, `sesolve`, in the $S^z$ sector",
        "QuTiP krylov(30) 1e-12": "QuTiP, Krylov, in the $S^z$ sector",
        "SciPy expm_multiply": "SciPy [@Virtanen2020], `expm_multiply`, in the $S^z$ sector",
        "QuSpin ExpmMultiplyParallel": "QuSpin [@Weinberg2017], in the $S^z$ sector",
    }
    rows = ["| program | processor time | error of the state |", "|:--|--:|--:|"]
    rows += [
        f"| {words} | {one.figures[f'ratio: {name}']:.0f} | {one.figures[f'error: {name}']:.0e} |"
        for name, words in contenders.items()
        if f"ratio: {name}" in one.figures
    ]
    text = (
        f"The table is of one incoming electron and 4+4 spins on 201 sites, 20 fs with a state every fs, one thread "
        f"each; the time of `pysv`, {one.figures['seconds: pysv chebyshev']:.3f} s, is the unit. The programs got "
        f"`pysv`'s Hamiltonian as a sparse matrix ({one.day}). For eight electrons on 112 sites plain TEBD of TeNPy "
        f"[@Hauschild2018] takes {several.figures['ratio: TeNPy']:.0f} times as long as `pysv`'s gates with the same "
        f"truncation, on two threads ({several.day})."
    )
    return "\n".join([textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False), "", *rows, ""])


def rewritten(text: str, part: str) -> str:
    """A page with what stands between its marks written anew."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.S)
    assert pattern.search(text), "the page has lost its marks"
    return pattern.sub(lambda _: BEGIN + part + END, text)


def main() -> None:
    """Write all three."""
    found = results()
    PAGE.write_text(page(found), encoding="utf-8")
    parts = {
        README: paragraph(found["one_electron"], found["large"]),
        PAPER: comparison(found["one_electron"], found["several_electrons"]),
    }
    for path, part in parts.items():
        path.write_text(rewritten(path.read_text(encoding="utf-8"), part), encoding="utf-8")
    print(f"written: {PAGE}, {README}, {PAPER}")


if __name__ == "__main__":
    main()
