"""The invariants: norm, energy, S^z and number of electrons. A run watches over them (`pysv.run.invariants`)."""

from __future__ import annotations

from pysv.measures.registry import Measure, part, register
from pysv.measures.view import View


def _invariants(view: View) -> dict[str, float]:
    return view.state.invariants()


for _name, _units, _long_name in (
    ("norm", "1", "norm Tr ρ"),
    ("energy", "eV", "energy ⟨H⟩"),
    ("spin_z_total", "1", "total spin ⟨σ^z⟩ of electron and localized spins"),
    ("electron_number", "1", "number of electrons"),
):
    register(
        Measure(
            name=_name,
            long_name=_long_name,
            units=_units,
            needs="invariant",
            linear=True,
            function=part(_invariants, _name),
            place=80,
        )
    )
