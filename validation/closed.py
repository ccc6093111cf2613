"""One electron in a closed system: brute force, known numbers, solutions on paper, engines, invariants, large sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import analytic
import brute
import numpy as np
import xarray as xr
from conftest import random_experiment
from rows import NOT_RUN, Row, by_variable, count, difference, grouped, table, worst
from test_brute_force import METHODS, SEEDS, brute_device, brute_variables
from test_paper_numbers import DIGITS, TABLE

import pysv
from pysv.doctor import julia_status
from pysv.measures import SpinFactor, log_negativity_of_factor
from pysv.model.basis import Basis
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.pure_run import pure_runs
from pysv.snapshot import Snapshot

GROUPS = {
    "spins of the layers": ("spin_x", "spin_y", "spin_z"),
    "electron: density, spin density, spin": (
        "electron_density", "electron_spin_density_z", "electron_spin_x", "electron_spin_y", "electron_spin_z",
    ),
    "ρ of the localized spins": ("density_matrix",),
    "entropies, mutual information": (
        "entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information",
    ),
    "logarithmic negativity": ("log_negativity",),
    "flipped spins, W fidelity": ("magnon_probability", "w_fidelity"),
    "Fisher informations (Eq. 29, spin-1/2 units, true)": ("qfi_paper", "qfi_variance", "qfi"),
    "norm, energy, S^z, number": ("norm", "energy", "spin_z_total", "electron_number"),
}  # fmt: skip
CONVENTIONS = "pauli", "half", "mixed"
INVARIANTS = ("norm", "energy", "spin_z_total", "electron_number")


def solve(experiment: pysv.Experiment, engine: object = "auto", backend: str = "auto") -> xr.Dataset:
    return pysv.solve(experiment, engine=engine, backend=backend, progress=False)  # type: ignore[arg-type]


def brute_force(reduced: bool) -> Iterator[Row]:
    seeds = SEEDS[:2] if reduced else SEEDS
    cases = count(seeds, "device")
    device = [random_experiment(seed).device for seed in seeds]
    yield Row("elements of H (eV)", "Kronecker products", cases, max(map(_hamiltonian, device)), 1e-14)
    experiments = [random_experiment(seed) for seed in seeds]
    expected = [brute_variables(experiment) for experiment in experiments]
    for name in ("chebyshev", "rk4", "qutip"):
        found = worst(
            by_variable(solve(experiment, METHODS[name]), snapshots)
            for experiment, snapshots in zip(experiments, expected, strict=True)
        )
        if name == "chebyshev":
            for label, value in grouped(found, GROUPS):
                yield Row(f"`chebyshev`: {label}", "brute force", cases, value, 1e-9)
        else:
            yield Row(f"`{name}`: every variable", "brute force", cases, max(found.values()), 1e-9)


def _hamiltonian(device: pysv.SpinValve) -> float:
    n = device.n_spins
    h = Hamiltonian.of_device(device, Basis.of_sectors(n, range(n + 2)))
    place = (np.arange(h.sites) * 2)[None, :] + h.basis.electron[:, None]
    place = (place * 2**n + h.basis.configuration[:, None]).ravel()
    return difference(h.sparse().toarray(), brute.hamiltonian(brute_device(device)).toarray()[np.ix_(place, place)])


def _known_run() -> xr.Dataset:
    return solve(pysv.Experiment(source=pysv.WavePacket(center=14), times=pysv.times(stop=30, step=10)))


def known_numbers(reduced: bool) -> Iterator[Row]:
    data = _known_run()
    names = dict.fromkeys(name for row in TABLE.values() for name in row)
    for name in names:
        digits = DIGITS.get(name, 6)
        times = [time for time in TABLE if name in TABLE[time]]
        found = max(_off(data[name].sel(time=time).values, TABLE[time][name]) for time in times)
        label = f"`{name}` at {', '.join(map(str, times))} fs"
        yield Row(label, f"table, {digits} digits", "4+4 spins", found, 0.5000001 * 10**-digits)
    known = {1: 0.000, 2: 0.028, 3: 0.060, 4: 0.109, 5: 0.179}
    sizes = list(known)[: 3 if reduced else 5]
    found = max(difference(_negativity(half), known[half]) for half in sizes)
    yield Row(
        "negativity at 30 fs, growing spin number", "table, 3 digits", f"1+1 … {sizes[-1]}+{sizes[-1]}", found, 5e-4
    )
    reach = pysv.Experiment(times=pysv.times(20, 20), record=pysv.Record(density_matrix=True))
    reached = int((solve(reach).density_matrix.values[-1].diagonal().real > 1e-12).sum())
    wanted = math.comb(8, 4) + 2 * math.comb(8, 3)
    yield Row("configurations reached (of 256)", f"C(8,4) + 2 C(8,3) = {wanted}", "4+4 spins", abs(reached - wanted), 0)


def known_and_found() -> str:
    """The known numbers beside those of pysv, one digit more."""
    data, lines = _known_run(), []
    for time, row in TABLE.items():
        for name, known in row.items():
            digits = DIGITS.get(name, 6)
            values = data[name].sel(time=time).values.ravel()[: np.size(known)]
            lines.append(
                (f"{time}", f"`{name}`", " ".join(f"{x:.{digits}f}" for x in np.ravel(known)),
                 " ".join(f"{x:.{digits + 1}f}" for x in values))
            )  # fmt: skip
    return table(("t (fs)", "variable", "known", "pysv"), lines)


def _off(got: np.ndarray, expected: object) -> float:
    return difference(got[: np.size(expected)] if np.ndim(expected) else got, expected)


def _negativity(half: int) -> float:
    experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(half), times=pysv.times(stop=30, step=30))
    return float(solve(experiment).log_negativity[-1])


def on_paper(reduced: bool) -> Iterator[Row]:
    systems = {
        "free packet, J_sd = 0: density": (
            "modes of the open chain", [analytic.free_packet()], "electron_density", 1e-12,
        ),
        "one electron on one spin: P_flip": (
            "sin²(2f_e f_s J_sd t/ħ)", list(map(analytic.one_spin, CONVENTIONS)), "magnon_probability", 1e-9,
        ),
        "one magnon in a layer of five: spins": (
            "dense 5×5 solution", list(map(analytic.one_magnon, CONVENTIONS)), "spin_z", 1e-10,
        ),
    }  # fmt: skip
    for what, (against, solved, name, allowed) in systems.items():
        found = max(difference(solve(system.experiment)[name], system.solution[name]) for system in solved)
        yield Row(what, against, count(solved, "spin convention"), found, allowed)
    straight, tilted = map(solve, analytic.rotated())
    found = max(difference(tilted[name], straight[name]) for name in analytic.INVARIANT)
    yield Row("J_z = J, all spins tilted: what a rotation leaves alone", "the run along z", "7 variables", found, 1e-10)


def engines(reduced: bool) -> Iterator[Row]:
    """On the paper's device, where a dense solution is out of reach."""
    stop = 4.0 if reduced else 20.0
    experiment = pysv.Experiment(source=pysv.WavePacket(spin="up"), times=pysv.times(stop=stop, step=stop / 4))
    reference = solve(experiment, "chebyshev", "python")
    cases = f"4+4 spins, {stop:g} fs"
    rk4 = solve(experiment, pysv.RK4(time_step=0.02))
    yield Row("`rk4`, δt = 0.02 fs: every variable", "`chebyshev`", cases, _apart(rk4, reference), 1e-6)
    qutip = solve(experiment, pysv.QuTiP(method="vern9", atol=1e-12, rtol=1e-12))
    yield Row("`qutip`, vern9, 1e-12: every variable", "`chebyshev`", cases, _apart(qutip, reference), 1e-8)
    ready = julia_status()["state"].startswith("ready")
    for name, allowed in (("chebyshev", 1e-10), ("krylov", 1e-8)):
        found = _apart(solve(experiment, name, "julia"), reference) if ready else NOT_RUN
        yield Row(f"`{name}` in Julia: every variable", "`chebyshev` in Python", cases, found, allowed)
    short = replace(experiment, times=pysv.times(stop=2.0 if reduced else 8.0, step=2.0))
    found = _apart(solve(short, pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=1e-12)), solve(short))
    yield Row(
        "`tdmrg` with one electron: every variable", "`chebyshev`", f"4+4 spins, {short.times.stop:g} fs", found, 1e-5
    )


