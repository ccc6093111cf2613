"""Exact observables of a matrix-product state: densities, and the density matrix of the localized spins."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pysv.experiment.device import ChainDevice
from pysv.model.basis import configurations, down_count, spin_bit
from pysv.model.density import Block, SpinDensity
from pysv.model.layer import sides
from pysv.mps import kernels
from pysv.mps.state import MatrixProductState
from pysv.snapshot import State

Environment = dict[tuple[int, int], np.ndarray]
"""For the charges (indices) of ket and bra on a leg, an array (pairs of configurations, ket size, bra size)."""
Pairs = dict[int, np.ndarray]
"""For each difference (code) of the charges of ket and bra, the pairs of configurations (n, 2) that have it."""


class ChainState(State):
    """A matrix-product state as a snapshot.

    Parameters
    ----------
    state : MatrixProductState
    device : ChainDevice
    kept : float
        The norm: weight of the initial state that truncation has left.
    energy : float
        ⟨H⟩, eV.
    discarded : float64 ndarray (L_x − 1,)
        Weight discarded on each bond so far.
    """

    def __init__(
        self, state: MatrixProductState, device: ChainDevice, kept: float, energy: float, discarded: np.ndarray
    ) -> None:
        self.state = state
        self._device = device
        self._kept = kept
        self._energy = energy
        self._discarded = discarded

    @cached_property
    def occupations(self) -> list[np.ndarray]:
        """Probability of each local state of each site."""
        return local_probabilities(self.state)

    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of electrons and their Σσᶻ on each site."""
        pairs = zip(self.state.spaces, self.occupations, strict=True)
        found = np.array([(p @ (space.up + space.down), p @ (space.up - space.down)) for space, p in pairs])
        return found[:, 0], found[:, 1]

    def electron_spin(self) -> np.ndarray:
        """⟨σ⟩ of all electrons; ⟨σ⁺⟩ = (⟨σˣ⟩ + i⟨σʸ⟩)/2 vanishes in a state of definite S^z."""
        raised = sum((_raised(self.state, site) for site in range(self.state.sites)), 0j)
        return np.array([2 * raised.real, 2 * raised.imag, self.electron_densities()[1].sum()])

    def spin_density(self) -> SpinDensity:
        """ρ of the localized spins, contracted exactly."""
        return spin_density(self.state, self._device)

    def invariants(self) -> dict[str, float]:
        """Norm (the weight that truncation has left), energy, Σσᶻ and number of electrons."""
        spins = sum(float(p @ space.spin_z) for space, p in zip(self.state.spaces, self.occupations, strict=True))
        density, spin = self.electron_densities()
        return {
            "norm": self._kept,
            "energy": self._energy,
            "spin_z_total": spins + float(spin.sum()),
            "electron_number": float(density.sum()),
        }

    def extras(self) -> dict[str, np.ndarray | float]:
        """Entropies, bond dimensions and discarded weight; S_half is the entropy of the right half of the chain."""
        entropies = self.state.entropies
        return {
            "entropy_half": float(entropies[half_bond(self.state.sites)]),
            "entropy_bond": entropies,
            "bond_dimension": self.state.dimensions,
            "discarded_weight": self._discarded.copy(),
        }


def half_bond(sites: int) -> int:
    """Index (from 0) of the bond in the middle: sites L_x/2 + 1 … L_x lie right of it, 57 … 112 in the paper."""
    return sites // 2 - 1


def local_probabilities(state: MatrixProductState) -> list[np.ndarray]:
    """Probability of each local state of each site, float64 (d,) each."""
    found = []
    for site in range(state.sites):
        left, right = state.legs[site], state.legs[site + 1]
        found.append(
            kernels.occupations(
                state.tensors[site], left.charges, left.sizes, left.schmidt, state.local[site], right.charges,
                right.sizes,
            )
        )  # fmt: skip
    return found


def _raised(state: MatrixProductState, site: int) -> complex:
    """⟨c†_↑ c_↓⟩ on a site (from 0), which turns a single ↓ electron there."""
    space, leg = state.spaces[site], state.legs[site]
    if space.keeps_spin:
        return 0j
    blocks = {(a, p): matrix for a, p, _, matrix in state.blocks(site)}
    ends, step, found = np.concatenate(([0], np.cumsum(leg.sizes))), space.dim // 4, 0j
    for a in range(leg.charges.size):
        weight = leg.schmidt[ends[a] : ends[a + 1], None] ** 2
        for spin in range(step):
            up, down = blocks.get((a, step + spin)), blocks.get((a, 2 * step + spin))
            if up is not None and down is not None:
                found += np.vdot(up, weight * down)
    return complex(found)


