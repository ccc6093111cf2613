"""The page beside the pictures: what the paper's text says about each figure, and what the runs show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pysv.experiment import Experiment
from pysv.figures import catalog
from pysv.figures.claims import SHARE, Claim, Pass, Passes
from pysv.figures.style import Curves


def page(made: Mapping[catalog.Name, tuple[Curves, Experiment]], *, quick: bool) -> str:
    """The page, in Markdown.

    Parameters
    ----------
    made : mapping of int or str to (curves, Experiment)
        For each figure drawn: its labelled runs, and the experiment of the first.
    quick : bool
        Whether the runs are the shorter ones.

    Returns
    -------
    str
    """
    lines = [
        "# The figures of the paper, and what its text says about them",
        "",
        f"Onsets are the times at which a quantity has made {SHARE:.0%} of its largest change before the first wall "
        "echo. Two times count as one if the packet moves by less than its standard deviation (5 sites, 1.6 fs for "
        "the paper's) in between. Sizes are those of this single pass."
        + (" These are the short runs of `--quick`." if quick else ""),
        "",
    ]
    for name, (curves, experiment) in made.items():
        lines += _section(name, [(label, Pass(data, experiment)) for label, data in curves])
    return "\n".join(lines)


def _section(name: catalog.Name, runs: Passes) -> Iterator[str]:
    """Picture, claims and remark of one figure; nothing if the paper claims nothing about it."""
    recipe = catalog.recipe(name)
    if recipe.claims is None:
        return
    yield from (f"## Figure {name}", "", f"![Figure {name}]({catalog.stem(name)}.png)", "")
    yield from ("| the paper's text | this run | agrees? |", "|---|---|---|")
    yield from map(_row, recipe.claims(runs))
    yield ""
    if recipe.remark is not None:
        yield from (recipe.remark(runs), "")


def _row(claim: Claim) -> str:
    cells = (cell.replace("|", "\\|") for cell in claim)
    return f"| {' | '.join(cells)} |"
