"""Brute-force reference of open systems: the universal Lindblad equation for the whole density matrix, dense.

Nothing here is imported from `pysv`. Jump operators come from the definition of the universal Lindblad equation as a
time integral over the Heisenberg operators, not from the eigenbasis formula. Units: eV and fs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, reduce

import brute
import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm

KELVIN = 8.617333262e-5  # eV


@dataclass(frozen=True)
class BruteBath:
    """J(w) = strength w / (1 - exp(-w/kT)) * cutoff shape.

    Each spin has a bath of its own, or all spins of a "layer", or "all" spins share one. `other` is the temperature of
    the second layer, where it has another one.
    """

    temperature: float
    coupling: str = "x"
    strength: float = 0.0144
    cutoff: float = 0.1
    shape: str = "gaussian"
    shared: str = "spin"
    other: float | None = None

    def spectral_density(self, w: np.ndarray) -> np.ndarray:
        kt = KELVIN * self.temperature
        occupation = 1 / np.expm1(np.minimum(np.abs(w) / kt, 700))
        ohmic = np.abs(w) * np.where(w > 0, 1 + occupation, occupation)
        cut = {
            "gaussian": np.exp(-(w**2) / (2 * self.cutoff**2)),
            "exponential": np.exp(-np.abs(w) / self.cutoff),
            "hard": (np.abs(w) < self.cutoff).astype(float),
        }[self.shape]
        return self.strength * ohmic * cut


@lru_cache
def correlator(bath: BruteBath) -> tuple[np.ndarray, np.ndarray]:
    """Times (1/eV) and g(t) = integral dw sqrt(J/2pi) exp(-i w t), gaussian cutoff, by the midpoint rule."""
    kt, top = KELVIN * bath.temperature, 9 * bath.cutoff
    longest, dt = max(5 / kt, 60 / bath.cutoff), 1.5  # sqrt J is analytic up to 2 pi kT from the axis
    count = 2 * int(top / (kt / 3))
    dw = 2 * top / count
    w = -top + (np.arange(count) + 0.5) * dw
    root = np.sqrt(bath.spectral_density(w) / (2 * np.pi))
    t = np.arange(np.ceil(longest / dt) + 1) * dt
    g = np.array([np.sum(root * np.exp(-1j * w * s)) * dw for s in t])
    return np.concatenate([-t[:0:-1], t]), np.concatenate([g[:0:-1].conj(), g])


def layer_hamiltonian(device: brute.BruteDevice) -> np.ndarray:
    """Exchange of both layers over the localized spins alone."""
    n, n_p = device.spins, len(device.layers[0])
    scale = brute.SCALES[device.convention][1]
    h = np.zeros((2**n, 2**n), dtype=complex)
    for i in [*range(n_p - 1), *range(n_p, n - 1)]:
        for axis, sigma in brute.PAULI.items():
            j = device.exchange_z if axis == "z" else device.exchange
            h -= j * scale**2 * brute._local(sigma, i, n) @ brute._local(sigma, i + 1, n)
    return h


def jump_operators(device: brute.BruteDevice, bath: BruteBath) -> list[np.ndarray]:
    """L = integral ds g(-s) exp(iHs) X exp(-iHs) for every bath and component, over the localized spins, sqrt(eV).

    X is the Pauli matrix of one spin, or the sum over the spins that share the bath.
    """
    h, n, n_p = layer_hamiltonian(device), device.spins, len(device.layers[0])
    groups = {
        "spin": [[i] for i in range(n)],
        "layer": [list(range(n_p)), list(range(n_p, n))],
        "all": [list(range(n))],
    }[bath.shared]
    found = []
    for group in groups:
        own = bath
        if bath.other is not None and group[0] >= n_p:
            own = replace(bath, temperature=bath.other)
        t, g = correlator(own)
        dt = t[1] - t[0]
        step, start = expm(1j * h * dt), expm(1j * h * t[0])
        for axis in bath.coupling:
            x = sum(brute._local(brute.PAULI[axis], i, n) for i in group)
            x = start @ x @ start.conj().T
            total = np.zeros_like(h)
            for value in g[::-1]:  # g(-s)
                total += value * dt * x
                x = step @ x @ step.conj().T
            found.append(total)
    return found


def evolve(
    device: brute.BruteDevice,
    rho: np.ndarray,
    jumps: list[np.ndarray],
    times: list[float],
    extra: np.ndarray | None = None,
    dephasing: Mapping[int, float] | None = None,
) -> list[np.ndarray]:
    """Density matrices of the whole system at the given times (fs), from rho at t = 0.

    Parameters
    ----------
    jumps : list of (2^N, 2^N)
        Over the localized spins, sqrt(eV).
    extra : (2^N, 2^N), optional
        A further term of the Hamiltonian of the localized spins, eV.
    dephasing : dict, optional
        Rates by site, 1/fs: jump operators sqrt(rate) n of the electron.
    """
    electron = np.eye(2 * device.sites)
    h = brute.hamiltonian(device).toarray()
    if extra is not None:
        h = h + np.kron(electron, extra)
    full = [np.kron(electron, jump) for jump in jumps]
    for site, rate in (dephasing or {}).items():
        here = np.zeros((device.sites, device.sites))
        here[site - 1, site - 1] = 1
        full.append(np.sqrt(rate * brute.HBAR) * np.kron(here, np.eye(2 * 2**device.spins)))
    decay = sum((jump.conj().T @ jump for jump in full), np.zeros_like(h))
    drift = (-1j * h - decay / 2) / brute.HBAR
    size = len(h)

    def right(_: float, flat: np.ndarray) -> np.ndarray:
        matrix = flat.reshape(size, size)
        out = drift @ matrix
        out = out + out.conj().T
        for jump in full:
            out = out + jump @ matrix @ jump.conj().T / brute.HBAR
        return out.ravel()

    solution = solve_ivp(
        right, (0, max(times)), rho.astype(complex).ravel(), "DOP853", t_eval=times, rtol=1e-9, atol=1e-11
    )
    return [solution.y[:, k].reshape(size, size) for k in range(len(times))]


def initial_density(runs: list[brute.Run]) -> np.ndarray:
    """Sum of weight |psi><psi|."""
    return np.asarray(sum(weight * np.outer(psi, psi.conj()) for weight, psi in runs))


def reduced(device: brute.BruteDevice, rho: np.ndarray) -> np.ndarray:
    """Density matrix of the localized spins."""
    e, s = 2 * device.sites, 2**device.spins
    return np.asarray(np.einsum("eset->st", rho.reshape(e, s, e, s)))


def liouvillian(h: np.ndarray, jumps: list[np.ndarray]) -> np.ndarray:
    """Generator over the row-major flattened density matrix, eV."""
    one = np.eye(len(h))
    drift = -1j * h - sum((jump.conj().T @ jump for jump in jumps), np.zeros_like(h)) / 2
    total = np.kron(drift, one) + np.kron(one, drift.conj())
    return np.asarray(reduce(lambda a, jump: a + np.kron(jump, jump.conj()), jumps, total))
