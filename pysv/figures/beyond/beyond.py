"""What the paper could not show: other devices, longer spins, entangled starts, a barrier, many electrons."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase

from matplotlib.figure import Figure

from pysv.figures import style
from pysv.figures.beyond.panels import antiferromagnets, barrier, bell, long_spins, one_layer, train
from pysv.figures.beyond.panels.panel import Panel, Runs
from pysv.figures.catalog import Recipe
from pysv.figures.claims import Claim, Passes
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import Planned, Version
from pysv.figures.style import Curves

PANELS: dict[str, Panel] = dict(
    zip(
        ascii_lowercase,
        (module.PANEL for module in (one_layer, antiferromagnets, long_spins, bell, barrier, train)),
        strict=False,
    )
)


def runs(version: Version) -> dict[str, Planned]:
    """The runs of all panels, labelled by the letter of the panel and a label of its own."""
    return {
        f"{letter} {label}": run
        for letter, panel in PANELS.items()
        for label, run in panel.runs(version.quick).items()
    }  # fmt: skip


def _of(letter: str, curves: Curves) -> Runs:
    return {label[2:]: data for label, data in curves if label.startswith(f"{letter} ")}


def draw(curves: Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw the figure, a row of three pictures for each panel.

    (a) One layer under an up, a down and an unpolarized electron. (b) Two antiferromagnets in their ground state.
    (c) Spins 1/2, 1 and 5/2 beside classical vectors. (d) Singlet and triplet. (e) A barrier between the layers.
    (f) Electrons one after another.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Runs labelled as by `runs`.
    marks : Marks
        If the runs are quick ones, a line below the picture says so; there are no echoes.
    """
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 1.68 * len(PANELS))
        panels = figure.subplots(len(PANELS), 3)
        for (letter, panel), row in zip(PANELS.items(), panels, strict=True):
            row[0].set_title(panel.draw(row, _of(letter, curves)), loc="left", size=9)
            style.panel_letter(row[0], letter)
        if marks.quick:
            figure.supxlabel("quick: fewer spins and snapshots", size=8, color=style.GREY)
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """What is expected of each panel, in the order of the letters."""
    curves = [(label, run.whole) for label, run in runs]
    for letter, panel in PANELS.items():
        for claim in panel.claims(_of(letter, curves)):
            yield claim._replace(says=f"({letter}) {claim.says}")


RECIPE = Recipe(runs, draw, claims)
