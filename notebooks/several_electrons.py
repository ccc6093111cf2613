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
# # Several electrons: exact, TeNPy, ITensor
#
# Two or more electrons wait in a well at the left end of the chain, while a field holds the layers antiparallel. At
# $t=0$ both are switched off (Suresh et al., Phys. Rev. A 109, 022414, Sec. III C and Fig. 6). Two electrons can be
# evolved exactly; more of them need a matrix-product state. Here a short chain shows how far each can be trusted; the
# paper's chain of 112 sites is `pysv figure 6`. Options: `docs/several.md`.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv import doctor

two = pysv.Experiment(
    device=pysv.SpinValve(sites=22, polarizer=(10, 11), analyzer=(14, 15)),
    source=pysv.ConfinedElectrons(electrons=2, confined_sites=6),  # V = 2γ, gμ_B B = 10γ
    times=pysv.times(stop=5, step=0.5),
)
print(f"waves reflected by the walls are back at {two.wall_echoes[0][0]:.1f} fs")

# %% [markdown]
# ## Two electrons, exactly
#
# `fock` holds the amplitude of every pair of positions beside every configuration of the localized spins that conserves
# $S^z$. The ground state in the well is not quite confined: a little of it leaks out.

# %%
exact = pysv.solve(two, engine="fock", progress=False)
print(f"ground state {exact.attrs['engine_ground_state_energy']:.6f} eV")
print(f"{exact.attrs['engine_electrons_outside_well']:.3f} of 2 electrons lie outside the well")

# %% [markdown]
# ## The same with a matrix-product state
#
# `tdmrg` has two errors of its own: the Trotter step and the truncation of the bonds. The weight that truncation has
# taken is recorded for every bond. The Trotter error is seen by comparison: order 2 with the paper's
# $\delta t=0.1\hbar/\gamma$ against order 4.

# %%
runs = {order: pysv.solve(two, engine=pysv.TDMRG(trotter_order=order, min_bond=30), progress=False) for order in (2, 4)}
for order, run in runs.items():
    off = {name: float(abs(run[name] - exact[name]).max()) for name in ("spin_z", "entropy_half", "log_negativity")}
    print(f"order {order}: " + ", ".join(f"{name} off by {value:.0e}" for name, value in off.items()))
    largest, lost = int(run.bond_dimension.max()), float(run.discarded_weight.max())
    print(f"         bonds up to {largest}, weight discarded {lost:.0e}")
assert float(abs(runs[4].spin_z - exact.spin_z).max()) < 1e-5
assert float(abs(runs[4].spin_z - exact.spin_z).max()) < float(abs(runs[2].spin_z - exact.spin_z).max()) / 10

fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
axes[0].pcolormesh(exact.site, exact.time, exact.electron_density, cmap="magma", shading="nearest", rasterized=True)
axes[0].set(xlabel="site", ylabel="time (fs)", title="electrons on a site")
for order, style in ((2, "C0--"), (4, "C3:")):
    off = abs(runs[order].entropy_half - exact.entropy_half)
    axes[1].semilogy(exact.time, np.maximum(off, 1e-12), style, label=f"Trotter order {order}")
axes[1].set(xlabel="time (fs)", ylabel=r"error of $S_\mathrm{half}$ (nat)")
axes[1].legend(fontsize=8)
fig.tight_layout()

# %% [markdown]
# ## More electrons
#
# With four electrons the exact space is out of reach even here. The localized spins shrink more, and the halves of the
# chain are more entangled, as the paper says. The negativity of the two layers, which the paper does not give for
# several electrons, does not simply follow: ρ of the localized spins is more mixed, too.

# %%
four = replace(two, source=replace(two.source, electrons=4))
more = pysv.solve(four, engine=pysv.TDMRG(max_bond=120, min_bond=30), progress=False)
lost, warned = float(more.discarded_weight.max()), more.attrs["warnings"] or "none"
print(f"four electrons: weight discarded {lost:.0e}; warnings: {warned}")

fig, axes = plt.subplots(1, 3, figsize=(11, 3))
for data, color, dashes, label in ((exact, "C0", "--", "2 electrons"), (more, "k", "-", "4 electrons")):
    axes[0].plot(data.time, data.spin_z[:, [0, 3]], color=color, linestyle=dashes)
    axes[1].plot(data.time, data.entropy_half, color=color, linestyle=dashes, label=label)
    axes[2].plot(data.time, data.log_negativity, color=color, linestyle=dashes)
labels = r"$\langle\sigma^z_1\rangle$, $\langle\sigma^z_4\rangle$", r"$S_\mathrm{half}$ (nat)", "log. negativity (nat)"
for ax, label in zip(axes, labels):
    ax.set(xlabel="time (fs)", ylabel=label)
axes[1].legend(fontsize=8)
fig.tight_layout()
assert float(abs(more.spin_z[-1]).min()) < float(abs(exact.spin_z[-1]).min())
assert float(more.entropy_half[-1]) > float(exact.entropy_half[-1])

# %% [markdown]
# ## TeNPy against ITensor
#
# The runs above took their ground state from TeNPy, in Python. With `backend="julia"` the sites, operators and ground
# state are those of ITensor, and the gates are applied in Julia: nothing is shared but the numbers of the Hamiltonian.
# Where Julia is not set up for `tdmrg`, this cell says so, and nothing is compared.

# %%
state = doctor.julia_status()["tdmrg"]
if state.startswith("ready") and "julia" in pysv.TDMRG.backends:
    other = pysv.solve(two, engine=pysv.TDMRG(trotter_order=4, min_bond=30), backend="julia", progress=False)
    for name in ("spin_z", "electron_density", "entropy_half", "log_negativity"):
        off = float(abs(other[name] - runs[4][name]).max())
        print(f"{name:16} differs by {off:.0e}")
        assert off < 1e-6
    energies = [run.attrs["engine_ground_state_energy"] for run in (runs[4], other)]
    print(f"ground states differ by {abs(energies[0] - energies[1]):.0e} eV")
else:
    print(f"ITensor is left out here. Julia: {state}")

# %% [markdown]
# How converged is a run of your own? `pysv convergence run.toml` repeats it with half the time step, with larger bonds
# and with less discarded weight, and prints what changes.
