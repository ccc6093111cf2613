"""Baths beside random devices of any spins, against the dense density matrix of the whole system.

The reference takes H from the Kronecker products of `brute_general` and the jump operators from the time integral that
defines the universal Lindblad equation, with the correlator of `brute_open`.
"""

from __future__ import annotations

from dataclasses import replace

import brute_general as brute
import brute_open
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from test_any_device import chain_of, packet_of

import pysv

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")  # strong baths show errors

METHODS = {
    "low-rank": pysv.LowRank(tolerance=1e-7),
    "qutip": pysv.QuTiP(atol=1e-11, rtol=1e-10),
}
SHARP = {"low-rank": 1e-6, "qutip": 1e-7}
"""Allowed difference of any element of ρ; the time integral of the reference is good to 1e-8."""


def random_experiment(seed: int) -> pysv.Experiment:
    rng = np.random.default_rng(seed)
    lengths = [(0.5, 0.5), (1.0,), (0.5, 1.0), (1.5, 0.5), (2.5,), (0.5, 0.5, 0.5)][seed % 6]
    layers = [
        pysv.Layer(
            name=f"M{number}", sites=(2 + number, 2 + number), spin=length, sd_exchange=float(rng.normal(0, 0.5)),
            anisotropy=float(rng.normal(0, 0.05)), field=float(rng.normal(0, 0.05)),
        )
        for number, length in enumerate(lengths)
    ]  # fmt: skip
    if seed % 6 == 0:  # two spins of one layer, which are coupled
        pair = rng.normal(0, 0.1, 2).tolist()
        layers = [pysv.Layer(name="M", sites=(2, 3), sd_exchange=[0.5, -0.3], exchange=pair[0], exchange_z=pair[1])]
    direction = {layers[0].name: (float(rng.uniform(0, 3)), float(rng.uniform(-3, 3)))}
    return pysv.Experiment(
        device=pysv.Device(
            sites=5, layers=layers, hopping=[1.0, rng.normal(1, 0.3, 4).tolist()][seed % 2],
            potential=[pysv.Potential(disorder=1.0, seed=seed)], convention=("pauli", "half", "mixed")[seed % 3],
        ),
        source=pysv.WavePacket(center=2.5, momentum=1.2, momentum_spread=2.5, spin=("up", "unpolarized")[seed // 2 % 2]),
        spins=pysv.ProductState(layers=direction),
        bath=pysv.BosonicBath(
            temperature=float(rng.uniform(80, 300)), strength=0.05, coupling=("x", "z", "xyz", "y")[seed % 4]
        ),
        times=pysv.times(stop=2.0, step=1.0),
        record=pysv.Record(density_matrix=True, currents=True),
    )  # fmt: skip


def jump_operators(chain: brute.BruteChain, bath: pysv.BosonicBath) -> list[np.ndarray]:
    """∫ds g(−s) e^{iHs} X e^{−iHs} with X = S^a/S for each spin and component, over the localized spins, √eV."""
    n = chain.dimension
    spins_alone = replace(
        chain, hopping=(0.0,) * (chain.sites - 1), potential=(0.0,) * chain.sites,
        layers=tuple(replace(layer, sd_exchange=(0.0,) * len(layer.sites)) for layer in chain.layers),
    )  # fmt: skip
    h = brute.hamiltonian(spins_alone).toarray()[:n, :n]
    t, g = brute_open.correlator(brute_open.BruteBath(bath.temperature, bath.coupling, bath.strength, bath.cutoff))
    dt = t[1] - t[0]
    levels = np.linalg.eigvalsh(h)
    assert (levels[-1] - levels[0] + 9 * bath.cutoff) * dt < 2 * np.pi, "the sum over times would not be the integral"
    step, start, found = expm(1j * h * dt), expm(1j * h * t[0]), []
    for spin, d in enumerate(chain.dims):
        left, right = (int(np.prod(part, dtype=int)) for part in (chain.dims[:spin], chain.dims[spin + 1 :]))
        for axis in bath.coupling:
            own = brute.spin_matrices((d - 1) / 2)["xyz".index(axis)] / ((d - 1) / 2)
            x = start @ np.kron(np.kron(np.eye(left), own), np.eye(right)) @ start.conj().T
            total = np.zeros_like(h)
            for value in g[::-1]:
                total += value * dt * x
                x = step @ x @ step.conj().T
            found.append(total)
    return found


def densities(experiment: pysv.Experiment) -> tuple[brute.BruteChain, list[np.ndarray]]:
    """ρ of the whole system at the times of the experiment."""
    assert experiment.bath is not None
    chain = chain_of(experiment.device)
    given = dict(experiment.spins.layers)
    angles = [given.get(layer.name, (0.0, 0.0)) for layer in experiment.device.layers for _ in range(layer.count)]
    runs = brute.product_runs(chain, packet_of(experiment.source, chain.sites), experiment.source.spin, angles)
    jumps = [np.kron(np.eye(2 * chain.sites), jump) for jump in jump_operators(chain, experiment.bath)]
    h = brute.hamiltonian(chain).toarray()
    drift = (-1j * h - sum(jump.conj().T @ jump for jump in jumps) / 2) / brute.HBAR

    def right(_: float, flat: np.ndarray) -> np.ndarray:
        rho = flat.reshape(h.shape)
        change = drift @ rho
        change = change + change.conj().T
        return np.ravel(change + sum(jump @ rho @ jump.conj().T for jump in jumps) / brute.HBAR)

    times, start = experiment.times.values, brute_open.initial_density(runs).astype(complex)
    found = solve_ivp(right, (0, times[-1]), start.ravel(), "DOP853", t_eval=times, rtol=1e-10, atol=1e-12)
    return chain, [column.reshape(h.shape) for column in found.y.T]


def compare(experiment: pysv.Experiment, engine: str) -> None:
    data = pysv.solve(experiment, engine=METHODS[engine], progress=False)
    chain, expected = densities(experiment)
    stated = data.state_deviation.values if "state_deviation" in data else np.zeros(data.time.size)
    density = data.density_matrix.values
    for index, rho in enumerate(expected):
        parts = rho.reshape(chain.sites, 2, chain.dimension, chain.sites, 2, chain.dimension)
        spins = np.einsum("xsaxsb->ab", parts)
        np.testing.assert_allclose(density[index], spins, rtol=0, atol=SHARP[engine])
        if engine == "low-rank":  # the trace norm of the whole is at least that of the spins
            assert np.abs(np.linalg.eigvalsh(density[index] - spins)).sum() <= stated[index] + 1e-8
        sites = np.einsum("xsaxsa->x", parts).real
        np.testing.assert_allclose(data.electron_density[index], sites, rtol=0, atol=SHARP[engine])
    moved = np.abs(density[-1] - density[0]).max()
    assert moved > 1e-3, "nothing to compare"


@pytest.mark.parametrize("engine", METHODS)
@pytest.mark.parametrize("seed", range(12))
def test_the_density_matrix(seed, engine):
    compare(random_experiment(seed), engine)


@hypothesis.settings(max_examples=4)
@hypothesis.given(st.integers(100, 1_000_000), st.sampled_from(sorted(METHODS)))
def test_the_density_matrix_of_any_seed(seed, engine):
    compare(random_experiment(seed), engine)


def test_the_baths_matter():
    experiment = random_experiment(4)
    closed = pysv.solve(replace(experiment, bath=None), progress=False).density_matrix.values
    chain, expected = densities(experiment)
    parts = expected[-1].reshape((chain.sites, 2, chain.dimension) * 2)
    assert np.abs(np.einsum("xsaxsb->ab", parts) - closed[-1]).max() > 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_trajectories(seed):
    experiment = random_experiment(seed)
    data = pysv.solve(experiment, engine=pysv.Trajectories(ntraj=100, seeds=seed), progress=False)
    chain, expected = densities(experiment)
    for index, rho in enumerate(expected):
        parts = rho.reshape((chain.sites, 2, chain.dimension) * 2)
        spins = brute.spin_expectations(np.einsum("xsaxsb->ab", parts), chain.dims)
        for axis, values in zip("xyz", spins.T, strict=True):
            error = data[f"spin_{axis}_error"][index].values
            np.testing.assert_array_less(np.abs(data[f"spin_{axis}"][index].values - values), 5 * error + 1e-3)
