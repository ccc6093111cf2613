"""Figure 2 of the paper: spin of the flowing electron and of every localized spin."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.figures import planned, style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import NOTHING, Claim, Passes, in_order, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.units import to_hopping_times


def electron_spin(axes: Axes, data: xr.Dataset) -> None:
    """Electron spin, Eq. (23): its z component, and x and y if they differ from zero."""
    absent = []
    for component, look in zip("zxy", style.CURVES, strict=False):
        name = f"electron_spin_{component}"
        if component != "z" and (name not in data or float(np.abs(data[name]).max()) < style.LEAST):
            continue
        absent.append(style.plot_variable(axes, data, name, rf"$\langle\hat\sigma^{component}_e\rangle$", **look))
    axes.set_ylabel("electron spin")
    if len(axes.lines) == 1:  # the label of the axis takes the place of a legend
        axes.set_ylabel(rf"electron spin {axes.lines[0].get_label()}")
        axes.lines[0].set_label("_")
    style.time_axis(axes, data["time"].values, least=style.LEAST)
    style.legend_above(axes, 3, absent)


def localized_spins(axes: Axes, data: xr.Dataset) -> None:
    """z component of every localized spin, numbered i = 1…N along the chain; each layer has a legend at the side."""
    axes.set_ylabel(style.LOCALIZED_SPIN)
    legends = []
    for layer, lines in style.plot_spins(axes, data).items():
        if not lines:
            continue
        corner, height = ("upper left", 1.0) if layer == "polarizer" else ("lower left", 0.0)
        options: style.Style = {"loc": corner, "bbox_to_anchor": (1.0, height), "ncols": 1 if len(lines) <= 6 else 2}
        options |= {"fontsize": 7, "title_fontsize": 8, "borderpad": 0.0}
        legend = axes.legend(handles=lines, title=rf"{style.LAYERS[layer]}, $i=$", **options)
        legend.get_title().set_color(lines[0].get_color())
        legends.append(legend)
    for legend in legends[:-1]:  # the axes keep only their last legend
        axes.add_artist(legend)
        legend.set_clip_on(False)
    axes.set_ylim(style.SPIN_RANGE)
    style.time_axis(axes, data["time"].values)
    if not legends:
        style.legend_above(axes, 1, ["spin_z"])


def draw(curves: style.Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw Fig. 2.

    (a) Electron spin, Eq. (23). (b) Localized spins, blue for FM_p and red for FM_a. Both are expectation values of
    Pauli matrices, in [-1, 1].

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Labelled runs, of which the first is drawn.
    marks : Marks
    """
    data = curves[0][1]
    with style.paper_style():
        figure = style.new_figure(style.COLUMN, 4.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.5))
        electron_spin(upper, data)
        localized_spins(lower, data)
        lower.set_xlabel(style.TIME)
        marks.add_hopping_axis(upper)
        marks.mark_echoes((upper, lower))
        style.panel_letter(upper, "a")
        style.panel_letter(lower, "b")
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """What the text says about the spins of the electron and of the layers."""
    run = runs[0][1]
    data = run.data
    start, top = abs(float(data["electron_spin_z"][0])), run.largest("electron_spin_z")
    peak = run.when_largest("electron_spin_z")
    yield Claim(
        "the pulse starts unpolarized and develops a finite z polarization as it passes FM$_p$",
        f"⟨σ^z⟩ of the electron is {start:.0e} at t = 0 and reaches {top:.2f} at {peak:.1f} fs",
        verdict(start < NOTHING < top),
    )
    first, second = run.onset("spin_z", "polarizer"), run.onset("spin_z", "analyzer")
    yield Claim(
        "the spins of FM$_p$ start at t ≃ 10 fs, those of FM$_a$ at t ≃ 20 fs",
        f"they start at {first:.1f} fs and {second:.1f} fs, {second - first:.1f} fs apart",
        in_order(first, second),
    )
    yield Claim(
        "the electron's polarization starts to decay exactly when the spins of FM$_a$ start to evolve",
        f"it is largest at {peak:.1f} fs; FM$_a$ starts at {second:.1f} fs",
        verdict(abs(peak - second) <= run.together),
    )
    transverse = max(run.largest("spin_x"), run.largest("spin_y"))
    yield Claim(
        "⟨S^x⟩ = ⟨S^y⟩ ≡ 0: no rotation away from the z axis",
        f"the largest transverse component is {transverse:.0e}",
        verdict(transverse < NOTHING),
    )
    length = float(np.sqrt(data["spin_x"] ** 2 + data["spin_y"] ** 2 + data["spin_z"] ** 2).min())
    yield Claim(
        "the spins' vectors shrink, |⟨S⟩| < Sħ",
        f"the shortest has {length:.2f} of its full length",
        verdict(length < 1 - 1e-3),
    )


def time_axis(runs: Passes) -> str:
    """Why times are not compared."""
    run = runs[0][1]
    device = run.experiment.device
    unit = device.largest_hopping
    apart = device.layers[1].sites[0] - device.layers[0].sites[0]
    first, second = run.onset("spin_z", "polarizer"), run.onset("spin_z", "analyzer")
    return (
        f"**The time axis.** A packet of this momentum runs {run.velocity:.2f} sites/fs, so that the {apart} sites "
        f"from the first site of FM$_p$ to that of FM$_a$ take {apart / run.velocity:.1f} fs. The paper's γ = 1 eV and "
        f"its onsets at 10 fs and 20 fs cannot both hold: its axis is probably not in fs. In ħ/γ the onsets here are "
        f"{to_hopping_times(first, unit):.1f} and {to_hopping_times(second, unit):.1f}; they move "
        "with the initial position of the packet, which the text does not give. Compare order, shape and size."
    )


RECIPE = Recipe(planned.paper_run, draw, claims, time_axis)
