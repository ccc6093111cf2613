"""Systems with a solution on paper: an experiment, and what must come out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from brute import HBAR

import pysv

UP, DOWN = (0.0, 0.0), (math.pi, 0.0)


@dataclass(frozen=True)
class Solved:
    """An experiment and its solution: arrays (time, …) by the names of the dataset, and how exact they are."""

    experiment: pysv.Experiment
    solution: dict[str, np.ndarray]
    tolerance: dict[str, float]


def free_packet() -> Solved:
    """J_sd = 0: ψ(x, t) = Σ_q ⟨x|q⟩ e^{2iγ cos(q)t/ħ} ⟨q|Φ⟩, q = πm/(L+1), ⟨x|q⟩ = √(2/(L+1)) sin qx."""
    sites, hopping = 60, 0.8
    source = pysv.WavePacket(center=20, momentum_spread=0.5)
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=sites, polarizer=(30, 31), analyzer=(35, 36), hopping=hopping, sd_exchange=0),
        source=source,
        times=pysv.times(stop=12, step=3),
    )
    x = np.arange(1, sites + 1)
    q = np.pi * x / (sites + 1)
    modes = np.sqrt(2 / (sites + 1)) * np.sin(np.outer(x, q))
    phases = np.exp(2j * hopping * np.cos(q) * experiment.times.values[:, None] / HBAR)
    psi = (phases * (modes.T @ source.amplitudes(sites))) @ modes.T
    zeros = np.zeros(len(psi))
    silent = dict.fromkeys(("entropy_total", "log_negativity", "w_fidelity", "electron_spin_z"), zeros)
    return Solved(
        experiment,
        {"electron_density": np.abs(psi) ** 2, "spin_z": np.tile([1, 1, -1, -1], (len(psi), 1)), **silent},
        {"electron_density": 1e-12, "spin_z": 1e-12} | dict.fromkeys(silent, 1e-10),
    )


def one_spin(convention: str) -> Solved:
    """Without hopping, |↓⟩_e|↑⟩ oscillates between triplet (−J) and singlet (+3J): P_flip = sin²(2 f J_sd t/ħ)."""
    factor = {"pauli": 1.0, "half": 0.25, "mixed": 0.5}[convention]
    experiment = pysv.Experiment(
        device=pysv.SpinValve(
            sites=9, polarizer=(3, 3), analyzer=(7, 7), hopping=1e-12, sd_exchange=0.3, convention=convention
        ),
        source=pysv.WavePacket(center=3, momentum_spread=20.0, spin="down"),
        times=pysv.times(stop=3, step=0.25),
    )
    flipped = np.sin(2 * factor * 0.3 * experiment.times.values / HBAR) ** 2
    never = np.zeros_like(flipped)
    entropy = [-sum(p * math.log(p) for p in (f, 1 - f) if p > 1e-15) for f in flipped]
    return Solved(
        experiment,
        {
            "spin_z": np.stack([1 - 2 * flipped, never - 1], axis=1),
            "electron_spin_z": -1 + 2 * flipped,
            "magnon_probability": np.stack([1 - flipped, flipped, never], axis=1),
            "entropy_total": np.array(entropy),
        },
        {"spin_z": 1e-9, "electron_spin_z": 1e-9, "magnon_probability": 1e-9, "entropy_total": 1e-8},
    )


def one_magnon(convention: str) -> Solved:
    """One flipped spin in a ferromagnetic layer hops with −2f_s²J; a bond with it costs 2f_s²J_z; dense 5×5 solution."""
    square = {"pauli": 1.0, "half": 0.25, "mixed": 0.25}[convention]
    n, j, j_z = 5, 0.21, 0.34
    experiment = pysv.Experiment(
        device=pysv.SpinValve(
            sites=20, polarizer=(5, 9), analyzer=(12, 13), sd_exchange=0, exchange=j, exchange_z=j_z,
            convention=convention,
        ),
        source=pysv.WavePacket(center=15, momentum_spread=1.5, spin="up"),
        spins=pysv.ProductState(polarizer=(UP, DOWN, UP, UP, UP), analyzer=UP),
        times=pysv.times(stop=8, step=1),
    )  # fmt: skip
    ends = np.array([1, 2, 2, 2, 1])
    h = np.diag(2 * square * j_z * ends) - 2 * square * j * (np.eye(n, k=1) + np.eye(n, k=-1))
    energies, states = np.linalg.eigh(h)
    phases = np.exp(-1j * energies * experiment.times.values[:, None] / HBAR)
    amplitude = (phases * states[1]) @ states.T
    spins = np.concatenate([1 - 2 * np.abs(amplitude) ** 2, np.ones((len(phases), 2))], axis=1)
    return Solved(
        experiment,
        {"spin_z": spins, "entropy_total": np.zeros(len(phases))},
        {"spin_z": 1e-10, "entropy_total": 1e-9},
    )


def rotated(theta: float = 1.1) -> tuple[pysv.Experiment, pysv.Experiment]:
    """J_z = J: the antiparallel experiment along z, and along an axis tilted by θ; the model sees no direction."""
    device = pysv.SpinValve(sites=16, polarizer=(6, 7), analyzer=(10, 11), exchange_z=0.1)
    source = pysv.WavePacket(center=4, momentum_spread=1.2)
    times = pysv.times(stop=6, step=3)
    tilted = pysv.ProductState(polarizer=(theta, 0.0), analyzer=(math.pi - theta, math.pi))
    return (
        pysv.Experiment(device=device, source=source, times=times),
        pysv.Experiment(device=device, source=source, spins=tilted, times=times),
    )


INVARIANT = (
    "entropy_total", "entropy_analyzer", "log_negativity", "magnon_probability", "w_fidelity", "energy",
    "electron_density",
)  # fmt: skip
"""Variables that a rotation of all spins leaves alone."""
