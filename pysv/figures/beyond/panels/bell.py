"""Singlet and triplet of two one-spin layers: an electron sees one and not the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes

from pysv.experiment.device import SpinValve
from pysv.experiment.source import WavePacket
from pysv.experiment.spins import Bell
from pysv.figures import style
from pysv.figures.beyond.panels.panel import NEGATIVITY, Panel, Runs, echo_free, finish, keys, plot, transmission
from pysv.figures.claims import Claim, verdict
from pysv.figures.planned import Planned, PlannedRun

STARTS = {"singlet": math.pi, "triplet": 0.0}
DISTANCES = {2: r"$\pi$", 1: r"$\pi/2$"}
"""Distances d of the spins, sites, with the phase k d that an electron of k = π/2 gathers between them."""
DARK = 0.02
"""Loss of negativity, nats, of a singlet that the electron hardly sees."""
LOOKS = {"singlet": style.CURVES[0], "triplet": style.CURVES[1]}


def runs(quick: bool) -> dict[str, Planned]:
    """Packets of δ_k = 0.1, electrons up."""
    found: dict[str, Planned] = {}
    for distance in DISTANCES:
        device = SpinValve(sites=140, polarizer=(90, 90), analyzer=(90 + distance, 90 + distance))
        for start, angle in STARTS.items():
            source = WavePacket(center=50, momentum_spread=0.1, spin="up")
            experiment = echo_free(device, source, Bell(phase=angle), 36.0, 1.0 if quick else 0.5)
            found[f"{start} {distance}"] = PlannedRun(experiment)
    return found


def draw(axes: Sequence[Axes], runs: Runs) -> str:
    """Negativity at both distances, and the mean spin of the two at the first."""
    for start, look in LOOKS.items():
        for axis, distance in zip(axes, DISTANCES, strict=False):
            data = runs[f"{start} {distance}"]
            plot(axis, data, data["log_negativity"], **look)
        near = runs[f"{start} 2"]
        plot(axes[2], near, near["spin_z"].mean("spin"), **look)
    for axis, phase in zip(axes, DISTANCES.values(), strict=False):
        axis.set_ylim(0.0, 0.75)
        finish(axis, NEGATIVITY, remark=f"$kd=${phase}")
    finish(axes[2], r"mean of $\langle\hat\sigma^z_i\rangle$", remark=r"$kd=\pi$")
    keys(axes, LOOKS)
    return r"two spins that start in a Bell state, electron up, $\delta_k=0.1$"


def claims(runs: Runs) -> Iterator[Claim]:
    """With k d = π the electron couples to the sum of both spins, which is zero in the singlet."""
    lost = {label: float(data["log_negativity"][0] - data["log_negativity"][-1]) for label, data in runs.items()}
    dark, bright = lost["singlet 2"], lost["triplet 2"]
    yield Claim(
        "with k d = π the singlet is dark, the triplet is not",
        f"of ln 2 = {math.log(2):.3f} nat the singlet loses {dark:.4f}, the triplet {bright:.3f}",
        verdict(0 < dark < DARK and bright > 10 * dark),
    )
    through = [float(transmission(runs[f"{start} 2"])[-1]) for start in STARTS]
    yield Claim(
        "a dark pair does not reflect the electron",
        f"{through[0]:.3f} of it pass the singlet, {through[1]:.3f} the triplet",
        verdict(1 - through[0] < DARK < 1 - through[1]),
    )
    both = [lost[f"{start} 1"] for start in STARTS]
    yield Claim(
        "with k d = π/2 neither is dark",
        f"they lose {both[0]:.3f} and {both[1]:.3f} nat",
        verdict(min(both) > 10 * DARK),
    )


PANEL = Panel(runs, draw, claims)
