"""The baths as quantum channels of each layer, between unitary steps: Kraus operators, and how they act on a state.

The generator of the universal Lindblad equation is split as ℒ = −(i/ħ)[H, ·] + 𝒟. U is the unitary evolution of the
whole system by all of H, U_l that of a layer by its own exchange, ℒ_l = −(i/ħ)[H_l, ·] + 𝒟. A step τ is one of these:

    averaged   U(τ/2) ∘ exp(∫_{−τ/2}^{τ/2} ds e^{iH_l s/ħ} 𝒟 e^{−iH_l s/ħ}) ∘ U(τ/2)
    alone      U(τ/2) ∘ U_l(−τ/2) ∘ e^{ℒ_l τ} ∘ U_l(−τ/2) ∘ U(τ/2)
    instant    U(aτ) ∘ e^{𝒟τ/2} ∘ U((1 − 2a)τ) ∘ e^{𝒟τ/2} ∘ U(aτ),   a = 1/2 − 1/√12

Every factor is completely positive and keeps the trace, for any τ. The errors of the first two are of second order in
τ. Where the electron is far from the layers, that of the first is of second order in 𝒟, too, and the second is exact.
The third is Gauss's rule in the interaction picture. Its error is of fourth order in τ as far as it is of first order
in 𝒟; the rest is of second order in both. Higher orders in both need negative times, and thus maps that are not
positive.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from pysv.errors import EngineFailureError
from pysv.model.basis import Spins
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.model.baths.jumps import LayerBath

_STRONGEST = 1e12
"""Largest element of the generator of a channel: beyond it expm loses all digits of what stays."""
_NEGLIGIBLE = 1e-15
"""Weight of a Kraus operator that is rounding."""
Form = Literal["averaged", "alone", "instant"]
MAX_CHANNEL_STATES = 64
"""Most states of a layer whose channel is formed, those of six spins 1/2: its matrix has the square as rows."""


@dataclass(frozen=True, eq=False)
class LayerChannel:
    """Channel of one layer over one step: ρ → Σ_a K_a ρ K_a†.

    Parameters
    ----------
    spins : Spins
        Of the layer.
    kraus : complex ndarray (m, size, size)
        Over the layer's configurations; the first is the one without a jump, the others by falling weight. Each
        either keeps or flips the parity of the down count.
    """

    spins: Spins
    kraus: np.ndarray

    @classmethod
    def of_bath(cls, bath: LayerBath, step: float, form: Form = "averaged") -> LayerChannel:
        """The channel of `step` fs in one of the forms above.

        Raises
        ------
        EngineFailureError
            If the baths are so strong that rounding would spoil the channel.
        """
        from scipy.linalg import expm

        vectors, size = bath.spectrum.vectors, bath.spectrum.energies.size
        if form == "alone":
            back = np.exp(0.5j * _gaps(bath) * step / HBAR)
            after = back[:, None] * _relaxed(bath, step) * back
        else:
            matrix = _in_range(_dissipator(bath, step if form == "averaged" else 0.0), step)
            after = expm(matrix.real if not matrix.imag.any() else matrix)
        choi = after.reshape((size,) * 4).transpose(0, 2, 1, 3)  # [m, n, k, l]: Σ_a K_a[m, n] K_a*[k, l]
        turned = np.einsum("am,bn,mnkl,ck,dl->abcd", *(vectors, vectors, choi, vectors, vectors), optimize=True)
        return cls(bath.spins, _kraus(turned.reshape(size**2, size**2), _parity_changes(bath.spins)))

    @cached_property
    def effects(self) -> np.ndarray:
        """K_a†K_a, complex ndarray (m, size, size): the probability of K_a is Tr(K_a†K_a ρ)."""
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
        """Whether each Kraus operator changes the parity of the down count, bool (m,)."""
        odd = _parity_changes(self.spins)
        return np.asarray((np.abs(self.kraus[:, odd]) ** 2).sum(axis=1) > 0.5 * (np.abs(self.kraus) ** 2).sum((1, 2)))


def _gaps(bath: LayerBath) -> np.ndarray:
    """E_m − E_k of the elements ρ_mk in the eigenbasis, eV, float64 (size²,)."""
    energies = bath.spectrum.energies
    return np.asarray((energies[:, None] - energies[None, :]).ravel())


def _dissipator(bath: LayerBath, step: float = 0.0) -> np.ndarray:
    """ħ𝒟 with the Lamb shift in the eigenbasis, averaged over a step (fs) of the interaction picture, eV.

    Complex ndarray (size², size²), [mk, nl]: ρ_nl → ρ_mk.
    """
    energies, vectors = bath.spectrum.energies, bath.spectrum.vectors
    size = energies.size
    jumps = vectors.T @ bath.jumps @ vectors
    shift = vectors.T @ bath.lamb_shift @ vectors
    half = step / (2 * HBAR)
    gap = energies[:, None] - energies[None, :]
    # The average of e^{i(E_m − E_n − E_k + E_l)s/ħ} over the step is a sinc.
    beats = gap[:, None, :, None] - gap[None, :, None, :]
    generator = np.einsum("jmn,jkl->mknl", jumps, jumps.conj()) * _sinc(beats * half)
    drift = (-np.einsum("jbm,jbn->mn", jumps.conj(), jumps) / 2 - 1j * shift) * _sinc(gap * half)
    one = np.eye(size)
    generator += np.einsum("mn,kl->mknl", drift, one) + np.einsum("mn,kl->mknl", one, drift.conj())
    return np.asarray(generator.reshape(size**2, size**2))


def _relaxed(bath: LayerBath, interval: float) -> np.ndarray:
    """e^{ℒ_l t} in the eigenbasis, complex ndarray (size², size²), [mk, nl]: ρ_nl → ρ_mk."""
    from scipy.linalg import expm

    dissipator = _in_range(_dissipator(bath), interval)
    return np.asarray(expm(dissipator - 1j * np.diag(_gaps(bath)) * (interval / HBAR)))


def _in_range(dissipator: np.ndarray, step: float) -> np.ndarray:
    """𝒟 times a step (fs), of which rounding leaves some digits.

    Raises
    ------
    EngineFailureError
        If it does not.
    """
    matrix = dissipator * (step / HBAR)
    strongest = float(np.abs(matrix).max())
    if not strongest < _STRONGEST:
        raise EngineFailureError(
            f"the baths act {strongest:.1e} times in one step of {step:g} fs, where the limit is {_STRONGEST:g}; take "
            "a weaker bath, a smaller time_step, or fewer series_terms"
        )
    return np.asarray(matrix)


def relaxation(bath: LayerBath, interval: float) -> np.ndarray:
    """e^{ℒ_l t} of one layer alone under its own H and its baths, without any splitting.

    Parameters
    ----------
    bath : LayerBath
    interval : float
        t, fs.

    Returns
    -------
    complex ndarray (size², size²)
        Over the layer's configurations, [mk, nl]: ρ_nl → ρ_mk.
    """
    turn = np.kron(bath.spectrum.vectors, bath.spectrum.vectors)
    return np.asarray(turn @ _relaxed(bath, interval) @ turn.T)


def _sinc(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sinc(x / np.pi))


def _parity_changes(spins: Spins) -> np.ndarray:
    odd = spins.down(np.arange(spins.size)) % 2 == 1
    return np.asarray(odd[:, None] != odd[None, :])


def _kraus(choi: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """Eigenvectors of the Choi matrix, in blocks of equal change of parity."""
    size, odd = len(changes), changes.ravel()
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
