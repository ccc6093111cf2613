"""A train of electrons on two spins with k d = π: entanglement that more and more electrons make, and lose again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from pysv.experiment import Experiment
from pysv.experiment.device import SpinValve
from pysv.experiment.train import Train
from pysv.figures import style
from pysv.figures.beyond.panels.panel import NEGATIVITY, Panel, Runs, keys
from pysv.figures.claims import Claim, verdict
from pysv.figures.planned import Planned, PlannedRun

LIMIT = math.log(1 + (math.sqrt(2) - 1) / 2)
"""Negativity of ½|s⟩⟨s| + ½|↑↑⟩⟨↑↑|: the singlet half of ↑↓ is dark, the other half ends in ↑↑."""
WIDTHS = (0.2, 0.1, 0.05)
"""δ_k, rad per site."""
INTERVAL = 300.0


def runs(quick: bool) -> dict[str, Planned]:
    """A hundred electrons up in packets of three widths; forty if quick."""
    found: dict[str, Planned] = {}
    for width in WIDTHS:
        first = round(7 / width) + 30
        device = SpinValve(sites=first + 60, polarizer=(first, first), analyzer=(first + 2, first + 2))
        source = Train(
            center=round(6 / width), momentum_spread=width, spin="up", pulses=40 if quick else 100, interval=INTERVAL
        )
        found[f"{width:g}"] = PlannedRun(Experiment(device=device, source=source))
    return found


def pulses(data: xr.Dataset) -> np.ndarray:
    """Number of electrons that have passed, from 1 on."""
    return np.asarray(data["time"].values[1:] / INTERVAL)


def draw(axes: Sequence[Axes], runs: Runs) -> str:
    """Negativity and mean spin against the number of electrons, and the largest negativity against the width."""
    looks = dict(zip(runs, style.CURVES, strict=False))
    for data, look in zip(runs.values(), looks.values(), strict=True):
        axes[0].plot(pulses(data), data["log_negativity"].values[1:], **look)
        axes[1].plot(pulses(data), data["spin_z"].mean("spin").values[1:], **look)
    for axis, label in zip(axes, (NEGATIVITY, r"mean of $\langle\hat\sigma^z_i\rangle$"), strict=False):
        axis.set(xscale="log", xlabel="electrons", ylabel=label)
    axes[0].set_ylim(0.0, 1.1 * LIMIT)
    axes[1].set_ylim(0.0, 1.0)
    axes[1].axhline(0.5, **style.THRESHOLD)
    widths = [float(label) for label in runs]
    axes[2].plot(widths, [float(data["log_negativity"].max()) for data in runs.values()], color="black", marker="o",
                 markersize=2.5)  # fmt: skip
    axes[2].set(xlabel=r"$\delta_k$ (rad/site)", ylabel="largest log. neg.", xlim=(0.0, 0.21), ylim=(0.0, 1.3 * LIMIT))
    for axis in (axes[0], axes[2]):
        axis.axhline(LIMIT, **style.THRESHOLD)
    place: style.Style = {"textcoords": "offset points", "va": "bottom", "size": 8, "color": style.GREY}
    axes[2].annotate("limit for a sharp momentum", (0.0, LIMIT), xytext=(3, 1), **place)
    keys(axes, {rf"$\delta_k={label}$": look for label, look in looks.items()})
    return r"electrons up, one after another, two spins, $kd=\pi$"


def claims(runs: Runs) -> Iterator[Claim]:
    """A sharp momentum never sees the singlet, a packet of finite width does at length."""
    reached = [float(data["log_negativity"].max()) for data in runs.values()]
    gaps = [LIMIT - value for value in reached]
    yield Claim(
        f"the narrower the packet in momentum, the closer to ln(1 + (√2 − 1)/2) = {LIMIT:.4f} nat",
        ", ".join(f"{value:.4f} (δ_k = {label})" for label, value in zip(runs, reached, strict=True)),
        verdict(gaps[-1] > 0 and all(one > 1.5 * other for one, other in pairwise(gaps))),
    )
    half = [float(data["log_negativity"][-1]) / top for data, top in zip(runs.values(), reached, strict=True)]
    yield Claim(
        "later electrons take the entanglement away again, the slower the narrower the packet",
        "of the largest is left at the end: " + ", ".join(f"{share:.0%}" for share in half),
        verdict(half[0] < half[1] < half[2] < 1),
    )


PANEL = Panel(runs, draw, claims)
