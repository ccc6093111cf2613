"""What the factor of ρ lacks: the weight beyond its numerical rank."""

from __future__ import annotations

from pysv.measures.factor import SpinFactor
from pysv.measures.registry import Measure, register
from pysv.measures.view import View


def _discarded(view: View) -> float | None:
    """Only where eigenstates are needed anyhow: to find them takes the Gram matrix."""
    if view.setting.way != "factor" or not any(view.due(name) for name in ("entropies", "log_negativity", "qfi")):
        return None
    assert isinstance(view.rho, SpinFactor)
    return view.rho.discarded


register(
    Measure(
        name="discarded_weight_factor",
        long_name="weight of ρ beyond the numerical rank of its factor",
        needs="snapshot",
        sampled=False,
        function=_discarded,
        place=50,
    )
)
