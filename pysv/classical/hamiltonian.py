"""H with a classical vector in place of each localized spin, and the equations of motion that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pysv.classical.kernels import energy_and_slopes
from pysv.errors import NotReadyError
from pysv.model import terms
from pysv.model.couplings import Couplings
from pysv.model.operators import Factors

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice

_SIGMAS = ("1", "z", "+", "-")
"""Operators by the numbers that the compiled loop knows them by."""


class Products(NamedTuple):
    """Products of elementary operators as arrays; factors p of the vectors are ``first[p]`` to ``first[p + 1] - 1``.

    Parameters
    ----------
    coefficient : float64 ndarray (products,)
        eV.
    to, of : int64 ndarray (products,)
        Sites of an electron's operator from 0, −1 where the product has none; see `pysv.model.operators.Electron`.
    sigma : int64 ndarray (products,)
        What acts on its spin, a place in `_SIGMAS`.
    first : int64 ndarray (products + 1,)
    spin, kind : int64 ndarray (factors,)
        A localized spin, from 0, and its operator, a place in `_SIGMAS`.
    """

    coefficient: np.ndarray
    to: np.ndarray
    of: np.ndarray
    sigma: np.ndarray
    first: np.ndarray
    spin: np.ndarray
    kind: np.ndarray

    @classmethod
    def of_sum(cls, whole: Mapping[Factors, float]) -> Products:
        """Those of a sum, each with one electron's operator at most."""
        electrons = [factors.electrons[0] if factors.electrons else None for factors in whole]
        spins = [factors.spins for factors in whole]

        def whole_numbers(values: list[int]) -> np.ndarray:
            return np.array(values, dtype=np.int64)

        return cls(
            np.array(list(whole.values()), dtype=float),
            whole_numbers([one.to - 1 if one else -1 for one in electrons]),
            whole_numbers([one.of - 1 if one else -1 for one in electrons]),
            whole_numbers([_SIGMAS.index(one.sigma) if one else 0 for one in electrons]),
            whole_numbers([0, *np.cumsum([len(own) for own in spins])]),
            whole_numbers([one.number - 1 for own in spins for one in own]),
            whole_numbers([_SIGMAS.index(one.sigma) for own in spins for one in own]),
        )


@dataclass(frozen=True, eq=False)
class ClassicalHamiltonian:
    """H with 2Sᶻ → 2S n_z and S^± → S (n_x ± i n_y) in every product of operators, |n| = 1.

    The electrons see the vectors, each electron's H_e being what is left of H,

        iħ dψ/dt = H_e(n) ψ,    H_e = hopping + on-site energies − f_e f_s Σ_i J_sd,i σ_{x_i}·2S_i n_i,

    and the vectors see the mean of all electrons (Ehrenfest): dS/dt = (i/ħ)[H, S] = S × B/ħ for H = −B·S becomes

        S_i dn_i/dt = S_i n_i × B_i/ħ,    B_i = −(1/S_i) ∂E/∂n_i,    E = ⟨H⟩(ψ, n),

    the Landau–Lifshitz equation (Landau and Lifshitz 1935); for the sd exchange B_i = 2 f_e f_s J_sd,i ⟨σ_{x_i}⟩. These
    are the equations of a hybrid of electrons and vectors (Petrović et al. 2018). They conserve E, |n_i|, Σ⟨σᶻ⟩ + Σ 2S
    n_z, and the norm of each ψ. With Gilbert's damping α

        dn_i/dt = n_i × B_i/ħ − α n_i × dn_i/dt = [n_i × B_i − α n_i × (n_i × B_i)]/(ħ (1 + α²)).

    Parameters
    ----------
    device : ChainDevice
    products : Products
    couplings : Couplings
        The same H by sites and spins.
    """

    device: ChainDevice
    products: Products
    couplings: Couplings

    @classmethod
    def of_device(cls, device: ChainDevice) -> ClassicalHamiltonian:
        """H of a device, with all terms of one's own.

        Raises
        ------
        NotReadyError
            If a term makes electrons interact.
        """
        whole = terms.products(terms.hamiltonian_terms(device))
        for factors, value in whole.items():
            if len(factors.electrons) > 1:
                raise NotReadyError(
                    f"H has the product {factors} of {value:g} eV between electrons, and beside classical vectors they "
                    "do not interact; use engine 'qutip' with one electron"
                )
        return cls(device, Products.of_sum(whole), Couplings.of_products(whole))

    @cached_property
    def lengths(self) -> np.ndarray:
        """S of each localized spin, float64 (N,)."""
        return (np.array(self.device.levels) - 1) / 2

    def energy(self, weights: np.ndarray, psi: np.ndarray, vectors: np.ndarray) -> float:
        """E = ⟨H⟩.

        Parameters
        ----------
        weights : float64 ndarray (runs,)
            Of each state of an electron: its probability in a mixture, or 1 for each of several electrons.
        psi : complex128 ndarray (runs, sites, 2)
            States of an electron, ↑ first.
        vectors : float64 ndarray (N, 3)
            n of each localized spin.

        Returns
        -------
        float
            eV.
        """
        image, slopes = np.empty_like(psi), np.empty_like(vectors)
        return float(energy_and_slopes(self.products, self.lengths, weights, psi, vectors, image, slopes))

    def orbital(self, vectors: np.ndarray, spin: int) -> np.ndarray:
        """Matrix of H_e between states of one electron spin, 0 (↑) or 1 (↓): float64 (sites, sites), eV.

        Of the vectors it holds the z components: the transverse ones turn the electron's spin.
        """
        sites = self.device.sites
        places, image = np.zeros((2, sites, sites, 2), dtype=complex)
        places[..., spin] = np.eye(sites)
        energy_and_slopes(self.products, self.lengths, np.zeros(sites), places, vectors, image, np.empty_like(vectors))
        return np.asarray(image[..., spin].real.T)
