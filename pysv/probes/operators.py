"""Operators of the localized spins that correlators are made of: S^z_j, S⁺_j, S⁻_j and O_k = Σ e^{ikr_j} S^z_j."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from pysv.errors import InvalidInputError
from pysv.experiment.checks import choice, real_number
from pysv.model.basis import Spins

if TYPE_CHECKING:
    from pysv.engines.base import Amplitudes
    from pysv.experiment.device import ChainDevice

LOWERED = {"z": 0, "plus": -1, "minus": 1}
"""By how much each operator of one spin lowers S^z."""


@dataclass(frozen=True)
class SpinOperator:
    """An operator Σ_j w_j X_j, where X is S^z, S⁺ or S⁻.

    Parameters
    ----------
    kind : {"z", "plus", "minus"}
        X.
    label : str
        Name in the dataset.
    weights : tuple of complex
        w_j of each localized spin.
    levels : tuple of int
        2S + 1 of each localized spin.
    momentum : float
        k of O_k; NaN for an operator of one spin.
    """

    kind: str
    label: str
    weights: tuple[complex, ...]
    levels: tuple[int, ...]
    momentum: float = math.nan

    @property
    def lowered(self) -> int:
        """By how much it lowers S^z: 0 for S^z and O_k, −1 for S⁺, 1 for S⁻."""
        return LOWERED[self.kind]

    @property
    def bound(self) -> float:
        """Bound on its norm: Σ |w| S for S^z, and Σ |w| times the largest √(S(S + 1) − m(m ± 1)) for S⁺ and S⁻."""
        largest = [max(abs(element) for element in _elements(self.kind, levels)) for levels in self.levels]
        return sum(abs(weight) * own for weight, own in zip(self.weights, largest, strict=True))

    def diagonal(self, configuration: np.ndarray) -> np.ndarray:
        """Elements ⟨row|O|row⟩ of O_k or S^z_j for rows of given configurations, complex (rows,)."""
        return np.asarray(Spins(self.levels).moments(configuration) / 2 @ np.array(self.weights))

    def matrix(self, before: Amplitudes, after: Amplitudes) -> csr_array:
        """Elements between the rows of two arrays, complex (rows after, rows before); missing rows drop out."""
        spins = Spins(self.levels)
        rows, sources, values = [], [], []
        for spin, weight in enumerate(self.weights):
            if weight == 0:
                continue
            digit = spins.digit(before.configuration, spin)
            value = weight * np.array(_elements(self.kind, self.levels[spin]))[digit]
            source = np.flatnonzero(value)
            target = before.configuration[source] + self.lowered * spins.place(spin)
            row = rows_of(after, before.electron[source], target)
            kept = row >= 0
            rows.append(row[kept])
            sources.append(source[kept])
            values.append(value[source][kept])
        places = np.concatenate(rows), np.concatenate(sources)
        shape = after.configuration.size, before.configuration.size
        return csr_array((np.concatenate(values).astype(complex), places), shape=shape)

    def local(self, spin: int) -> np.ndarray:
        """X of one localized spin (from 0) times its weight, complex (2S + 1, 2S + 1), m = S first."""
        levels, step = self.levels[spin], self.lowered
        found = np.zeros((levels, levels), dtype=complex)
        for digit, element in enumerate(_elements(self.kind, levels)):
            if 0 <= digit + step < levels:
                found[digit + step, digit] = self.weights[spin] * element
        return found


def wave_label(momentum: float) -> str:
    """Name of O_k in datasets; momenta that agree to twelve digits share one."""
    return f"k={momentum:.12g}"


def waves(momenta: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """e^{ikr} of each momentum (rad per site) at each site, complex (momenta, sites)."""
    return np.asarray(np.exp(1j * np.outer(momenta, sites)))


def _elements(kind: str, levels: int) -> list[float]:
    """For each digit S − m of a spin, ⟨m|S^z|m⟩ or ⟨m ± 1|S^±|m⟩ = √(S(S + 1) − m(m ± 1))."""
    length = (levels - 1) / 2
    moments = [length - digit for digit in range(levels)]
    if kind == "z":
        return moments
    return [math.sqrt(max(0.0, length * (length + 1) - m * (m - LOWERED[kind]))) for m in moments]


def rows_of(own: Amplitudes, electron: np.ndarray, configuration: np.ndarray) -> np.ndarray:
    """Rows of given states in an array, −1 for those that it does not hold, int64 (n,)."""
    step = int(max(own.configuration.max(initial=0), configuration.max(initial=0))) + 1
    keys, wanted = (
        a.astype(np.int64) * step + b for a, b in ((own.electron, own.configuration), (electron, configuration))
    )
    if not keys.size:
        return np.full(wanted.shape, -1)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], wanted), keys.size - 1)
    # A configuration below 0 or beyond the last one could meet the key of another electron state.
    inside = (configuration >= 0) & (configuration < step)
    return np.where((keys[order][place] == wanted) & inside, order[place], -1)


def chosen_operators(device: ChainDevice, kinds: Sequence[str], momenta: Sequence[float]) -> tuple[SpinOperator, ...]:
    """Operators of every spin for each kind, then O_k for each momentum.

    Raises
    ------
    InvalidInputError
        If a kind is unknown or named twice, a momentum is no number or given twice, or there is neither.
    """
    names = [choice(f"operators[{n}]", kind, tuple(LOWERED)) for n, kind in enumerate(kinds)]
    numbers = [real_number(f"momenta[{n}]", k, unit="rad/site") for n, k in enumerate(momenta)]
    for key, given in (("operators", names), ("momenta", numbers)):
        if len(set(given)) < len(given):
            raise InvalidInputError(f"{key} = {list(given)} names one twice; leave one of them out", key)
    if not names and not numbers:
        raise InvalidInputError(
            "operators must name at least one of z, plus, minus, or momenta at least one k", "operators"
        )
    levels, sites = device.levels, np.array(device.spin_sites)
    each = [
        SpinOperator(kind, f"{kind}{spin + 1}", tuple(complex(n == spin) for n in range(len(levels))), levels)
        for kind in names
        for spin in range(len(levels))
    ]
    factors = waves(np.array(numbers), sites).tolist()
    collective = [
        SpinOperator("z", wave_label(k), tuple(own), levels, k) for k, own in zip(numbers, factors, strict=True)
    ]
    return (*each, *collective)
