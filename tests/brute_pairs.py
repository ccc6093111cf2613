"""Brute force for two electrons on any device: first quantisation in the full product space, and nothing of pysv.

The space is (electron 1) ⊗ (electron 2) ⊗ (localized spins), an electron being site ⊗ spin; physical states are
antisymmetric in the two electrons. An operator of the electrons is that of electron 1 plus that of electron 2, and in an
antisymmetric state both have the same mean. Hence the functions of `brute_general`, which look at one electron beside
the localized spins, serve here too: every state of electron 1 is one of their runs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, reduce

import brute_general as one_electron
import numpy as np
from brute_general import BruteChain
from scipy import sparse
from scipy.sparse.linalg import eigsh, expm_multiply


class Pair:
    """Two electrons on a chain."""

    def __init__(self, chain: BruteChain) -> None:
        self.chain = chain
        self.modes = 2 * chain.sites

    @cached_property
    def spins_alone(self) -> sparse.csr_array:
        """H of the localized spins, (size, size): the block of an electron that does nothing."""
        layers = tuple(replace(layer, sd_exchange=(0.0,) * len(layer.sites)) for layer in self.chain.layers)
        still = replace(
            self.chain, layers=layers, hopping=(0.0,) * (self.chain.sites - 1), potential=(0.0,) * self.chain.sites
        )
        size = self.chain.dimension
        return sparse.csr_array(one_electron.hamiltonian(still)[:size, :size])

    def of_both(self, operator) -> sparse.csr_array:
        """The sum over both electrons of an operator (modes · size, modes · size) of one electron and the spins."""
        second = sparse.kron(sparse.eye_array(self.modes), operator, format="csr")
        index = np.arange(second.shape[0]).reshape(self.modes, self.modes, -1)
        swapped = index.transpose(1, 0, 2).ravel()
        return sparse.csr_array(second + second[swapped][:, swapped])

    @cached_property
    def hamiltonian(self) -> sparse.csr_array:
        electron = one_electron.hamiltonian(self.chain) - sparse.kron(sparse.eye_array(self.modes), self.spins_alone)
        return self.of_both(electron) + sparse.kron(sparse.eye_array(self.modes**2), self.spins_alone, format="csr")

    def orbitals_filled(self, confined: int, well: float, up: int, spins: np.ndarray) -> np.ndarray:
        """`up` electrons ↑ and the others ↓ in the lowest orbitals of the well, beside a state of the spins."""
        h = np.diag(np.array(self.chain.potential)) - np.diag(self.chain.hopping, 1) - np.diag(self.chain.hopping, -1)
        h -= np.diag(well * (np.arange(self.chain.sites) < confined))
        orbitals = np.linalg.eigh(h)[1]
        chi = np.eye(2)
        filled = [np.kron(orbitals[:, n], chi[0]) for n in range(up)]
        filled += [np.kron(orbitals[:, n], chi[1]) for n in range(2 - up)]
        pair = (np.outer(*filled) - np.outer(*filled[::-1])) / np.sqrt(2)
        return np.kron(pair.ravel(), spins).astype(complex)

    def ground_state(self, confined: int, well: float, field: float, held_up) -> tuple[float, np.ndarray]:
        """Ground state of H + H_{V,B} among antisymmetric states with the S^z of ↑↓ beside the held spins."""
        chain = self.chain
        here = np.diag((np.arange(chain.sites) < confined).astype(complex))
        extra = self.of_both(-well * one_electron._kron(chain, {"site": here}))
        spin_z, wanted = [], 0.0
        for n, up in enumerate(held_up):
            local = {m: np.eye(d) for m, d in enumerate(chain.dims)}
            local[n] = one_electron._scaled(chain, n)[2].real
            z = reduce(np.kron, local.values()).diagonal()
            spin_z.append(z / one_electron.SCALES[chain.convention][1])
            wanted += (1 if up else -1) * (chain.dims[n] - 1)
            extra = extra + sparse.kron(
                sparse.eye_array(self.modes**2), sparse.diags_array((-field if up else field) * z)
            )
        electron = np.tile([1.0, -1.0], chain.sites)
        total = np.add.outer(np.add.outer(electron, electron), sum(spin_z)).ravel()
        index = np.arange(total.size).reshape(self.modes, self.modes, -1)
        first, second = np.triu_indices(self.modes, 1)
        kept, partner = index[first, second].ravel(), index[second, first].ravel()
        inside = np.abs(total[kept] - wanted) < 1e-9
        kept, partner = kept[inside], partner[inside]
        columns = np.concatenate([np.arange(kept.size)] * 2)
        values = np.repeat([1.0, -1.0], kept.size) / np.sqrt(2)
        states = sparse.csr_array((values, (np.concatenate([kept, partner]), columns)), (total.size, kept.size))
        h = states.T @ (self.hamiltonian + extra) @ states
        if kept.size < 600:
            levels, vectors = np.linalg.eigh(h.toarray())
        else:
            levels, vectors = eigsh(h, k=1, which="SA", tol=1e-13)
        return float(levels[0]), np.asarray(states @ vectors[:, 0]).astype(complex)

    def evolve(self, psi: np.ndarray, time: float) -> np.ndarray:
        return expm_multiply(-1j * time / one_electron.HBAR * self.hamiltonian, psi)

    def entropy_half(self, psi: np.ndarray) -> float:
        """Entropy of the right half: creation operators of the left sites come first in the occupation numbers."""
        tensor = psi.reshape(self.modes, self.modes, -1)
        cut = 2 * (self.chain.sites // 2)
        spins_left = [n for n, x in enumerate(self.chain.positions) if x <= self.chain.sites // 2]
        spins_right = [n for n in range(self.chain.spins) if n not in spins_left]
        size_left = int(np.prod([self.chain.dims[n] for n in spins_left], dtype=int))
        fock = np.zeros((2,) * self.modes + (self.chain.dimension,), dtype=complex)
        for m in range(self.modes):
            for n in range(m + 1, self.modes):
                occupied = [0] * self.modes
                occupied[m] = occupied[n] = 1
                fock[tuple(occupied)] = np.sqrt(2) * tensor[m, n]
        whole = fock.reshape((2**cut, 2 ** (self.modes - cut), *self.chain.dims))
        order = [0, *(2 + n for n in spins_left), 1, *(2 + n for n in spins_right)]
        matrix = whole.transpose(order).reshape(2**cut * size_left, -1)
        matrix = matrix[np.any(matrix != 0, axis=1)][:, np.any(matrix != 0, axis=0)]
        values = np.linalg.svd(matrix, compute_uv=False) ** 2
        values = values[values > 1e-300]
        return float(-(values * np.log(values)).sum())

    def variables(self, psi: np.ndarray, one, other) -> dict:
        """Every variable of one snapshot by its name; see `brute_general.variables`."""
        runs = [(1.0, part) for part in psi.reshape(self.modes, -1)]
        found = one_electron.variables(self.chain, runs, one, other)
        single = found["electron_spin_z"]
        for name in found:
            if name.startswith(("electron_", "current", "spin_current", "torque")):
                found[name] = 2 * found[name]
        found["energy"] = float(np.vdot(psi, self.hamiltonian @ psi).real)
        found["spin_z_total"] += single
        found["electron_number"] = 2.0
        found["entropy_half"] = self.entropy_half(psi)
        return found
