"""What only some engines know: their error, the bonds of a matrix-product state, the entropy of half of the chain."""

from __future__ import annotations

import numpy as np

from pysv.measures.registry import Measure, part, register
from pysv.measures.view import View


def _extras(view: View) -> dict[str, np.ndarray | float]:
    return view.state.extras()


register(
    Measure(
        name="state_deviation",
        long_name="distance of the state from the exact one",
        needs="snapshot",
        sampled=False,
        function=lambda view: view.deviation,
        place=90,
    )
)
for _measure in (
    Measure(
        name="entropy_half",
        long_name="entanglement entropy of the chain's right half, S_half",
        units="nat",
        needs="snapshot",
        function=part(_extras, "entropy_half"),
        place=100,
    ),
    Measure(
        name="entropy_bond",
        long_name="entanglement entropy of all that lies right of a bond",
        units="nat",
        dims=("bond",),
        needs="snapshot",
        function=part(_extras, "entropy_bond"),
        place=100,
    ),
    Measure(
        name="bond_dimension",
        long_name="bond dimension of the matrix-product state",
        dims=("bond",),
        dtype=np.int64,
        needs="snapshot",
        function=part(_extras, "bond_dimension"),
        place=100,
    ),
    Measure(
        name="discarded_weight",
        long_name="weight discarded on a bond up to this time",
        dims=("bond",),
        needs="snapshot",
        function=part(_extras, "discarded_weight"),
        place=100,
    ),
):
    register(_measure)
