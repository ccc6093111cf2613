"""What is measured at a snapshot, by the way that the size of the system allows.

- *dense*: ρ is formed in blocks; every measure.
- *factor*: ρ is never formed (see `pysv.measures.factor`); every measure, the negativity with an error bar. Needs pure
  runs in single S^z sectors.
- *diagonal*: only what the diagonal of ρ gives; for large systems with tilted spins.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from pysv.experiment.source import ConfinedElectrons
from pysv.measures import (
    SpinDensity,
    SpinFactor,
    entropy,
    flip_probabilities,
    layer_entropy,
    log_negativity,
    log_negativity_of_factor,
    qfi,
    qfi_of_probabilities,
    qfi_paper,
    w_fidelity,
)
from pysv.measures.magnons import in_initial_frame
from pysv.measures.quadrature import SEED
from pysv.measures.transpose import block_sizes
from pysv.model.basis import spin_signs
from pysv.model.conservation import conserves, down_spins, keeps_parity
from pysv.model.initial import collinear_configuration
from pysv.run.jackknife import group_sums, measure_sample
from pysv.sectors.state import PureMixture

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.snapshot import Snapshot

Measured = dict[str, np.ndarray | float]
Due = Callable[[str], bool]
"""Whether a measure of `pysv.experiment.Every` is taken now."""

LARGEST_BLOCK = 1024
"""Largest block of ρ that is formed and diagonalised at every snapshot."""
LARGEST_SAMPLED = 200_000
"""Largest block of ρ^{T_p} whose trace norm is sampled: 10+10 spins, the most that were ever measured."""

SCHEDULED = {
    "entropies": ("entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information"),
    "log_negativity": ("log_negativity", "log_negativity_error"),
    "w_fidelity": ("w_fidelity",),
    "qfi": ("qfi",),
}
"""Variables of each measure of `pysv.experiment.Every`."""
_NOT_DIAGONAL = ("spin_x", "spin_y", "entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information",
                 "log_negativity", "w_fidelity", "qfi")  # fmt: skip


def largest_block(experiment: Experiment) -> int:
    """Size of the largest block of the localized spins' density matrix."""
    n = experiment.device.n_spins
    if not conserves(experiment):
        return int(2 ** (n - 1 if keeps_parity(experiment) else n))
    return max(comb(n, d) for d in down_spins(experiment))


def way(experiment: Experiment) -> str:
    """``"dense"``, ``"factor"`` or ``"diagonal"``: how the experiment's snapshots are measured."""
    if largest_block(experiment) <= LARGEST_BLOCK or isinstance(experiment.source, ConfinedElectrons):
        return "dense"  # engines of several electrons give ρ, and refuse more spins than that
    return "factor" if conserves(experiment) else "diagonal"


def left_out(experiment: Experiment) -> dict[str, str]:
    """Measures that are not recorded for this experiment, each with the reason."""
    never = {
        name: f"not asked for: every = {{ {measure} = 0 }}"
        for measure, names in SCHEDULED.items()
        for name in names
        if getattr(experiment.record.every, measure) == 0
    }
    chosen = way(experiment)
    if chosen == "dense":
        return never
    block = largest_block(experiment)
    why = f"needs the density matrix, whose largest block has {block} rows, this version forms up to {LARGEST_BLOCK}"
    names = list(_NOT_DIAGONAL if chosen == "diagonal" else ())
    reasons = dict.fromkeys(names, f"{why}, and its factor serves collinear spins only")
    if collinear_configuration(experiment.spins.directions(experiment.device)) is None:
        reasons |= dict.fromkeys(("magnon_probability", "w_fidelity"), f"{why} with tilted spins")
    rows = largest_transposed(experiment) if chosen == "factor" else 0
    if rows > LARGEST_SAMPLED:
        reasons["log_negativity"] = (
            f"needs hours a snapshot: a block of the partial transpose has {rows} rows, "
            f"this version samples up to {LARGEST_SAMPLED}"
        )
    if experiment.record.density_matrix:
        reasons["density_matrix"] = why
    return reasons | never


def largest_transposed(experiment: Experiment) -> int:
    """Rows of the largest block of the partial transpose ρ^{T_p}, where S^z is conserved."""
    device = experiment.device
    return max(block_sizes(device.n_polarizer, device.n_analyzer, tuple(down_spins(experiment))).values())


def probe_seeds(experiment: Experiment) -> str:
    """Seeds of what is random in the measures, for the dataset; empty where nothing is."""
    if way(experiment) != "factor" or "log_negativity" in left_out(experiment):
        return ""
    return f"{SEED} (probes of log_negativity, the same at every snapshot)"


