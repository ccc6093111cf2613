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
# # A first run
#
# One spin-unpolarized electron crosses a spin valve of 4+4 localized spins: FM$_p$ on sites 44–47 and FM$_a$ on
# sites 52–55 of a chain of 201 sites, at $T=0$ (Suresh et al., Phys. Rev. A 109, 022414, Figs. 2, 3 and 5).
# Energies are in eV and times in fs; sites and spins are counted from 1. Formulas: `docs/physics.md`; files and
# variables: `docs/files.md`.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pysv

experiment = pysv.Experiment(
    device=pysv.SpinValve(),  # the paper's: every argument has the paper's value as its default
    source=pysv.WavePacket(center=20),  # k = π/2, δ_k = 0.2, unpolarized
    spins=pysv.Antiparallel(),  # FM_p up, FM_a down
    times=pysv.times(stop=35, step=0.5),  # fs
)
for time, wall in experiment.wall_echoes:
    print(f"{wall}: its echo acts on the layers from {time:.1f} fs on")

# %% [markdown]
# What the run needs, before it runs. The Hamiltonian conserves $S^z_\mathrm{tot}$, so that an incoming ↑ and an
# incoming ↓ electron make two pure runs with 126 spin states each (electron and localized spins), instead of 512.

# %%
print(pysv.estimate(experiment))

# %% [markdown]
# The result is an `xarray.Dataset`: every variable has named dimensions and the attributes `units` and
# `long_name`. The attribute `packet_truncated` says how large a part of the packet the left end of the chain cuts off.

# %%
data = pysv.solve(experiment, progress=False)
data

# %% [markdown]
# The localized spins and the electron. "Spin z" is $\langle\hat\sigma^z\rangle\in[-1,1]$, whatever the
# spin convention of the Hamiltonian.

# %%
fig, ax = plt.subplots(figsize=(7, 3.6))
for spin in data.spin.values:
    line = data.spin_z.sel(spin=spin)
    ax.plot(data.time, line, label=f"{spin}: {line.layer.item()}, site {line.spin_site.item()}")
ax.plot(data.time, data.electron_spin_z, "k--", label="electron")
ax.set(xlabel="time (fs)", ylabel=r"$\langle\hat\sigma^z\rangle$")
ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
fig.tight_layout()

# %% [markdown]
# Entropies, mutual information (quantum and classical correlations) and logarithmic negativity (entanglement
# only) of the two layers.

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
labels = {
    "entropy_total": r"$S$ of both layers",
    "entropy_polarizer": r"$S$ of FM$_p$",
    "entropy_analyzer": r"$S$ of FM$_a$",
    "mutual_information": "mutual information",
}
for name, label in labels.items():
    left.plot(data.time, data[name], label=label)
