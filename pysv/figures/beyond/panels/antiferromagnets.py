"""Two antiferromagnetic layers in their ground state under a polarised electron, with and without a staggered field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from pysv.experiment.device import Device
from pysv.experiment.layer import Layer
from pysv.experiment.source import WavePacket
from pysv.experiment.spins import Ground
from pysv.figures import style
from pysv.figures.beyond.panels.panel import NEGATIVITY, Panel, Runs, echo_free, finish, keys, of_layer, plot
from pysv.figures.claims import NOTHING, Claim, verdict
from pysv.figures.planned import Planned, PlannedRun

LAYERS = ("AF_1", "AF_2")
FIELDS = {"no field": 0.0, "field": 0.1}
"""Staggered field on the spins, eV."""
COLORS = {"field": "#000000", "no field": style.AMBER}
DASHES = {"AF_1": "-", "AF_2": style.DASHED}


def runs(quick: bool) -> dict[str, Planned]:
    """Four spins in each layer, J = J_z = −0.1 eV; two if quick."""
    count = 2 if quick else 4
    found: dict[str, Planned] = {}
    for label, field in FIELDS.items():
        staggered = tuple(field * (-1) ** n for n in range(count))
        layers = tuple(
            Layer(name=name, sites=(first, first + count - 1), exchange=-0.1, exchange_z=-0.1, field=staggered)
            for name, first in zip(LAYERS, (50, 54 + count), strict=True)
        )
        source = WavePacket(center=25, spin="up")
        found[label] = PlannedRun(echo_free(Device(sites=90, layers=layers), source, Ground(), 30.0, 0.5))
    return found


def staggered(data: xr.Dataset, layer: str) -> np.ndarray:
    """Staggered magnetisation (1/n) Σ_i (−1)^i ⟨σ^z_i⟩ of a layer, (time,)."""
    spins = of_layer(data, "spin_z", layer)
    return np.asarray((spins * (-1.0) ** np.arange(spins.shape[1])).mean(axis=1))


def draw(axes: Sequence[Axes], runs: Runs) -> str:
    """Staggered magnetisation and magnetisation of both layers, and the negativity between them."""
    for label, data in runs.items():
        for layer in LAYERS:
            look: style.Style = {"color": COLORS[label], "linestyle": DASHES[layer]}
            plot(axes[0], data, staggered(data, layer), **look)
            plot(axes[1], data, of_layer(data, "spin_z", layer).mean(axis=1), **look)
        plot(axes[2], data, data["log_negativity"], color=COLORS[label])
    finish(axes[0], "staggered\nmagnetisation")
    finish(axes[1], "magnetisation")
    finish(axes[2], NEGATIVITY)
    looks = {style.layer_label(layer): {"color": "0.4", "linestyle": dashes} for layer, dashes in DASHES.items()}
    keys(axes, {label: {"color": color} for label, color in COLORS.items()} | looks)
    each = runs["field"].sizes["spin"] // 2
    return f"antiferromagnets of {each}+{each} spins in their ground state, electron up"


def claims(runs: Runs) -> Iterator[Claim]:
    """No moment, and yet a torque and entanglement."""
    bare, held = runs["no field"], runs["field"]
    start = max(
        float(abs(data["log_negativity"][0])) for data in runs.values()
    )  # fmt: skip
    end = [float(data["log_negativity"][-1]) for data in (held, bare)]
    yield Claim(
        "two antiferromagnets become entangled by one electron",
        f"the negativity rises from {start:.0e} to {end[0]:.3f} nat with the field and {end[1]:.3f} nat without",
        verdict(start < NOTHING < min(end)),
    )
    yield Claim(
        "more without the field that holds their sublattices",
        f"{end[1]:.3f} and {end[0]:.3f} nat",
        verdict(end[1] > end[0]),
    )
    silent = max(float(abs(bare["spin_z"][0]).max()), float(abs(staggered(bare, LAYERS[0])[0])))
    moment = float(bare["spin_z"][-1].sum())
    given = float(bare["electron_spin_z"][0] - bare["electron_spin_z"][-1])
    yield Claim(
        "singlets, in which no spin points anywhere, take up spin from the electron",
        f"at first every |⟨σ^z_i⟩| is below {max(silent, 1e-15):.0e}, at last their sum is {moment:.3f}, and the "
        f"electron has lost {given:.3f}",
        verdict(silent < NOTHING < moment and abs(moment - given) < NOTHING),
    )
    before, after = ([float(staggered(held, layer)[at]) for layer in LAYERS] for at in (0, -1))
    yield Claim(
        "the staggered magnetisation shrinks, more in the layer that the electron meets first",
        f"from {before[0]:.2f} to {after[0]:.2f} in AF₁ and {after[1]:.2f} in AF₂",
        verdict(after[0] < after[1] < before[1]),
    )


PANEL = Panel(runs, draw, claims)