class Observer:
    """Measures snapshots of one experiment.

    Parameters
    ----------
    experiment : Experiment
    """

    def __init__(self, experiment: Experiment) -> None:
        device = experiment.device
        self._directions = experiment.spins.directions(device)
        self._initial = collinear_configuration(self._directions)
        self._positions = np.array(device.spin_sites, dtype=float)
        self._momenta = np.array(experiment.record.momenta)
        self._keeps_density = experiment.record.density_matrix
        self._every = experiment.record.every
        self._largest_dense = experiment.record.largest_dense
        self._too_large = "log_negativity" in left_out(experiment)
        self._way = way(experiment)
        self._spins_of = {"dense": self._dense, "factor": self._factor, "diagonal": self._diagonal}[self._way]

    def measure(self, snapshot: Snapshot, index: int = 0) -> Measured:
        """The variables of snapshot number `index` that are due, but the invariants, by name.

        Those of a random sample come with their statistical errors.
        """

        def due(measure: str) -> bool:
            return self._every.due(measure, index)

        if snapshot.sample is not None:
            cells = group_sums(_mixture(snapshot), snapshot.sample)
            return measure_sample(cells, snapshot.sample, lambda rho: self.of_density(rho, due))
        density, spin_density = snapshot.state.electron_densities()
        found: Measured = {
            "electron_density": density,
            "electron_spin_density_z": spin_density,
            **{f"electron_spin_{axis}": v for axis, v in zip("xyz", snapshot.state.electron_spin(), strict=True)},
        }
        if snapshot.deviation is not None:
            found["state_deviation"] = snapshot.deviation
        return found | snapshot.state.bonds() | self._spins_of(snapshot, due)

    def _dense(self, snapshot: Snapshot, due: Due) -> Measured:
        return self.of_density(snapshot.state.spin_density(), due)

    def of_density(self, rho: SpinDensity, due: Due) -> Measured:
        """What the localized spins' density matrix gives."""
        if self._initial is None:
            turned, initial = in_initial_frame(rho, self._directions)
        else:
            turned, initial = rho, self._initial
        found: Measured = {
            **{f"spin_{axis}": v for axis, v in zip("xyz", rho.spin_expectations(), strict=True)},
            "magnon_probability": flip_probabilities(*turned.probabilities, initial, rho.n_spins),
            **_fisher(qfi_paper(rho, self._positions, self._momenta)),
        }
        if due("entropies"):
            found |= _entropies(entropy(rho), layer_entropy(rho, "polarizer"), layer_entropy(rho, "analyzer"))
        if due("w_fidelity"):
            found["w_fidelity"] = w_fidelity(turned, initial)
        if due("log_negativity"):
            found["log_negativity"] = log_negativity(rho)
        if due("qfi"):
            found["qfi"] = qfi(rho, self._positions, self._momenta)
        if self._keeps_density and due("density_matrix"):
            found["density_matrix"] = rho.dense()
        return found

    def _factor(self, snapshot: Snapshot, due: Due) -> Measured:
        phi = SpinFactor.of_mixture(_mixture(snapshot))  # its eigenstates are found when first needed
        assert self._initial is not None  # single sectors have collinear spins
        zeros = np.zeros(phi.n_spins)  # no coherence between different numbers of down spins
        found = self._diagonal(snapshot, due) | {"spin_x": zeros, "spin_y": zeros}
        if due("entropies"):
            found |= _entropies(phi.entropy(), phi.layer_entropy("polarizer"), phi.layer_entropy("analyzer"))
        if due("w_fidelity"):
            found["w_fidelity"] = phi.w_fidelity(self._initial)
        if due("qfi"):
            found["qfi"] = phi.qfi(self._positions, self._momenta)
        if due("log_negativity") and not self._too_large:
            found["log_negativity"], found["log_negativity_error"] = log_negativity_of_factor(phi, self._largest_dense)
        if any(due(measure) for measure in ("entropies", "qfi", "log_negativity")):
            found["discarded_weight_factor"] = phi.discarded
        return found

    def _diagonal(self, snapshot: Snapshot, due: Due) -> Measured:
        del due  # cheap: always taken
        configuration, probability = _mixture(snapshot).probabilities()
        n = len(self._directions)
        found: Measured = {
            "spin_z": probability @ spin_signs(configuration, n),
            **_fisher(qfi_of_probabilities(configuration, probability, self._positions, self._momenta)),
        }
        if self._initial is not None:
            found["magnon_probability"] = flip_probabilities(configuration, probability, self._initial, n)
        return found


def _entropies(total: float, polarizer: float, analyzer: float) -> Measured:
    return {
        "entropy_total": total,
        "entropy_polarizer": polarizer,
        "entropy_analyzer": analyzer,
        "mutual_information": polarizer + analyzer - total,
    }


def _fisher(printed: np.ndarray) -> Measured:
    return {"qfi_paper": printed, "qfi_variance": printed / 4}


def _mixture(snapshot: Snapshot) -> PureMixture:
    assert isinstance(snapshot.state, PureMixture)  # states of several electrons are measured through their ρ
    return snapshot.state
