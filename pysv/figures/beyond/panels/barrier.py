"""A barrier between the layers: negativity and transmission against its height."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from pysv.experiment.device import Device
from pysv.experiment.layer import Layer, Potential
from pysv.experiment.record import Every, Record
from pysv.experiment.source import WavePacket
from pysv.experiment.spins import Antiparallel
from pysv.figures import style
from pysv.figures.beyond.panels.panel import NEGATIVITY, Panel, Runs, echo_free, finish, keys, plot, transmission
from pysv.figures.claims import Claim, verdict
from pysv.figures.planned import Planned, PlannedSweep

KEY = "device.potential.1.energy"
HEIGHT = "device_potential_1_energy"
SHOWN = (0.0, 1.0, 2.0, 4.0)
"""Heights, eV, whose negativity is drawn against time."""
MORE = (0.25, 0.5, 0.75, 1.25, 1.5, 1.75, 2.5, 3.0, 3.5)
LABEL = "barrier (eV)"
STOP = 40.0
"""Last snapshot, fs; the electron has left."""


def runs(quick: bool) -> dict[str, Planned]:
    """Four spins in each layer, two sites of barrier; two spins and fewer heights if quick."""
    count, heights = (2, (*SHOWN, 0.5)) if quick else (4, (*SHOWN, *MORE))
    layers = (
        Layer(name="FM_p", sites=(50, 49 + count)),
        Layer(name="FM_a", sites=(54 + count, 53 + 2 * count)),
    )
    barrier = Potential(sites=(51 + count, 52 + count), energy=0.0)
    device = Device(sites=90, layers=layers, potential=(barrier,))
    record = Record(every=Every(qfi=0, w_fidelity=0))
    experiment = echo_free(device, WavePacket(center=25), Antiparallel(), STOP, 1.0, record=record)
    return {"heights": PlannedSweep(experiment, ((KEY, tuple(sorted(heights))),))}


def last(runs: Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heights (eV), and negativity and transmission at the last snapshot."""
    data = runs["heights"]
    through = [float(transmission(_at(data, height))[-1]) for height in data[HEIGHT].values]
    return data[HEIGHT].values, data["log_negativity"].values[:, -1], np.array(through)


def _at(data: xr.Dataset, height: float) -> xr.Dataset:
    return data.sel({HEIGHT: height})


def draw(axes: Sequence[Axes], runs: Runs) -> str:
    """Negativity against time for some heights, then its last value and the transmission against the height."""
    data = runs["heights"]
    for height, look in zip(SHOWN, style.CURVES, strict=False):
        plot(axes[0], data, _at(data, height)["log_negativity"], **look)
    finish(axes[0], NEGATIVITY)
    keys(axes, {f"{height:g} eV": look for height, look in zip(SHOWN, style.CURVES, strict=False)})
    heights, negativity, through = last(runs)
    for axis, values, label in ((axes[1], negativity, f"log. neg. at {STOP:g} fs"), (axes[2], through, "transmission")):
        axis.plot(heights, values, color="black", marker="o", markersize=2.5)
        axis.set(xlabel=LABEL, ylabel=label, ylim=(0.0, None))
        axis.margins(x=0.03)
    return (
        f"{data.sizes['spin'] // 2}+{data.sizes['spin'] // 2} spins, a barrier on two sites between FM$_p$ and FM$_a$"
    )


def claims(runs: Runs) -> Iterator[Claim]:
    """A barrier cuts the electron off from FM_a, but a low one keeps it between the layers."""
    heights, negativity, through = last(runs)
    best = int(negativity.argmax())
    yield Claim(
        "a low barrier raises the negativity",
        f"from {negativity[0]:.4f} nat without one to {negativity[best]:.4f} nat at {heights[best]:g} eV",
        verdict(best > 0),
    )
    yield Claim(
        "a high one cuts it off together with the transmission",
        f"at {heights[-1]:g} eV {through[-1]:.3f} of the electron pass (without a barrier {through[0]:.3f}), and the "
        f"negativity is {negativity[-1]:.4f} nat",
        verdict(negativity[-1] < 0.1 * negativity[0] and through[-1] < 0.1 * through[0]),
    )


PANEL = Panel(runs, draw, claims)
