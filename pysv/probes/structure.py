"""Transient dynamical structure factor of the localized spins (Sec. V).

With O_k = Σ_j e^{ikr_j} S^z_j and a probe pulse g(t₁; t), a unit Gaussian of standard deviation σ centred at t,

    S(k, ω, t) = (1/2πN) ∬ dt₁ dt₂ e^{iω(t₁ − t₂)} g(t₁; t) g(t₂; t) ⟨O_k†(t₁) O_k(t₂)⟩_c

(J. Hales et al., Nat. Commun. 14, 3512 (2023)). Its integral over ω is the equal-time variance, smoothed by g²:
g² = G_{σ/√2}/(2√π σ), so that with f_Q = 4 Var(O_k)/N (Eq. 29 in spin-1/2 units)

    ∫ dω S(k, ω, t) = 1/(8√π σ) ∫ dτ G_{σ/√2}(t − τ) f_Q(k, τ).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr

from pysv import config
from pysv.errors import InvalidInputError
from pysv.experiment.probe import WIDTHS, check_pulse
from pysv.probes.operators import wave_label, waves
from pysv.probes.rest import at_rest
from pysv.units import HBAR

PASSED = 1e-9
"""Times that are this close are one, fs."""


def structure_factor(
    data: xr.Dataset | xr.DataArray,
    momenta: Sequence[float] | None = None,
    omega: Sequence[float] | np.ndarray = (),
    sigma: float = 2.0,
    times: Sequence[float] | np.ndarray | None = None,
) -> xr.DataArray:
    """S(k, ω, t) from the correlators of a run.

    The double integral is a sum over the snapshots with the trapezoidal rule; the line t₁ = t₂ counts once.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        See `correlator` and `connected`; its times must be equally spaced.
    momenta : sequence of float, optional
        k, rad per site; needed for correlators of single spins, and left out for those of `connected`.
    omega : sequence of float
        ħω, eV: what the spins take up is at ω > 0.
    sigma : float
        Standard deviation of the probe pulse, fs.
    times : sequence of float, optional
        Centres t of the probe pulse, fs; by default all times of the data. Where the pulse reaches beyond the data the
        result is NaN. Spins that rest before the first time, see `at_rest`, have no fluctuations then: there the pulse
        may begin earlier.

    Returns
    -------
    xarray.DataArray
        (time, momentum, omega), real, in 1/(fs eV): its integral over ħω is ∫ dω S of the formula, in 1/fs. Attributes
        ``first`` and ``last``: the times of the data, fs; ``at_rest``: whether the spins rest before, 1 or 0.

    Raises
    ------
    InvalidInputError
        If the times are not equally spaced, or too far apart for the pulse or for the frequencies; if the data are
        shorter than the pulse.
    """
    pairs = _pairs(data, momenta)
    energies = _numbers("omega", omega)
    own, step = pairs.time.values, step_of(pairs)
    sigma = check_pulse(sigma, energies, float(own[-1] - own[0]), step)
    phases = np.exp(1j * np.outer(energies, own) / HBAR)
    centres = own if times is None else _numbers("times", times)
    found = np.full((centres.size, pairs.momentum.size, energies.size), np.nan)
    reach = WIDTHS * sigma
    for number, centre in enumerate(centres):
        if not _inside(pairs, centre, reach):
            continue
        inside = np.abs(own - centre) <= reach + PASSED
        pulse = np.exp(-((own[inside] - centre) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma) * step
        part = pairs.values[:, inside][:, :, inside]
        if np.isnan(part).any():
            raise InvalidInputError(
                f"reach = {data.attrs.get('reach')} fs of the correlators must be at least {2 * reach:g} fs, the whole "
                "of the probe pulse",
                "sigma",
            )
        shaped = phases[:, inside] * pulse
        found[number] = np.einsum("kwb,wb->kw", shaped @ part, shaped.conj()).real
    found /= 2 * math.pi * pairs.attrs["spins"] * HBAR
    return xr.DataArray(
        found,
        {
            "time": ("time", centres, {"units": "fs", "long_name": "centre of the probe pulse"}),
            "momentum": pairs.momentum,
            "omega": ("omega", energies, {"units": "eV", "long_name": "energy transfer"}),
        },
        ("time", "momentum", "omega"),
        "structure_factor",
        {
            "units": "1/(fs eV)",
            "long_name": "transient structure factor S(k, ω, t)",
            "sigma": sigma,
            "step": step,
            "first": float(own[0]),
            "last": float(own[-1]),
            "at_rest": pairs.attrs["at_rest"],
        },
    )


def smoothed_qfi(
    data: xr.Dataset | xr.DataArray,
    momenta: Sequence[float] | None = None,
    sigma: float = 2.0,
    times: Sequence[float] | np.ndarray | None = None,
) -> xr.Dataset:
    """f_Q(k, t) = 4 Var(O_k)/N from the equal-time correlators, and what a probe pulse leaves of it.

    Parameters
    ----------
    data, momenta, sigma, times
        As for `structure_factor`.

    Returns
    -------
    xarray.Dataset
        ``direct (time, momentum)``, f_Q, and ``integral (time, momentum)``, 1/(8√π σ) ∫ dτ G_{σ/√2}(t − τ) f_Q(τ) in
        1/fs. Both are NaN where they would need what lies beyond the data.

    Raises
    ------
    InvalidInputError
        If the times are not equally spaced, or `sigma` is shorter than their step.
    """
    pairs = _pairs(data, momenta)
    own, step = pairs.time.values, step_of(pairs)
    sigma = check_pulse(sigma, None, math.inf, step)  # f_Q itself needs no pulse inside the data
    variance = np.einsum("kaa->ak", pairs.values).real
    known = 4 / pairs.attrs["spins"] * variance
    centres = own if times is None else _numbers("times", times)
    direct = np.full((centres.size, pairs.momentum.size), np.nan)
    integral = np.full(direct.shape, np.nan)
    for number, centre in enumerate(centres):
        at = np.flatnonzero(np.abs(own - centre) <= PASSED)
        if at.size:
            direct[number] = known[at[0]]
        elif centre < own[0] and pairs.attrs["at_rest"]:
            direct[number] = 0.0
        if _inside(pairs, centre, WIDTHS * sigma):
            gauss = np.exp(-(((own - centre) / sigma) ** 2)) / (math.sqrt(math.pi) * sigma) * step
            integral[number] = gauss @ known / (8 * math.sqrt(math.pi) * sigma)
    coords = {"time": ("time", centres, {"units": "fs", "long_name": "time"}), "momentum": pairs.momentum}
    words = {"direct": ("1", "f_Q = 4 Var(O_k)/N"), "integral": ("1/fs", "∫ dω S(k, ω, t) of the smoothed f_Q")}
    values = {"direct": direct, "integral": integral}
    return xr.Dataset(
        {
            name: (("time", "momentum"), values[name], {"units": units, "long_name": long_name})
            for name, (units, long_name) in words.items()
        },
        coords,
    )


def connected(data: xr.Dataset, momenta: Sequence[float]) -> xr.DataArray:
    """⟨O_k†(t₁) O_k(t₂)⟩ − ⟨O_k†(t₁)⟩⟨O_k(t₂)⟩ from the correlators of O_k, or else of single spins.

    Parameters
    ----------
    data : xarray.Dataset
        See `correlator`.
    momenta : sequence of float
        k, rad per site.

    Returns
    -------
    xarray.DataArray
        (momentum, time, time2), complex. Attributes ``spins``: N; ``at_rest``: see `pysv.probes.rest.at_rest`, 1 or 0.

    Raises
    ------
    InvalidInputError
        If there are no momenta, or the data hold neither O_k of one of them nor S^z of all spins.
    """
    k = _numbers("momenta", momenta)
    made_by = data.attrs.get("experiment")
    experiment = None if made_by is None else config.loads(str(made_by)).experiment
    if "correlation" in data:
        sites, values, means = data.spin_site.values, data.correlation.values, data.moment.values
        sums = waves(k, sites)
    elif experiment is None:
        raise InvalidInputError("data of operators must have the attribute 'experiment', as `correlator` writes it")
    else:
        sites, values, means = experiment.device.spin_sites, data.operator_correlation.values, data.operator_mean.values
        sums = _sums(k, np.array(sites), data.operator.values.tolist())
    found = np.einsum("ki,abij,kj->kab", sums.conj(), values, sums, optimize=True)
    mean = sums @ means.T
    found -= mean.conj()[:, :, None] * mean[:, None, :]
    still = experiment is not None and at_rest(experiment)
    return labelled(found, k, data.time.values, len(sites), still)


def _sums(momenta: np.ndarray, sites: np.ndarray, labels: list[str]) -> np.ndarray:
    """Each O_k as a sum over the operators of a dataset, complex (k, operators): its own, or S^z of all spins.

    Raises
    ------
    InvalidInputError
        If it is neither.
    """
    of_spins = [f"z{n + 1}" for n in range(sites.size)]
    found = np.zeros((momenta.size, len(labels)), dtype=complex)
    for number, k in enumerate(momenta):
        if wave_label(k) in labels:
            found[number, labels.index(wave_label(k))] = 1.0
        elif set(of_spins) <= set(labels):
            found[number, [labels.index(own) for own in of_spins]] = waves(momenta[number : number + 1], sites)[0]
        else:
            raise InvalidInputError(
                f"momenta = {k:g} is not among the operators {', '.join(labels)} of the correlators; take one of them, "
                'or the correlators of "z" of all spins',
                "momenta",
            )
    return found


def labelled(values: np.ndarray, momenta: np.ndarray, times: np.ndarray, spins: int, still: bool) -> xr.DataArray:
    """Connected correlators (momentum, time, time2) of O_k with their labels; see `connected`."""
    return xr.DataArray(
        values,
        {
            "momentum": ("momentum", momenta, {"units": "rad/site", "long_name": "momentum transfer k"}),
            "time": ("time", times, {"units": "fs", "long_name": "time"}),
            "time2": ("time2", times, {"units": "fs", "long_name": "time t₂"}),
        },
        ("momentum", "time", "time2"),
        "connected",
        {"units": "1", "long_name": "⟨O_k†(t₁) O_k(t₂)⟩_c", "spins": spins, "at_rest": int(still)},
    )


def step_of(data: xr.Dataset | xr.DataArray) -> float:
    """Time between snapshots, fs.

    Raises
    ------
    InvalidInputError
        If the times are not equally spaced.
    """
    steps = np.diff(data.time.values)
    if not steps.size or np.ptp(steps) > 1e-6 * steps[0]:
        raise InvalidInputError("the times must be equally spaced, two at least; take [evolution] step", "times")
    return float(steps.mean())


def _pairs(data: xr.Dataset | xr.DataArray, momenta: Sequence[float] | None) -> xr.DataArray:
    """Connected correlators of O_k from either kind of data."""
    if isinstance(data, xr.Dataset):
        return connected(data, () if momenta is None else momenta)
    if momenta is not None:
        raise InvalidInputError("momenta are those of the connected correlators; leave them out", "momenta")
    return data


def _inside(pairs: xr.DataArray, centre: float, reach: float) -> bool:
    """Whether a pulse lies inside the data; before them spins at rest have nothing to add."""
    own = pairs.time.values
    begins = bool(pairs.attrs["at_rest"] or centre - reach >= own[0] - PASSED)
    return begins and bool(centre + reach <= own[-1] + PASSED)


def _numbers(key: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    """A list of finite numbers."""
    found = np.atleast_1d(np.asarray(values, dtype=float))
    if found.ndim != 1 or not found.size or not np.isfinite(found).all():
        raise InvalidInputError(f"{key} must be a list of numbers, at least one", key)
    return found