left.set(xlabel="time (fs)", ylabel="entropy (nat)")
left.legend(fontsize=7, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
right.plot(data.time, data.log_negativity, "k")
right.set(xlabel="time (fs)", ylabel="logarithmic negativity (nat)")
fig.tight_layout()
print(f"at {data.time[-1].item():g} fs: {data.log_negativity[-1].item():.6f} nat")

# %% [markdown]
# Where the electron is, and which spin it has there. The lines enclose the two layers. What FM$_p$ reflects
# returns from the left wall: the echo.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
largest = abs(data.electron_spin_density_z).max().item()
looks = {
    "electron_density": {"cmap": "magma_r"},
    "electron_spin_density_z": {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest},
}
labels = ("probability per site", r"$\langle\hat\sigma^z\rangle$ per site")
for ax, (name, look), label in zip(axes, looks.items(), labels):
    mesh = ax.pcolormesh(data.time, data.site, data[name].T, shading="nearest", **look)
    fig.colorbar(mesh, ax=ax, label=label)
    for first, last in (experiment.device.polarizer, experiment.device.analyzer):
        ax.axhspan(first - 0.5, last + 0.5, fill=False, edgecolor="0.3", linewidth=0.6)
    ax.set(xlabel="time (fs)", ylim=(1, 130))
axes[0].set_ylabel("site")
fig.tight_layout()

# %% [markdown]
# Three Fisher informations per spin. `qfi_paper` is Eq. 29 (with its missing i) for Pauli operators,
# `qfi_variance` the same in spin-1/2 units; of a mixed state both are upper bounds and show nothing. Only `qfi`
# is a witness: above 1 it would show entanglement.

# %%
fig, ax = plt.subplots(figsize=(6, 3.2))
for name, dashes in {"qfi_paper": ":", "qfi_variance": "--", "qfi": "-"}.items():
    for k, k_name, color in zip(data.momentum.values, ("π/6", "π/2"), ("C0", "C3")):
        curve = data[name].sel(momentum=k)
        ax.plot(data.time, curve, dashes, color=color, label=f"{name}, k = {k_name}")
ax.axhline(1, color="0.6", linewidth=0.8)
ax.set(xlabel="time (fs)", ylabel="Fisher information per spin")
ax.legend(fontsize=7, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
fig.tight_layout()

# %% [markdown]
# Another device is another value of the same object. Left: the spin convention, which scales the operators in
# the Hamiltonian. Right: the sd exchange, with Pauli operators.

# %%
coarse = replace(experiment, times=pysv.times(stop=30, step=1))


def negativity(**changes):
    device = replace(experiment.device, **changes)
    return pysv.solve(replace(coarse, device=device), progress=False).log_negativity


by_convention = {name: negativity(convention=name) for name in ("pauli", "mixed", "half")}
by_exchange = {value: negativity(sd_exchange=value) for value in (0.25, 0.5, 1.0)}
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
for name, curve in by_convention.items():
    left.plot(curve.time, curve, label=name)
for value, curve in by_exchange.items():
    right.plot(curve.time, curve, label=rf"$J_\mathrm{{sd}}$ = {value} eV")
for ax in (left, right):
    ax.set_xlabel("time (fs)")
    ax.legend(fontsize=8, loc="upper left")
left.set_ylabel("logarithmic negativity (nat)")
fig.tight_layout()

# %% [markdown]
# An electron polarized along $x$ is a coherent superposition of ↑ and ↓, not a mixture. Its state lies in two
# $S^z_\mathrm{tot}$ sectors at once, and it gives the localized spins transverse components.

# %%
tilted = replace(coarse, source=pysv.WavePacket(center=20, spin=(np.pi / 2, 0.0)))  # [θ, φ]
turned = pysv.solve(tilted, progress=False)
fig, ax = plt.subplots(figsize=(6, 3))
for spin, color in ((1, "C0"), (5, "C3")):
    ax.plot(turned.time, turned.spin_x.sel(spin=spin), color, label=f"spin {spin}, x")
    ax.plot(turned.time, turned.spin_y.sel(spin=spin), color, linestyle="--", label=f"spin {spin}, y")
ax.plot(turned.time, turned.electron_spin_x, "k", label="electron, x")
ax.set(xlabel="time (fs)", ylabel=r"$\langle\hat\sigma^{x,y}\rangle$")
ax.legend(fontsize=8)
fig.tight_layout()

# %% [markdown]
# A result file holds the dataset, the experiment that made it, and the state of the run, so that the run can be
# continued or extended: here from 30 to 34 fs.

# %%
path = Path(tempfile.mkdtemp()) / "run.nc"
pysv.solve(coarse, out=path, progress=False)
pysv.resume(path, stop=34, progress=False)
loaded = pysv.load(path)
at_once = pysv.solve(replace(coarse, times=pysv.times(stop=34, step=1)), progress=False)
print(f"{loaded.attrs['status']} up to {loaded.time[-1].item():g} fs")
print("equal to one uninterrupted run:", loaded.equals(at_once))
print(loaded.attrs["experiment"][:160], "…")

# %% [markdown]
# The same run by three engines. `state_deviation` is a bound (Chebyshev) or a measurement (RK4) of the distance
# from the exact state; QuTiP controls its local error only, and none is stated.

# %%
short = replace(experiment, times=pysv.times(stop=12, step=2))
methods = (pysv.Chebyshev(), pysv.RK4(), pysv.QuTiP())  # each with its own options
runs = {method.name: pysv.solve(short, engine=method, progress=False) for method in methods}
print("engine      state_deviation   max |difference from chebyshev| of spin_z, log_negativity")
for name, run in runs.items():
    stated = run.attrs.get("state_deviation_reached", np.nan)
    differences = [abs(run[v] - runs["chebyshev"][v]).max().item() for v in ("spin_z", "log_negativity")]
    print(f"{name:10}  {stated:15.1e}   {differences[0]:.1e}, {differences[1]:.1e}")
