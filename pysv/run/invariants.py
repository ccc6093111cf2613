"""The invariants of a run: norm, energy, S^z, number of electrons. A run stops if one of them drifts too far."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import fields
from typing import TYPE_CHECKING

from pysv.errors import InvariantError
from pysv.measures.invariants import INVARIANTS

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.snapshot import Snapshot


def remedy(method: Method, *, resumed: bool) -> str:
    """What helps where an invariant drifts: a finer option that the engine has, and what may be wrong with a file.

    Parameters
    ----------
    method : Method
    resumed : bool
        Whether the run goes on from a result file.

    Returns
    -------
    str
    """
    own = {entry.name for entry in fields(method)}  # type: ignore[arg-type]
    finer = [name for name in ("time_step", "tolerance", "rtol") if name in own]
    words = f"take a smaller {' or '.join(finer)}, or another engine" if finer else "take another engine"
    return (
        f"make the run again from its start, since the state in its file may be damaged, or {words}"
        if resumed
        else words
    )


class Watch:
    """Listener that computes the invariants of each snapshot and compares them with those at t = 0.

    Parameters
    ----------
    tolerance : float
        Allowed drift of norm, S^z and number of electrons. For the latter two it is relative to their initial value if
        that exceeds 1: in one S^z sector, S^z is the norm times a number.
    energy_scale : float
        Half-width of the spectrum, eV. The allowed drift of the energy is `tolerance` times this.
    conserved : collection of str
        Invariants that must not drift; baths exchange energy and S^z with the spins.
    remedy : str
        What helps where one drifts; see `remedy`.
    """

    def __init__(
        self,
        tolerance: float,
        energy_scale: float,
        conserved: Collection[str] = tuple(INVARIANTS),
        remedy: str = "take another engine",
    ) -> None:
        self._conserved = conserved
        self.tolerance = tolerance
        self._energy_scale = energy_scale
        self._remedy = remedy
        self.start: dict[str, float] = {}
        self.now: dict[str, float] = {}
        self.drift: dict[str, float] = {}

    def resume(self, start: dict[str, float], drift: dict[str, float]) -> None:
        """Set the values at t = 0 and the drifts of the earlier part of the run."""
        self.start, self.drift = dict(start), dict(drift)

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Compare with t = 0.

        Raises
        ------
        InvariantError
            If a quantity is not finite or drifted beyond its tolerance.
        """
        self.now = snapshot.state.invariants()
        self.start = self.start or self.now
        for name, value in self.now.items():
            unit = "" if (units := INVARIANTS[name][0]) == "1" else f" {units}"
            if not (math.isfinite(value) and math.isfinite(self.start[name])):
                raise InvariantError(
                    f"{name} is {value} at t = {snapshot.time:g} fs: the state is not finite; {self._remedy}, or "
                    "look for a value at the end of its range"
                )
            drift = abs(value - self.start[name])
            allowed = self.tolerance * (self._energy_scale if name == "energy" else max(1.0, abs(self.start[name])))
            if name in self._conserved and not drift <= allowed:  # true of a drift that is no number, too
                raise InvariantError(
                    f"{name} drifted by {drift:.1e}{unit} until t = {snapshot.time:g} fs; the limit is "
                    f"{allowed:.1e}{unit}; {self._remedy}"
                )
        for name, value in self.now.items():  # only now, so that a refused snapshot does not count
            self.drift[name] = max(abs(value - self.start[name]), self.drift.get(name, 0.0))
