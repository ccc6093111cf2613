"""Entanglement of the electron with the localized spins: the partial transpose before the electron is traced out.

The electron (site and spin) is first reduced to the orbitals V_σ that it occupies; a pure state is then an amplitude
T[e, x, a] of the orbital e, the chosen spins x and the others a. Of ρ = Σ w |ψ⟩⟨ψ|, all but e and x traced out,

    (ρ^{T_x})_{e x; e' x'} = Σ w Σ_a T[e, x', a] T*[e', x, a].

Where S^z is conserved, its blocks have one value of the electron's down count minus that of x. Blocks up to a limit are
diagonalised; of larger ones the trace norm is sampled, see `pysv.measures.quadrature`. For a single pure state and all
spins E_N = 2 ln Σ_k s_k, with s_k the singular values of T.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pysv.measures.quadrature import SEED, trace_norm
from pysv.measures.registry import Estimated, Measure, Probes, register
from pysv.measures.sizes import Sizes
from pysv.measures.view import View
from pysv.model.basis import DOWN, UP
from pysv.model.conservation import conserves, down_spins, occupied_sectors
from pysv.sectors.state import PureMixture

LARGEST_DENSE = 2500
"""Rows of the largest block that is diagonalised, which takes some 5 s."""
ERROR = 5e-3
"""Relative error of the trace norm that sampling aims at."""
_EMPTY = 1e-12
"""Singular value below which an orbital is empty."""


@dataclass(frozen=True, eq=False)
class ElectronAndSpins:
    """Pure states of one electron and some of the localized spins, the others to be traced out.

    Parameters
    ----------
    amplitudes : complex ndarray (states, orbitals, size, rest)
        T of each pure state, weights included.
    electron, spins : int64 ndarray (orbitals,) and (size,)
        Down counts of the orbitals and of the configurations of the chosen spins.
    modulus : int
        What the total down count of each pure state is known by: 0 for itself, 2 for its parity, 1 for nothing.
    """

    amplitudes: np.ndarray
    electron: np.ndarray
    spins: np.ndarray
    modulus: int

    @classmethod
    def of_mixture(cls, mixture: PureMixture, chosen: tuple[int, ...]) -> ElectronAndSpins:
        """Of a mixture of pure states of one electron.

        Parameters
        ----------
        mixture : PureMixture
        chosen : tuple of int
            Localized spins, counted from 0.
        """
        spins = mixture.spins
        rest = tuple(n for n in range(spins.count) if n not in chosen)
        own, other = spins.chosen(chosen), spins.chosen(rest)
        flat = [part.hamiltonian.layout.flat(part.psi).astype(complex) * part.weight**0.5 for part in mixture.parts]
        bases = [part.hamiltonian.basis for part in mixture.parts]
        orbitals = [
            _occupied(np.concatenate([psi[basis.electron == spin] for psi, basis in zip(flat, bases, strict=True)]))
            for spin in (UP, DOWN)
        ]
        counts = [found.shape[1] for found in orbitals]
        amplitudes = np.zeros((len(flat), sum(counts), own.size, other.size), dtype=complex)
        for state, (psi, basis) in enumerate(zip(flat, bases, strict=True)):
            for spin, offset in ((UP, 0), (DOWN, counts[UP])):
                rows = np.flatnonzero(basis.electron == spin)
                x = spins.restricted(basis.configuration[rows], chosen)
                a = spins.restricted(basis.configuration[rows], rest)
                amplitudes[state, offset : offset + counts[spin], x, a] = psi[rows] @ orbitals[spin]
        sectors = [basis.sectors for basis in bases]
        parity = all(len({sector % 2 for sector in some}) == 1 for some in sectors)
        modulus = 0 if all(len(some) == 1 for some in sectors) else 2 if parity else 1
        return cls(amplitudes, np.repeat([UP, DOWN], counts), own.down(np.arange(own.size)), modulus)

    @cached_property
    def labels(self) -> np.ndarray:
        """Block of the partial transpose that each orbital and configuration is in, int64 (orbitals, size)."""
        difference = self.electron[:, None] - self.spins[None, :]
        return np.asarray(difference % self.modulus if self.modulus else difference)

    @cached_property
    def overlaps(self) -> tuple[np.ndarray, np.ndarray]:
        """Σ T_r T_s* by the down counts of orbital and configuration, (2, counts, states·rest, states·rest); counts."""
        counts = np.unique(self.spins)
        flat = self.amplitudes.transpose(1, 2, 0, 3).reshape(*self.amplitudes.shape[1:3], -1)
        found = np.zeros((2, counts.size, flat.shape[2], flat.shape[2]), dtype=complex)
        for spin in (UP, DOWN):
            for number, count in enumerate(counts):
                part = flat[self.electron == spin][:, self.spins == count].reshape(-1, flat.shape[2])
                found[spin, number] = part.T @ part.conj()
        return found, counts

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Label and number of rows of each block of the partial transpose."""
        for label, rows in zip(*np.unique(self.labels, return_counts=True), strict=True):
            yield int(label), int(rows)

    def dense(self, label: int) -> np.ndarray:
        """A block of the partial transpose, Hermitian, complex (rows, rows)."""
        e, x = np.nonzero(self.labels == label)
        found = np.zeros((e.size, e.size), dtype=complex)
        for state in self.amplitudes:
            for rest in range(state.shape[2]):
                crossed = state[e][:, x, rest]  # T[e, x'] for rows (e, x) and columns (e', x')
                if crossed.any():
                    found += crossed * crossed.conj().T
        return found

    def trace(self, label: int) -> float:
        """Trace of a block."""
        weight = (np.abs(self.amplitudes) ** 2).sum(axis=(0, 3))
        return float(weight[self.labels == label].sum())

    def square(self, label: int) -> float:
        """Tr A² of a block A."""
        found, counts = self.overlaps
        total = 0.0
        for one in (UP, DOWN):
            for other in (UP, DOWN):
                for n, own in enumerate(counts):
                    for m, crossed in enumerate(counts):
                        if self._labelled(one, own) == label == self._labelled(other, crossed):
                            total += float(np.vdot(found[other, n], found[one, m]).real)
        return total

    def _labelled(self, spin: int, count: int) -> int:
        return int((spin - count) % self.modulus if self.modulus else spin - count)

    @cached_property
    def bound(self) -> float:
        """Σ_r Σ_a (Σ_k s_k)², a bound on ‖ρ^{T_x}‖₁, from the singular values of each pure state and rest."""
        states = self.amplitudes.transpose(0, 3, 1, 2).reshape(-1, *self.amplitudes.shape[1:3])
        return float((np.linalg.svd(states, compute_uv=False).sum(axis=1) ** 2).sum())

    def sampled(self, label: int, rows: int) -> tuple[float, float]:
        """Trace norm of a block, estimated, and its error."""
        inside = self.labels == label
        amplitudes = self.amplitudes.transpose(0, 3, 1, 2).reshape(-1, *inside.shape).astype(np.complex64)
        amplitudes = amplitudes[np.abs(amplitudes).max(axis=(1, 2)) > 0]

        def product(vector: np.ndarray) -> np.ndarray:
            whole = np.zeros(inside.shape, dtype=np.complex64)
            whole[inside] = vector
            out = np.zeros_like(whole)
            for state in amplitudes:
                out += state @ (whole.T @ state.conj())
            return np.asarray(out[inside])

        error = ERROR * self.bound
        found = trace_norm(product, rows, self.trace(label), self.square(label), error, label % 1000)
        return found.value, found.statistical + found.systematic

    def log_negativity(self, largest_dense: int = LARGEST_DENSE) -> tuple[float, float]:
        """ln ‖ρ^{T_x}‖₁ and its error, 0 unless a block was sampled."""
        states, _, _, rest = self.amplitudes.shape
        if states == rest == 1:
            values = np.linalg.svd(self.amplitudes[0, :, :, 0], compute_uv=False)
            return 2 * float(np.log(values.sum())), 0.0
        total = error = 0.0
        for label, rows in self.blocks():
            if rows <= largest_dense:
                total += float(np.abs(np.linalg.eigvalsh(self.dense(label))).sum())
            else:
                value, own = self.sampled(label, rows)
                total, error = total + value, float(np.hypot(error, own))
        return float(np.log(total)), error / total


