"""Convergence of a tDMRG run: repeat it with finer settings, and report how much every curve changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines import choose
from pysv.engines.tdmrg import TDMRG
from pysv.errors import EngineError
from pysv.run import interrupt

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Method
    from pysv.experiment import Experiment

_NO_CURVES = ("bond_dimension", "discarded_weight")


@dataclass(frozen=True, eq=False)
class Convergence:
    """A run and its finer variants.

    Parameters
    ----------
    reference : xarray.Dataset
    variants : dict of str to xarray.Dataset
        Runs by the setting that is finer. An interrupted run is compared as far as it goes.
    """

    reference: xr.Dataset
    variants: dict[str, xr.Dataset]

    @property
    def changes(self) -> dict[str, dict[str, float]]:
        """For each variable, the largest change over times, sites, spins … in each variant."""
        names = [str(name) for name in self.reference.data_vars if name not in _NO_CURVES]
        return {
            name: {
                label: float(np.nanmax(np.abs((data[name] - self.reference[name]).values)))  # at the common times
                for label, data in self.variants.items()
            }
            for name in names
        }

    def __str__(self) -> str:
        labels = list(self.variants)
        wide = max(len(name) for name in self.changes)
        rows = [
            f"{name:<{wide}}  " + "  ".join(f"{found[label]:>{len(label)}.1e}" for label in labels)
            for name, found in self.changes.items()
        ]
        seconds = [("original run", self.reference), *self.variants.items()]
        times = ", ".join(
            f"{label}: {data.attrs['wall_time']:.0f} s, {data.attrs['engine_discarded_weight']:.0e} discarded"
            + (f" until it was interrupted at {float(data.time[-1]):g} fs" if _interrupted(data) else "")
            for label, data in seconds
        )
        return "\n".join([f"{'largest change':<{wide}}  " + "  ".join(labels), *rows, times])


def convergence(experiment: Experiment, engine: str | Method = "auto", *, progress: bool = True) -> Convergence:
    """Repeat a tDMRG run with half the time step, twice the bond dimension, a tenth of the discarded weight.

    Parameters
    ----------
    experiment : Experiment
    engine : str or Method
        ``"auto"``, ``"tdmrg"``, or a `pysv.TDMRG` with the options to be tested.
    progress : bool
        Whether to show a progress bar for each run.

    Returns
    -------
    Convergence
        Prints as a table of the largest change of every variable in each variant. After Ctrl-C the interrupted variant
        is the last one.

    Raises
    ------
    EngineError
        If the engine is not `tdmrg`.
    KeyboardInterrupt
        If Ctrl-C interrupts the original run.
    """
    from pysv.run.solve import solve

    method, backend = choose(experiment, engine)
    if not isinstance(method, TDMRG):
        raise EngineError(f"convergence is available for engine 'tdmrg', not for {method.name!r}; use engine='tdmrg'")
    finer = {
        "half the time step": replace(method, time_step=method.time_step / 2),
        "twice the bond dimension": replace(method, min_bond=2 * method.min_bond, max_bond=2 * method.max_bond),
        "a tenth of the discarded weight": replace(method, discarded_weight=method.discarded_weight / 10),
    }
    variants: dict[str, xr.Dataset] = {}
    with interrupt.caught():
        reference = solve(experiment, engine=method, backend=backend, progress=progress)
        if _interrupted(reference):
            raise KeyboardInterrupt
        interrupt.check()
        for label, variant in finer.items():
            variants[label] = solve(experiment, engine=variant, backend=backend, progress=progress)
            if _interrupted(variants[label]) or interrupt.asked():
                break
    return Convergence(reference, variants)


def _interrupted(data: xr.Dataset) -> bool:
    return bool(data.attrs["status"] == "interrupted")
