"""What a picture marks besides the data: times in ħ/γ, and the echoes from the ends of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from pysv.experiment import Experiment
from pysv.figures import style
from pysv.units import to_hopping_times

ECHO: style.Style = {"color": "0.55", "linewidth": 0.6}


@dataclass(frozen=True)
class Marks:
    """What a picture tells about the experiment.

    Parameters
    ----------
    hopping : float
        γ in eV.
    echoes : sequence of (float, str)
        Wall echoes: times (fs) from which on a reflection from an end of the chain acts on the layers, and which end.
    quick : bool
        Whether the runs are shorter or smaller than those of the paper.
    """

    hopping: float = 1.0
    echoes: Sequence[tuple[float, str]] = ()
    quick: bool = False

    @classmethod
    def of(cls, experiment: Experiment, *, quick: bool = False) -> Marks:
        """Marks of an experiment."""
        return cls(experiment.device.largest_hopping, experiment.wall_echoes, quick)

    def both_times(self, time: float) -> str:
        """A time in fs and in ħ/γ."""
        return rf"{time:.1f} fs = {to_hopping_times(time, self.hopping):.1f} $\hbar/\gamma$"

    def add_hopping_axis(self, axes: Axes) -> None:
        """Add a second time axis on top, in units of ħ/γ."""
        axes.tick_params(top=False)
        scale = to_hopping_times(1.0, self.hopping)
        functions = (lambda t: t * scale, lambda t: t / scale)
        axes.secondary_xaxis("top", functions=functions).set_xlabel(r"time ($\hbar/\gamma$)")

    def mark_echoes(self, axes: Sequence[Axes]) -> None:
        """Draw a thin line at each wall echo, shade the times after the first, and label it in one panel with curves.

        Call it after curves, limits and legends are set. Echoes outside the plotted times are not drawn.
        """
        labelled = next((panel for panel in axes if panel.lines), None)
        for panel in axes:
            start, stop = panel.get_xlim()
            inside = sorted(time for time, _ in self.echoes if start < time < stop)
            if not inside:
                continue
            if panel is labelled:
                side, reach = ("left", 0.25) if inside[0] < start + 0.75 * (stop - start) else ("right", -0.25)
                height = _gap_height(panel, *sorted((inside[0], inside[0] + reach * (stop - start))))
                note: style.Style = {"textcoords": "offset points", "ha": side, "va": "center", "size": 8}
                offset = (3 if reach > 0 else -3, 0)
                panel.annotate("wall echo", (inside[0], height), xytext=offset, color=style.GREY, **note)
            panel.axvspan(inside[0], stop, facecolor="0.94", linewidth=0, zorder=0)
            for time in inside:
                panel.axvline(time, **ECHO, zorder=0.6)


UNMARKED = Marks()


def _gap_height(axes: Axes, start: float, stop: float) -> float:
    """Height, in data units, of the middle of the widest gap between curves and zero line in start <= x <= stop."""
    low, high = axes.get_ylim()
    x = np.linspace(start, stop, 64)
    curves = [np.asarray(line.get_data(), float) for line in axes.lines]
    levels = [np.interp(x, *curve) for curve in curves if curve.shape[1] > 1]
    ceiling = max([low, *(np.nanmax(curve[1]) for curve in curves)]) if axes.get_legend() else high
    edges = np.unique(np.clip(np.concatenate([[low, ceiling], *levels]), low, high))
    edges = edges[np.isfinite(edges)]
    widest = int(np.argmax(np.diff(edges)))
    return float(edges[widest : widest + 2].mean())
