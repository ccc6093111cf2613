"""Entropy of half of the system of two electrons."""

from __future__ import annotations

import numpy as np

from pysv.model.density import entropy_of_spectrum
from pysv.pairs.basis import BOTH_UP, KINDS, OPPOSITE
from pysv.pairs.hamiltonian import PairHamiltonian


def half_entropy(hamiltonian: PairHamiltonian, psi: np.ndarray) -> float:
    """Entanglement entropy of sites L_x/2 + 1 … L_x with the localized spins on them, nats.

    The state is split into parts with 0, 1 and 2 electrons in the right half, which do not interfere. The creation
    operators of the left half stand in front, hence the amplitude of an ↑ electron on the right and a ↓ electron on the
    left changes sign.
    """
    cut, places = hamiltonian.sites // 2, hamiltonian.device.spin_sites
    spins, configuration = hamiltonian.basis.spins, hamiltonian.basis.configuration
    on_left, on_right = ([n for n, site in enumerate(places) if (site <= cut) == is_left] for is_left in (True, False))
    left, right = (spins.restricted(configuration, own) for own in (on_left, on_right))
    left_spins, right_spins = spins.chosen(on_left), spins.chosen(on_right)
    spectrum = []
    none = np.zeros((right_spins.size,) * 2, dtype=complex)
    two = np.zeros((left_spins.size,) * 2, dtype=complex)
    for square, same, other, inner in ((none, left, right, psi[:, :cut, :cut]), (two, right, left, psi[:, cut:, cut:])):
        for kind in KINDS:
            here = hamiltonian.basis.of_kind(kind)
            for shared in np.unique(same[here]):
                rows = here.start + np.flatnonzero(same[here] == shared)
                phi = inner[rows].reshape(rows.size, -1)
                square[np.ix_(other[rows], other[rows])] += phi.conj() @ phi.T
        spectrum.append(np.linalg.eigvalsh(square))
    single = np.zeros((2, left_spins.size, cut, 2, right_spins.size, hamiltonian.sites - cut), dtype=complex)
    for row, kind in enumerate(hamiltonian.basis.kind):
        at_left, at_right = left[row], right[row]
        if kind == OPPOSITE:
            single[0, at_left, :, 1, at_right] += psi[row, :cut, cut:]
            single[1, at_left, :, 0, at_right] -= psi[row, cut:, :cut].T
        else:
            spin = 0 if kind == BOTH_UP else 1
            single[spin, at_left, :, spin, at_right] += np.sqrt(2) * psi[row, :cut, cut:]
    # In one sector of S^z, parts with different down counts on the left do not interfere either.
    downs_left = np.add.outer([0, 1], left_spins.down(np.arange(left_spins.size))).ravel()
    parts = downs_left if len(hamiltonian.basis.sectors) == 1 else np.zeros_like(downs_left)
    matrix = single.reshape(2 * left_spins.size, cut, -1)
    for part in np.unique(parts):
        block = matrix[parts == part].reshape(-1, matrix.shape[2])
        block = block[:, np.any(block != 0, axis=0)]
        if block.size:
            small = block if block.shape[0] <= block.shape[1] else block.T
            spectrum.append(np.linalg.eigvalsh(small @ small.conj().T))
    return entropy_of_spectrum(np.concatenate(spectrum))
