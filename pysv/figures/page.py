"""The page beside the pictures: what the paper's text says about each figure, and what the runs show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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


def own_page(name: catalog.Name, curves: Curves, experiments: Sequence[Experiment], *, quick: bool) -> str:
    """The page of a figure beyond the paper: what is expected of its runs, and what they show.

    Parameters
    ----------
    name : str
        The figure; it has claims.
    curves : sequence of (str, xarray.Dataset)
        Its labelled runs.
    experiments : sequence of Experiment
        That of each run.
    quick : bool
        Whether the runs are the shorter ones.

    Returns
    -------
    str
        In Markdown.
    """
    passes = [(label, Pass(data, made)) for (label, data), made in zip(curves, experiments, strict=True)]
    lines = [f"# Figure {name}", "", *(["These are the short runs of `--quick`.", ""] if quick else [])]
    return "\n".join([*lines, *_table(name, passes, "expected")])


def _section(name: catalog.Name, runs: Passes) -> Iterator[str]:
    """Picture, claims and remark of one figure; nothing if the paper claims nothing about it."""
    if catalog.recipe(name).claims is None:
        return
    yield from (f"## Figure {name}", "")
    yield from _table(name, runs, "the paper's text")


def _table(name: catalog.Name, runs: Passes, said: str) -> Iterator[str]:
    """Picture, claims and remark of one figure that has claims; `said` heads the first column."""
    recipe = catalog.recipe(name)
    assert recipe.claims is not None
    yield from (f"![Figure {name}]({catalog.stem(name)}.png)", "")
    yield from (f"| {said} | this run | agrees? |", "|---|---|---|")
    yield from map(_row, recipe.claims(runs))
    yield ""
    if recipe.remark is not None:
        yield from (recipe.remark(runs), "")


def _row(claim: Claim) -> str:
    cells = (cell.replace("|", "\\|") for cell in claim)
    return f"| {' | '.join(cells)} |"
