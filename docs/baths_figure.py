"""Draws docs/baths.png: negativity before the electron arrives, low rank against two kinds of trajectories.

Run as ``python docs/baths_figure.py FOLDER``; the runs, some minutes each, are kept in FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pysv
from pysv.figures import style
from pysv.figures.plan import Run, solved

EXPERIMENT = pysv.Experiment(bath=pysv.BosonicBath(temperature=100), times=pysv.times(stop=14, step=0.5))
RUNS = {
    "low rank": pysv.LowRank(time_step=0.5),
    "200 trajectories, local jumps": pysv.Trajectories(ntraj=200, time_step=0.5),
    "50, mixed jumps": pysv.Trajectories(ntraj=50, time_step=0.5, unravelling="mixed"),
    "200, mixed jumps": pysv.Trajectories(ntraj=200, time_step=0.5, unravelling="mixed"),
    "800, mixed jumps": pysv.Trajectories(ntraj=800, time_step=0.5, unravelling="mixed"),
}
LOOKS = (
    {"color": "black", "linewidth": 1.6},
    {"color": "#d2502f", "linestyle": (0, (5, 1.5))},
    {"color": "#9ecae1"},
    {"color": "#4292c6", "linestyle": (0, (4, 1.2, 1, 1.2))},
    {"color": "#08306b", "linestyle": style.DOTTED},
)


def main(folder: str) -> None:
    """Make the runs that are not there, and draw them."""
    curves = {
        label: solved(Run(EXPERIMENT, engine), Path(folder) / f"{label.replace(', ', '-').replace(' ', '-')}.nc", True)
        for label, engine in RUNS.items()
    }
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 2.7)
        for axes, scale in zip(figure.subplots(1, 2), ("log", "linear"), strict=True):
            for (label, data), look in zip(curves.items(), LOOKS, strict=True):
                axes.plot(data.time, data.log_negativity, label=label, **look)
            axes.set_yscale(scale)
            axes.set_xlabel(style.TIME)
            axes.set_xlim(0, 14)
            axes.set_ylim(*((1e-9, 0.3) if scale == "log" else (0, None)))
        figure.axes[0].set_ylabel("log. negativity (nats)")
        figure.axes[1].legend(loc="upper left")
        figure.savefig(Path(__file__).with_name("baths.png"), dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