def _occupied(rows: np.ndarray) -> np.ndarray:
    """Orbitals of an electron spin that are occupied, as columns V: ψ V has the amplitudes; complex (sites, n)."""
    if not len(rows):
        return np.zeros((rows.shape[1], 0), dtype=complex)
    if len(rows) > rows.shape[1]:
        rows = np.asarray(np.linalg.qr(rows, mode="r"))
    _, values, vectors = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(vectors[values > _EMPTY].conj().T)


def partners_of(layers: tuple[range, ...]) -> tuple[tuple[int, ...], ...]:
    """Spins, from 0, of each layer, and all of them, from the numbers of the layers' spins, from 1."""
    own = tuple(tuple(number - 1 for number in layer) for layer in layers)
    return (*own, tuple(number for layer in own for number in layer))


def _measured(view: View) -> Estimated:
    layers = view.setting.experiment.device.layer_spins
    known = {
        chosen: ElectronAndSpins.of_mixture(view.mixture, chosen).log_negativity()
        for chosen in dict.fromkeys(partners_of(layers))
    }
    values, errors = np.array([known[chosen] for chosen in partners_of(layers)]).T
    return Estimated(values, errors)


def _refusal(sizes: Sizes) -> str | None:
    if sizes.way != "dense":
        return f"needs hours a snapshot in a system of {sizes.rows or sizes.localized.size:,} states of the spins"
    return None


