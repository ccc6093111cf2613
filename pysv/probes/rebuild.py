"""The quantum Fisher information of Eq. 29 rebuilt from the structure factor: the Gaussian of the probe undone.

∫ dω S(k, ω, t) is known at the centres t_m of the pulses, and f_Q is wanted at t. In Fourier space one would multiply
by 8√π σ e^{σ²ω²/4} up to a cutoff ω_c = 2.7√2/σ, beyond which noise wins. On a finite record this is posed as a problem
of least squares: the weights w_m(t) with which

    Σ_m w_m(t) G_{σ/√2}(t_m − τ) ≈ R(t − τ)   for every τ at which f_Q is not known,

where R is the low-pass filter that is 1 up to ω_c/2 and falls to 0 at ω_c as a squared cosine. What they leave over
bounds the error by theory alone: far from the ends nothing, near them what the record does not know. (This is the
method of G. Backus and F. Gilbert, Philos. Trans. R. Soc. A 266, 123 (1970), with a regularisation after Tikhonov.)
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from pysv.errors import InvalidInputError
from pysv.experiment.checks import real_number
from pysv.probes.structure import PASSED, step_of

CUTOFF = 2.7 * math.sqrt(2)
"""Frequency from which on nothing is rebuilt, times σ: the Gaussian is e^{−3.6} there."""
OPEN = 0.05
"""Where the record leaves more open than this share of the largest f_Q, the result is NaN."""
_DAMPING = 1e-4
"""Singular values of the Gaussian below this one's size are not inverted."""
_BEYOND = 10.0
"""Standard deviations beyond the record in which f_Q is looked at as unknown."""


def low_pass(lag: np.ndarray, sigma: float) -> np.ndarray:
    """R(t): 1 up to half the cutoff frequency, cos² from there down to 0 at it.

    Parameters
    ----------
    lag : float ndarray
        t, fs.
    sigma : float
        Standard deviation of the probe pulse, fs.

    Returns
    -------
    float64 ndarray
        In 1/fs, of the shape of `lag`; its integral is 1.
    """
    # With a = ω_c/2 the filter is the mean of boxes: R(t) = (sin at + sin 2at)/(2πt) · 1/(1 − (at/π)²).
    half = CUTOFF / (2 * sigma)
    x = np.abs(lag) * half
    # Near the removable singularities at x = 0 and x = π a series is not worth its lines: move the point by 1e-6.
    x = np.where(x < 1e-6, 1e-6, x)
    x = np.where(np.abs(x - math.pi) < 1e-6, math.pi + 1e-6, x)
    return np.asarray(half * (np.sin(x) + np.sin(2 * x)) / (2 * math.pi * x * (1 - (x / math.pi) ** 2)))


def rebuild_qfi(structure: xr.DataArray, *, error: float = 0.0) -> xr.Dataset:
    """f_Q(k, t) from the structure factor of a probe: ∫ dω S, with the Gaussian undone.

    What is rebuilt is f_Q after the filter of `low_pass`: changes faster than the frequency 2.7 √2/σ are lost. Before
    the first time f_Q counts as unknown; it is 0 if the spins rest there.

    Parameters
    ----------
    structure : xarray.DataArray
        See `structure_factor`: equally spaced times, and energies that hold the whole spectrum.
    error : float
        Standard error of ∫ dω S at each time, independent, 1/fs; it is carried through.

    Returns
    -------
    xarray.Dataset
        ``qfi (time, momentum)`` at all times of the record, NaN where too little is known; ``qfi_error``, the standard
        error from `error`; ``qfi_open``, the bound of what the record leaves open if f_Q lies between 0 and its largest
        value everywhere.

    Raises
    ------
    InvalidInputError
        If fewer than two times are known.
    """
    error = real_number("error", error, low=0.0, unit="1/fs")
    known = structure.dropna("time")
    if known.time.size < 2:
        raise InvalidInputError("the structure factor is known at fewer than two times; take a longer run", "times")
    sigma, step = float(structure.attrs["sigma"]), float(structure.attrs["step"])
    step_of(known)
    scale = 8 * math.sqrt(math.pi) * sigma
    measured = scale * np.trapezoid(known.values, known.omega.values, axis=2)

    first, last = float(structure.attrs["first"]), float(structure.attrs["last"])
    own = first + step * np.arange(round((last - first) / step) + 1)
    margin = step * np.arange(1, math.ceil(_BEYOND * sigma / step) + 1)
    unknown = [own, last + margin] if structure.attrs["at_rest"] else [first - margin[::-1], own, last + margin]
    grid = np.concatenate(unknown)
    recorded = (grid >= first - PASSED) & (grid <= last + PASSED)
    width = np.subtract.outer(known.time.values, grid) / sigma
    smooth = step * np.exp(-(width**2)) / (math.sqrt(math.pi) * sigma) * recorded
    wanted = step * low_pass(np.subtract.outer(own, grid), sigma)
    damped = smooth @ smooth.T + _DAMPING**2 * np.eye(known.time.size)
    weights = np.linalg.solve(damped, smooth @ wanted.T).T
    rebuilt = weights @ measured

    left = weights @ smooth - wanted
    above, below = (np.clip(sign * left, 0, None).sum(axis=1)[:, None] for sign in (1, -1))
    bound = np.maximum(above, below) * np.maximum(measured.max(axis=0), 0.0)
    noise = scale * error * np.sqrt((weights**2).sum(axis=1))
    seen = np.maximum(above, below)[:, 0] <= OPEN
    dims = ("time", "momentum")
    shown = {
        "qfi": (rebuilt, "f_Q rebuilt from S(k, ω, t)"),
        "qfi_error": (np.broadcast_to(noise[:, None], rebuilt.shape), "standard error of the rebuilt f_Q"),
        "qfi_open": (bound, "what the record leaves open of f_Q"),
    }
    return xr.Dataset(
        {
            name: (dims, np.where(seen[:, None], values, np.nan), {"units": "1", "long_name": words})
            for name, (values, words) in shown.items()
        },
        {"time": ("time", own, {"units": "fs", "long_name": "time"}), "momentum": known.momentum},
        {"cutoff": CUTOFF / sigma},
    )
