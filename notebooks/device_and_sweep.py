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
# # Your own device, and a sweep
#
# A `pysv.Device` is a chain of electrons with any magnetic layers and potentials on it. This notebook builds one from a
# spin 1, an antiferromagnet, a barrier and a disordered stretch, sends an electron through, looks at a single layer
# under a polarised electron, and computes the device for many values of its parameters.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv import config
from pysv.errors import InvalidInputError

# %% [markdown]
# ## A device
#
# A spin of length 1 with an easy axis, four spins 1/2 that are coupled antiferromagnetically ($J = J_z < 0$), a barrier
# between them, and a stretch with random energies in $[-W/2, W/2]$ behind them. Sites are counted from 1, both ends
# included; energies are in eV.

# %%
magnet = pysv.Layer(name="magnet", sites=[30, 30], spin=1.0, anisotropy=0.02)
antiferromagnet = pysv.Layer(name="antiferromagnet", sites=[36, 39], exchange=-0.2, exchange_z=-0.2)
barrier = pysv.Potential(sites=[33, 33], energy=0.8)
disorder = pysv.Potential(sites=[44, 60], disorder=1.0, seed=3)
device = pysv.Device(sites=70, layers=[magnet, antiferromagnet], potential=[barrier, disorder])

sites = np.arange(1, device.sites + 1)
fig, ax = plt.subplots(figsize=(8, 2.6))
ax.step(sites, [device.potentials.get(int(site), 0.0) for site in sites], where="mid", color="k", label="potential")
for layer, look in ((magnet, "^C1"), (antiferromagnet, "oC0")):
    ax.plot(layer.spin_sites, np.zeros(layer.count), look, markersize=8, label=f"{layer.name}, S = {layer.spin:g}")
ax.set(xlabel="site", ylabel=r"on-site energy $\varepsilon_x$ (eV)")
ax.legend(loc="upper left")
fig.tight_layout()

# %% [markdown]
# ## Its ground state
#
# The localized spins shall start in their ground state. The antiferromagnet's is a singlet, but the spin 1 may point up
# or down: the state is not unique, and pysv says so rather than choose.

# %%
packet = pysv.WavePacket(center=15, momentum_spread=0.35, spin="down")
experiment = pysv.Experiment(
    device=device,
    source=packet,
    spins=pysv.Ground(),
    times=pysv.times(stop=18, step=0.5),  # fs
    record=pysv.Record(currents=True),
)
try:
    pysv.solve(experiment, progress=False)
except InvalidInputError as error:
    print(error)
else:
    raise AssertionError("a degenerate ground state must be refused")

# %% [markdown]
# With total $S^z = 1$ the spin 1 is up. What the run needs is known before it starts:

# %%
experiment = replace(experiment, spins=pysv.Ground(spin_z=1))
print(pysv.estimate(experiment))

# %% [markdown]
# The same as a file, for `pysv run device.toml`. `pysv keys` lists every key with its unit and what is allowed.

# %%
text = config.dumps(experiment)
print(text)
assert config.loads(text).experiment == experiment

# %% [markdown]
# ## An electron runs through
#
# On the left the density of the electron: it splits at the magnet, at the barrier and at the antiferromagnet. In the
# middle $\langle S^z\rangle/S$ of each spin, on the right the logarithmic negativity between the two layers. No
# exchange couples them; only the electron has met both.

# %%
data = pysv.solve(experiment, progress=False)
fig, axes = plt.subplots(1, 3, figsize=(13, 3.6))
image = axes[0].pcolormesh(data.site, data.time, data.electron_density, cmap="cividis", vmax=0.1, shading="nearest")
fig.colorbar(image, ax=axes[0], label="electrons on a site", extend="max")
for layer in device.layers:
    axes[0].axvspan(layer.spin_sites[0] - 0.5, layer.spin_sites[-1] + 0.5, color="w", alpha=0.25, linewidth=0)
axes[0].set(xlabel="site", ylabel="time (fs)", title="electron (layers: light bands)")
for layer, color, dashes in (("magnet", "C1", "-"), ("antiferromagnet", "C0", "--")):
    lines = axes[1].plot(data.time, data.spin_z[:, (data.layer == layer).values], color=color, linestyle=dashes)
    lines[0].set_label(layer)
axes[1].set(xlabel="time (fs)", ylabel=r"$\langle S^z\rangle/S$")
axes[1].legend()
axes[2].plot(data.time, data.log_negativity, "k")
axes[2].set(xlabel="time (fs)", ylabel="logarithmic negativity (nat)")
fig.tight_layout()
assert float(data.log_negativity[0]) < 1e-9 < 0.01 < float(data.log_negativity.max())

# %% [markdown]
# The charge that has passed a bond is the integral of the current through it. What has left the sites up to there has
# passed:

# %%
left = data.electron_density.sel(site=slice(1, 40)).sum("site")
passed = data.charge_transmitted.sel(bond_site=40)
assert np.allclose(left[0] - left, passed, atol=1e-6)
print(f"passed the antiferromagnet by {float(data.time[-1]):g} fs: {float(passed[-1]):.3f} electrons")

# %% [markdown]
# ## One layer under a polarised electron
#
# A single spin 1, up, and an electron that is up or down. Up on up has the largest total $S^z$: no spin can flip, and
# there is no torque. A down electron turns the spin. Nothing else acts on it, so that $\langle S^z\rangle/S$ is the
# integral of the torque, and what the spin loses the electron gains.

