"""Any device: layers, spins, couplings and potentials at random, against Kronecker products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import brute_classical
import brute_general as brute
import numpy as np
from rows import Row, by_variable, count, difference, grouped, worst
from test_any_device import METHODS, SEEDS, history, random_experiment
from test_llg import CAREFUL, brute_run, random_run

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
    yield from quantum(reduced)
    seeds = list(SEEDS)[2:4] if reduced else list(SEEDS)
    yield vectors(seeds)
    yield with_the_electron(seeds)
    yield of_two_spins(seeds)
    yield from pulses()


def quantum(reduced: bool) -> Iterator[Row]:
    """The engines of quantum spins."""
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


def with_the_electron(seeds: list[int]) -> Row:
    """Partial transposes of the whole state."""
    found = 0.0
    for seed in seeds:
        experiment = random_experiment(seed)
        asked = replace(experiment, record=pysv.Record(electron_negativity=True))
        data = pysv.solve(asked, progress=False)
        chain, states = history(experiment)
        groups = [*chain.members, list(range(chain.spins))]
        for at, runs in enumerate(states):
            expected = [brute.electron_negativity(runs, chain, group) for group in groups]
            found = max(found, difference(data.log_negativity_electron[at], expected))
    return Row(
        "`chebyshev`: negativity of electron and spins", "brute force", count(seeds, "random device"), found, 1e-6
    )


def of_two_spins(seeds: list[int]) -> Row:
    """⟨S_i·S_j⟩/(S_i S_j) and its z part, for each two spins."""
    found = 0.0
    for seed in seeds:
        experiment = random_experiment(seed)
        asked = replace(experiment, record=replace(experiment.record, correlations=True))
        data = pysv.solve(asked, progress=False)
        chain, states = history(experiment)
        for at, runs in enumerate(states):
            whole, z = brute.spin_correlations(brute.reduced_density(chain, runs), chain.dims)
            found = max(found, difference(data.spin_correlation[at], whole), difference(data.spin_correlation_z[at], z))
    cases = count(seeds, "random device")
    return Row("`chebyshev`: `spin_correlation`, `spin_correlation_z`", "brute force", cases, found, 1e-8)


def pulses() -> Iterator[Row]:
    """Trains against single packets on leads without echoes: the electron followed to the end, or given up before."""
    device, packet = pysv.SpinValve.with_layers(2, 2, first=41), {"center": 20, "momentum_spread": 0.25}
    names = ("spin_z", "entropy_total", "log_negativity")
    for what, interval, residual, allowed in (
        ("one pulse", 60.0, 1e-30, 1e-11),
        ("one pulse, the electron given up when 1e-6 of it are left", 100.0, 1e-6, 1e-6),
    ):
        found = 0.0
        for spin in ("unpolarized", "down"):
            train = pysv.Train(**packet, pulses=1, interval=interval, spin=spin)
            wave, times = pysv.WavePacket(**packet, spin=spin), pysv.times(interval, interval)
            after = pysv.solve(
                pysv.Experiment(device=device, source=train), engine=pysv.TrainMap(residual=residual), progress=False
            )
            one = pysv.solve(pysv.Experiment(device=device, source=wave, times=times).echo_free(), progress=False)
            found = max(found, *(difference(after[name][1], one[name][1]) for name in names))
        yield Row(f"`train`: {what}", "`chebyshev` without echoes", "2 spins of the electron", found, allowed)


def vectors(seeds: list[int]) -> Row:
    """Classical vectors, the electron beside them and its torque."""
    found = 0.0
    for seed in seeds:
        experiment = random_run(seed)
        data = pysv.solve(experiment, engine=CAREFUL, progress=False)
        chain, history = brute_run(experiment)
        for at, now in enumerate(history):
            along = brute_classical.electron_spins(now)
            density = np.einsum("r,rxs->x", now.weights, np.abs(now.psi.reshape(len(now.weights), -1, 2)) ** 2)
            torque = np.cross(now.n, brute_classical.sd_fields(chain, now)) / brute.HBAR
            expected = {"electron_density": density, "electron_spin_density_z": along[:, 2]}
            for axis, name in enumerate("xyz"):
                expected |= {f"spin_{name}": now.n[:, axis], f"torque_{name}": torque[:, axis]}
            found = max(found, *(difference(data[name][at], value) for name, value in expected.items()))
    return Row("`llg`: vectors, electron, torque", "dense integrator", count(seeds, "random device"), found, 1e-8)
