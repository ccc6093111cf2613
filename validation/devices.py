"""Any device: layers, spins, couplings and potentials at random, against Kronecker products."""

from __future__ import annotations

from collections.abc import Iterator

import brute_general as brute
from rows import Row, by_variable, count, grouped, worst
from test_any_device import METHODS, SEEDS, history, random_experiment

import pysv

GROUPS = {
    "densities, spins": (
        "electron_density",
        "electron_spin_density_z",
        "electron_spin_z",
        "spin_x",
        "spin_y",
        "spin_z",
    ),
    "currents, torque": ("current", "spin_current_z", "torque_x", "torque_y", "torque_z"),
    "ρ of the localized spins, purity": ("density_matrix", "purity", "renyi2"),
    "entropies, mutual information": ("entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information"),
    "logarithmic negativity": ("log_negativity",),
    "norm, energy, S^z": ("norm", "energy", "spin_z_total"),
}


def rows(reduced: bool) -> Iterator[Row]:
    seeds = list(SEEDS)[2:4] if reduced else list(SEEDS)
    for engine in METHODS:
        found = []
        for seed in seeds:
            experiment = random_experiment(seed)
            data = pysv.solve(experiment, engine=METHODS[engine], progress=False)
            chain, states = history(experiment)
            sides = experiment.record.sides(experiment.device)
            snapshots = [brute.variables(chain, runs, *(map(list, sides) if sides else ([0], []))) for runs in states]
            held = [{name: value for name, value in one.items() if name in data} for one in snapshots]
            found.append(by_variable(data, held))
        for label, value in grouped(worst(found), GROUPS):
            yield Row(f"`{engine}`: {label}", "brute force", count(seeds, "random device"), value, 1e-8)
