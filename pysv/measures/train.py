"""What is known between the pulses of a train: the last electron's transmission, and how much its pulse changed ρ."""

from __future__ import annotations

import numpy as np

from pysv.experiment.train import Train
from pysv.measures.registry import Measure, part, register
from pysv.measures.view import View


def _extras(view: View) -> dict[str, np.ndarray | float]:
    return view.state.extras()


for _name, _long_name in (
    ("electron_transmission", "probability that the last electron of a train has passed the spins"),
    ("change_of_state", "trace norm ‖ρ − ρ_before‖ of the change by the last interval of a train"),
):
    register(
        Measure(
            name=_name,
            long_name=_long_name,
            needs="snapshot",
            sampled=False,
            applies=lambda sizes: isinstance(sizes.experiment.source, Train),
            function=part(_extras, _name),
            place=31,
        )
    )
