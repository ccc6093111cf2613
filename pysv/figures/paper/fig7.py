"""Figure 7 of the paper: quantum Fisher information of the localized spins, as printed and as a witness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pysv.figures import style

Curves = Sequence[tuple[str, xr.Dataset]]

LABELS = {
    "qfi_paper": "$f_Q$, Eq. (29), Pauli units",
    "qfi_variance": "$f_Q$, Eq. (29), spin-1/2 units\n(an upper bound of the QFI)",
    "qfi": "QFI per spin, spin-1/2 units",
}
KNOWN = {r"$k=\pi/6$": style.DOTTED, r"$k=\pi/2$": "-"}  # the paper's two momenta
OTHERS = (style.DASHED, style.DASH_DOTTED, (0, (9, 2)), (0, (6, 1.4, 1.2, 1.4, 1.2, 1.4)))
SIZES = ("#000000", "#c8372d", "#f2a93b", "#5b9bd5", "#7b4fa3")  # colours of the runs, apart in luminance
LEAST = 1e-6  # changes below this are rounding noise and stay a flat line


def momentum_dashes(momenta: Iterable[float]) -> dict[float, Any]:
    """Line style of every momentum: π/6 dotted and π/2 solid, others dashed."""
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
    """Bounds of the witness: above m lies at least (m+1)-partite entanglement (Hyllus et al., PRA 85, 022321).

    Returns a remark where no curve can reach the lowest bound.
    """
    if not axes.lines:
        return ""
    bounds = range(1, int(np.floor(axes.get_ylim()[1])) + 1)
    for m in bounds[:: -(-len(bounds) // 6) or 1]:
        axes.axhline(m, color="0.45", linewidth=0.7, linestyle=(0, (2, 2)), zorder=0.7)
        note = f"$>{m}$: at least\n{m + 1}-partite"
        place: style.Style = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "va": "center"}
        axes.annotate(note, (1, m), xytext=(3, 0), size=7, linespacing=1.0, **place)
    return "" if bounds else "below 1: witnesses no entanglement"


def draw(curves: Curves, *, hopping: float = 1.0, echoes: style.Echoes = ()) -> Figure:
    """Draw Fig. 7.

    (a) Eq. (29) as printed, with Pauli matrices; (b) Eq. (29) with spin-1/2 operators, for a mixed state an upper
    bound of (c), the quantum Fisher information per spin with spin-1/2 operators. Only (c) is a witness: above an
    integer m it shows at least (m+1)-partite entanglement.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Runs labelled by their spins, such as "4+4".
    hopping : float
        γ in eV, for the upper time axes.
    echoes : sequence of (float, str)
        Times (fs) at which a reflection from an end of the chain is back at the layers.
    """
    times = np.concatenate([data["time"].values for _, data in curves])
    dashes = momentum_dashes(sorted({k for _, data in curves if "momentum" in data for k in data["momentum"].values}))
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 3.0)
        panels = figure.subplots(1, 3)
        for axes, name, letter in zip(panels, LABELS, "abc", strict=True):
            absent = fisher(axes, curves, name, dashes)
            style.time_axis(axes, times, least=LEAST)
            style.legend_above(axes, 1, absent, remark=thresholds(axes) if name == "qfi" else "")
            style.add_gamma_axis(axes, hopping)
            style.panel_letter(axes, letter)
        style.mark_echoes(list(panels), echoes)
        keys = []
        if len(curves) > 1:  # one size needs no key
            colors = (SIZES[number % len(SIZES)] for number in range(len(curves)))
            keys = [Line2D([], [], color=c, label=label) for c, (label, _) in zip(colors, curves, strict=True)]
        for momentum, look in dashes.items():
            keys.append(Line2D([], [], color="0.3", linestyle=look, label=style.momentum_label(momentum)))
        figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 7), handlelength=2.8)
    return figure
