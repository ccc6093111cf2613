"""Trotter decompositions of exp(−iHt/ħ) into layers of bonds that do not overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pysv.units import HBAR

_SUZUKI = 1 / (4 - 4 ** (1 / 3))


@dataclass(frozen=True)
class GateLayer:
    """All gates exp(−i h δt/ħ) on every second bond.

    Parameters
    ----------
    parity : int
        0: the bonds after sites 1, 3, …; 1: after sites 2, 4, ….
    duration : float
        δt, fs; may be negative.
    """

    parity: int
    duration: float


def steps(interval: float, time_step: float, hopping: float) -> int:
    """Number of equal Trotter steps of at most `time_step` ħ/γ that fill an interval in fs."""
    return max(1, math.ceil(abs(interval) * hopping / HBAR / time_step - 1e-9))


def layers_of(count: int, order: int) -> int:
    """Number of layers of `count` steps of order 2 or 4 in `schedule`."""
    return 2 * count * (1 if order == 2 else 5) + 1


def schedule(interval: float, count: int, order: int) -> list[GateLayer]:
    """Layers of `count` equal steps over `interval` fs, with adjacent layers of the same parity merged.

    Parameters
    ----------
    interval : float
    count : int
    order : {2, 4}
        2: e^{A/2} e^B e^{A/2}. 4: five such steps of lengths p, p, 1 − 4p, p, p with p = 1/(4 − 4^{1/3})
        (M. Suzuki, J. Math. Phys. 32, 400 (1991)).

    Returns
    -------
    list of GateLayer
    """
    parts = [1.0] if order == 2 else [_SUZUKI, _SUZUKI, 1 - 4 * _SUZUKI, _SUZUKI, _SUZUKI]
    step = interval / count
    layers: list[GateLayer] = []
    for _ in range(count):
        for part in parts:
            for parity, share in ((0, 0.5), (1, 1.0), (0, 0.5)):
                duration = share * part * step
                if layers and layers[-1].parity == parity:
                    duration += layers.pop().duration
                layers.append(GateLayer(parity, duration))
    return layers
