"""Convergence of a run: repeat it with each step and tolerance finer, and report how much every curve changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.engines import choose, methods
from pysv.errors import EngineError
from pysv.run import interrupt

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Method
    from pysv.experiment import Experiment

_NO_CURVES = ("bond_dimension", "discarded_weight")
_STATISTICAL = "standard error"
"""Column of the table of a run that is sampled."""


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
        return {
            name: {
                label: _largest(data[name] - self.reference[name])  # at the common times
                for label, data in self.variants.items()
                if name in data
            }
            for name in map(str, self.reference.data_vars)
            if name not in _NO_CURVES and not name.endswith(("_error", "_bias"))
        }

    @property
    def errors(self) -> dict[str, float]:
        """The largest standard error of each variable that is sampled, in the original run."""
        known = self.reference
        return {name: _largest(known[f"{name}_error"]) for name in self.changes if f"{name}_error" in known}

    def __str__(self) -> str:
        changes, errors = self.changes, self.errors
        table = {name: {label: f"{value:.1e}" for label, value in found.items()} for name, found in changes.items()}
        labels = [*self.variants, *([_STATISTICAL] if errors else [])]
        for name, error in errors.items():
            table[name][_STATISTICAL] = f"{error:.1e}"
        wide = max(map(len, table))
        rows = [
            f"{name:<{wide}}  " + "  ".join(f"{found.get(label, ''):>{len(label)}}" for label in labels)
            for name, found in table.items()
        ]
        seconds = [("original run", self.reference), *self.variants.items()]
        times = ", ".join(f"{label}: {_took(data)}" for label, data in seconds)
        idle = [label for label in self.variants if not any(found.get(label) for found in changes.values())]
        remarks = [f"{label}: the same numbers, so that this setting does not matter here" for label in idle]
        return "\n".join([f"{'largest change':<{wide}}  " + "  ".join(labels), *rows, times, *remarks])


def _largest(values: xr.DataArray) -> float:
    """The largest modulus of all numbers; NaN where there is none."""
    found = np.abs(values.values)
    return float(np.nanmax(found)) if np.isfinite(found).any() else float("nan")


def _took(data: xr.Dataset) -> str:
    """Time of a run, and what else there is to say of it."""
    discarded = data.attrs.get("engine_discarded_weight")
    parts = [f"{data.attrs['wall_time']:.0f} s", *([] if discarded is None else [f"{discarded:.0e} discarded"])]
    stopped = f" until it was interrupted at {float(data.time[-1]):g} fs" if _interrupted(data) else ""
    return ", ".join(parts) + stopped


def convergence(
    experiment: Experiment, engine: str | Method = "auto", backend: str = "auto", *, progress: bool = True
) -> Convergence:
    """Repeat a run with each step and tolerance of its engine finer.

    A step is halved, a tolerance divided by ten; `tdmrg` also has twice the bond dimension, `chebyshev` in single
    precision also double precision. Trajectories keep their seeds, but not their random numbers when the steps change:
    their variants differ by statistical errors as well, of which the table then has a column.

    Parameters
    ----------
    experiment : Experiment
    engine : str or Method
        ``"auto"``, a name, or an options object such as ``pysv.RK4(time_step=0.05)`` with the options to be tested.
    backend : str
        As for `pysv.solve`; all runs are on the same one.
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
        If the engine has neither a step nor a tolerance that could be finer.
    KeyboardInterrupt
        If Ctrl-C interrupts the original run.
    """
    from pysv.run.solve import solve

    method, backend = choose(experiment, engine, backend)
    finer = method.finer()
    if not finer:
        raise EngineError(_nothing_finer(method))
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


def _nothing_finer(method: Method) -> str:
    """Why a run of this engine cannot be compared with a finer one."""
    if type(method)().finer():
        return (
            f"each step and tolerance of engine {method.name!r} is at the end of its range, and none can be finer; "
            "take a coarser one"
        )
    able = ", ".join(name for name, own in methods().items() if own().finer())
    return f"engine {method.name!r} has neither a step nor a tolerance that could be finer; use {able}"


def _interrupted(data: xr.Dataset) -> bool:
    return bool(data.attrs["status"] == "interrupted")
