"""Spins 1/2, 1 and 5/2 beside classical vectors: what of the torque is quantum."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import xarray as xr
from matplotlib.axes import Axes

from pysv.experiment.device import Device
from pysv.experiment.layer import Layer
from pysv.experiment.source import WavePacket
from pysv.experiment.spins import Antiparallel, ProductState
from pysv.figures import style
from pysv.figures.beyond.panels.panel import NEGATIVITY, Panel, Runs, echo_free, finish, keys, of_layer, plot
from pysv.figures.claims import NOTHING, Claim, verdict
from pysv.figures.planned import Planned, PlannedRun

LENGTHS = {"1/2": 0.5, "1": 1.0, "5/2": 2.5}
STARTS = {
    "collinear": Antiparallel(),
    "tilted": ProductState(layers=(("FM_p", (0.0, 0.0)), ("FM_a", (math.radians(120.0), 0.0)))),
}
SPLITTING = 0.5
"""2 S J_sd, eV: the electron sees the same field of every spin."""
LOOKS = {f"$S={name}$": look for name, look in zip(LENGTHS, style.CURVES, strict=False)}


def runs(quick: bool) -> dict[str, Planned]:
    """One spin in each layer, from both starts, by the quantum engine and as classical vectors."""
    found: dict[str, Planned] = {}
    for start, spins in STARTS.items():
        for length in LENGTHS.values():
            layers = tuple(
                Layer(name=layer, sites=(site, site), spin=length, sd_exchange=SPLITTING / (2 * length))
                for layer, site in (("FM_p", 50), ("FM_a", 55))
            )
            source, device = WavePacket(center=25, spin="up"), Device(sites=90, layers=layers)
            experiment = echo_free(device, source, spins, 30.0, 1.0 if quick else 0.5)
            found[f"{start} {length:g}"] = PlannedRun(experiment)
            found[f"{start} {length:g} classical"] = PlannedRun(experiment, "llg")
    return found


def draw(axes: Sequence[Axes], runs: Runs) -> str:
    """z component of FM_a from a collinear and a tilted start, and the negativity of the former."""
    for length, look in zip(LENGTHS.values(), LOOKS.values(), strict=True):
        classical_look = look | {"linestyle": style.DOTTED, "linewidth": 0.9}
        for axis, start in zip(axes, STARTS, strict=False):
            quantum, classical = runs[f"{start} {length:g}"], runs[f"{start} {length:g} classical"]
            plot(axis, quantum, of_layer(quantum, "spin_z", "FM_a"), **look)
            plot(axis, classical, of_layer(classical, "spin_z", "FM_a"), **classical_look)
        collinear = runs[f"collinear {length:g}"]
        plot(axes[2], collinear, collinear["log_negativity"], **look)
    for axis, start in zip(axes, STARTS, strict=False):
        finish(axis, r"$\langle\hat S^z\rangle/S$ of FM$_a$", remark=f"{start} start")
    finish(axes[2], NEGATIVITY, remark="collinear start")
    keys(axes, LOOKS | {"classical": {"color": "0.4", "linestyle": style.DOTTED}})
    return r"a spin $S$ in each layer, $2SJ_\mathrm{sd}=0.5$ eV, electron up"


def _moved(data: xr.Dataset) -> float:
    return float(max(abs(data[f"spin_{axis}"] - data[f"spin_{axis}"][0]).max() for axis in "xyz"))


def claims(runs: Runs) -> Iterator[Claim]:
    """Classical vectors need an angle; quantum spins do not, the less so the longer they are."""
    moved = {
        name: [_moved(runs[f"collinear {length:g}{kind}"]) for kind in ("", " classical")]
        for name, length in LENGTHS.items()
    }
    yield Claim(
        "collinear classical vectors do not move, quantum spins do, the less the longer they are",
        "largest motion: " + ", ".join(f"{one:.3f} (S = {name})" for name, (one, _) in moved.items())
        + f", classical {max(other for _, other in moved.values()):.0e}",
        verdict(
            max(other for _, other in moved.values()) < NOTHING
            and all(one > other > NOTHING for one, other in pairwise(one for one, _ in moved.values()))
        ),
    )  # fmt: skip
    apart = {}
    for name, length in LENGTHS.items():
        quantum, classical = runs[f"tilted {length:g}"], runs[f"tilted {length:g} classical"]
        difference = max(float(abs(quantum[f"spin_{axis}"] - classical[f"spin_{axis}"])[-1].max()) for axis in "xyz")
        apart[name] = difference / _moved(classical)
    yield Claim(
        "from a tilted start both turn, and come closer to each other with the length of the spins",
        "difference after the electron has passed: "
        + ", ".join(f"{value:.3f} (S = {name})" for name, value in apart.items()) + " of the classical motion",
        verdict(all(one > other for one, other in pairwise(apart.values()))),
    )  # fmt: skip
    last = {name: float(runs[f"collinear {length:g}"]["log_negativity"][-1]) for name, length in LENGTHS.items()}
    yield Claim(
        "the longer the spins, the less entangled they are",
        "negativity " + ", ".join(f"{value:.3f} (S = {name})" for name, value in last.items()),
        verdict(all(one > other > NOTHING for one, other in pairwise(last.values()))),
    )


PANEL = Panel(runs, draw, claims)
