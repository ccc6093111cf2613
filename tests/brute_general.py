"""Brute-force reference for any device: one electron on a chain with localized spins of any length.

Everything is a plain Kronecker product in the full product space, in the fixed order electron site, electron spin (up
first), spin 1, ..., spin N (m = S first, descending); the spins are numbered layer after layer. No conservation law is
used anywhere, every measure is written out from its definition, and clarity goes before speed. Nothing here is imported
from `pysv`, nor from `brute`, the reference for two layers of spins 1/2.

Units: eV and fs; chain sites are counted from 1, localized spins (positions in a list) from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import expm
from scipy.sparse.linalg import expm_multiply

Complex = NDArray[Any]
Real = NDArray[Any]
Angles = tuple[float, float]
Run = tuple[float, Complex]

HBAR = 0.6582119569  # eV fs
SCALES = {"pauli": (1.0, 1.0), "half": (0.5, 0.5), "mixed": (1.0, 0.5)}  # (f_e, f_s): f_e sigma and 2 f_s S enter H
SIGMA: tuple[Complex, Complex, Complex] = (
    np.array([[0, 1], [1, 0]], dtype=complex),
    np.array([[0, -1j], [1j, 0]], dtype=complex),
    np.array([[1, 0], [0, -1]], dtype=complex),
)


@dataclass(frozen=True)
class BruteLayer:
    """A ferromagnetic layer; all numbers in eV.

    Parameters
    ----------
    sites : tuple of int
        Chain site of every spin, in the order in which the spins are coupled.
    spin : float
        Length S of every spin of the layer.
    sd_exchange, anisotropy, field : tuple of float
        Jsd, K and B of every spin.
    exchange, exchange_z : tuple of float
        J and Jz of every bond between successive spins, one fewer than spins.
    """

    sites: tuple[int, ...]
    spin: float
    sd_exchange: tuple[float, ...]
    exchange: tuple[float, ...]
    exchange_z: tuple[float, ...]
    anisotropy: tuple[float, ...]
    field: tuple[float, ...]

    def __post_init__(self) -> None:
        n = len(self.sites)
        assert self.spin > 0, "S must be positive"
        assert abs(2 * self.spin - round(2 * self.spin)) < 1e-12, "2S must be an integer"
        assert len(self.sd_exchange) == len(self.anisotropy) == len(self.field) == n, "one number per spin"
        assert len(self.exchange) == len(self.exchange_z) == max(n - 1, 0), "one number per bond"


@dataclass(frozen=True)
class BruteChain:
    """A chain of L sites with hopping[x-1] = gamma_x on bond x|x+1 and potential[x-1] = eps_x on site x."""

    sites: int
    hopping: tuple[float, ...]
    potential: tuple[float, ...]
    layers: tuple[BruteLayer, ...]
    convention: str = "pauli"

    def __post_init__(self) -> None:
        assert len(self.hopping) == self.sites - 1, "one hopping per bond"
        assert len(self.potential) == self.sites, "one potential per site"
        assert all(1 <= x <= self.sites for x in self.positions), "a spin sits outside the chain"

    @property
    def dims(self) -> list[int]:
        """2S + 1 of every localized spin."""
        return [round(2 * layer.spin) + 1 for layer in self.layers for _ in layer.sites]

    @property
    def positions(self) -> list[int]:
        """Chain site of every localized spin."""
        return [x for layer in self.layers for x in layer.sites]

    @property
    def numbers(self) -> list[int]:
        """Number of spins in every layer."""
        return [len(layer.sites) for layer in self.layers]

    @property
    def members(self) -> list[list[int]]:
        """Localized spins, counted from 0, that form every layer."""
        first = np.cumsum([0, *self.numbers])
        return [list(range(int(a), int(b))) for a, b in pairwise(first)]

    @property
    def spins(self) -> int:
        """Number N of localized spins."""
        return len(self.dims)

    @property
    def dimension(self) -> int:
        """Dimension of the space of all localized spins."""
        return int(np.prod(self.dims, dtype=int))


def spin_matrices(S: float) -> tuple[Complex, Complex, Complex]:
    """S^x, S^y, S^z in the basis m = S, S-1, ..., -S."""
    m = S - np.arange(round(2 * S) + 1)
    # S^+ |m> = sqrt(S(S+1) - m(m+1)) |m+1>, and |m+1> comes just before |m>.
    plus = np.diag(np.sqrt(S * (S + 1) - m[1:] * (m[1:] + 1)), k=1).astype(complex)
    minus = plus.conj().T
    return (plus + minus) / 2, (plus - minus) / 2j, np.diag(m).astype(complex)


def _kron(chain: BruteChain, factors: Mapping[str | int, Complex]) -> sparse.csr_array:
    """Kronecker product of the factors given for "site", "spin" and the localized spins 0..N-1, identity elsewhere."""
    dimensions: dict[str | int, int] = {"site": chain.sites, "spin": 2, **dict(enumerate(chain.dims))}
    matrices = [sparse.csr_array(factors.get(name, np.eye(d, dtype=complex))) for name, d in dimensions.items()]
    return sparse.csr_array(reduce(lambda a, b: sparse.kron(a, b, format="csr"), matrices))


def _scaled(chain: BruteChain, n: int) -> list[Complex]:
    """X, Y, Z = 2 f_s S of localized spin n, as they enter H."""
    f_s = SCALES[chain.convention][1]
    return [2 * f_s * s for s in spin_matrices((chain.dims[n] - 1) / 2)]


def _sd_hamiltonian(chain: BruteChain) -> sparse.csr_array:
    """-sum_i Jsd_i (f_e sigma).(2 f_s S_i) at site x_i, in eV."""
    f_e = SCALES[chain.convention][0]
    h = 0 * _kron(chain, {})
    strengths = [jsd for layer in chain.layers for jsd in layer.sd_exchange]
    for n, (x, jsd) in enumerate(zip(chain.positions, strengths, strict=True)):
        here = np.zeros((chain.sites, chain.sites), dtype=complex)
        here[x - 1, x - 1] = 1
        for sigma, local in zip(SIGMA, _scaled(chain, n), strict=True):
            h = h - jsd * _kron(chain, {"site": here, "spin": f_e * sigma, n: local})
    return sparse.csr_array(h)


def hamiltonian(chain: BruteChain) -> sparse.csr_array:
    """H in eV on the full space, electron hopping + potential + sd + exchange + anisotropy + field."""
    orbital = np.diag(np.array(chain.potential, dtype=complex))
    for x, gamma in enumerate(chain.hopping):
        orbital[x, x + 1] -= gamma
        orbital[x + 1, x] -= gamma
    h = _kron(chain, {"site": orbital}) + _sd_hamiltonian(chain)
    for layer, members in zip(chain.layers, chain.members, strict=True):
        for (n, m), j, jz in zip(pairwise(members), layer.exchange, layer.exchange_z, strict=True):
            for strength, a, b in zip((j, j, jz), _scaled(chain, n), _scaled(chain, m), strict=True):
                h = h - strength * _kron(chain, {n: a, m: b})
        for n, anisotropy, field in zip(members, layer.anisotropy, layer.field, strict=True):
            z = _scaled(chain, n)[2]
            h = h - anisotropy * _kron(chain, {n: z @ z}) - field * _kron(chain, {n: z})
    return sparse.csr_array(h)


def packet(sites: int, center: float, momentum: float, spread: float) -> Complex:
    """exp[i k x - spread^2 (x - center)^2 / 4] on x = 1..sites, normalised on the chain."""
    x = np.arange(1, sites + 1)
    amplitude = np.exp(1j * momentum * x - spread**2 * (x - center) ** 2 / 4)
    return np.asarray(amplitude / np.linalg.norm(amplitude))


def coherent(S: float, theta: float, phi: float) -> Complex:
    """Spin S pointing along (theta, phi): |m = S> turned about y by theta, then about z by phi.

    The last factor turns the phase of exp(-i phi S^z) so that the vector is the symmetrised product of 2S spins 1/2
    in cos(theta/2) |up> + e^{i phi} sin(theta/2) |down>: its m = S amplitude is cos(theta/2)^{2S}.
    """
    _, y, z = spin_matrices(S)
    start = np.zeros(round(2 * S) + 1, dtype=complex)
    start[0] = 1
    return np.asarray(np.exp(1j * phi * S) * (expm(-1j * phi * z) @ expm(-1j * theta * y) @ start))


def runs_of(chain: BruteChain, packet: Complex, electron: str | Angles, spins_vector: Complex) -> list[Run]:
    """Electron times any pure state of the localized spins, as (weight, vector) pairs.

    Parameters
    ----------
    packet : (L,) complex
        Orbital state of the electron.
    electron : "unpolarized", "up", "down" or (theta, phi)
        "unpolarized" gives two runs of weight 1/2, never a coherent superposition.
    spins_vector : (product of dims,) complex
        State of the localized spins.
    """
    assert np.shape(packet) == (chain.sites,)
    assert np.shape(spins_vector) == (chain.dimension,)
    up, down = np.array([1, 0], dtype=complex), np.array([0, 1], dtype=complex)
    named = {"unpolarized": [(0.5, up), (0.5, down)], "up": [(1.0, up)], "down": [(1.0, down)]}
    mixture = named[electron] if isinstance(electron, str) else [(1.0, coherent(0.5, *electron))]
    return [(weight, np.asarray(reduce(np.kron, [packet, chi, spins_vector]))) for weight, chi in mixture]


def product_runs(chain: BruteChain, packet: Complex, electron: str | Angles, angles: Sequence[Angles]) -> list[Run]:
    """Electron times spin-coherent states with the angles (theta, phi) of every localized spin; see `runs_of`."""
    assert len(angles) == chain.spins
    local = [coherent((d - 1) / 2, *pair) for d, pair in zip(chain.dims, angles, strict=True)]
    return runs_of(chain, packet, electron, np.asarray(reduce(np.kron, local, np.ones(1, dtype=complex))))


def evolve(chain: BruteChain, runs: Sequence[Run], times: Sequence[float]) -> list[list[Run]]:
    """exp(-i H t / hbar) on every run (given at t = 0), for every time in fs; each time starts from the one before."""
    h = hamiltonian(chain)
    now, psi = 0.0, np.stack([vector for _, vector in runs], axis=1)
    history = []
    for t in times:
        psi = expm_multiply(-1j * (t - now) / HBAR * h, psi)
        now = t
        history.append([(weight, psi[:, r].copy()) for r, (weight, _) in enumerate(runs)])
    return history


def reduced_density(chain: BruteChain, runs: Sequence[Run]) -> Complex:
    """Density matrix of all localized spins: site and spin of the electron traced out of sum weight |psi><psi|."""
    rho = np.zeros((chain.dimension, chain.dimension), dtype=complex)
    for weight, psi in runs:
        amplitude = psi.reshape(2 * chain.sites, chain.dimension)
        rho += weight * amplitude.T @ amplitude.conj()
    return rho


def reduced(rho: Complex, dims: Sequence[int], keep: Sequence[int]) -> Complex:
    """Density matrix of the spins `keep`, in the order given there, all others traced out."""
    assert len(set(keep)) == len(keep), "a spin is named twice"
    n = len(dims)
    rest = [m for m in range(n) if m not in keep]
    order = [*keep, *rest]
    size = int(np.prod([dims[m] for m in keep], dtype=int))
    tensor = rho.reshape([*dims, *dims]).transpose([*order, *(n + m for m in order)])
    return np.asarray(np.einsum("iaja->ij", tensor.reshape(size, rho.shape[0] // size, size, rho.shape[0] // size)))


def entropy(rho: Complex) -> float:
    """-Tr[rho ln rho]."""
    p = np.linalg.eigvalsh(rho)
    return float(-sum(x * np.log(x) for x in p if x > 0))


def purity(rho: Complex) -> float:
    """Tr rho^2."""
    return float(np.trace(rho @ rho).real)


def renyi2(rho: Complex) -> float:
    """-ln Tr rho^2."""
    return float(-np.log(purity(rho)))


def _negativity(rho: Complex, first: int) -> float:
    """ln of the trace norm of the partial transpose over the first factor, of dimension `first`."""
    second = rho.shape[0] // first
    turned = rho.reshape(first, second, first, second).transpose(2, 1, 0, 3).reshape(rho.shape)
    return float(np.log(np.sum(np.abs(np.linalg.eigvalsh(turned)))))


def log_negativity(rho: Complex, dims: Sequence[int], one: Sequence[int], other: Sequence[int]) -> float:
    """ln || rho^{T_one} ||_1 between two disjoint lists of spins, all other spins traced out."""
    assert not set(one) & set(other), "the two lists share a spin"
    return _negativity(reduced(rho, dims, [*one, *other]), int(np.prod([dims[m] for m in one], dtype=int)))


def mutual_information(rho: Complex, dims: Sequence[int], one: Sequence[int], other: Sequence[int]) -> float:
    """S_one + S_other - S of the union of two disjoint lists of spins, all other spins traced out."""
    assert not set(one) & set(other), "the two lists share a spin"
    s_one, s_other, s_both = (entropy(reduced(rho, dims, keep)) for keep in (one, other, [*one, *other]))
    return s_one + s_other - s_both


def spin_expectations(rho: Complex, dims: Sequence[int]) -> Real:
    """Tr[rho S_i] / S_i of every localized spin, shape (N, 3)."""
    found = np.zeros((len(dims), 3))
    for n, d in enumerate(dims):
        single, length = reduced(rho, dims, [n]), (d - 1) / 2
        found[n] = [np.trace(single @ s).real / length for s in spin_matrices(length)]
    return found


def spin_correlations(rho: Complex, dims: Sequence[int]) -> tuple[Real, Real]:
    """Tr[rho S_i.S_j] / (S_i S_j) and its z part of each two localized spins, shape (N, N) each."""
    local = [[s / ((d - 1) / 2) for s in spin_matrices((d - 1) / 2)] for d in dims]

    def embedded(n: int, axis: int) -> Complex:
        before, after = np.eye(int(np.prod(dims[:n]))), np.eye(int(np.prod(dims[n + 1 :])))
        return np.kron(np.kron(before, local[n][axis]), after)

    spins = range(len(dims))
    parts = np.array(
        [
            [[np.trace(rho @ embedded(i, axis) @ embedded(j, axis)).real for j in spins] for i in spins]
            for axis in range(3)
        ]
    )
    return parts.sum(axis=0), parts[2]


def magnon_probability(rho: Complex, dims: Sequence[int], initial_m: Sequence[float]) -> Real:
    """Probability of 0, 1, ..., sum 2 S_i unit flips, sum |m_i - initial m_i|, from an initial product state.

    Parameters
    ----------
    initial_m : sequence of float
        +S or -S of every spin.
    """
    lengths = [(d - 1) / 2 for d in dims]
    assert len(initial_m) == len(dims)
    assert all(abs(abs(m) - s) < 1e-12 for m, s in zip(initial_m, lengths, strict=True)), "every m must be S or -S"
    probability = np.zeros(sum(d - 1 for d in dims) + 1)
    # product() runs through the configurations in the order of the basis: the last spin fastest, m = S first.
    for state, steps in enumerate(product(*(range(d) for d in dims))):
        now = [s - step for s, step in zip(lengths, steps, strict=True)]
        flips = sum(abs(m - start) for m, start in zip(now, initial_m, strict=True))
        probability[round(flips)] += rho[state, state].real
    return probability


def expectation(operator: sparse.csr_array, runs: Sequence[Run]) -> float:
    """Sum over runs of weight <psi|operator|psi> of a Hermitian operator."""
    return sum(weight * float(np.vdot(psi, np.asarray(operator @ psi)).real) for weight, psi in runs)


def electron_density(runs: Sequence[Run], chain: BruteChain) -> Real:
    """Probability of the electron on every chain site, shape (L,)."""
    density = np.zeros(chain.sites)
    for weight, psi in runs:
        density += weight * np.sum(np.abs(psi.reshape(chain.sites, -1)) ** 2, axis=1)
    return density


def electron_spin_density_z(runs: Sequence[Run], chain: BruteChain) -> Real:
    """Expectation of sigma_z of the electron on every chain site, shape (L,)."""
    density = np.zeros(chain.sites)
    for weight, psi in runs:
        by_spin = np.sum(np.abs(psi.reshape(chain.sites, 2, -1)) ** 2, axis=2)
        density += weight * (by_spin[:, 0] - by_spin[:, 1])
    return density


def electron_spin(runs: Sequence[Run], chain: BruteChain) -> Real:
    """Expectation of sigma of the electron, summed over the chain, shape (3,)."""
    return np.array([expectation(_kron(chain, {"spin": sigma}), runs) for sigma in SIGMA])


def energy(runs: Sequence[Run], chain: BruteChain) -> float:
    """<H> in eV."""
    return expectation(hamiltonian(chain), runs)


def norm(runs: Sequence[Run], chain: BruteChain) -> float:
    """Sum over runs of weight <psi|psi>."""
    return expectation(_kron(chain, {}), runs)


def spin_z_total(runs: Sequence[Run], chain: BruteChain) -> float:
    """<sigma_z> of the electron plus the sum of <2 S^z> of all localized spins."""
    total = _kron(chain, {"spin": SIGMA[2]})
    for n, d in enumerate(chain.dims):
        total = total + _kron(chain, {n: 2 * spin_matrices((d - 1) / 2)[2]})
    return expectation(total, runs)


def _bond_flow(runs: Sequence[Run], chain: BruteChain, weight_of_spin: tuple[float, float]) -> Real:
    """(2 gamma_x / hbar) Im sum_s w_s <c^dagger_{x,s} c_{x+1,s}> on every bond, w for up and down, shape (L-1,)."""
    flow = np.zeros(chain.sites - 1)
    for weight, psi in runs:
        amplitude = psi.reshape(chain.sites, 2, -1)
        for x, gamma in enumerate(chain.hopping):
            for s, w in enumerate(weight_of_spin):
                # vdot conjugates its first argument: <c^dagger_x c_{x+1}> = sum psi_x^* psi_{x+1}.
                flow[x] += weight * w * 2 * gamma / HBAR * np.vdot(amplitude[x, s], amplitude[x + 1, s]).imag
    return flow


def current(runs: Sequence[Run], chain: BruteChain) -> Real:
    """Electrons per fs that cross every bond x|x+1 to the right, shape (L-1,)."""
    return _bond_flow(runs, chain, (1.0, 1.0))


def spin_current_z(runs: Sequence[Run], chain: BruteChain) -> Real:
    """sigma_z per fs that crosses every bond x|x+1 to the right, shape (L-1,)."""
    return _bond_flow(runs, chain, (1.0, -1.0))


def torque(runs: Sequence[Run], chain: BruteChain) -> Real:
    """sd part of d<S_i>/dt / S_i in 1/fs, (i/hbar) <[H_sd, S_i]> / S_i, shape (N, 3)."""
    h = _sd_hamiltonian(chain)
    found = np.zeros((chain.spins, 3))
    for n, d in enumerate(chain.dims):
        length = (d - 1) / 2
        for axis, s in enumerate(spin_matrices(length)):
            local = _kron(chain, {n: s})
            commutator = sparse.csr_array(h @ local - local @ h)
            found[n, axis] = expectation(1j / HBAR * commutator, runs) / length
    return found


def electron_negativity(runs: Sequence[Run], chain: BruteChain, keep: Sequence[int]) -> float:
    """Logarithmic negativity between the electron (site and spin) and the spins `keep`, all others traced out."""
    assert len(set(keep)) == len(keep), "a spin is named twice"
    rest = [m for m in range(chain.spins) if m not in keep]
    size = 2 * chain.sites * int(np.prod([chain.dims[m] for m in keep], dtype=int))
    rho = np.zeros((size, size), dtype=complex)
    for weight, psi in runs:
        tensor = psi.reshape([2 * chain.sites, *chain.dims])
        amplitude = tensor.transpose([0, *(1 + m for m in [*keep, *rest])]).reshape(size, -1)
        rho += weight * amplitude @ amplitude.conj().T
    return _negativity(rho, 2 * chain.sites)


def variables(chain: BruteChain, runs: Sequence[Run], one: Sequence[int], other: Sequence[int]) -> dict[str, Any]:
    """Every variable of one snapshot by its name.

    Parameters
    ----------
    one, other : sequences of int
        The two sides of the entanglement measures, "polarizer" and "analyzer", as disjoint lists of localized spins.
        `entropy_total`, `purity` and `renyi2` are those of all localized spins, also of those on neither side.
    """
    rho, dims = reduced_density(chain, runs), chain.dims
    found: dict[str, Any] = {
        "density_matrix": rho,
        "entropy_total": entropy(rho),
        "entropy_polarizer": entropy(reduced(rho, dims, one)),
        "entropy_analyzer": entropy(reduced(rho, dims, other)),
        "mutual_information": mutual_information(rho, dims, one, other),
        "log_negativity": log_negativity(rho, dims, one, other),
        "purity": purity(rho),
        "renyi2": renyi2(rho),
        "electron_density": electron_density(runs, chain),
        "electron_spin_density_z": electron_spin_density_z(runs, chain),
        "norm": norm(runs, chain),
        "energy": energy(runs, chain),
        "spin_z_total": spin_z_total(runs, chain),
        "current": current(runs, chain),
        "spin_current_z": spin_current_z(runs, chain),
    }
    spins, electron, torques = spin_expectations(rho, dims), electron_spin(runs, chain), torque(runs, chain)
    for a, axis in enumerate("xyz"):
        found[f"spin_{axis}"] = spins[:, a]
        found[f"electron_spin_{axis}"] = electron[a]
        found[f"torque_{axis}"] = torques[:, a]
    return found
