"""Elementary operators of electrons and localized spins, and sums of their products.

Every term of H is a sum of products of a few elementary operators: what reads H in this form holds terms of any kind.
Sites and localized spins are counted from 1. The operators of a localized spin S are 2Sᶻ, which is σᶻ for a spin 1/2,
and S^±.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from pysv.model.basis import DOWN, Spins

SIGMA: dict[str, np.ndarray] = {
    "1": np.eye(2),
    "z": np.diag([1.0, -1.0]),
    "+": np.array([[0.0, 1.0], [0.0, 0.0]]),
    "-": np.array([[0.0, 0.0], [1.0, 0.0]]),
}
"""1, σᶻ, σ⁺ = |↑⟩⟨↓| and σ⁻, ↑ first."""
_ADJOINT = {"1": "1", "z": "z", "+": "-", "-": "+"}


class Electron(NamedTuple):
    """Σ_ss' σ_ss' c†_{to,s} c_{of,s'}: an electron goes from site `of` to site `to`, σ acts on its spin.

    With ``to == of`` it stays: σ = "1" is the number of electrons on the site, "z" their σᶻ.

    Parameters
    ----------
    to, of : int
        Sites, from 1.
    sigma : {"1", "z", "+", "-"}
    """

    to: int
    of: int
    sigma: str = "1"

    def __str__(self) -> str:
        if self.to == self.of:
            return f"n({self.to})" if self.sigma == "1" else f"s{self.sigma}({self.to})"
        return f"c†({self.to}){'' if self.sigma == '1' else f' s{self.sigma}'} c({self.of})"


class Spin(NamedTuple):
    """2Sᶻ, S⁺ or S⁻ of a localized spin: σᶻ, σ⁺ or σ⁻ of a spin 1/2.

    Parameters
    ----------
    number : int
        Which spin, from 1: those of the first layer come first.
    sigma : {"z", "+", "-"}
    """

    number: int
    sigma: str

    def __str__(self) -> str:
        return f"σ{self.sigma}({self.number})"


class Product(NamedTuple):
    """A number times elementary operators, those on the right act first.

    Parameters
    ----------
    coefficient : float
        eV.
    electrons : tuple of Electron
    spins : tuple of Spin
    """

    coefficient: float
    electrons: tuple[Electron, ...] = ()
    spins: tuple[Spin, ...] = ()


class Factors(NamedTuple):
    """The operators of a product, those that commute in a fixed order."""

    electrons: tuple[Electron, ...]
    spins: tuple[Spin, ...]

    @classmethod
    def ordered(cls, electrons: tuple[Electron, ...], spins: tuple[Spin, ...]) -> Factors:
        """Spins in the order of their numbers; electrons' operators likewise, where they share no site."""
        if len(electrons) > 1:
            sites = [{one.to, one.of} for one in electrons]
            if len(set().union(*sites)) == sum(map(len, sites)):
                electrons = tuple(sorted(electrons))
        if len(spins) > 1:
            spins = tuple(sorted(spins, key=lambda spin: spin.number))
        return cls(electrons, spins)

    @property
    def adjoint(self) -> Factors:
        """The Hermitian conjugate."""
        electrons = tuple(Electron(one.of, one.to, _ADJOINT[one.sigma]) for one in reversed(self.electrons))
        return Factors.ordered(electrons, tuple(Spin(n, _ADJOINT[sigma]) for n, sigma in reversed(self.spins)))

    @property
    def sigmas(self) -> tuple[str, ...]:
        """What acts on each spin, the electrons' first."""
        return *(one.sigma for one in self.electrons), *(spin.sigma for spin in self.spins)

    @property
    def numbers(self) -> frozenset[int]:
        """Localized spins that are acted on."""
        return frozenset(spin.number for spin in self.spins)

    def turned_over(self) -> tuple[int, Factors]:
        """Sign and operators after all spins are turned over: σᶻ → −σᶻ, σ⁺ ↔ σ⁻."""
        electrons = tuple(one._replace(sigma=_ADJOINT[one.sigma]) for one in self.electrons)
        spins = tuple(Spin(number, _ADJOINT[sigma]) for number, sigma in self.spins)
        return (-1) ** self.sigmas.count("z"), Factors(electrons, spins)

    def renumbered(self, numbers: Mapping[int, int]) -> Factors:
        """The same with other numbers of the localized spins."""
        return Factors.ordered(self.electrons, tuple(Spin(numbers[number], sigma) for number, sigma in self.spins))

    @property
    def anywhere(self) -> Factors:
        """What acts on the spins alone: the electrons' sites are all 0."""
        return Factors(tuple(Electron(0, 0, one.sigma) for one in self.electrons), self.spins)

    def __str__(self) -> str:
        return " ".join(map(str, (*self.electrons, *self.spins))) or "1"


Sum = Mapping[Factors, float]
"""A sum of products: the coefficient of each, eV."""


def collect(products: Iterable[Product]) -> dict[Factors, float]:
    """Add products up: each once, with its whole coefficient."""
    found: dict[Factors, float] = {}
    for coefficient, electrons, spins in products:
        factors = Factors.ordered(electrons, spins)
        found[factors] = found.get(factors, 0.0) + coefficient
    return found


def same(one: Sum, other: Sum) -> bool:
    """Whether two sums are equal, to rounding."""
    scale = max(map(abs, (*one.values(), *other.values())), default=0.0)
    return all(abs(one.get(key, 0.0) - other.get(key, 0.0)) <= 1e-14 * scale for key in {**one, **other})


def act(
    factors: Factors, electron: np.ndarray, configuration: np.ndarray, spins: Spins
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a product makes of states |s⟩ ⊗ |configuration⟩ of the spins; where electrons go is not looked at.

    Parameters
    ----------
    factors : Factors
    electron : int ndarray (n,)
        Spin of the electron, 0 (↑) or 1 (↓).
    configuration : int64 ndarray (n,)
        See `pysv.model.basis`.
    spins : Spins

    Returns
    -------
    float64 ndarray (n,)
        The factor that each state receives; 0 where nothing is left of it.
    int ndarray (n,)
        Spin of the electron after it.
    int64 ndarray (n,)
        Configuration after it.
    """
    value = np.ones(configuration.shape)
    for number, sigma in reversed(factors.spins):
        digit, most = spins.digit(configuration, number - 1), spins.levels[number - 1] - 1
        if sigma == "z":
            value = value * (most - 2 * digit)
            continue
        # S⁺ takes the digit k = S − m to k − 1, with √(S(S+1) − m(m+1)) = √(k (2S − k + 1)).
        upper = digit if sigma == "+" else digit + 1
        value = value * np.sqrt(upper * (most - upper + 1))
        step = spins.place(number - 1) * (-1 if sigma == "+" else 1)
        configuration = configuration + np.where(value != 0, step, 0)
    for one in reversed(factors.electrons):
        value = value * _half(one.sigma, electron == DOWN)
        electron = 1 - electron if one.sigma in "+-" else electron
    return value, electron, configuration


def _half(sigma: str, down: np.ndarray) -> np.ndarray:
    """Factor that ↑ or ↓ receives: each column of σ has one element at most."""
    up, below = SIGMA[sigma].sum(axis=0)
    return np.asarray(np.where(down, below, up))
