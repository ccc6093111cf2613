"""Where the electrons are, and their spin (Eq. 23)."""

from __future__ import annotations

import numpy as np

from pysv.measures.registry import Measure, part, register
from pysv.measures.view import View


def _spin(view: View) -> dict[str, float]:
    return {f"electron_spin_{axis}": float(v) for axis, v in zip("xyz", view.state.electron_spin(), strict=True)}


def _densities(view: View) -> dict[str, np.ndarray]:
    density, spin_density = view.state.electron_densities()
    return {"electron_density": density, "electron_spin_density_z": spin_density}


for _axis in "xyz":
    register(
        Measure(
            name=f"electron_spin_{_axis}",
            long_name=f"electron spin ⟨σ^{_axis}⟩",
            needs="state",
            linear=True,
            function=part(_spin, f"electron_spin_{_axis}"),
            place=30,
        )
    )
for _name, _long_name in (
    ("electron_density", "probability of the electron, or number of electrons, on a site"),
    ("electron_spin_density_z", "electron spin density ⟨σ^z⟩ on a site"),
):
    register(
        Measure(
            name=_name,
            long_name=_long_name,
            dims=("site",),
            needs="state",
            linear=True,
            function=part(_densities, _name),
            place=30,
        )
    )