def spin_density(state: MatrixProductState, device: ChainDevice) -> SpinDensity:
    """Density matrix of the localized spins, electrons traced out.

    The chain is contracted from both ends of the layers to a bond between the two halves of the spins. Ket and bra have
    the same electron state on each site, so the signs of the Jordan–Wigner transformation cancel. The Schmidt values
    represent the chain left of the first spin, the identity represents the chain right of the last one.

    Parameters
    ----------
    state : MatrixProductState
        Right-canonical.
    device : ChainDevice

    Returns
    -------
    SpinDensity
        One block for each number of down spins with weight in the state, or a single one without a definite S^z.
    """
    n = device.n_spins
    bits = {site - 1: spin_bit(n, spin) for spin, site in enumerate(device.spin_sites)}
    places = sorted(bits)
    middle = (places[(n - 1) // 2] + places[min((n + 1) // 2, n - 1)] + 1) // 2 if n > 1 else places[0]
    first, last = places[0], places[-1]

    leg = state.legs[first]
    ends = np.concatenate(([0], np.cumsum(leg.sizes)))
    left: Environment = {
        (q, q): np.diag(leg.schmidt[ends[q] : ends[q + 1]] ** 2).astype(complex)[None] for q in range(leg.charges.size)
    }
    left_pairs: Pairs = {0: np.zeros((1, 2), dtype=np.int64)}
    for site in range(first, middle + 1):
        left, left_pairs = _absorbed(state, site, left, left_pairs, bits.get(site), forward=True)

    right: Environment = {
        (q, q): np.eye(size, dtype=complex)[None] for q, size in enumerate(state.legs[last + 1].sizes)
    }
    right_pairs: Pairs = {0: np.zeros((1, 2), dtype=np.int64)}
    for site in range(last, middle, -1):
        right, right_pairs = _absorbed(state, site, right, right_pairs, bits.get(site), forward=False)

    charges = state.legs[middle + 1].charges
    sums: dict[int, np.ndarray] = {}
    for (ket, bra), inner in left.items():
        outer = right.get((ket, bra))
        if outer is None:
            continue
        term = inner.reshape(len(inner), -1) @ outer.reshape(len(outer), -1).T
        difference = int(charges[ket] - charges[bra])
        sums[difference] = sums[difference] + term if difference in sums else term
    return _blocks(sums, left_pairs, right_pairs, device, state.spaces[first].keeps_spin)


def _absorbed(
    state: MatrixProductState, site: int, inner: Environment, pairs: Pairs, bit: int | None, *, forward: bool
) -> tuple[Environment, Pairs]:
    """The environment extended by one site: its electrons are traced out, its localized spin is kept."""
    spins = (0,) if bit is None else (0, 1)
    step = 1 if bit is None else 2
    blocks = {(a, p) if forward else (b, p): (b if forward else a, m) for a, p, b, m in state.blocks(site)}
    if not forward:  # a right charge and a local state determine the left charge
        blocks = {key: (a, m.T) for key, (a, m) in blocks.items()}
    legs = state.legs[site : site + 2] if forward else state.legs[site : site + 2][::-1]
    ends: dict[tuple[int, int, int], np.ndarray] = {}
    for (ket, bra), array in inner.items():
        for ket_spin in spins:
            for bra_spin in spins:
                number = 2 * ket_spin + bra_spin
                for electron in range(4):
                    one = blocks.get((ket, step * electron + ket_spin))
                    other = blocks.get((bra, step * electron + bra_spin))
                    if one is None or other is None:
                        continue
                    part = one[1].T @ (array @ other[1].conj())
                    key = (one[0], other[0], number)
                    # Equal charge differences of ket and bra come from equal differences before this site.
                    ends[key] = ends[key] + part if key in ends else part
    # Change of the charge difference between ket and bra: σᶻ of the ket's spin minus that of the bra's.
    flip = 2 if state.spaces[site].keeps_spin else 0
    shift = {0: 0, 1: flip, 2: -flip, 3: 0} if bit is not None else {0: 0}
    sign = 1 if forward else -1
    sources: dict[int, list[tuple[int, int]]] = {}
    for difference in pairs:
        for number, change in shift.items():
            sources.setdefault(difference + sign * change, []).append((number, difference))
    found_pairs: Pairs = {}
    for difference, origins in sources.items():
        added = [
            pairs[before] | np.array([(number >> 1) * (bit or 0), (number & 1) * (bit or 0)])
            for number, before in origins
        ]
        found_pairs[difference] = np.concatenate(added)
    found: Environment = {}
    outer = legs[1]
    for ket, bra in {key[:2] for key in ends}:
        difference = int(outer.charges[ket] - outer.charges[bra])
        shape = int(outer.sizes[ket]), int(outer.sizes[bra])
        parts = []
        for number, before in sources[difference]:
            absent = np.zeros((len(pairs[before]), *shape), dtype=complex)
            parts.append(ends.get((ket, bra, number), absent))
        found[ket, bra] = np.concatenate(parts)
    return found, found_pairs


def _blocks(
    sums: dict[int, np.ndarray], left: Pairs, right: Pairs, device: ChainDevice, keeps_spin: bool
) -> SpinDensity:
    """ρ from its elements for pairs of left and right configurations."""
    n = device.n_spins
    kets, bras, values = [], [], []
    for difference, array in sums.items():
        joined = left[difference][:, None, :] | right[difference][None, :, :]
        kets.append(joined[..., 0].ravel())
        bras.append(joined[..., 1].ravel())
        values.append(array.ravel())
    ket, bra, value = (np.concatenate(parts) for parts in (kets, bras, values))
    if not keeps_spin:
        whole = np.zeros((1 << n, 1 << n), dtype=complex)
        whole[ket, bra] = value
        return SpinDensity(*sides(device), (Block(np.arange(1 << n), (whole + whole.conj().T) / 2),))
    downs = down_count(ket)
    blocks = []
    for down in np.unique(downs):
        here = downs == down
        inside = configurations(n, int(down))
        matrix = np.zeros((inside.size, inside.size), dtype=complex)
        matrix[np.searchsorted(inside, ket[here]), np.searchsorted(inside, bra[here])] = value[here]
        if np.abs(matrix).max() > 0:
            blocks.append(Block(inside, (matrix + matrix.conj().T) / 2))
    return SpinDensity(*sides(device), tuple(blocks))
