"""Brute-force reference: one electron on a chain with localized spins, in the full product space.

Everything is a plain Kronecker product, in the fixed order electron site, electron spin, spin 1, ..., spin N with
|up> = (1, 0); the spins are numbered along FM_p first and then along FM_a. No conservation law is used anywhere, every
measure is written out from its defining equation, and clarity goes before speed. Nothing here is imported from `pysv`.

Units: eV and fs; chain sites are counted from 1, localized spins (positions in an array) from 0. Equation numbers are
those of Suresh et al., Phys. Rev. A 109, 022414 (2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import expm_multiply

Complex = NDArray[Any]
Real = NDArray[Any]
Angles = tuple[float, float]
Run = tuple[float, Complex]

HBAR = 0.6582119569  # eV fs
PAULI: dict[str, Complex] = {
    "x": np.array([[0, 1], [1, 0]], dtype=complex),
    "y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "z": np.array([[1, 0], [0, -1]], dtype=complex),
}
SCALES = {"pauli": (1.0, 1.0), "half": (0.5, 0.5), "mixed": (1.0, 0.5)}  # factors of sigma: (electron, localized)


@dataclass(frozen=True)
class BruteDevice:
    """A chain with two ferromagnetic layers, each given by its first and last site (both inclusive)."""

    sites: int
    polarizer: tuple[int, int]
    analyzer: tuple[int, int]
    hopping: float = 1.0
    sd_exchange: float = 0.5
    exchange: float = 0.1
    exchange_z: float = 0.1005
    convention: str = "pauli"

    @property
    def layers(self) -> tuple[list[int], list[int]]:
        """Chain sites of FM_p and of FM_a."""
        (p, q), (a, b) = self.polarizer, self.analyzer
        return list(range(p, q + 1)), list(range(a, b + 1))

    @property
    def positions(self) -> list[int]:
        """Chain site of every localized spin, FM_p first."""
        return self.layers[0] + self.layers[1]

    @property
    def spins(self) -> int:
        """Number N of localized spins."""
        return len(self.positions)


def _kron(device: BruteDevice, factors: Mapping[str | int, Complex]) -> sparse.csr_array:
    """Kronecker product of the factors given for "site", "spin" and the localized spins 0..N-1, identity elsewhere."""
    dimensions: dict[str | int, int] = {"site": device.sites, "spin": 2, **dict.fromkeys(range(device.spins), 2)}
    matrices = [sparse.csr_array(factors.get(name, np.eye(d))) for name, d in dimensions.items()]
    return sparse.csr_array(reduce(lambda a, b: sparse.kron(a, b, format="csr"), matrices))


def hamiltonian(device: BruteDevice) -> sparse.csr_array:
    """H of Eq. 7 in eV on the space of dimension 2 L 2^N; the operators are scaled by the spin convention."""
    electron, localized = SCALES[device.convention]
    hop = np.eye(device.sites, k=1, dtype=complex) + np.eye(device.sites, k=-1, dtype=complex)
    h = _kron(device, {"site": -device.hopping * hop})
    for n, site in enumerate(device.positions):
        here = np.zeros((device.sites, device.sites), dtype=complex)
        here[site - 1, site - 1] = 1
        for sigma in PAULI.values():
            h = h - device.sd_exchange * _kron(device, {"site": here, "spin": electron * sigma, n: localized * sigma})
    n_p, n_a = map(len, device.layers)
    for n in [*range(n_p - 1), *range(n_p, n_p + n_a - 1)]:
        for axis, sigma in PAULI.items():
            j = device.exchange_z if axis == "z" else device.exchange
            h = h - j * _kron(device, {n: localized * sigma, n + 1: localized * sigma})
    return sparse.csr_array(h)


def packet(sites: int, center: float, momentum: float, spread: float) -> Complex:
    """exp[i k x - spread^2 (x - center)^2 / 4] on x = 1..sites (Eq. 11), normalised on the chain."""
    x = np.arange(1, sites + 1)
    amplitude = np.exp(1j * momentum * x - spread**2 * (x - center) ** 2 / 4)
    return np.asarray(amplitude / np.sqrt(np.sum(np.abs(amplitude) ** 2)))


def bloch(theta: float, phi: float) -> Complex:
    """cos(theta/2) |up> + e^{i phi} sin(theta/2) |down>."""
    return np.array([np.cos(theta / 2), np.exp(1j * phi) * np.sin(theta / 2)])


def antiparallel(device: BruteDevice) -> list[Angles]:
    """Angles of the initial state of Eq. 24: FM_p up, FM_a down."""
    p, a = device.layers
    return [(0.0, 0.0)] * len(p) + [(np.pi, 0.0)] * len(a)


def pure_runs(device: BruteDevice, packet: Complex, electron: str | Angles, angles: Sequence[Angles]) -> list[Run]:
    """Product initial states (Eq. 10) as (weight, vector) pairs.

    Parameters
    ----------
    packet : (L,) complex
        Orbital state of the electron.
    electron : "unpolarized", "up", "down" or (theta, phi)
        "unpolarized" gives two runs of weight 1/2, never a coherent superposition.
    angles : sequence of (theta, phi)
        Bloch angles of every localized spin, FM_p first.
    """
    assert len(angles) == device.spins
    up, down = np.array([1, 0], dtype=complex), np.array([0, 1], dtype=complex)
    named = {"unpolarized": [(0.5, up), (0.5, down)], "up": [(1.0, up)], "down": [(1.0, down)]}
    mixture = named[electron] if isinstance(electron, str) else [(1.0, bloch(*electron))]
    local = [bloch(*pair) for pair in angles]
    return [(weight, np.asarray(reduce(np.kron, [packet, chi, *local]))) for weight, chi in mixture]


def evolve(device: BruteDevice, runs: Sequence[Run], times: Sequence[float]) -> list[list[Run]]:
    """exp(-i H t / hbar) on every run (given at t = 0), for every time in fs; each time starts from the one before."""
    h = hamiltonian(device)
    now, psi = 0.0, np.stack([vector for _, vector in runs], axis=1)
    history = []
    for t in times:
        psi = expm_multiply(-1j * (t - now) / HBAR * h, psi)
        now = t
        history.append([(weight, psi[:, r].copy()) for r, (weight, _) in enumerate(runs)])
    return history


def reduced_density(device: BruteDevice, runs: Sequence[Run]) -> Complex:
    """Density matrix of the localized spins: site and spin of the electron traced out of sum weight |psi><psi|."""
    rho = np.zeros((2**device.spins, 2**device.spins), dtype=complex)
    for weight, psi in runs:
        amplitude = psi.reshape(2 * device.sites, 2**device.spins)
        rho += weight * np.einsum("es,et->st", amplitude, amplitude.conj(), optimize=True)
    return rho


def entropy(rho: Complex) -> float:
    """-Tr[rho ln rho] (Eq. 6)."""
    p = np.linalg.eigvalsh(rho)
    return float(-sum(x * np.log(x) for x in p if x > 0))


def layer_density(rho: Complex, n_p: int, n_a: int, layer: str) -> Complex:
    """Density matrix of "polarizer" or "analyzer", the other layer traced out."""
    tensor = rho.reshape(2**n_p, 2**n_a, 2**n_p, 2**n_a)
    return np.asarray(np.einsum({"polarizer": "iaja->ij", "analyzer": "iaib->ab"}[layer], tensor))


def mutual_information(rho: Complex, n_p: int, n_a: int) -> float:
    """S_p + S_a - S of the union (Eq. 5)."""
    parts = [entropy(layer_density(rho, n_p, n_a, layer)) for layer in ("polarizer", "analyzer")]
    return sum(parts) - entropy(rho)


def partial_transpose(rho: Complex, n_p: int, n_a: int) -> Complex:
    """Partial transpose over FM_p (Eq. 3): element (i alpha; j beta) is rho(j alpha; i beta)."""
    tensor = rho.reshape(2**n_p, 2**n_a, 2**n_p, 2**n_a)
    return tensor.transpose(2, 1, 0, 3).reshape(rho.shape)


def log_negativity(rho: Complex, n_p: int, n_a: int) -> float:
    """Natural logarithm of the trace norm of the partial transpose (Eq. 2)."""
    return float(np.log(np.sum(np.abs(np.linalg.eigvalsh(partial_transpose(rho, n_p, n_a))))))


def _local(sigma: Complex, n: int, spins: int) -> Complex:
    """Operator sigma on spin n, the identity on all the others."""
    return np.asarray(reduce(np.kron, [sigma if m == n else np.eye(2) for m in range(spins)]))


def spin_expectations(rho: Complex) -> Real:
    """Tr[rho sigma] of every localized spin, shape (N, 3)."""
    n = int(rho.shape[0]).bit_length() - 1
    return np.array([[np.trace(rho @ _local(s, m, n)).real for s in PAULI.values()] for m in range(n)])


def _bits(initial: Sequence[int] | Sequence[Angles]) -> list[int]:
    """Initial configuration as bits, 0 up and 1 down; collinear Bloch angles (theta 0 or pi) are translated."""
    bits = []
    for entry in initial:
        value = entry[0] / np.pi if isinstance(entry, tuple) else entry
        assert min(abs(value), abs(value - 1)) < 1e-12, "not a collinear configuration"
        bits.append(round(value))
    return bits


def magnon_probability(rho: Complex, initial: Sequence[int] | Sequence[Angles]) -> Real:
    """Probability of m = 0..N spins flipped with respect to the initial configuration (Eqs. 25-27)."""
    start = _bits(initial)
    n = len(start)
    probability = np.zeros(n + 1)
    for state in range(2**n):
        bits = [(state >> (n - 1 - m)) & 1 for m in range(n)]
        flipped = sum(a != b for a, b in zip(bits, start, strict=True))
        probability[flipped] += rho[state, state].real
    return probability


def w_fidelity(rho: Complex, initial: Sequence[int] | Sequence[Angles]) -> float:
    """<W|rho|W>, W the sum with equal real weights over the N states with one flip from the initial configuration."""
    start = _bits(initial)
    w = np.zeros(rho.shape[0])
    for flip in range(len(start)):
        bits = [b ^ (m == flip) for m, b in enumerate(start)]
        w[int("".join(str(int(b)) for b in bits), 2)] = 1 / np.sqrt(len(start))
    return float((w @ rho @ w).real)


def qfi_paper(rho: Complex, positions: Sequence[float], k: float) -> float:
    """Eq. 29 with exp[i k (r_i - r_j)], Pauli matrices in every spin convention."""
    n = len(positions)
    z = [_local(PAULI["z"], m, n) for m in range(n)]
    mean = [np.trace(operator @ rho) for operator in z]
    total = 0j
    for i in range(n):
        for j in range(n):
            covariance = np.trace(z[i] @ z[j] @ rho) - mean[i] * mean[j]
            total += np.exp(1j * k * (positions[i] - positions[j])) * covariance
    return float((4 / n * total).real)


def qfi_variance(rho: Complex, positions: Sequence[float], k: float) -> float:
    """`qfi_paper` in spin-1/2 units."""
    return qfi_paper(rho, positions, k) / 4


def qfi_true(rho: Complex, positions: Sequence[float], k: float) -> float:
    """(F[cos part] + F[sin part]) / N, spin-1/2 operators, F = 2 sum_ab (p_a - p_b)^2 / (p_a + p_b) |<a|O|b>|^2."""
    n = len(positions)
    p, vectors = np.linalg.eigh(rho)
    p = np.clip(p, 0, None)
    total = 0.0
    for wave in (np.cos, np.sin):
        operator = sum(wave(k * r) * _local(PAULI["z"], m, n) / 2 for m, r in enumerate(positions))
        elements = np.abs(vectors.conj().T @ operator @ vectors) ** 2
        for a in range(len(p)):
            keep = p[a] + p > 1e-16
            total += 2 * np.sum((p[a] - p[keep]) ** 2 / (p[a] + p[keep]) * elements[a, keep])
    return float(total / n)


def expectation(operator: sparse.csr_array, runs: Sequence[Run]) -> float:
    """Sum over runs of weight <psi|operator|psi>."""
    return sum(weight * float(np.vdot(psi, np.asarray(operator @ psi)).real) for weight, psi in runs)


def electron_spin(runs: Sequence[Run], device: BruteDevice) -> Real:
    """Tr[rho sigma] of the electron, summed over the chain (Eq. 23), shape (3,)."""
    return np.array([expectation(_kron(device, {"spin": sigma}), runs) for sigma in PAULI.values()])


def electron_density(runs: Sequence[Run], device: BruteDevice) -> Real:
    """Probability of the electron on every chain site, shape (L,)."""
    by_run = [weight * np.sum(np.abs(psi.reshape(device.sites, -1)) ** 2, axis=1) for weight, psi in runs]
    return np.asarray(np.sum(by_run, axis=0))


def electron_spin_density_z(runs: Sequence[Run], device: BruteDevice) -> Real:
    """Expectation of sigma_z of the electron on every chain site (Eq. 8), shape (L,)."""
    density = np.zeros(device.sites)
    for weight, psi in runs:
        by_spin = np.sum(np.abs(psi.reshape(device.sites, 2, -1)) ** 2, axis=2)
        density += weight * (by_spin[:, 0] - by_spin[:, 1])
    return density


def energy(runs: Sequence[Run], device: BruteDevice) -> float:
    """<H> in eV."""
    return expectation(hamiltonian(device), runs)


def norm(runs: Sequence[Run], device: BruteDevice) -> float:
    """Sum over runs of weight <psi|psi>."""
    return expectation(_kron(device, {}), runs)


def spin_z_total(runs: Sequence[Run], device: BruteDevice) -> float:
    """Sum of <sigma_z> of the electron and of all localized spins (Eq. 28)."""
    total = _kron(device, {"spin": PAULI["z"]})
    for n in range(device.spins):
        total = total + _kron(device, {n: PAULI["z"]})
    return expectation(total, runs)


def variables(
    device: BruteDevice, runs: Sequence[Run], momenta: Sequence[float], initial: Sequence[int] | None
) -> dict[str, Any]:
    """Every variable of one snapshot of a dataset by its name; flips only from a collinear `initial` configuration."""
    rho = reduced_density(device, runs)
    n_p, n_a = map(len, device.layers)
    found: dict[str, Any] = {
        "density_matrix": rho,
        "entropy_total": entropy(rho),
        "entropy_polarizer": entropy(layer_density(rho, n_p, n_a, "polarizer")),
        "entropy_analyzer": entropy(layer_density(rho, n_p, n_a, "analyzer")),
        "mutual_information": mutual_information(rho, n_p, n_a),
        "log_negativity": log_negativity(rho, n_p, n_a),
        "electron_density": electron_density(runs, device),
        "electron_spin_density_z": electron_spin_density_z(runs, device),
        "norm": norm(runs, device),
        "energy": energy(runs, device),
        "spin_z_total": spin_z_total(runs, device),
        "electron_number": 1.0,
        "qfi_paper": [qfi_paper(rho, device.positions, k) for k in momenta],
        "qfi_variance": [qfi_variance(rho, device.positions, k) for k in momenta],
        "qfi": [qfi_true(rho, device.positions, k) for k in momenta],
    }
    for axis, spins, electron in zip("xyz", spin_expectations(rho).T, electron_spin(runs, device), strict=True):
        found[f"spin_{axis}"], found[f"electron_spin_{axis}"] = spins, electron
    if initial is not None:
        found["magnon_probability"] = magnon_probability(rho, initial)
        found["w_fidelity"] = w_fidelity(rho, initial)
    return found
