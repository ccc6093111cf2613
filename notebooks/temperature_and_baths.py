# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Temperature and baths
#
# Temperature enters in two ways. The spins may start in a thermal state and then evolve as a closed system, or bosonic
# baths may act on them during the run (Suresh et al., Phys. Rev. A 109, 022414, Sec. III B and Figs. 3 and 5). Two
# things deserve a look: the paper expands the jump operators in a power series, and it averages random trajectories.
# Here the series is set against the exact operators, and the trajectories against a deterministic engine.
#
# A short device keeps everything within seconds: 2+2 spins on 70 sites, a narrower packet. Formulas and options:
# `docs/baths.md`.

# %%
import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv.errors import BathValidityWarning, PacketTruncationWarning
from pysv.model.baths.jumps import layer_baths, report
from pysv.model.baths.spectral import SpectralDensity
from pysv.units import BOLTZMANN

warnings.simplefilter("ignore", PacketTruncationWarning)
cold = pysv.Experiment(
    device=pysv.SpinValve(sites=70, polarizer=(27, 28), analyzer=(33, 34)),
    source=pysv.WavePacket(center=12, momentum_spread=0.35),
    times=pysv.times(stop=16, step=1),
)
data = pysv.solve(cold, progress=False)

# %% [markdown]
# ## Thermal states of the layers
#
# Eq. 12 starts the spins from $e^{-\beta H_\mathrm{FM}}/Z$. Taken literally, this state has no magnetisation: up and
# down are equally likely, and there is no spin valve. With a pinning field, opposite in the two layers and used only to
# prepare the state, the layers are antiparallel and only slightly excited.

# %%
states = {
    "antiparallel": pysv.Antiparallel(),
    "Gibbs, 100 K, pinned": pysv.Gibbs(temperature=100, pinning=0.02),
    "Gibbs, 100 K, literal": pysv.Gibbs(temperature=100),
}
runs = {name: pysv.solve(replace(cold, spins=spins), progress=False) for name, spins in states.items()}
for name, run in runs.items():
    start = ", ".join(f"{value:+.3f}" for value in run.spin_z[0].values)
    print(f"{name:22} spin z at t = 0: {start}; entropy {abs(float(run.entropy_total[0])):.2f} nat")
assert abs(runs["Gibbs, 100 K, literal"].spin_z[0]).max() < 1e-9

fig, ax = plt.subplots(figsize=(6, 3))
for (name, run), style in zip(runs.items(), ("k-", "C3--", "C0:")):
    ax.plot(run.time, run.log_negativity, style, label=name)
ax.set(xlabel="time (fs)", ylabel="logarithmic negativity (nat)")
ax.legend(fontsize=8)
fig.tight_layout()

# %% [markdown]
# ## The bath's spectrum, and where the power series fails
#
# Each spin has a bath of its own. In the universal Lindblad equation its jump operator between two eigenstates of the
# layer has the amplitude $\sqrt{2\pi J(E_n-E_m)}$, where $J(-\omega)=e^{-\beta\omega}J(\omega)$: absorbing an energy is
# rarer than giving it off. The eigenstates of a layer of a few spins are known exactly, hence so are the operators.
#
# The paper's Eq. 18 is the Taylor series of $\sqrt J$ around $\omega=0$ with 20 terms. Its radius of convergence is
# $2\pi k_BT$, the distance of the first pole of the Bose function: 54 meV at 100 K. The four-spin layers of the paper
# have energy differences up to 0.95 eV. A series cannot be summed there, however many terms it has.

# %%
density = SpectralDensity.of_bath(pysv.BosonicBath(temperature=100))
assert np.allclose(density(np.array([-0.03])), np.exp(-0.03 * density.beta) * density(np.array([0.03])))
omega = np.linspace(-0.12, 0.12, 241)
root = np.sqrt(density(omega))
series = np.polynomial.polynomial.polyval(omega, density.taylor(20)) / np.sqrt(2 * np.pi)
radius = 2 * np.pi * BOLTZMANN * 100
inside = abs(omega) < 0.5 * radius
assert np.allclose(series[inside], root[inside], rtol=1e-3)

fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(1e3 * omega, 1e3 * root, "k", label=r"$\sqrt{J(\omega)}$")
ax.plot(1e3 * omega, 1e3 * series, "C3--", label="20 terms of its Taylor series")
for side in (-1, 1):
    ax.axvline(1e3 * side * radius, color="0.6", linewidth=0.8)
ax.annotate(r"$2\pi k_BT$", (1e3 * radius + 1, 33), color="0.4", fontsize=8)
ax.set(xlabel=r"$\omega$ (meV)", ylabel=r"$\sqrt{J}$ (10$^{-3}$ eV$^{1/2}$)", ylim=(0, 1.5e3 * root.max()))
ax.legend(fontsize=8)
fig.tight_layout()

# %% [markdown]
# What this means for the operators of a layer: their relative distance from the exact ones, for the paper's layers.
# pysv always uses the exact operators unless `series_terms` is given, and warns when the series is off.

# %%
for temperature in (10, 100, 300):
    numbers, remarks = report(pysv.SpinValve(), pysv.BosonicBath(temperature=temperature, series_terms=20))
    print(f"{temperature:3d} K: the series is off by {numbers['bath_series_distance']:.0e} of the operators' norm")
    assert numbers["bath_series_distance"] > 1
print(remarks[-1])

weak = pysv.SpinValve(exchange=0.004, exchange_z=0.004)  # energies inside the radius: here the series is good
numbers, _ = report(weak, pysv.BosonicBath(temperature=300, series_terms=20))
print(f"weak exchange, 300 K: {numbers['bath_series_distance']:.0e}")
assert numbers["bath_series_distance"] < 1e-3

