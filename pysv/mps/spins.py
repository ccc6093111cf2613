"""Localized spins 1/2 in any pure state as a matrix-product state along the chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.experiment.spins import bloch
from pysv.model.initial import localized_states

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice
    from pysv.experiment.spins import SpinSetting

_NOTHING = 1e-14
"""Schmidt values that are rounding."""


@dataclass(frozen=True, eq=False)
class SpinTrain:
    """Right-canonical tensors of the localized spins, without electrons.

    Parameters
    ----------
    tensors : tuple of (complex ndarray (χ, 2, χ') or None)
        For each site of the chain; None where there is no spin.
    schmidt : tuple of float64 ndarray (χ,)
        Schmidt values at each of the L_x + 1 legs.
    """

    tensors: tuple[np.ndarray | None, ...]
    schmidt: tuple[np.ndarray, ...]

    @classmethod
    def of_setting(cls, device: ChainDevice, setting: SpinSetting) -> SpinTrain:
        """A product of directions, or the exact decomposition of the amplitudes of any other pure state."""
        places = {site - 1: spin for spin, site in enumerate(device.spin_sites)}
        order = [places[site] for site in sorted(places)]  # spins from left to right
        if setting.is_product:
            directions = setting.directions(device)
            found = [bloch(directions[spin]).astype(complex).reshape(1, 2, 1) for spin in order]
            values = [np.ones(1)] * (len(order) + 1)
        else:
            (state,) = localized_states(device, setting)
            psi = state.amplitude(np.arange(2 ** len(order))).astype(complex)
            found, values = _decomposed(psi.reshape((2,) * len(order)).transpose(order))
        tensors: list[np.ndarray | None] = [None] * device.sites
        schmidt, passed = [values[0]], 0
        for site in range(device.sites):
            if site in places:
                tensors[site] = found[passed]
                passed += 1
            schmidt.append(values[passed])
        return cls(tuple(tensors), tuple(schmidt))

    def beside(self, tensor: np.ndarray, site: int) -> np.ndarray:
        """The spin of a site beside a tensor of the electrons.

        Parameters
        ----------
        tensor : complex ndarray (left, 4, right)
        site : int
            From 0.

        Returns
        -------
        complex ndarray (left χ, 8, right χ')
            (left χ, 4, right χ) on a site without a spin, which the bonds of the spins pass.
        """
        left, local, right = tensor.shape
        own = self.tensors[site]
        if own is None:
            own = np.eye(self.schmidt[site].size)[:, None, :]
        bonds, spin, after = own.shape
        whole = np.einsum("ler,asb->laesrb", tensor, own)
        return np.asarray(whole.reshape(left * bonds, local * spin, right * after))


def _decomposed(psi: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Right-canonical tensors of a state of N spins (2, 2, …), and the Schmidt values of its N + 1 legs."""
    tensors, values = [], [np.ones(1)]
    rest = psi.reshape(-1, 1)
    for _ in range(psi.ndim):
        right = rest.shape[1]
        left, schmidt, vectors = np.linalg.svd(rest.reshape(-1, 2 * right), full_matrices=False)
        kept = schmidt > _NOTHING * schmidt[0]
        tensors.append(vectors[kept].reshape(-1, 2, right))
        values.append(schmidt[kept])
        rest = left[:, kept] * schmidt[kept]
    tensors[-1] = tensors[-1] * (rest / np.abs(rest)).item()  # the phase of the whole
    return tensors[::-1], values[::-1]
