"""Quantum Fisher information of the magnetisation wave O_k = Σ_j e^{ikr_j} S^z_j (Eq. 29 and what it should be)."""

from __future__ import annotations

import numpy as np

from pysv.measures.factor import SpinFactor
from pysv.measures.registry import Measure, register
from pysv.measures.sizes import Sizes
from pysv.measures.view import View
from pysv.model.basis import Spins
from pysv.model.density import SpinDensity


def qfi_paper(rho: SpinDensity, positions: np.ndarray, momenta: np.ndarray) -> np.ndarray:
    """Eq. 29 of the paper: (4/N) Σ_ij e^{ik(r_i−r_j)} [⟨σᶻ_i σᶻ_j⟩ − ⟨σᶻ_i⟩⟨σᶻ_j⟩], with the i that its exponent lacks.

    It is 4 Var(O_k)/N for Pauli operators, in every spin convention. For a mixed ρ it is an upper bound of the quantum
    Fisher information and witnesses nothing.

    Parameters
    ----------
    rho : SpinDensity
    positions : float ndarray (N,)
        r_i, in sites.
    momenta : float ndarray (K,)
        k, rad per site.

    Returns
    -------
    float64 ndarray (K,)
    """
    return qfi_of_probabilities(*rho.probabilities, positions, momenta, rho.spins)


def qfi_of_probabilities(
    configuration: np.ndarray,
    probability: np.ndarray,
    positions: np.ndarray,
    momenta: np.ndarray,
    spins: Spins | None = None,
) -> np.ndarray:
    """Eq. 29 from the diagonal of ρ alone; see `qfi_paper`. By default the spins are spins 1/2."""
    signs = (spins or Spins.of(len(positions))).moments(configuration).astype(float)
    mean = probability @ signs
    covariance = (signs.T * probability) @ signs - np.outer(mean, mean)
    waves = np.exp(1j * np.outer(momenta, positions))
    return np.asarray(4 / len(positions) * np.einsum("ki,ij,kj->k", waves, covariance, waves.conj()).real)


def qfi(rho: SpinDensity | SpinFactor, positions: np.ndarray, momenta: np.ndarray) -> np.ndarray:
    """True quantum Fisher information per spin, spin-1/2 operators.

    F[O] = 2 Σ_ab (p_a − p_b)²/(p_a + p_b) |⟨a|O|b⟩|², F(k) = F[Σ cos(kr_j) σᶻ_j/2] + F[Σ sin(kr_j) σᶻ_j/2], divided by
    N. A value > m (2S)², with the longest spin S, shows at least (m+1)-partite entanglement: > m for spins 1/2 (P.
    Hyllus et al., Phys. Rev. A 85, 022321 (2012)); no state of m spins has 4 Var(O) above (Σ 2S)².

    Parameters
    ----------
    rho : SpinDensity or SpinFactor
    positions : float ndarray (N,)
        r_i, in sites.
    momenta : float ndarray (K,)
        k, rad per site.

    Returns
    -------
    float64 ndarray (K,)
    """
    if isinstance(rho, SpinFactor):
        return rho.qfi(positions, momenta)
    n = len(positions)
    # For a symmetric weight h, Σ h |O_ab|² of O = Σ_j e^{ikr_j} σᶻ_j/2 is that of its cosine and sine parts together.
    waves = np.exp(1j * np.outer(momenta, positions)) / 2
    total = np.zeros(len(momenta))
    for block in rho.blocks:
        diagonals = waves @ rho.spins.moments(block.configuration).T.astype(float)
        p, states = block.eigen
        p = np.clip(p, 0.0, None)
        # F = 4 Tr(ρ|O|²) − 8 Σ_ab p_a p_b/(p_a + p_b) |O_ab|²: only states of weight count, the rest of the block is
        # covered by the completeness relation in the first term.
        kept = p > 1e-15
        p, states = p[kept], states[:, kept]
        if not p.size:
            continue
        harmonic = np.outer(p, p) / np.add.outer(p, p)
        weights = (states.real**2 + states.imag**2) @ p
        elements = states.conj().T @ (diagonals[:, :, None] * states)
        squares = elements.real**2 + elements.imag**2
        total += 4 * (np.abs(diagonals) ** 2 @ weights) - 8 * np.tensordot(squares, harmonic, 2)
    return np.asarray(total / n)


def _printed(view: View) -> np.ndarray:
    setting = view.setting
    return qfi_of_probabilities(*view.probabilities, setting.positions, setting.momenta, setting.spins)


def _cost(sizes: Sizes) -> tuple[float, float]:
    """The wave's elements between the eigenstates of a block of ρ, for all momenta."""
    return 32 * len(sizes.experiment.record.momenta) * sizes.block**2 if sizes.way == "dense" else 0, 0


for _measure in (
    Measure(
        name="qfi_paper",
        long_name="Eq. 29: 4 Var(O_k)/N, Pauli operators (not a witness)",
        dims=("momentum",),
        needs="diagonal",
        function=lambda view: view.once(_printed),
        place=22,
    ),
    Measure(
        name="qfi_variance",
        long_name="Eq. 29 in spin-1/2 units: upper bound of the QFI per spin",
        dims=("momentum",),
        needs="diagonal",
        function=lambda view: view.once(_printed) / 4,
        place=22,
    ),
    Measure(
        name="qfi",
        long_name="quantum Fisher information per spin, spin-1/2 units",
        dims=("momentum",),
        needs="eigenstates",
        schedule="qfi",
        cost=_cost,
        cites=("Hyllus2012", "Toth2012"),
        cited_for="quantum Fisher information",
        function=lambda view: qfi(view.rho, view.setting.positions, view.setting.momenta),
        place=22,
    ),
):
    register(_measure)
