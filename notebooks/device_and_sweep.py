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
# # Your own device, and a sweep on Dask
#
# Every number of the paper's device is an argument. This notebook makes another one, asks what it needs, and computes
# it for many values of two of its parameters: first in this process, then on the workers of a Dask cluster.

# %%
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv import config
from pysv.errors import InvalidInputError, PacketTruncationWarning

warnings.simplefilter("ignore", PacketTruncationWarning)

# %% [markdown]
# ## A device
#
# Layers of unequal sizes, one site apart, usual sd units (`convention="mixed"`: Pauli matrices for the electron, spins
# 1/2 for the magnets), and an electron with spin down. Sites are counted from 1, both ends included.

# %%
device = pysv.SpinValve(
    sites=90,
    polarizer=(30, 31),
    analyzer=(33, 35),
    sd_exchange=1.0,
    exchange=0.2,
    exchange_z=0.22,
    convention="mixed",
)
experiment = pysv.Experiment(
    device=device,
    source=pysv.WavePacket(center=14, momentum_spread=0.3, spin="down"),
    times=pysv.times(stop=14, step=1),
)
print(pysv.estimate(experiment))

# %% [markdown]
# A value that makes no sense is refused when it is given, with a sentence that says what is allowed.

# %%
try:
    replace(device, analyzer=(31, 34))
except InvalidInputError as error:
    print(error)
else:
    raise AssertionError("overlapping layers must be refused")

# %% [markdown]
# The same as a file, for `pysv run device.toml` (only what differs from the defaults would do, too):

# %%
text = config.dumps(experiment)
print(text[:300], "…")
assert config.loads(text).experiment == experiment

# %%
data = pysv.solve(experiment, progress=False)
fig, axes = plt.subplots(1, 2, figsize=(9, 3))
for layer, color, dashes in (("polarizer", "C0", "-"), ("analyzer", "C3", "--")):
    axes[0].plot(data.time, data.spin_z[:, (data.layer == layer).values], color=color, linestyle=dashes)
axes[0].set(xlabel="time (fs)", ylabel=r"$\langle\sigma^z_i\rangle$", title="FM$_p$ (lines), FM$_a$ (dashes)")
axes[1].plot(data.time, data.log_negativity, "k")
axes[1].set(xlabel="time (fs)", ylabel="logarithmic negativity (nat)")
fig.tight_layout()

# %% [markdown]
# ## A sweep
#
# A grid names keys of the experiment file, `table.key`, with their values; every combination is a run. What all runs
# share in shape is put together in one dataset, with a dimension for each key.

# %%
grid = {"device.sd_exchange": [0.4, 0.8, 1.2], "source.momentum": [1.0, 1.3, 1.5708]}
swept = pysv.sweep(experiment, grid, progress=False)
together = swept.combined
print(len(swept.points), "runs;", dict(together.sizes))

at_end = together.log_negativity.isel(time=-1)
fig, ax = plt.subplots(figsize=(4.5, 3.2))
image = ax.pcolormesh(grid["source.momentum"], grid["device.sd_exchange"], at_end, cmap="cividis", shading="nearest")
fig.colorbar(image, label="log. negativity at the end (nat)")
ax.set(xlabel="momentum (rad/site)", ylabel=r"$J_\mathrm{sd}$ (eV)")
fig.tight_layout()
single = replace(experiment, device=replace(device, sd_exchange=0.8), source=replace(experiment.source, momentum=1.3))
alone = pysv.solve(single, progress=False).log_negativity
assert np.allclose(together.log_negativity.sel(device_sd_exchange=0.8, source_momentum=1.3), alone, atol=1e-12)

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
    print(sorted(path.name for path in out.iterdir()))
    (out / "point-0002.nc").unlink()
    again = pysv.sweep(experiment, grid, out=out, progress=False)  # computes the one that is missing
for other in (elsewhere, again):
    assert np.allclose(other.combined.log_negativity, together.log_negativity, atol=1e-12)

# %% [markdown]
# On the command line: `pysv sweep device.toml --set device.sd_exchange=0.4,0.8,1.2 --set source.momentum=1.0,1.3,1.5708
# --dask local:2`.
