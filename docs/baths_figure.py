"""Draws docs/baths.png: negativity before and while the electron arrives, low rank against trajectories.

Run as ``python docs/baths_figure.py LOWRANK.nc TRAJECTORIES.nc``, with result files of one experiment made by the
engines `low-rank` and `trajectories`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pysv
from pysv.figures import style


def main(low_rank: str, trajectories: str) -> None:
    """Draw both runs over the time that they share."""
    one, other = pysv.load(low_rank), pysv.load(trajectories)
    other = other.isel(time=other.time <= float(one.time[-1]))
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 2.6)
        for axes, scale in zip(figure.subplots(1, 2), ("log", "linear"), strict=True):
            style.plot_variable(axes, one, "log_negativity", "low rank", color="black")
            style.plot_variable(axes, other, "log_negativity", "200 trajectories", **style.CURVES[1])
            axes.set_yscale(scale)
            axes.set_xlabel(style.TIME)
            if scale == "log":
                axes.set_ylim(1e-12, 1)
        figure.axes[0].set_ylabel("log. negativity (nats)")
        figure.axes[1].legend(loc="upper left")
        figure.savefig(Path(__file__).with_name("baths.png"), dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
