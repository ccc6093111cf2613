"""Two electrons and the localized spins, exactly (Eq. 7): basis in one sector of S^z, and H without a matrix.

A *row* is a pair of electron spins, ↑↑, ↑↓ or ↓↓, together with a configuration of the localized spins. A state is an
array ψ[row, x, y]: in ↑↓ rows the amplitude of c†_{x↑} c†_{y↓}|∅⟩, in the others half of the amplitude of
c†_{xσ} c†_{yσ}|∅⟩ times √2, antisymmetric in x and y. The norm is then Σ|ψ|² over the whole array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.basis import Spins, configurations, spin_bit, spin_signs
from pysv.model.couplings import Couplings, Holder
from pysv.model.norm import norm_bound
from pysv.model.terms import OnSite, Term, Ups, hamiltonian_terms, preparation_terms
from pysv.sectors.lanczos import SEED, SpectralBounds, ritz_interval

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice
    from pysv.experiment.source import ConfinedElectrons

BOTH_UP, OPPOSITE, BOTH_DOWN = 0, 1, 2
KERNELS = Holder("the kernels of two electrons", "use engine 'tdmrg', which holds terms of neighbouring sites")


@dataclass(frozen=True, eq=False)
class PairBasis:
    """Rows ↑↑, ↑↓, ↓↓ with so many down localized spins that S^z_tot is that of ↑↓ beside `n_down` of them.

    Parameters
    ----------
    n_spins, n_down : int
    kind : int8 ndarray (rows,)
        0: ↑↑, 1: ↑↓, 2: ↓↓.
    configuration : int64 ndarray (rows,)
        Ascending within each kind.
    """

    n_spins: int
    n_down: int
    kind: np.ndarray
    configuration: np.ndarray

    @classmethod
    def beside(cls, n_spins: int, n_down: int) -> PairBasis:
        """The sector that holds ↑↓ beside `n_down` down spins."""
        parts = [
            configurations(n_spins, down) if 0 <= down <= n_spins else np.empty(0, np.int64)
            for down in (n_down + 1, n_down, n_down - 1)
        ]
        kind = np.repeat([0, 1, 2], [part.size for part in parts]).astype(np.int8)
        return cls(n_spins, n_down, kind, np.concatenate(parts))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.kind.size

    def rows_of(self, kind: np.ndarray, configuration: np.ndarray) -> np.ndarray:
        """Rows of given states, which must lie in the sector, int64 (n,)."""
        found = np.zeros(len(kind), dtype=np.int64)
        for one in (BOTH_UP, OPPOSITE, BOTH_DOWN):
            wanted, rows = kind == one, np.flatnonzero(self.kind == one)
            if wanted.any():
                found[wanted] = rows[0] + np.searchsorted(self.configuration[rows], configuration[wanted])
        return found


@dataclass(frozen=True, eq=False)
class PairHamiltonian:
    """H of two electrons as the tables of `pysv.pairs.kernels`.

    Parameters
    ----------
    basis : PairBasis
    sites : int
        L_x.
    terms : tuple of Term
        H.
    table : tuple of ndarray
        Kind of each row; what is diagonal in the localized spins, eV; rows reached by an exchange (first, neighbour);
        σᶻ of the localized spin on each site (rows, sites), 0 without one; sites of the spins; for each row and spin,
        the row in which the electron at x, and the one at y, has traded its spin with it (−1: none); γ, −2 f_s² J and
        f_e f_s J_sd.
    """

    basis: PairBasis
    sites: int
    terms: tuple[Term, ...]
    table: tuple[np.ndarray, ...]

    @classmethod
    def of_device(cls, device: ChainDevice, n_down: int | None = None) -> PairHamiltonian:
        """H of the sector that holds two electrons of opposite spins beside `n_down` down spins.

        By default FM_p is up and FM_a is down.
        """
        n, terms = device.n_spins, hamiltonian_terms(device)
        h = Couplings.of_terms(terms)
        basis = PairBasis.beside(n, n - device.layers[0].count if n_down is None else n_down)
        signs = spin_signs(basis.configuration, n)
        diagonal = h.energies(signs, range(1, n + 1))
        first, neighbour = _exchanged(h, basis, signs)
        columns = np.array(device.spin_sites, dtype=np.int64) - 1
        aligned = np.zeros((basis.rows, device.sites))
        aligned[:, columns] = signs
        partners = np.full((2, basis.rows, n), -1, dtype=np.int32)
        for spin in range(n):
            bit = spin_bit(n, spin)
            down = (basis.configuration & bit) != 0
            # The electron at x is ↑ in ↑↓ and trades with a down spin, to ↓↓; the one at y with an up spin, to ↑↑.
            for which, kinds, spin_down in ((0, (OPPOSITE, BOTH_DOWN), True), (1, (OPPOSITE, BOTH_UP), False)):
                for kind, other, wanted in ((*kinds, spin_down), (*kinds[::-1], not spin_down)):
                    rows = np.flatnonzero((basis.kind == kind) & (down == wanted))
                    there = basis.rows_of(np.full(rows.size, other), basis.configuration[rows] ^ bit)
                    partners[which, rows, spin] = there
        numbers = KERNELS.kernel_couplings(h, device)
        table = (basis.kind, diagonal, first, neighbour, aligned, columns, partners[0], partners[1], numbers)
        return cls(basis, device.sites, terms, table)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (rows, sites, sites) of a state."""
        return self.basis.rows, self.sites, self.sites

    def norm_bound(self) -> float:
        """Rigorous bound on ‖H‖, eV; see `pysv.model.norm.norm_bound`."""
        return norm_bound(self.terms, Spins.of(self.basis.n_spins), self.basis.configuration, electrons=2)

    def apply(self, psi: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Hψ, eV, for a real or complex state."""
        out = np.zeros_like(psi) if out is None else out
        self.step(psi, out, 1.0, 0.0, 0.0)
        return out

    def step(self, psi: np.ndarray, out: np.ndarray, scale: float, shift: float, beta: float) -> None:
        """out ← scale·(H − shift)ψ − beta·out, on all threads; `out` must be finite."""
        from pysv.compute import thread_pool
        from pysv.pairs import kernels

        thread_pool.share(kernels.step, thread_pool.threads_for(psi.size), psi, out, self.table, scale, shift, beta)

    def expectation(self, psi: np.ndarray, scratch: np.ndarray | None = None) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        return float(np.vdot(psi, self.apply(psi, scratch)).real)


def pair_bounds(hamiltonian: PairHamiltonian, *, margin: float = 0.01, max_steps: int = 120) -> SpectralBounds:
    """Interval that holds the spectrum of H; see `pysv.sectors.lanczos.spectral_bounds`."""
    now, before = np.random.default_rng(SEED).standard_normal(hamiltonian.shape), np.zeros(hamiltonian.shape)
    now /= np.linalg.norm(now)

    def step(beta: float) -> tuple[float, float]:
        nonlocal now, before
        hamiltonian.step(now, before, 1.0, 0.0, beta)
        alpha = float(np.vdot(now, before))
        before -= alpha * now
        norm = float(np.linalg.norm(before))
        if norm > 0:
            before *= 1 / norm
        now, before = before, now
        return alpha, norm

    return ritz_interval(step, hamiltonian.norm_bound(), margin, max_steps, 8)


def _exchanged(h: Couplings, basis: PairBasis, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows reached by an exchange of two antiparallel spins: where those of each row begin, and which they are."""
    rows, targets = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for i, j in sorted(pair for pair, value in h.transverse.items() if value):
        flippable = np.flatnonzero(signs[:, i - 1] != signs[:, j - 1])
        mask = spin_bit(basis.n_spins, i - 1) | spin_bit(basis.n_spins, j - 1)
        rows.append(flippable)
        targets.append(basis.rows_of(basis.kind[flippable], basis.configuration[flippable] ^ mask))
    row, target = np.concatenate(rows), np.concatenate(targets)
    first = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=basis.rows)))).astype(np.int64)
    return first, target[np.argsort(row, kind="stable")]


