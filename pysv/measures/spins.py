"""Directions of the localized spins."""

from __future__ import annotations

import numpy as np

from pysv.measures.factor import SpinFactor
from pysv.measures.registry import Measure, part, register
from pysv.measures.view import View


def _z(view: View) -> np.ndarray:
    if view.directions is not None:
        return np.asarray(view.directions[2])
    (configuration, probability), spins = view.probabilities, view.setting.spins
    return np.asarray(probability @ spins.moments(configuration) / (np.array(spins.levels) - 1))


def _transverse(view: View) -> dict[str, np.ndarray]:
    if view.directions is not None:
        return {"spin_x": view.directions[0], "spin_y": view.directions[1]}
    rho = view.rho
    # A factor has no coherence between different numbers of down spins.
    x, y = np.zeros((2, rho.n_spins)) if isinstance(rho, SpinFactor) else rho.spin_expectations()[:2]
    return {"spin_x": x, "spin_y": y}


for _axis in "xyz":
    register(
        Measure(
            name=f"spin_{_axis}",
            long_name=f"localized spin ⟨σ^{_axis}⟩",
            dims=("spin",),
            needs="diagonal" if _axis == "z" else "eigenstates",
            by_state=True,
            linear=True,
            function=_z if _axis == "z" else part(_transverse, f"spin_{_axis}"),
            place=10,
        )
    )