# %% [markdown]
# The equation itself has a measure of its validity, $\Gamma\tau$, which should be small. The paper's bath is not in the
# safe range; a run warns when the number exceeds 0.1.

# %%
for temperature in (10, 100, 300):
    numbers, _ = report(pysv.SpinValve(), pysv.BosonicBath(temperature=temperature))
    print(f"{temperature:3d} K: Γτ = {numbers['bath_validity']:.2f}")

# %% [markdown]
# ## A layer relaxes to its Gibbs state
#
# Without an electron the jump operators alone must bring a layer to $e^{-\beta H}/Z$ if the coupling is weak. The
# generator of the equation for one layer is a 16 × 16 matrix for two spins; its eigenvector with eigenvalue zero is the
# steady state.

# %%
bath = layer_baths(pysv.SpinValve(exchange=0.02, exchange_z=0.05), pysv.BosonicBath(temperature=200, coupling="xyz"))[0]
h, vectors = np.diag(bath.spectrum.energies), bath.spectrum.vectors
jumps = [vectors.T @ jump @ vectors for jump in bath.jumps]  # in the eigenbasis
one = np.eye(len(h))
drift = -1j * h - sum(jump.conj().T @ jump for jump in jumps) / 2
generator = np.kron(drift, one) + np.kron(one, drift.conj()) + sum(np.kron(jump, jump.conj()) for jump in jumps)
values, states = np.linalg.eig(generator)
steady = states[:, np.argmin(abs(values))].reshape(h.shape)
found = (steady / np.trace(steady)).diagonal().real
gibbs = np.exp(-bath.spectrum.energies / (BOLTZMANN * 200))
gibbs /= gibbs.sum()
print(f"populations differ from the Gibbs state by at most {abs(found - gibbs).max():.0e}")
assert abs(found - gibbs).max() < 1e-3

# %% [markdown]
# ## Trajectories against low rank
#
# Two engines solve the same equation. `trajectories` averages random pure states: every curve has a statistical error,
# and a nonlinear measure of a finite average is biased as well. `low-rank` holds $\rho=\Phi\Phi^\dagger$ with few
# columns: no noise, and a bound on what it has left out.

# %%
warnings.simplefilter("ignore", BathValidityWarning)  # seen above
warm = replace(cold, bath=pysv.BosonicBath(temperature=100))
exact = pysv.solve(warm, engine=pysv.LowRank(), progress=False)
sampled = {n: pysv.solve(warm, engine=pysv.Trajectories(ntraj=n, seeds=1), progress=False) for n in (50, 400)}
print(f"low rank: {exact.attrs['engine_largest_rank']} columns, bound {float(exact.state_deviation[-1]):.0e}")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for ax, name in zip(axes, ("spin_z", "log_negativity")):
    pick = {"spin": 1} if name == "spin_z" else {}
    for (n, run), style in zip(sampled.items(), ("C0:", "C3--")):
        value, error = run[name].sel(pick), run[f"{name}_error"].sel(pick)
        ax.plot(run.time, value, style, label=f"{n} trajectories")
        ax.fill_between(run.time, value - error, value + error, color=style[:2], alpha=0.2, linewidth=0)
    ax.plot(exact.time, exact[name].sel(pick), "k", label="low rank")
    ax.set(xlabel="time (fs)")
axes[0].set_ylabel(r"$\langle\sigma^z_1\rangle$")
axes[1].set_ylabel("logarithmic negativity (nat)")
axes[1].plot(data.time, data.log_negativity, "0.6", linewidth=0.8, label="no bath")
axes[1].legend(fontsize=8)
fig.tight_layout()

off = abs(sampled[400].spin_z - exact.spin_z)
assert (off <= 4 * sampled[400].spin_z_error + 5e-3).all()

# %% [markdown]
# Both agree within their errors, though until 16 fs only one trajectory in 25 jumps: the state without a jump is
# followed exactly, with its weight `engine_no_jump_weight`, and all trajectories are drawn among those that jumped.

# %%
at = {"time": 12}
for n, run in sampled.items():
    value, error, bias = (float(run[f"log_negativity{part}"].sel(at)) for part in ("", "_error", "_bias"))
    print(f"{n:3d} trajectories: {value:.4f} ± {error:.4f}, bias {bias:+.4f}")
print(f"without a jump until 16 fs: {sampled[400].attrs['engine_no_jump_weight']:.2f}")
print(f"low rank:         {float(exact.log_negativity.sel(at)):.4f}")
assert abs(float((sampled[400].log_negativity - exact.log_negativity).sel(at))) < 2e-3

# %% [markdown]
# ## Entanglement before the electron?
#
# The paper attributes a negativity that appears before the electron arrives to the finite number of trajectories.
# Trajectories whose jumps act on one spin each show none: two layers that nothing else connects stay in a product state
# in each of them, and a mixture of product states is separable, however few there are. The same equation can be
# unravelled into jumps that are superpositions of those of both layers; each of these entangles the layers, and only
# the average over many forgets it. Without sd exchange, and with a strong bath so that there are jumps enough:

# %%
apart = replace(
    cold, device=replace(cold.device, sd_exchange=0.0), bath=pysv.BosonicBath(temperature=300, strength=0.1)
)
for kind in ("local", "mixed"):
    few = pysv.solve(apart, engine=pysv.Trajectories(ntraj=8, seeds=2, unravelling=kind), progress=False)
    print(f"{kind} jumps, 8 trajectories: largest negativity {float(few.log_negativity.max()):.0e} nat")
    assert (float(few.log_negativity.max()) < 1e-9) == (kind == "local")
