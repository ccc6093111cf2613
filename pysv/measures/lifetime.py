"""How long entanglement lives: its birth and death, and the decay of any quantity after its maximum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import InvalidInputError

if TYPE_CHECKING:
    import xarray as xr

THRESHOLD = 1e-6
"""Negativity that counts as none, where it has no error bar."""
_BARS = 3
"""Standard errors below which a value with an error bar counts as none."""
_LEAST = 0.1
"""Share of the first value below which the fit ends: entanglement vanishes at a finite time, no exponential does."""
_RESOLVED = 1e-3
"""Share of its first value that a quantity must lose during the fit, to be told from one that does not decay."""
_POINTS = 4
"""Fewest snapshots for a fit, which has two parameters and an error."""


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


@dataclass(frozen=True)
class Lifetime:
    """Decay of a quantity y(t) from a time t₀ on.

    Parameters
    ----------
    begin : float
        t₀, fs.
    first : float
        y(t₀).
    observed : float
        Time from t₀ to the end of the run, fs.
    decay : float
        τ of the fit y = A exp(−(t − t₀)/τ), fs; ∞ if y does not fall by more than a thousandth and two errors.
    decay_error : float
        Its standard error, fs.
    half : float or None
        Time from t₀ until y = y(t₀)/2, fs; None if the run ends before.
    half_error : float
        Its error, fs; 0 without a half-time.
    """

    begin: float
    first: float
    observed: float
    decay: float
    decay_error: float
    half: float | None
    half_error: float

    @property
    def longer(self) -> bool:
        """Whether τ is longer than what was observed of the decay, so that it is an extrapolation."""
        return self.decay > self.observed

    def __str__(self) -> str:
        half = f"> {self.observed:.0f} fs" if self.half is None else f"{with_error(self.half, self.half_error)} fs"
        if not math.isfinite(self.decay):
            return f"lifetime longer than the run (> {self.observed:.0f} fs: no decay), half-time {half}"
        decay = f"{with_error(self.decay, self.decay_error)} fs"
        if self.longer:
            decay = f"longer than the run (> {self.observed:.0f} fs; extrapolated {decay})"
        return f"lifetime {decay}, half-time {half}"


def lifetime(
    data: xr.Dataset | xr.DataArray, variable: str = "log_negativity", *, begin: float | None = None
) -> Lifetime:
    """How fast a quantity decays after its maximum, or after a given time.

    The lifetime is τ of y = A exp(−(t − t₀)/τ), by least squares over the snapshots from t₀ until y falls below a tenth
    of y(t₀). Its error is that of the fit: with standard errors in the data these are its weights, otherwise the
    residuals give it, so that a decay that is not exponential has a large one. The half-time is interpolated linearly;
    its error is the difference from a monotonic cubic interpolation (F. N. Fritsch and J. Butland, SIAM J. Sci. Stat.
    Comput. 5, 300 (1984)) and that of the data over the slope, in quadrature. Errors of an engine that the data do not
    state, such as `state_deviation`, are in neither.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        A run, or one quantity over `time` (fs).
    variable : str
        The quantity, if `data` is a run: one that depends on time only.
    begin : float, optional
        t₀, fs; the first snapshot from this time on. By default that of the largest value.

    Returns
    -------
    Lifetime
        `str` of it says "longer than the run" where the run does not see the decay.

    Raises
    ------
    InvalidInputError
        If there is no such quantity, it depends on more than time, it has no positive value at t₀, or fewer than four
        snapshots were measured from t₀ on.
    """
    times, values, errors = _series(data, variable)
    start = int(values.argmax()) if begin is None else int(np.searchsorted(times, begin - 1e-9))
    if values.size - start < _POINTS:
        raise InvalidInputError(
            f"snapshots of {variable} from its maximum or `begin` on: {max(0, values.size - start)}, where a lifetime "
            f"needs at least {_POINTS}; take a longer run or shorter intervals"
        )
    first = float(values[start])
    if not first > 0:
        raise InvalidInputError(
            f"{variable} is {first:g} at {times[start]:g} fs, a lifetime needs a positive value; take another `begin`"
        )
    after, own = times[start:] - times[start], values[start:]
    bars = None if errors is None else errors[start:]
    low = np.flatnonzero(own < _LEAST * first)
    end = max(int(low[0]) if low.size else own.size, _POINTS)
    decay, error = _exponential(after[:end], own[:end] / first, None if bars is None else bars[:end] / first)
    half, half_error = _half(after, own, bars)
    return Lifetime(float(times[start]), first, float(after[-1]), decay, error, half, half_error)


def _series(data: xr.Dataset | xr.DataArray, variable: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Times, values and, if there are any, standard errors of a quantity where it was measured."""
    import xarray as xr

    array, bars = data, None
    if isinstance(data, xr.Dataset):
        if variable not in data:
            raise InvalidInputError(f"the run holds no {variable!r}; it holds {', '.join(map(str, data.data_vars))}")
        array, bars = data[variable], data.get(f"{variable}_error")
    assert isinstance(array, xr.DataArray)
    if array.dims != ("time",):
        raise InvalidInputError(
            f"{variable!r} depends on {', '.join(map(str, array.dims))}, a lifetime is that of a quantity over time "
            "alone; select or average first, as in `data.spin_z.isel(spin=0)`"
        )
    measured = np.isfinite(array.values)
    if bars is not None:
        measured &= np.isfinite(bars.values)
    errors = bars.values[measured] if bars is not None and (bars.values[measured] > 0).all() else None
    return array["time"].values[measured], array.values[measured], errors


def _exponential(times: np.ndarray, values: np.ndarray, errors: np.ndarray | None) -> tuple[float, float]:
    """τ and its standard error, fs, for times from 0 on and values from 1 on; (∞, 0) if they do not fall."""
    from scipy.optimize import curve_fit

    def model(time: np.ndarray, height: float, rate: float) -> np.ndarray:
        return height * np.exp(-rate * time)

    guess = 1.0, max((1 - float(values[-1])) / float(times[-1]), 1e-6)
    (_, rate), covariance = curve_fit(
        model, times, values, p0=guess, sigma=errors, absolute_sigma=errors is not None, maxfev=10_000
    )
    error = math.sqrt(max(0.0, float(covariance[1, 1])))
    if not rate > max(2 * error, _RESOLVED / float(times[-1])):
        return math.inf, 0.0
    return 1 / float(rate), error / float(rate) ** 2


def _half(times: np.ndarray, values: np.ndarray, errors: np.ndarray | None) -> tuple[float | None, float]:
    """Time from 0 until half of the first value, and its error, fs."""
    from scipy.interpolate import PchipInterpolator

    wanted = values[0] / 2
    below = np.flatnonzero(values < wanted)
    if not below.size:
        return None, 0.0
    after = int(below[0])
    (one, other), (high, low) = times[after - 1 : after + 1], values[after - 1 : after + 1]
    slope = (low - high) / (other - one)
    half = one + (wanted - high) / slope
    roots = PchipInterpolator(times, values).solve(wanted, extrapolate=False)
    curved = min(
        (float(root) for root in roots if one <= root <= other), key=lambda root: abs(root - half), default=half
    )
    scatter = 0.0 if errors is None else math.hypot(errors[after], errors[0] / 2) / abs(slope)
    return float(half), math.hypot(half - curved, scatter)


def with_error(value: float, error: float) -> str:
    """A value with its error, to 1 fs, or to 0.1 fs where the error is that small; one below 0.05 fs is left out."""
    if error < 0.05:
        return f"{value:.1f}"
    digits = 1 if error < 1 else 0
    return f"{value:.{digits}f} ± {error:.{digits}f}"
