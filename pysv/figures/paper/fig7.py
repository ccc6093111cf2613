"""Figure 7 of the paper: quantum Fisher information of the localized spins, as printed and as a witness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pysv.figures import planned, style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import NOTHING, Claim, Passes, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import PlannedRun, Version
from pysv.figures.style import Curves

LABELS = {
    "qfi_paper": "$f_Q$, Eq. (29), Pauli units",
    "qfi_variance": "$f_Q$, Eq. (29), spin-1/2 units\n(an upper bound of the QFI)",
    "qfi": "QFI per spin, spin-1/2 units",
}
KNOWN = {r"$k=\pi/6$": style.DOTTED, r"$k=\pi/2$": "-"}  # the paper's two momenta
OTHERS = (style.DASHED, style.DASH_DOTTED, style.LONG_DASHED, style.DASH_DOT_DOTTED)
SIZES = ("#000000", "#c8372d", "#f2a93b", "#5b9bd5", style.VIOLET)  # colours of the runs, which differ in luminance


def runs(version: Version) -> dict[str, PlannedRun]:
    """Valves of 4+4, 7+7 and 10+10 spins; quick, of 4+4 and 5+5."""
    return planned.valves((4, 5) if version.quick else (4, 7, 10), "qfi", version)


def momentum_dashes(momenta: Iterable[float]) -> dict[float, Any]:
    """Line style of every momentum: dotted for π/6, solid for π/2, dashed for others."""
    dashes: dict[float, Any] = {}
    for momentum in momenta:
        used = sum(look in OTHERS for look in dashes.values())
        dashes[momentum] = KNOWN.get(style.momentum_label(momentum), OTHERS[used % len(OTHERS)])
    return dashes


def fisher(axes: Axes, curves: Curves, name: str, dashes: dict[float, Any]) -> list[str]:
    """One of the three quantities: colour by number of spins, dashes by momentum; returns what the runs lack."""
    absent = []
    for number, (label, data) in enumerate(curves):
        color = SIZES[number % len(SIZES)]
        for index, momentum in enumerate(data["momentum"].values if name in data else ()):
            style.plot_variable(axes, data, name, at={"momentum": index}, color=color, linestyle=dashes[momentum])
        if name not in data:
            absent.append(f"{name} ({label})" if len(curves) > 1 else name)
    axes.set_ylabel(LABELS[name])
    axes.set_xlabel(style.TIME)
    return absent


def thresholds(axes: Axes) -> str:
    """Draw the bounds of the witness; returns a remark if no curve reaches the lowest of them.

    Above m there is at least (m+1)-partite entanglement (Hyllus et al., Phys. Rev. A 85, 022321).
    """
    if not axes.lines:
        return ""
    bounds = range(1, int(np.floor(axes.get_ylim()[1])) + 1)
    for m in bounds[:: -(-len(bounds) // 6) or 1]:
        axes.axhline(m, **style.THRESHOLD)
        note = f"$>{m}$: at least\n{m + 1}-partite"
        place: style.Style = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "va": "center"}
        axes.annotate(note, (1, m), xytext=(3, 0), size=7, linespacing=1.0, **place)
    return "" if bounds else "below 1: witnesses no entanglement"


def draw(curves: Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw Fig. 7.

    (a) Eq. (29) as printed, with Pauli matrices; (b) Eq. (29) with spin-1/2 operators, for a mixed state an upper
    bound of (c), the quantum Fisher information per spin with spin-1/2 operators. Only (c) is a witness: above an
    integer m it shows at least (m+1)-partite entanglement.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Runs labelled by their spins, such as "4+4".
    marks : Marks
    """
    dashes = momentum_dashes(sorted({k for _, data in curves if "momentum" in data for k in data["momentum"].values}))
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 3.0)
        panels = figure.subplots(1, 3)
        for axes, name, letter in zip(panels, LABELS, "abc", strict=True):
            absent = fisher(axes, curves, name, dashes)
            style.time_axis(axes, style.all_times(curves), least=style.LEAST)
            style.legend_above(axes, 1, absent, remark=thresholds(axes) if name == "qfi" else "")
            marks.add_hopping_axis(axes)
            style.panel_letter(axes, letter)
        marks.mark_echoes(list(panels))
        keys = []
        if len(curves) > 1:  # one size needs no key
            colors = (SIZES[number % len(SIZES)] for number in range(len(curves)))
            keys = [Line2D([], [], color=c, label=label) for c, (label, _) in zip(colors, curves, strict=True)]
        for momentum, look in dashes.items():
            keys.append(Line2D([], [], color="0.3", linestyle=look, label=style.momentum_label(momentum)))
        figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 7), handlelength=2.8)
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """What the text says about the Fisher information."""
    for label, run in runs:
        printed, true = (
            [(style.momentum_label(k), run.largest(name, momentum=k)) for k in run.data["momentum"].values]
            for name in ("qfi_paper", "qfi")
        )
        yield Claim(
            f"f$_Q$, Eq. (29), becomes nonzero ({label})",
            "it reaches " + ", ".join(f"{value:.2f} ({k})" for k, value in printed),
            verdict(min(value for _, value in printed) > NOTHING),
        )
        witness = max(value for _, value in true)
        yield Claim(
            f"f$_Q$ witnesses entanglement of the mixed state ({label})",
            f"Eq. (29) is 4 Var/N in Pauli units, which bounds the QFI from above and witnesses nothing; the QFI per "
            f"spin reaches {witness:.2f}, and a witness needs more than 1",
            verdict(witness > 1),
        )


RECIPE = Recipe(runs, draw, claims)
