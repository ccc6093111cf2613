"""The density matrix of the localized spins itself."""

from __future__ import annotations

import numpy as np

from pysv.measures.registry import Measure, register
from pysv.measures.sizes import Sizes
from pysv.measures.view import View
from pysv.model.density import SpinDensity


def _density_matrix(view: View) -> np.ndarray:
    assert isinstance(view.rho, SpinDensity)
    return view.rho.dense()


def _cost(sizes: Sizes) -> tuple[float, float]:
    """It is kept for all snapshots until the end of the run."""
    return 16 * sizes.localized.size**2 * sizes.experiment.times.count, 0


register(
    Measure(
        name="density_matrix",
        long_name="density matrix of the localized spins",
        dims=("ket", "bra"),
        dtype=np.complex128,
        needs="density matrix",
        linear=True,
        sampled=False,
        schedule="density_matrix",
        option="density_matrix",
        cost=_cost,
        function=_density_matrix,
        place=110,
    )
)
