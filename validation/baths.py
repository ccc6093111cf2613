"""Temperature: jump operators, engines of open systems, steady states, thermal states."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import brute
import brute_open
import numpy as np
from rows import Row, count, difference
from test_baths import steady_and_gibbs
from test_brute_force import brute_device
from test_open import experiment, reference
from test_thermal import thermal_run

import pysv
from pysv.errors import BathValidityWarning
from pysv.model.baths.jumps import layer_baths
from pysv.model.baths.spectral import SpectralDensity


def rows(reduced: bool) -> Iterator[Row]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BathValidityWarning)  # small systems, compared with the same equation
        yield from operators(reduced)
        yield from engines(reduced)
        yield from equilibrium(reduced)


def operators(reduced: bool) -> Iterator[Row]:
    found = []
    for shape in ("gaussian", "exponential", "hard"):
        for temperature in (10.0, 100.0, 300.0):
            density = SpectralDensity(temperature, 0.0144, 0.1, shape)
            omega = np.linspace(1e-3, 0.09, 90)
            found.append(difference(np.log(density(omega) / density(-omega)) / (density.beta * omega), 1))
    yield Row("ln[J(ω)/J(−ω)] / βω: distance from 1", "detailed balance", "3 cutoffs, 10–300 K", max(found), 1e-9)
    device = pysv.SpinValve(sites=5, polarizer=(1, 2), analyzer=(4, 4))
    pairs = [(t, c) for t in (10.0, 100.0, 300.0) for c in ("x", "z", "xyz")][: 1 if reduced else 9]
    found = []
    for temperature, coupling in pairs:
        polarizer, analyzer = layer_baths(device, pysv.BosonicBath(temperature=temperature, coupling=coupling))
        own = [np.kron(jump, np.eye(2)) for jump in polarizer.jumps] + [np.kron(np.eye(4), j) for j in analyzer.jumps]
        bath = brute_open.BruteBath(temperature, coupling)
        found.append(difference(own, brute_open.jump_operators(brute_device(device), bath)))
    yield Row("jump operators (√eV)", "time integral of the definition", count(pairs, "bath"), max(found), 1e-9)


def engines(reduced: bool) -> Iterator[Row]:
    pairs = [(c, t) for c in ("x", "z", "xyz") for t in (10.0, 100.0, 300.0)][: 1 if reduced else 9]
    methods = {
        "low-rank": pysv.LowRank(tolerance=1e-9, time_step=0.05),
        "qutip": pysv.QuTiP(solver="mesolve", atol=1e-12, rtol=1e-9),
    }
    for name, method in methods.items():
        found = [
            difference(pysv.solve(experiment(*pair), engine=method, progress=False).density_matrix, reference(*pair)[1])
            for pair in pairs
        ]
        yield Row(
            f"`{name}`: ρ of the localized spins", "the whole density matrix", count(pairs, "bath"), max(found), 1e-6
        )
    times = (6.0, 3.0)
    data = pysv.solve(
        experiment("x", 300.0, 0.2, times), engine=pysv.Trajectories(ntraj=400, seeds=1, time_step=0.25), progress=False
    )
    expected = brute.spin_expectations(reference("x", 300.0, 0.2, (0.0, 3.0, 6.0))[1][-1])[:, 2]
    off = np.abs(data.spin_z[-1].values - expected) / data.spin_z_error[-1].values
    yield Row(
        "`trajectories`: spin z, difference / stated error",
        "the whole density matrix",
        "400 trajectories",
        off.max(),
        3,
    )


def equilibrium(reduced: bool) -> Iterator[Row]:
    couplings = ("x",) if reduced else ("x", "y", "xyz")
    found = [difference(*steady_and_gibbs(coupling, 1e-3)) for coupling in couplings]
    yield Row("steady state of a layer, weak coupling", "e^{−βH}/Z", count(couplings, "coupling"), max(found), 1e-4)
    cases = [("pauli", 0.0, "unpolarized"), ("mixed", 0.02, "down"), ("half", 0.01, (1.0, 0.4))][: 1 if reduced else 3]
    found = []
    for case in cases:
        own, expected = thermal_run(*case)
        found.append(difference(pysv.solve(own, progress=False).density_matrix, expected))
    yield Row(
        "Gibbs states, evolved: ρ", "e^{−βH}/Z in the product space", count(cases, "convention"), max(found), 1e-9
    )
