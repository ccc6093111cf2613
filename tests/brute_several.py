"""Brute force for several electrons on short chains: second quantisation written out, and nothing of pysv.

Fermions are Jordan–Wigner matrices in the order x = 1 ↑, 1 ↓, 2 ↑, 2 ↓, …; behind all of them come the localized spins,
FM_p first. The sector of N_e electrons and S^z_tot is cut out of the product space with a mask; inside it everything is
sparse matrices and dense vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

import brute
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh, expm_multiply

HBAR = 0.6582119569
SCALES = {"pauli": (1.0, 1.0), "half": (0.5, 0.5), "mixed": (1.0, 0.5)}
Z = sparse.csr_array(np.diag([1.0, -1.0]))
RAISE = sparse.csr_array(np.array([[0.0, 1.0], [0.0, 0.0]]))  # |up><down| of a spin; |empty><full| of a mode
ONE = sparse.csr_array(np.eye(2))


@dataclass(frozen=True)
class Several:
    """A short chain with several electrons; sites counted from 1, layers as (first, last)."""

    sites: int
    polarizer: tuple[int, int]
    analyzer: tuple[int, int]
    hopping: float
    sd_exchange: float
    exchange: float
    exchange_z: float
    convention: str
    electrons: int

    @property
    def layers(self):
        return [list(range(first, last + 1)) for first, last in (self.polarizer, self.analyzer)]

    @property
    def positions(self):
        return self.layers[0] + self.layers[1]

    @cached_property
    def places(self):
        """Indices of the product space that lie in the sector: N_e electrons, S^z of the start."""
        modes, n = 2 * self.sites, len(self.positions)
        index = np.arange(1 << (modes + n))
        digits = [(index >> (modes + n - 1 - k)) & 1 for k in range(modes + n)]
        number = sum(digits[:modes])
        spin = sum(digits[k] * (1 - 2 * (k % 2)) for k in range(modes)) + sum(1 - 2 * d for d in digits[modes:])
        start = len(self.layers[0]) - len(self.layers[1])
        return np.flatnonzero((number == self.electrons) & (spin == start))

    def operator(self, factors):
        """Kronecker product of 2×2 factors at given positions (modes, then spins), identity elsewhere, full space."""
        total = 2 * self.sites + len(self.positions)
        return reduce(lambda a, b: sparse.kron(a, b, format="csr"), [factors.get(k, ONE) for k in range(total)])

    def cut(self, matrix):
        return sparse.csr_array(sparse.csr_array(matrix)[self.places][:, self.places])

    def take(self, site, spin):
        """Annihilator of an electron on a site (from 1) with spin 0 (up) or 1 (down)."""
        mode = 2 * (site - 1) + spin
        return self.operator({**dict.fromkeys(range(mode), Z), mode: RAISE})

    def number(self, site, spin):
        return self.operator({2 * (site - 1) + spin: sparse.csr_array(np.diag([0.0, 1.0]))})

    def spin(self, i, matrix):
        return {2 * self.sites + i: matrix}

    @cached_property
    def hamiltonian(self):
        f_e, f_s = SCALES[self.convention]
        take = {(x, s): self.take(x, s) for x in range(1, self.sites + 1) for s in (0, 1)}
        h = 0 * self.operator({})
        for x in range(1, self.sites):
            for s in (0, 1):
                hop = take[x, s].T @ take[x + 1, s]
                h = h - self.hopping * (hop + hop.T)
        for i, x in enumerate(self.positions):
            up, down = take[x, 0], take[x, 1]
            along = (up.T @ up - down.T @ down) @ self.operator(self.spin(i, Z))
            flip = (down.T @ up) @ self.operator(self.spin(i, RAISE))  # the electron goes down, the spin up
            h = h - f_e * f_s * self.sd_exchange * (along + 2 * (flip + flip.T))
        for offset, layer in zip((0, len(self.layers[0])), self.layers, strict=True):
            for i in range(offset, offset + len(layer) - 1):
                along = self.operator(self.spin(i, Z) | self.spin(i + 1, Z))
                trade = self.operator(self.spin(i, RAISE) | self.spin(i + 1, RAISE.T))
                h = h - f_s**2 * (self.exchange_z * along + 2 * self.exchange * (trade + trade.T))
        return self.cut(h)

    def preparation(self, confined, well, field):
        """H_{V,B} of Eq. 21 in the sector."""
        extra = 0 * self.operator({})
        for x in range(1, confined + 1):
            extra = extra - well * (self.number(x, 0) + self.number(x, 1))
        for i in range(len(self.positions)):
            sign = -1 if i < len(self.layers[0]) else 1
            extra = extra + sign * field * SCALES[self.convention][1] * self.operator(self.spin(i, Z))
        return self.cut(extra)

    def ground_state(self, confined, well, field):
        h = self.hamiltonian + self.preparation(confined, well, field)
        if h.shape[0] < 400:
            energies, states = np.linalg.eigh(h.toarray())
        else:
            energies, states = eigsh(h, k=1, which="SA", tol=1e-13)
        return float(energies[0]), states[:, 0].astype(complex)

    def evolve(self, psi, time):
        return expm_multiply(-1j * time / HBAR * self.hamiltonian, psi)

    def energy(self, psi):
        return float(np.vdot(psi, self.hamiltonian @ psi).real)

    def density(self, psi):
        """Electrons and their spin z on each site, two arrays (sites,); n is diagonal."""
        weight = np.abs(psi) ** 2
        total = 2 * self.sites + len(self.positions)
        found = np.array(
            [[weight @ ((self.places >> (total - 1 - (2 * x + s))) & 1) for s in (0, 1)] for x in range(self.sites)]
        )
        return found.sum(axis=1), found[:, 0] - found[:, 1]

    def full(self, psi):
        whole = np.zeros(1 << (2 * self.sites + len(self.positions)), dtype=complex)
        whole[self.places] = psi
        return whole

    def spin_density(self, psi):
        """Density matrix of the localized spins, which stand behind all electrons: no sign is left."""
        matrix = self.full(psi).reshape(4**self.sites, -1)
        return matrix.T @ matrix.conj()

    def entropy_right_of(self, psi, cut):
        """Entropy of the sites beyond `cut` with their localized spins: the modes of the left sites come first, so that
        the state factorises into ordered products of left and of right creation operators."""
        total = 2 * self.sites + len(self.positions)
        left = [*range(2 * cut), *(2 * self.sites + i for i, x in enumerate(self.positions) if x <= cut)]
        right = [k for k in range(total) if k not in left]
        tensor = self.full(psi).reshape((2,) * total).transpose(left + right)
        values = np.linalg.svd(tensor.reshape(1 << len(left), -1), compute_uv=False) ** 2
        values = values[values > 1e-300]
        return float(-(values * np.log(values)).sum())

    def variables(self, psi):
        """Variables of one snapshot of a dataset by their names."""
        density, spin = self.density(psi)
        rho = self.spin_density(psi)
        n_p, n_a = map(len, self.layers)
        return {
            "electron_density": density,
            "electron_spin_density_z": spin,
            "density_matrix": rho,
            "spin_z": brute.spin_expectations(rho)[:, 2],
            "energy": self.energy(psi),
            "entropy_half": self.entropy_right_of(psi, self.sites // 2),
            "entropy_total": brute.entropy(rho),
            "mutual_information": brute.mutual_information(rho, n_p, n_a),
            "log_negativity": brute.log_negativity(rho, n_p, n_a),
            "norm": 1.0,
            "electron_number": self.electrons,
            "spin_z_total": n_p - n_a,
            "electron_spin_z": spin.sum(),
        }