def _apart(one: xr.Dataset, other: xr.Dataset) -> float:
    names = (set(one.data_vars) & set(other.data_vars)) - {"state_deviation"}
    return max(difference(one[name], other[name]) for name in names)


def stated_errors(reduced: bool) -> Iterator[Row]:
    """Engines that state an error: the true one over the stated one, on devices small enough to diagonalise."""
    seeds = SEEDS[: 2 if reduced else len(SEEDS)]
    ratios: dict[str, list[float]] = {"chebyshev": [], "rk4": []}
    for seed in seeds:
        runs = pure_runs(random_experiment(seed))
        for name, method in (("chebyshev", pysv.Chebyshev(tolerance=1e-8)), ("rk4", pysv.RK4(time_step=0.02))):
            engine = method.start(runs, "python")
            engine.advance(4.0)
            true = max(
                np.linalg.norm(part.psi - _dense(run, 4.0))
                for run, part in zip(runs, engine.snapshot().state.parts, strict=True)
            )
            ratios[name].append(true / (engine.work().deviation or NOT_RUN))
    cases = f"{count(seeds, 'device')}, 4 fs"
    yield Row("`chebyshev`: true error / stated bound", "dense diagonalisation", cases, max(ratios["chebyshev"]), 1.0)
    off = max(abs(ratio - 1) for ratio in ratios["rk4"])
    yield Row("`rk4`: |true error / stated error − 1|", "dense diagonalisation", cases, off, 0.05)


