"""Purity and Rényi-2 entropy of the localized spins, which need no diagonalisation to be measured in a laboratory."""

from __future__ import annotations

import numpy as np

from pysv.measures.factor import SpinFactor
from pysv.measures.registry import Measure, register
from pysv.measures.view import View
from pysv.model.density import SpinDensity


def purity(rho: SpinDensity | SpinFactor) -> float:
    """Tr ρ² of all localized spins: 1 for a pure state."""
    return float((rho.eigenvalues**2).sum())


def _purity(view: View) -> float:
    return purity(view.rho)


register(
    Measure(
        name="purity",
        long_name="purity Tr ρ² of the localized spins",
        needs="eigenstates",
        schedule="entropies",
        option="purity",
        function=lambda view: view.once(_purity),
        place=18,
    )
)
register(
    Measure(
        name="renyi2",
        long_name="Rényi-2 entropy −ln Tr ρ² of the localized spins",
        units="nat",
        needs="eigenstates",
        schedule="entropies",
        option="purity",
        function=lambda view: -float(np.log(view.once(_purity))),
        place=18,
    )
)
