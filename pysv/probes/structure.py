"""Transient dynamical structure factor, and the quantum Fisher information rebuilt from it (Sec. V).

With O_k = Σ_j e^{ikr_j} S^z_j and a probe pulse g(t₁; t), a unit Gaussian of standard deviation σ centred at t,

    S(k, ω, t) = (1/2πN) ∬ dt₁ dt₂ e^{iω(t₁ − t₂)} g(t₁; t) g(t₂; t) ⟨O_k†(t₁) O_k(t₂)⟩_c

(J. Hales et al., Nat. Commun. 14, 3512 (2023)). Its integral over ω is the equal-time variance, smoothed by g²:
g² = G_{σ/√2}/(2√π σ), so that with f_Q = 4 Var(O_k)/N (Eq. 29 in spin-1/2 units)

    ∫ dω S(k, ω, t) = 1/(8√π σ) ∫ dτ G_{σ/√2}(t − τ) f_Q(k, τ).

To rebuild f_Q the Gaussian is divided out in Fourier space, where it is e^{−σ²ω'²/4}; frequencies at which it is so
small that noise would win are cut off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from pysv.errors import InvalidInputError
from pysv.experiment.checks import real_number
from pysv.units import HBAR

_WIDTHS = 4.0
"""Standard deviations of the probe pulse that are integrated over, to either side."""
_CUT = 2.7 * math.sqrt(2)
"""Frequencies above this, times 1/σ, are cut off when f_Q is rebuilt: the Gaussian is e^{−3.6} there."""


def structure_factor(
    data: xr.Dataset,
    momenta: Sequence[float],
    omega: Sequence[float] | np.ndarray,
    sigma: float = 2.0,
    times: Sequence[float] | None = None,
) -> xr.DataArray:
    """S(k, ω, t) from the correlators of a run.

    The double integral is a sum over the snapshots with the trapezoidal rule; the line t₁ = t₂ counts once.

    Parameters
    ----------
    data : xarray.Dataset
        See `correlator`; its times must be equally spaced.
    momenta : sequence of float
        k, rad per site.
    omega : sequence of float
        ħω, eV: what the spins take up is at ω > 0.
    sigma : float
        Standard deviation of the probe pulse, fs.
    times : sequence of float, optional
        Centres t of the probe pulse, fs; by default all times of the data. Where the pulse reaches beyond the data the
        result is NaN.

    Returns
    -------
    xarray.DataArray
        (time, momentum, omega), real, in 1/(fs eV): its integral over ħω is ∫ dω S of the formula, in 1/fs.

    Raises
    ------
    InvalidInputError
        If the times are not equally spaced, or too far apart for the pulse or for the frequencies.
    """
    k, energies = _numbers("momenta", momenta), _numbers("omega", omega)
    sigma = real_number("sigma", sigma, above=0.0, unit="fs")
    step = _step(data)
    if step > sigma:
        raise InvalidInputError(
            f"sigma = {sigma:g} fs must be at least the time between snapshots, {step:g} fs; take a finer step", "sigma"
        )
    if np.abs(energies).max() > math.pi * HBAR / step:
        raise InvalidInputError(
            f"omega reaches {np.abs(energies).max():g} eV; snapshots every {step:g} fs resolve up to "
            f"{math.pi * HBAR / step:.3g} eV; take a finer step",
            "omega",
        )
    own = data.time.values
    connected = data.correlation.values - np.einsum("ai,bj->abij", data.moment.values, data.moment.values)
    waves = np.exp(1j * np.outer(k, data.spin_site.values))  # e^{ikr}
    pairs = np.einsum("ki,abij,kj->kab", waves.conj(), connected, waves, optimize=True)
    phases = np.exp(1j * np.outer(energies, own) / HBAR)
    centres = own if times is None else _numbers("times", times)
    found = np.full((centres.size, k.size, energies.size), np.nan)
    reach = _WIDTHS * sigma
    for number, centre in enumerate(centres):
        inside = np.flatnonzero(np.abs(own - centre) <= reach + 1e-9)
        if centre - reach < own[0] - 1e-9 or centre + reach > own[-1] + 1e-9:
            continue
        pulse = np.exp(-((own[inside] - centre) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma) * step
        part = pairs[:, inside][:, :, inside]
        if np.isnan(part).any():
            raise InvalidInputError(
                f"reach = {data.attrs.get('reach')} fs of the correlators must be at least {2 * reach:g} fs, the whole "
                "of the probe pulse",
                "sigma",
            )
        shaped = phases[:, inside] * pulse
        found[number] = np.einsum("wa,kab,wb->kw", shaped, part, shaped.conj(), optimize=True).real
    found /= 2 * math.pi * data.spin.size * HBAR
    return xr.DataArray(
        found,
        {
            "time": ("time", centres, {"units": "fs", "long_name": "centre of the probe pulse"}),
            "momentum": ("momentum", k, {"units": "rad/site", "long_name": "momentum transfer k"}),
            "omega": ("omega", energies, {"units": "eV", "long_name": "energy transfer"}),
        },
        ("time", "momentum", "omega"),
        "structure_factor",
        {"units": "1/(fs eV)", "long_name": "transient structure factor S(k, ω, t)", "sigma": sigma},
    )


def smoothed_qfi(data: xr.Dataset, momenta: Sequence[float], sigma: float = 2.0) -> xr.Dataset:
    """f_Q(k, t) = 4 Var(O_k)/N from the equal-time correlators, and what a probe pulse leaves of it.

    Parameters
    ----------
    data : xarray.Dataset
        See `correlator`.
    momenta : sequence of float
        k, rad per site.
    sigma : float
        Standard deviation of the probe pulse, fs.

    Returns
    -------
    xarray.Dataset
        ``direct (time, momentum)``, f_Q, and ``integral (time, momentum)``, 1/(8√π σ) ∫ dτ G_{σ/√2}(t − τ) f_Q(τ) in
        1/fs, NaN where the pulse reaches beyond the data.
    """
    k, own, step = _numbers("momenta", momenta), data.time.values, _step(data)
    sigma = real_number("sigma", sigma, above=0.0, unit="fs")
    equal = np.einsum("aaij->aij", data.correlation.values)
    covariance = equal - np.einsum("ai,aj->aij", data.moment.values, data.moment.values)
    waves = np.exp(1j * np.outer(k, data.spin_site.values))
    direct = 4 / data.spin.size * np.einsum("ki,aij,kj->ak", waves.conj(), covariance, waves, optimize=True).real
    integral = np.full(direct.shape, np.nan)
    for number, centre in enumerate(own):
        if centre - _WIDTHS * sigma < own[0] - 1e-9 or centre + _WIDTHS * sigma > own[-1] + 1e-9:
            continue
        gauss = np.exp(-(((own - centre) / sigma) ** 2)) / (math.sqrt(math.pi) * sigma) * step
        integral[number] = gauss @ direct / (8 * math.sqrt(math.pi) * sigma)
    coords = {
        "time": ("time", own, {"units": "fs", "long_name": "time"}),
        "momentum": ("momentum", k, {"units": "rad/site", "long_name": "momentum transfer k"}),
    }
    words = {"direct": ("1", "f_Q = 4 Var(O_k)/N"), "integral": ("1/fs", "∫ dω S(k, ω, t) of the smoothed f_Q")}
    values = {"direct": direct, "integral": integral}
    return xr.Dataset(
        {
            name: (("time", "momentum"), values[name], {"units": units, "long_name": long_name})
            for name, (units, long_name) in words.items()
        },
        coords,
    )


def rebuild_qfi(structure: xr.DataArray, *, error: float = 0.0) -> xr.Dataset:
    """f_Q(k, t) from the structure factor of a probe: ∫ dω S, with the Gaussian undone.

    Only what varies slower than the frequency 2.7 √2/σ is found. The data are continued as their mirror image at both
    ends, where the truth is not known: errors of some per cent start there and fall off into the middle.

    Parameters
    ----------
    structure : xarray.DataArray
        See `structure_factor`: equally spaced times, and frequencies that hold the whole spectrum.
    error : float
        Standard error of ∫ dω S at each time, independent, 1/fs; it is carried through.

    Returns
    -------
    xarray.Dataset
        ``qfi (time, momentum)`` and ``qfi_error``, the standard error from `error`. It does not hold what the ends do.

    Raises
    ------
    InvalidInputError
        If fewer than two times are known.
    """
    known = structure.dropna("time")
    if known.time.size < 2:
        raise InvalidInputError("the structure factor is known at fewer than two times; take a longer run", "times")
    sigma, step = float(structure.attrs["sigma"]), _step(known)
    integral = np.trapezoid(known.values, known.omega.values, axis=2)
    scale = 8 * math.sqrt(math.pi) * sigma
    # Mirrored at both ends, so that the periodic continuation has no jump.
    extended = np.concatenate([integral, integral[::-1]])
    frequency = 2 * math.pi * np.fft.rfftfreq(len(extended), step)
    inverse = np.where(frequency <= _CUT / sigma, np.exp((sigma * np.minimum(frequency, _CUT / sigma)) ** 2 / 4), 0.0)
    rebuilt = np.fft.irfft(np.fft.rfft(extended, axis=0) * inverse[:, None], len(extended), axis=0)[: len(integral)]
    # White noise of variance v comes out with v times the mean of the squared filter.
    two_sided = np.concatenate([inverse, inverse[1 : (len(extended) + 1) // 2]])
    noise = scale * error * math.sqrt(float((two_sided**2).mean()))
    return xr.Dataset(
        {
            "qfi": (("time", "momentum"), scale * rebuilt, {"units": "1", "long_name": "f_Q rebuilt from S(k, ω, t)"}),
            "qfi_error": (
                ("time", "momentum"),
                np.full(rebuilt.shape, noise),
                {"units": "1", "long_name": "standard error of the rebuilt f_Q"},
            ),
        },
        {"time": known.time, "momentum": known.momentum},
    )


def _step(data: xr.Dataset | xr.DataArray) -> float:
    """Time between snapshots, fs."""
    steps = np.diff(data.time.values)
    if not steps.size or np.ptp(steps) > 1e-6 * steps[0]:
        raise InvalidInputError("the times must be equally spaced, two at least; take [evolution] step", "times")
    return float(steps.mean())


def _numbers(key: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    """A list of finite numbers."""
    found = np.atleast_1d(np.asarray(values, dtype=float))
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise InvalidInputError(f"{key} must be a list of numbers", key)
    return found