def _cost(sizes: Sizes) -> tuple[float, float]:
    """Orbitals as many as configurations, or sites; blocks are diagonalised, or multiplied some 5000 times."""
    states, whole = len(occupied_sectors(sizes.experiment)), sizes.localized
    orbitals = 2 * min(sizes.block, sizes.experiment.device.sites)
    memory = seconds = 0.0
    for chosen in set(partners_of(sizes.experiment.device.layer_spins)):
        own = whole.chosen(chosen)
        terms = states * (whole.size // own.size)
        if terms == 1:
            continue  # singular values alone
        reached = set(down_spins(sizes.experiment)) if own == whole and conserves(sizes.experiment) else None
        counts = [own.multiplicity(down) for down in range(own.lowest + 1) if reached is None or down in reached]
        rows = orbitals * max(counts)
        if rows <= LARGEST_DENSE:
            memory = max(memory, 48.0 * rows**2)
            seconds += (1e-9 * rows + 4e-9 * terms) * rows**2 * len(counts) / 2
        else:
            memory = max(memory, 48.0 * LARGEST_DENSE**2, 24.0 * terms * orbitals * own.size)
            seconds += 5000 * terms * 4e-10 * orbitals * sum(counts) * orbitals / 2
    return memory + 64.0 * orbitals * whole.size * states, seconds


register(
    Measure(
        name="log_negativity_electron",
        long_name="logarithmic negativity of the electron and the spins of a layer, or all",
        units="nat",
        dims=("with",),
        needs="amplitudes",
        schedule="log_negativity",
        option="electron_negativity",
        refusal=_refusal,
        cost=_cost,
        cites=("Vidal2002", "Plenio2005"),
        cited_for="logarithmic negativity",
        probes=Probes("dense", SEED, ("Ubaru2017",), "negativity of the electron in a large system"),
        function=_measured,
        place=17,
    )
)
