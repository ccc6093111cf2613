"""Draws docs/baths.png: negativity where there should be none, low rank against two kinds of trajectories.

Run as ``python docs/baths_figure.py FOLDER``; the runs, some minutes, are kept in FOLDER.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import pysv
from pysv.engines.base import Method
from pysv.figures import style

VALVE = pysv.Experiment(bath=pysv.BosonicBath(temperature=100), times=pysv.times(stop=14, step=0.5))
ALONE = replace(  # the same spins and baths; the electron is there, but does not see them
    VALVE,
    device=pysv.SpinValve(sites=16, polarizer=(4, 7), analyzer=(12, 15), sd_exchange=0.0),
    source=pysv.WavePacket(center=8, momentum_spread=2),
    times=pysv.times(stop=60, step=2),
)
LOCAL = pysv.Trajectories(ntraj=200, time_step=0.5, sampling="plain")
ENGINES: dict[str, Method] = {
    "low rank": pysv.LowRank(time_step=0.5),
    "200 trajectories, local jumps": LOCAL,
    **{
        f"{n}, mixed jumps": pysv.Trajectories(ntraj=n, time_step=0.5, unravelling="mixed", sampling="plain")
        for n in (50, 200, 800)
    },
}
PANELS = ((ALONE, tuple(ENGINES)), (VALVE, ("low rank", "200 trajectories, local jumps", "200, mixed jumps")))
LOOKS = dict(
    zip(
        ENGINES,
        (
            {"color": "black", "linewidth": 1.6},
            {"color": "#d2502f", "linestyle": (0, (5, 1.5))},
            {"color": "#8fbfe0"},
            {"color": "#3f83c4", "linestyle": (0, (4, 1.2, 1, 1.2))},
            {"color": "#08306b", "linestyle": style.DOTTED},
        ),
        strict=True,
    )
)
LEAST = 1e-12
"""Below this a negativity is rounding."""


def run(experiment: pysv.Experiment, label: str, folder: Path) -> np.ndarray:
    """Negativity of a run that is kept in the folder, of ρ divided by its trace, which drifts by 1e-9."""
    engine = ENGINES[label]
    if experiment is ALONE and isinstance(engine, pysv.LowRank):
        engine = replace(engine, tolerance=1e-7)  # few columns are needed, and a truncation may entangle
    path = folder / f"{'alone' if experiment is ALONE else 'valve'}-{label.replace(', ', '-').replace(' ', '-')}.nc"
    if path.exists():
        data = pysv.resume(path, experiment=experiment, engine=engine)
    else:
        data = pysv.solve(experiment, engine=engine, out=path)
    return np.clip(data.log_negativity.values - np.log(data.norm.values), LEAST, None)


def main(folder: str) -> None:
    """Make the runs that are not there, and draw them."""
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 2.9)
        for axes, letter, (experiment, labels) in zip(figure.subplots(1, 2), "ab", PANELS, strict=True):
            for label in labels:
                axes.plot(experiment.times.values, run(experiment, label, Path(folder)), label=label, **LOOKS[label])
            axes.set_yscale("log")
            axes.set_ylim(LEAST / 3, 1)
            axes.set_xlim(0, experiment.times.stop)
            axes.set_xlabel(style.TIME)
            style.panel_letter(axes, letter)
        figure.axes[0].set_ylabel("log. negativity (nats)")
        style.legend_above(figure.axes[0], 1)
        figure.savefig(Path(__file__).with_name("baths.png"), dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
