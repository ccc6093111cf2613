"""One layer under an up, a down and an unpolarized electron: quantum spin torque."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.integrate import simpson

from pysv.experiment.device import Device
from pysv.experiment.layer import Layer
from pysv.experiment.record import Record
from pysv.experiment.source import WavePacket
from pysv.experiment.spins import Parallel
from pysv.figures import style
from pysv.figures.beyond.panels.panel import Panel, Runs, echo_free, finish, keys, plot
from pysv.figures.claims import NOTHING, Claim, verdict
from pysv.figures.planned import Planned, PlannedRun

LAYER = "magnet"
INTEGRAL = 1e-4
"""Largest error of Simpson's rule for the torque on these snapshots."""
LOOKS = dict(zip(("up", "down", "unpolarized"), style.CURVES, strict=False))


def runs(quick: bool) -> dict[str, Planned]:
    """Four spins, all up; two if quick."""
    device = Device(sites=80, layers=(Layer(name=LAYER, sites=(50, 51 if quick else 53)),))
    record = Record(torque=True)
    return {
        spin: PlannedRun(echo_free(device, WavePacket(center=25, spin=spin), Parallel(), 25.0, 0.25, record=record))
        for spin in ("up", "down", "unpolarized")
    }


def draw(axes: Sequence[Axes], runs: Runs) -> str:
    """Mean spin of the layer, the torque on it, its entropy."""
    for label, data in runs.items():
        plot(axes[0], data, data["spin_z"].mean("spin"), **LOOKS[label])
        plot(axes[1], data, data["torque_z"].mean("spin"), **LOOKS[label])
        plot(axes[2], data, data["entropy_total"], **LOOKS[label])
    finish(axes[0], r"mean of $\langle\hat\sigma^z_i\rangle$")
    keys(axes, {f"electron {label}": look for label, look in LOOKS.items()})
    finish(axes[1], "torque on it (1/fs)")
    finish(axes[2], "entropy (nats)")
    return f"one layer of {next(iter(runs.values())).sizes['spin']} spins, all up"


def claims(runs: Runs) -> Iterator[Claim]:
    """The layer is collinear with the electron: all that it feels is quantum."""
    change = {label: float((data["spin_z"][-1] - data["spin_z"][0]).mean()) for label, data in runs.items()}
    still = runs["up"]
    moved = max(float(abs(still["torque_z"]).max()), float(still["entropy_total"].max()), abs(change["up"]))
    yield Claim(
        "an up electron flips no spin of a layer that is up",
        f"largest torque, entropy and change of spin: {moved:.0e}",
        verdict(moved < NOTHING),
    )
    turned = runs["down"]
    across = max(float(abs(turned[f"spin_{axis}"]).max()) for axis in "xy")
    yield Claim(
        "a down electron shrinks the spins without turning them, and becomes entangled with them",
        f"the mean spin falls by {-change['down']:.3f}, the entropy reaches {float(turned['entropy_total'][-1]):.3f} "
        f"nat, the largest transverse component is {across:.0e}",
        verdict(across < NOTHING < -change["down"] and float(turned["entropy_total"][-1]) > NOTHING),
    )
    gained = simpson(turned["torque_z"].mean("spin").values, x=turned["time"].values)
    yield Claim(
        "the torque over time is the change of spin",
        f"∫ torque dt = {gained:.5f}, the change is {change['down']:.5f}",
        verdict(bool(np.isclose(gained, change["down"], atol=INTEGRAL))),
    )
    yield Claim(
        "an unpolarized electron is half a down one",
        f"it changes the mean spin by {change['unpolarized']:.4f}, half of {change['down']:.4f}",
        verdict(abs(change["unpolarized"] - change["down"] / 2) < NOTHING),
    )


PANEL = Panel(runs, draw, claims)