def ground_state(
    hamiltonian: PairHamiltonian, device: ChainDevice, source: ConfinedElectrons, ups: Ups = None
) -> tuple[np.ndarray, float, float]:
    """Ground state of H + H_{V,B} (Eq. 21) in the sector, by Lanczos iteration (SciPy's `eigsh`).

    Returns
    -------
    float64 ndarray (rows, sites, sites)
    float
        Energy, eV.
    float
        Variance of the energy, eV².
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    prepared = preparation_terms(device, source, ups)
    extra, spins = Couplings.of_terms(prepared), range(1, device.n_spins + 1)
    well = extra.orbital(device.sites).diagonal()
    fields = extra.energies(spin_signs(hamiltonian.basis.configuration, device.n_spins), spins)

    def full(psi: np.ndarray) -> np.ndarray:
        state = np.ascontiguousarray(psi.reshape(hamiltonian.shape))
        found = hamiltonian.apply(state)
        found += (well[:, None] + well[None, :]) * state
        found += fields[:, None, None] * state
        return found.ravel()

    levels = np.linalg.eigh(Couplings.of_terms((*hamiltonian.terms, *prepared)).orbital(device.sites))[1]
    orbital = levels[:, 0]
    start = np.zeros(hamiltonian.shape)
    start[int(np.argmin(np.where(hamiltonian.basis.kind == OPPOSITE, fields, np.inf)))] = np.outer(orbital, orbital)
    operator = LinearOperator((start.size, start.size), matvec=full, dtype=float)
    _, vectors = eigsh(operator, k=1, which="SA", v0=start.ravel(), tol=1e-10)
    psi = vectors[:, 0].reshape(hamiltonian.shape)
    same = hamiltonian.basis.kind != OPPOSITE
    psi[same] = (psi[same] - psi[same].transpose(0, 2, 1)) / 2
    psi /= np.linalg.norm(psi)
    image = full(psi.ravel())
    energy = float(psi.ravel() @ image)
    return psi, energy, float(image @ image) - energy**2


def orbitals_filled(
    hamiltonian: PairHamiltonian, source: ConfinedElectrons, amplitude: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, float]:
    """Two electrons in the lowest orbitals of the well, beside any state of the localized spins.

    Parameters
    ----------
    hamiltonian : PairHamiltonian
    source : ConfinedElectrons
    amplitude : callable
        Amplitudes of configurations of the localized spins, normalised.

    Returns
    -------
    complex128 ndarray (rows, sites, sites)
    float
        Energy of the electrons in the well, eV.
    """
    well = tuple(OnSite(site, -source.well) for site in range(1, source.confined_sites + 1))
    levels, vectors = np.linalg.eigh(Couplings.of_terms((*hamiltonian.terms, *well)).orbital(hamiltonian.sites))
    kind = {(2, 0): BOTH_UP, (1, 1): OPPOSITE, (0, 2): BOTH_DOWN}[source.numbers]
    first, second = vectors[:, 0], vectors[:, 0 if kind == OPPOSITE else 1]
    orbital = np.outer(first, second)
    if kind != OPPOSITE:
        orbital = (orbital - orbital.T) / np.sqrt(2)
    psi = np.zeros(hamiltonian.shape, dtype=complex)
    rows = np.flatnonzero(hamiltonian.basis.kind == kind)
    psi[rows] = amplitude(hamiltonian.basis.configuration[rows])[:, None, None] * orbital
    return psi, float(levels[0] + levels[0 if kind == OPPOSITE else 1])