# %%
lone = pysv.Experiment(
    device=pysv.Device(sites=70, layers=[magnet]),
    source=packet,
    spins=pysv.Parallel(),
    times=pysv.times(stop=14, step=0.1),
    record=pysv.Record(torque=True),
)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for spin, color, dashes in (("down", "k", "-"), ("up", "C1", "--")):
    run = pysv.solve(replace(lone, source=replace(packet, spin=spin)), progress=False)
    torque, spin_z = run.torque_z.sel(spin=1), run.spin_z.sel(spin=1)
    axes[0].plot(run.time, torque, color=color, linestyle=dashes, label=f"electron {spin}")
    axes[1].plot(run.time, spin_z, color=color, linestyle=dashes, label=f"electron {spin}")
    integral = np.concatenate([[0], np.cumsum((torque.values[1:] + torque.values[:-1]) / 2 * 0.1)])
    assert np.allclose(spin_z - spin_z[0], integral, atol=2e-3)  # trapezia of 0.1 fs
    gained = (run.electron_spin_z - run.electron_spin_z[0]) / 2
    assert np.allclose(magnet.spin * (spin_z - spin_z[0]), -gained, atol=1e-9)
    assert spin == "down" or float(abs(torque).max()) < 1e-9
axes[0].set(xlabel="time (fs)", ylabel=r"torque on $S^z/S$ (1/fs)")
axes[1].set(xlabel="time (fs)", ylabel=r"$\langle S^z\rangle/S$")
axes[0].legend()
fig.tight_layout()
print(run.attrs["left_out"])

# %% [markdown]
# With one layer there are no two sides, so that the measures between two sides are left out, and the dataset says so.
#
# ## A sweep over a layer's coupling
#
# A grid names keys of the experiment file with their values; every combination is a run. A layer is called by its
# name, `device.layer.NAME.key`, a potential by its number, `device.potential.NUMBER.key`. What all runs share in shape
# is put together in one dataset, with a dimension for each key.

# %%
couplings, energies = [0.1, 0.3, 0.5, 0.7, 0.9], [0.0, 0.4, 0.8, 1.2]
grid = {"device.layer.antiferromagnet.sd_exchange": couplings, "device.potential.1.energy": energies}
swept = pysv.sweep(experiment, grid, progress=False)
together = swept.combined
print(len(swept.points), "runs;", dict(together.sizes))

largest = together.log_negativity.max("time")
fig, ax = plt.subplots(figsize=(5, 3.4))
image = ax.pcolormesh(energies, couplings, largest, cmap="cividis", shading="nearest")
fig.colorbar(image, label="largest log. negativity (nat)")
ax.set(xlabel="energy of the barrier (eV)", ylabel=r"$J_\mathrm{sd}$ of the antiferromagnet (eV)")
ax.set(xticks=energies, yticks=couplings)
fig.tight_layout()

other = replace(
    device,
    layers=[magnet, replace(antiferromagnet, sd_exchange=0.7)],
    potential=[replace(barrier, energy=0.4), disorder],
)
alone = pysv.solve(replace(experiment, device=other), progress=False).log_negativity
point = {"device_layer_antiferromagnet_sd_exchange": 0.7, "device_potential_1_energy": 0.4}
assert np.allclose(together.log_negativity.sel(point), alone, atol=1e-12)

# %% [markdown]
# ## A sweep over disorder
#
# The seed of the random energies is a key, too: each value is another sample. The negativity between the layers
# hardly feels what lies behind them; the charge that gets through does.

# %%
samples = pysv.sweep(experiment, {"device.potential.2.seed": list(range(1, 9))}, progress=False).combined
beyond = samples.charge_transmitted.sel(bond_site=60)
fig, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharex=True)
for ax, values, label in (
    (axes[0], beyond, "electrons beyond the disorder"),
    (axes[1], samples.log_negativity, "logarithmic negativity (nat)"),
):
    ax.plot(samples.time, values.T, color="0.6", linewidth=1)
    ax.plot(samples.time, values.mean("device_potential_2_seed"), color="k", linewidth=2, label="mean of 8 samples")
    ax.set(xlabel="time (fs)", ylabel=label)
axes[0].legend()
fig.tight_layout()
assert float(beyond.isel(time=-1).std()) > 10 * float(samples.log_negativity.sel(time=10).std())

# %% [markdown]
# ## The same on Dask
#
# With `dask="local:2"` two worker processes on this machine compute the points, with the address of a scheduler,
# `dask="tcp://…:8786"`, those of a cluster (`docs/cluster.md`). Where a point is computed does not change its numbers.
# With `out` every point is kept in a file; a sweep that was interrupted goes on with those that are missing. (In a
# script, rather than a notebook, `dask="local"` must stand below `if __name__ == "__main__":`, since the workers import
# the script.)

# %%
with tempfile.TemporaryDirectory() as folder:
    out = Path(folder) / "sweep"
    elsewhere = pysv.sweep(experiment, grid, dask="local:2", out=out, progress=False)
    print(len(list(out.iterdir())), "files: a point each, and sweep.nc")
    next(out.glob("device*.nc")).unlink()
    again = pysv.sweep(experiment, grid, out=out, progress=False)  # computes the one that is missing
for done in (elsewhere, again):
    assert np.allclose(done.combined.log_negativity, together.log_negativity, atol=1e-12)

# %% [markdown]
# On the command line: `pysv sweep device.toml --set device.layer.antiferromagnet.sd_exchange=0.1,0.3,0.5,0.7,0.9
# --set device.potential.1.energy=0,0.4,0.8,1.2 --dask local:2`.
