"""One time step of the baths as an exact quantum channel of each layer: Kraus operators, and how they act on a state.

The generator of the universal Lindblad equation is split as ℒ = −(i/ħ)[H, ·] + 𝒟. In the interaction picture about
the middle of a step τ, with the layers' own exchange, 𝒟 is averaged over the step, which leaves

    e^{ℒτ} ≈ U(τ/2) ∘ exp(∫_{−τ/2}^{τ/2} ds e^{iH_l s/ħ} 𝒟 e^{−iH_l s/ħ}) ∘ U(τ/2),

with U the unitary evolution of the whole system by all of H. The channel in the middle is completely positive and keeps
the trace for any τ; what is neglected is of second order in τ, and is driven only by the sd exchange within one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pysv.basis import down_count
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.basis import Basis
    from pysv.bath import LayerBath

_NEGLIGIBLE = 1e-15
"""Weight of a Kraus operator that is rounding."""
MOST_SPINS = 6
"""Most spins of a layer whose channel is formed: its matrix has 4^n rows."""


@dataclass(frozen=True, eq=False)
class LayerChannel:
    """Channel of one layer over one step: ρ → Σ_a K_a ρ K_a†.

    Parameters
    ----------
    kraus : complex ndarray (m, 2^n, 2^n)
        Over the layer's configurations; the first is the one without a jump, the others by falling weight. Each
        either keeps or flips the parity of the number of down spins.
    """

    kraus: np.ndarray

    @classmethod
    def of_bath(cls, bath: LayerBath, step: float) -> LayerChannel:
        """The channel of a step of `step` fs."""
        from scipy.linalg import expm

        energies, vectors = bath.spectrum.energies, bath.spectrum.vectors
        size = energies.size
        jumps = vectors.T @ bath.jumps @ vectors
        shift = vectors.T @ bath.lamb_shift @ vectors
        half = step / (2 * HBAR)
        gap = energies[:, None] - energies[None, :]
        # [m, k, n, l]: ρ_nl → ρ_mk; the average of e^{i(E_m − E_n − E_k + E_l)s/ħ} over the step is a sinc.
        beats = gap[:, None, :, None] - gap[None, :, None, :]
        generator = np.einsum("jmn,jkl->mknl", jumps, jumps.conj()) * _sinc(beats * half)
        drift = (-np.einsum("jbm,jbn->mn", jumps.conj(), jumps) / 2 - 1j * shift) * _sinc(gap * half)
        one = np.eye(size)
        generator += np.einsum("mn,kl->mknl", drift, one) + np.einsum("mn,kl->mknl", one, drift.conj())
        matrix = generator.reshape(size**2, size**2) * (step / HBAR)
        after = expm(matrix.real if not matrix.imag.any() else matrix)
        choi = after.reshape((size,) * 4).transpose(0, 2, 1, 3)  # [m, n, k, l]: Σ_a K_a[m, n] K_a*[k, l]
        turned = np.einsum("am,bn,mnkl,ck,dl->abcd", *(vectors, vectors, choi, vectors, vectors), optimize=True)
        return cls(_kraus(turned.reshape(size**2, size**2)))

    @cached_property
    def effects(self) -> np.ndarray:
        """K_a†K_a, complex ndarray (m, 2^n, 2^n): the probability of K_a is Tr(K_a†K_a ρ)."""
        return np.asarray(self.kraus.conj().swapaxes(1, 2) @ self.kraus)

    @cached_property
    def certain(self) -> float:
        """Smallest probability that no jump happens, over all states."""
        return float(np.linalg.eigvalsh(self.effects[0])[0])

    @cached_property
    def strengths(self) -> np.ndarray:
        """Largest probability of each Kraus operator, over all states, float64 (m,)."""
        return np.array([np.linalg.eigvalsh(effect)[-1] for effect in self.effects])

    @cached_property
    def flips(self) -> np.ndarray:
        """Whether each Kraus operator changes the parity of the number of down spins, bool (m,)."""
        odd = _parity_changes(self.kraus.shape[1])
        return np.asarray((np.abs(self.kraus[:, odd]) ** 2).sum(axis=1) > 0.5 * (np.abs(self.kraus) ** 2).sum((1, 2)))


def _sinc(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sinc(x / np.pi))


def _parity_changes(size: int) -> np.ndarray:
    odd = down_count(np.arange(size)) % 2 == 1
    return np.asarray(odd[:, None] != odd[None, :])


def _kraus(choi: np.ndarray) -> np.ndarray:
    """Eigenvectors of the Choi matrix, in blocks of equal change of parity."""
    size = round(len(choi) ** 0.5)
    odd = _parity_changes(size).ravel()
    weights, operators = [], []
    for block in (~odd, odd):
        places = np.flatnonzero(block)
        values, vectors = np.linalg.eigh(choi[np.ix_(places, places)])
        kept = np.flatnonzero(values > _NEGLIGIBLE * size)[::-1]
        found = np.zeros((kept.size, size * size), dtype=complex)
        found[:, places] = (vectors[:, kept] * np.sqrt(values[kept])).T
        weights.append(values[kept])
        operators.append(found)
    order = np.argsort(-np.concatenate(weights), kind="stable")
    return np.concatenate(operators)[order].reshape(-1, size, size)


@dataclass(frozen=True, eq=False)
class RowOperator:
    """An operator of one layer as it acts on the rows of a state: a sparse matrix from one basis to another.

    Parameters
    ----------
    first : int64 ndarray (rows + 1,)
    source : int32 ndarray (entries,)
        Row r of the result is Σ value · row `source` of the state, over ``first[r] : first[r + 1]``.
    value : complex ndarray (entries,)
    """

    first: np.ndarray
    source: np.ndarray
    value: np.ndarray

    @classmethod
    def of_layer(cls, operator: np.ndarray, layer: str, n_analyzer: int, before: Basis, after: Basis) -> RowOperator:
        """An operator over the configurations of one layer, from states on basis `before` to states on `after`.

        Parameters
        ----------
        operator : complex ndarray (2^n, 2^n)
        layer : {"polarizer", "analyzer"}
        n_analyzer : int
            Number of spins in FM_a, the right digits of a configuration.
        before, after : Basis
        """
        from scipy.sparse import coo_matrix

        shift, mask = (n_analyzer, ~((1 << n_analyzer) - 1)) if layer == "polarizer" else (0, (1 << n_analyzer) - 1)
        inside = (before.configuration & mask) >> shift
        # Each row of `before` meets the nonzero elements of its column of the operator.
        targets, columns = np.nonzero(np.abs(operator) > 1e-16 * np.abs(operator).max(initial=1e-300))
        order = np.argsort(columns, kind="stable")
        targets, columns = targets[order], columns[order]
        count = np.bincount(columns, minlength=len(operator))
        begin = np.concatenate(([0], np.cumsum(count)))
        lengths = count[inside]
        source = np.repeat(np.arange(before.rows), lengths)
        entry = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + begin[inside][source]
        configuration = (before.configuration[source] & ~mask) | (targets[entry] << shift)
        row = after.rows_of(before.electron[source], configuration)
        kept = row >= 0
        value = operator[targets[entry], columns[entry]]
        matrix = coo_matrix((value[kept], (row[kept], source[kept])), (after.rows, before.rows)).tocsr()
        return cls(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(complex))

    def apply(self, psi: np.ndarray, out: np.ndarray) -> None:
        """out ← Oψ, complex (tiles, rows, width)."""
        from pysv import jit, rows

        rows.apply_rows(jit.as_reals(psi), jit.as_reals(out), self.first, self.source, self.value)


def layer_density(psi: np.ndarray, layer: str, n_polarizer: int, n_analyzer: int, basis: Basis) -> np.ndarray:
    """Reduced density matrix of one layer in a pure state.

    Parameters
    ----------
    psi : complex ndarray (tiles, rows, width)
    layer : {"polarizer", "analyzer"}
    n_polarizer, n_analyzer : int
    basis : Basis

    Returns
    -------
    complex ndarray (2^n, 2^n)
    """
    tiles, _, width = psi.shape
    full = np.zeros((tiles, 2, 1 << (n_polarizer + n_analyzer), width), dtype=complex)
    full[:, basis.electron, basis.configuration] = psi
    split = full.reshape(tiles, 2, 1 << n_polarizer, 1 << n_analyzer, width)
    matrix = np.moveaxis(split, 2 if layer == "polarizer" else 3, 0)
    matrix = matrix.reshape(matrix.shape[0], -1)
    return np.asarray(matrix @ matrix.conj().T)
