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
# # Quantum spin-transfer torque without torque
#
# The layers FM$_p$ and FM$_a$ of the spin valve are magnetized up and down: collinear, antiparallel. For classical
# magnetizations the spin-transfer torque $\propto \mathbf m\times(\mathbf s\times\mathbf m)$ vanishes in this
# arrangement, and nothing happens. For quantum spins something does: they shrink, without turning, because they become
# entangled. This notebook shows it on the paper's 4+4 spins (Suresh et al., Phys. Rev. A 109, 022414, Fig. 2).
#
# Energies are in eV, times in fs; "spin" is $\langle\hat\sigma\rangle\in[-1,1]$.

# %%
import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv.errors import PacketTruncationWarning

warnings.simplefilter("ignore", PacketTruncationWarning)  # 5e-5 of the packet lies beyond the left end
experiment = pysv.Experiment(times=pysv.times(stop=34, step=0.5))  # before the first echo of a wall
data = pysv.solve(experiment, progress=False)

# %% [markdown]
# ## What would turn
#
# The electron comes in unpolarized and leaves FM$_p$ polarized along z. Spins along $\pm z$ that meet a spin along z
# feel no classical torque. Indeed nothing turns: all transverse components stay zero.

# %%
transverse = max(float(abs(data[f"spin_{axis}"]).max()) for axis in "xy")
print(f"largest transverse component of any localized spin: {transverse:.1e}")
assert transverse < 1e-12

# %% [markdown]
# ## What does change
#
# The z components do change: spin by spin, the vectors become shorter. The Landau–Lifshitz–Gilbert equation keeps their
# lengths, so that no classical magnetization can do that.

# %%
length = np.sqrt(sum(data[f"spin_{axis}"] ** 2 for axis in "xyz"))
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
for spin, dashes in zip(data.spin.values, ("-", "--", "-.", ":") * 2):
    color = "C0" if data.layer.sel(spin=spin) == "polarizer" else "C3"
    left.plot(data.time, data.spin_z.sel(spin=spin), dashes, color=color, label=f"{spin}")
    right.plot(data.time, length.sel(spin=spin), dashes, color=color)
left.plot(data.time, data.electron_spin_z, "k", linewidth=2, label="electron")
left.set(xlabel="time (fs)", ylabel=r"$\langle\hat\sigma^z\rangle$")
left.legend(fontsize=7, ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1))
right.set(xlabel="time (fs)", ylabel=r"length $|\langle\hat{\boldsymbol{\sigma}}\rangle|$", ylim=(0, 1.05))
fig.tight_layout()
print(f"shortest vector: {float(length.min()):.3f}")
assert float(length.min()) < 0.9

# %% [markdown]
# ## Where the length goes
#
# The reduced state of one spin is $\frac12(1+\langle\hat\sigma^z\rangle\hat\sigma^z)$ here, with the entropy of a
# biased coin. At $t=0$ it is zero. The whole system stays pure for each incoming spin direction, so that this entropy
# measures how strongly the spin is entangled with everything else (for the unpolarized electron one bit of classical
# ignorance comes in as well).

# %%
up = pysv.solve(replace(experiment, source=pysv.WavePacket(center=20, spin="up")), progress=False)
down = pysv.solve(replace(experiment, source=pysv.WavePacket(center=20, spin="down")), progress=False)


def coin(z):
    p = np.clip((1 + z) / 2, 1e-15, 1 - 1e-15)
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


fig, ax = plt.subplots(figsize=(6, 3.2))
for run, name, dashes in ((data, "unpolarized", "-"), (up, "up", "--"), (down, "down", "-.")):
    ax.plot(run.time, coin(run.spin_z.sel(spin=5)), dashes, label=f"spin 5, electron {name}")
ax.axhline(np.log(2), color="0.6", linewidth=0.8)
ax.set(xlabel="time (fs)", ylabel="entropy of one spin (nat)")
ax.legend(fontsize=8)
fig.tight_layout()

# %% [markdown]
# ## Conservation does the book-keeping
#
# Every bit of spin that a layer loses, the electron or the other layer gains: $S^z_\mathrm{tot}$ is conserved. An
# incoming ↑ electron cannot flip FM$_p$, which is up already. It gives its spin to FM$_a$ first; turned ↓ and
# reflected, it then can. An incoming ↓ electron begins with FM$_p$.

# %%
for name, run in {"up": up, "down": down}.items():
    change = {
        layer: float((run.spin_z - run.spin_z[0]).isel(time=-1).where(run.layer == layer, drop=True).sum())
        for layer in ("polarizer", "analyzer")
    }
    change["electron"] = float(run.electron_spin_z[-1] - run.electron_spin_z[0])
    total = sum(change.values())
    print(f"electron {name:5}", {key: round(value, 4) for key, value in change.items()}, f"sum {total:.1e}")
    assert abs(total) < 1e-9


def begins(run, layer):
    moved = abs(run.spin_z - run.spin_z[0]).where(run.layer == layer, drop=True).max("spin") > 1e-3
    return float(run.time[int(moved.argmax())])


for name, run in {"up": up, "down": down}.items():
    print(f"electron {name}: FM_p begins at {begins(run, 'polarizer')} fs, FM_a at {begins(run, 'analyzer')} fs")
assert begins(up, "analyzer") < begins(up, "polarizer")
assert begins(down, "polarizer") < begins(down, "analyzer")

# %% [markdown]
# ## Turned layers: both kinds of torque
#
# With FM$_a$ turned by an angle, the classical torque sets in as well: now the spins turn and shrink. (Tilted spins
# occupy several sectors of $S^z_\mathrm{tot}$; two spins in each layer keep this quick.)

# %%
pair = replace(experiment, device=pysv.SpinValve.with_layers(2), times=pysv.times(stop=30, step=1))
fig, ax = plt.subplots(figsize=(6, 3.2))
for degrees, dashes in ((180, "-"), (135, "--"), (90, ":")):
    spins = pysv.ProductState(polarizer=(0.0, 0.0), analyzer=(np.radians(degrees), 0.0))
    run = pysv.solve(replace(pair, spins=spins), progress=False)
    first = [run[f"spin_{axis}"].sel(spin=3) for axis in "xyz"]
    shrunk = np.sqrt(sum(part**2 for part in first))
    start = [float(part[0]) for part in first]
    cosine = sum(part * begin for part, begin in zip(first, start)) / shrunk
    turned = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    ax.plot(run.time, shrunk, f"C0{dashes}", label=f"length, {degrees}°")
    ax.plot(run.time, turned / 90, f"C1{dashes}", label=f"angle turned / 90°, {degrees}°")
ax.set(xlabel="time (fs)", ylabel="first spin of FM$_a$")
ax.legend(fontsize=7, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
fig.tight_layout()
