"""Currents on the bonds of the chain, charge transmitted, and the torque of the electron on the localized spins."""

from __future__ import annotations

import numpy as np

from pysv.measures.registry import Measure, part, register
from pysv.measures.view import View


def _currents(view: View) -> dict[str, np.ndarray]:
    found = view.state.currents()
    return {} if found is None else dict(zip(("current", "spin_current_z"), found, strict=True))


def _transmitted(view: View) -> np.ndarray:
    """Electrons right of each bond, less those at t = 0: by continuity the integral of the current through it."""
    density, _ = view.state.electron_densities()
    start = view.state.densities_at_start()
    if start is None:
        start = view.setting.density_at_start
    gained = density - start * (density.sum() / start.sum())
    return np.cumsum(gained[::-1])[::-1][1:]


def _torques(view: View) -> dict[str, np.ndarray]:
    found = view.state.torques()
    return {} if found is None else {f"torque_{axis}": own for axis, own in zip("xyz", found, strict=True)}


for _measure in (
    *(
        Measure(
            name=name,
            long_name=f"{what} to the right through a bond",
            units="1/fs",
            dims=("bond_site",),
            needs="state",
            linear=True,
            option="currents",
            function=part(_currents, name),
            place=35,
        )
        for name, what in (("current", "charge current"), ("spin_current_z", "current of σ^z"))
    ),
    Measure(
        name="charge_transmitted",
        long_name="electrons that have passed a bond to the right",
        dims=("bond_site",),
        needs="state",
        linear=True,
        option="currents",
        function=_transmitted,
        place=35,
    ),
    *(
        Measure(
            name=f"torque_{axis}",
            long_name=f"sd torque on a localized spin, d⟨S^{axis}⟩/dt/S",
            units="1/fs",
            dims=("spin",),
            needs="state",
            linear=True,
            option="torque",
            function=part(_torques, f"torque_{axis}"),
            place=36,
        )
        for axis in "xyz"
    ),
):
    register(_measure)
