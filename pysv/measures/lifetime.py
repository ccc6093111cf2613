"""Birth and death of entanglement: when the negativity rises above a threshold, and when it falls below for good."""

from __future__ import annotations

import numpy as np

THRESHOLD = 1e-6
"""Negativity that counts as none, where it has no error bar."""
_BARS = 3
"""Standard errors below which a value with an error bar counts as none."""


def birth_and_death(
    times: np.ndarray, values: np.ndarray, errors: np.ndarray | None = None
) -> tuple[float | None, float | None]:
    """First snapshot with entanglement, and first one after which there is none any more.

    A value counts where it exceeds 1e-6 and three standard errors.

    Parameters
    ----------
    times : float ndarray (T,)
        fs, ascending.
    values : float ndarray (T,)
        E_N, NaN where it was not measured; such snapshots are passed over.
    errors : float ndarray (T,), optional
        Standard errors.

    Returns
    -------
    birth : float or None
        None if there is no entanglement at any snapshot.
    death : float or None
        None if there is none, or if the last measured snapshot still has some.
    """
    least = np.full(values.shape, THRESHOLD)
    if errors is not None:
        least = np.fmax(least, _BARS * errors)
    measured = np.flatnonzero(np.isfinite(values))
    alive = np.flatnonzero(values[measured] > least[measured])
    if not alive.size:
        return None, None
    last = int(alive[-1])
    death = float(times[measured[last + 1]]) if last + 1 < measured.size else None
    return float(times[measured[alive[0]]]), death
