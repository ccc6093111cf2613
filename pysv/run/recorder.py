"""From snapshots to labelled arrays."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from pysv.dataset import SCHEMA
from pysv.initial import occupied_sectors
from pysv.measures import (
    SpinDensity,
    electron_densities,
    electron_spin,
    entropy,
    flip_probabilities,
    layer_entropy,
    log_negativity,
    qfi,
    qfi_paper,
    w_fidelity,
)
from pysv.measures.magnons import in_initial_frame

if TYPE_CHECKING:
    from pysv.engines.base import Snapshot
    from pysv.experiment import Experiment
    from pysv.run.watch import Watch

LARGEST_BLOCK = 1024
"""Largest block of ρ that is formed and diagonalised at every snapshot."""

_OF_DENSITY = (
    "spin_x", "spin_y", "spin_z", "entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information",
    "log_negativity", "magnon_probability", "w_fidelity", "qfi_paper", "qfi_variance", "qfi",
)  # fmt: skip


def largest_block(experiment: Experiment) -> int:
    """Size of the largest block of the localized spins' density matrix."""
    n = experiment.device.n_spins
    sectors = occupied_sectors(experiment)
    if any(len(part) > 1 for part in sectors):
        return int(2**n)
    return max(comb(n, d) for (sector,) in sectors for d in (sector - 1, sector) if 0 <= d <= n)


def left_out(experiment: Experiment) -> dict[str, str]:
    """Measures that are not recorded for this experiment, each with the reason."""
    block = largest_block(experiment)
    if block <= LARGEST_BLOCK:
        return {}
    reason = f"needs a density-matrix block of {block} configurations, this version forms up to {LARGEST_BLOCK}"
    names = [*_OF_DENSITY, *(["density_matrix"] if experiment.record.density_matrix else [])]
    return dict.fromkeys(names, reason)


class Recorder:
    """Listener that measures each snapshot and keeps the arrays of the dataset.

    Parameters
    ----------
    experiment : Experiment
    count : int
        Number of snapshots of the whole run.
    watch : Watch
        Has heard of the snapshot before, and holds its invariants.
    """

    def __init__(self, experiment: Experiment, count: int, watch: Watch) -> None:
        self._experiment = experiment
        self._watch = watch
        self._count = count
        device = experiment.device
        self._directions = experiment.spins.directions(device)  # type: ignore[union-attr]
        self._positions = np.array(device.spin_sites, dtype=float)
        self._momenta = np.array(experiment.record.momenta)
        self._omitted = left_out(experiment)
        self._pool = ThreadPoolExecutor(1)
        self._arrays: dict[str, np.ndarray] = {}
        self.count = 0
        """Number of snapshots recorded."""

    @property
    def deviation(self) -> float | None:
        """State deviation of the last snapshot recorded."""
        return float(self._arrays["state_deviation"][self.count - 1]) if "state_deviation" in self._arrays else None

    def resume(self, recorded: Mapping[str, np.ndarray]) -> None:
        """Take up what an earlier part of the run recorded."""
        for name, values in recorded.items():
            array = self._array(name, values[0])
            array[: len(values)] = values
            self.count = len(values)

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Measure and keep."""
        for name, value in self.measure(snapshot).items():
            self._array(name, np.asarray(value))[index] = value
        self.count = index + 1

    def arrays(self, count: int) -> dict[str, np.ndarray]:
        """The first `count` snapshots of every variable, in the order of the schema."""
        return {name: self._arrays[name][:count] for name in SCHEMA if name in self._arrays}

    def measure(self, snapshot: Snapshot) -> dict[str, np.ndarray | float]:
        """All variables of one snapshot, by name."""
        density, spin_density = electron_densities(snapshot)
        found: dict[str, np.ndarray | float] = {
            "electron_density": density,
            "electron_spin_density_z": spin_density,
            **{f"electron_spin_{axis}": v for axis, v in zip("xyz", electron_spin(snapshot), strict=True)},
            **self._watch.now,
        }
        if snapshot.deviation is not None:
            found["state_deviation"] = snapshot.deviation
        if not self._omitted:
            found |= self._of_density(snapshot)
        return found

    def _of_density(self, snapshot: Snapshot) -> dict[str, np.ndarray | float]:
        device = self._experiment.device
        rho = SpinDensity.of_snapshot(snapshot, device.n_polarizer, device.n_analyzer)
        turned, initial = in_initial_frame(rho, self._directions)
        negativity = self._pool.submit(log_negativity, rho)  # LAPACK releases the interpreter's lock
        total, polarizer, analyzer = entropy(rho), layer_entropy(rho, "polarizer"), layer_entropy(rho, "analyzer")
        printed = qfi_paper(rho, self._positions, self._momenta)
        found: dict[str, np.ndarray | float] = {
            **{f"spin_{axis}": v for axis, v in zip("xyz", rho.spin_expectations(), strict=True)},
            "entropy_total": total,
            "entropy_polarizer": polarizer,
            "entropy_analyzer": analyzer,
            "mutual_information": polarizer + analyzer - total,
            "magnon_probability": flip_probabilities(*turned.probabilities, initial, device.n_spins),
            "w_fidelity": w_fidelity(turned, initial),
            "qfi_paper": printed,
            "qfi_variance": printed / 4,
            "qfi": qfi(rho, self._positions, self._momenta),
        }
        found["log_negativity"] = negativity.result()
        if self._experiment.record.density_matrix:
            found["density_matrix"] = rho.dense()
        return found

    def _array(self, name: str, first: np.ndarray) -> np.ndarray:
        if name not in self._arrays:
            self._arrays[name] = np.full((self._count, *np.shape(first)), np.nan, dtype=SCHEMA[name].dtype)
        return self._arrays[name]