def _dense(run, time: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    layout = run.hamiltonian.layout
    energies, states = np.linalg.eigh(run.hamiltonian.sparse().toarray())
    phases = np.exp(-1j * energies * time / brute.HBAR)
    exact = states @ (phases * (states.T @ layout.flat(run.psi).ravel()))
    return np.asarray(layout.tiled(exact.reshape(-1, layout.sites)))


def invariants(reduced: bool) -> Iterator[Row]:
    stop = 5.0 if reduced else 30.0
    experiment = pysv.Experiment(times=pysv.times(stop=stop, step=stop / 5))
    methods = {"chebyshev": (pysv.Chebyshev(), 1e-10), "rk4": (pysv.RK4(), 1e-3), "qutip": (pysv.QuTiP(), 1e-4)}
    for name, (method, allowed) in methods.items():
        data = solve(experiment, method)
        found = max(float(data.attrs[f"drift_{invariant}"]) for invariant in INVARIANTS)
        yield Row(
            f"`{name}`: drift of norm, energy (eV), S^z, number",
            "their values at t = 0",
            f"4+4 spins, {stop:g} fs",
            found,
            allowed,
        )
    small = pysv.Experiment(device=pysv.SpinValve.with_layers(2), times=pysv.times(stop=12, step=1))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.nc"
        pysv.solve(replace(small, times=pysv.times(stop=5, step=1)), progress=False, out=path)
        found = _apart(pysv.resume(path, stop=12, progress=False), solve(small))
    yield Row("a run of 5 fs, extended to 12 fs: every variable", "a run of 12 fs", "2+2 spins", found, 1e-12)


def large(reduced: bool) -> Iterator[Row]:
    """Negativity from the factor of ρ; at 6+6 spins the sampled one is compared with that of diagonalised blocks."""
    half = 3 if reduced else 5
    snapshot, factor = _state(half)
    rho = snapshot.state.spin_density()
    found = difference(log_negativity_of_factor(factor)[0], brute.log_negativity(rho.dense(), half, half))
    yield Row("negativity from the factor of ρ", "brute force on ρ", f"{half}+{half} spins, 30 fs", found, 1e-9)
    half, largest = (4, 40) if reduced else (6, 600)
    factor = _state(half)[1]
    dense = log_negativity_of_factor(factor)[0]
    value, error = log_negativity_of_factor(factor, largest_dense=largest, error=2e-3)
    cases = f"{half}+{half} spins, 30 fs"
    yield Row(
        "sampled negativity: difference / stated error", "blocks diagonalised", cases, abs(value - dense) / error, 3
    )


def _state(half: int) -> tuple[Snapshot, SpinFactor]:
    experiment = pysv.Experiment(device=pysv.SpinValve.with_layers(half), times=pysv.times(stop=30, step=30))
    engine = pysv.Chebyshev().start(pure_runs(experiment), "python")
    engine.advance(30.0)
    snapshot = engine.snapshot()
    return snapshot, SpinFactor.of_mixture(snapshot.state)
