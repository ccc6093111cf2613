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
# # How one would see it
#
# The quantum Fisher information of Eq. 29 from spectra of scattered X rays (Sec. V of the paper; `docs/probes.md`):
# correlators at two times, the spectra $S(k,\omega,t)$ of a probe pulse, and $f_Q$ rebuilt from them.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv.errors import PacketTruncationWarning

warnings.simplefilter("ignore", PacketTruncationWarning)
experiment = pysv.Experiment(
    device=pysv.SpinValve.with_layers(2),
    source=pysv.WavePacket(center=20),
    times=pysv.times(stop=60, step=0.5),
).echo_free()
data = pysv.probe(experiment, pysv.Probe(sigma=2.0), progress=False)
data

# %% [markdown]
# ## Spectra
#
# Before the electron comes the layers rest, and nothing scatters. A pulse of 2 fs follows the passage, but its energy
# resolution is $\hbar/\sqrt2\sigma$ = 0.23 eV.

# %%
figure, panels = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for axes, k in zip(panels, data.momentum.values, strict=True):
    data.structure_factor.sel(momentum=k, omega=slice(-1.2, 1.2)).T.plot(ax=axes, cmap="magma_r", vmin=0)
    axes.set_title(f"k = {k / np.pi:.3g} π")

# %% [markdown]
# ## The integral equation
#
# $\int d\omega\,S = \frac{1}{8\sqrt\pi\sigma}\int d\tau\,G_{\sigma/\sqrt2}(t-\tau) f_Q(\tau)$: both sides,
# computed apart.

# %%
wrong = abs(data.structure_integral - data.smoothed_variance).max() / data.smoothed_variance.max()
print(f"largest difference: {float(wrong):.1e} of the largest value")
assert wrong < 1e-3

# %% [markdown]
# ## $f_Q$ rebuilt, with noise
#
# The Gaussian is undone up to a cutoff. Noise of 1 % of the data becomes the dark band; the light one is what the
# record leaves open near its end.

# %%
noise = 0.01 * float(data.structure_integral.max())
rebuilt = pysv.rebuild_qfi(data.structure_factor, error=noise).isel(momentum=1)
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for band, shade in ((rebuilt.qfi_error + rebuilt.qfi_open, 0.2), (rebuilt.qfi_error, 0.4)):
    axes.fill_between(rebuilt.time, rebuilt.qfi - band, rebuilt.qfi + band, alpha=shade, color="tab:red", linewidth=0)
axes.plot(data.time, data.qfi_direct[:, 1], color="0.4", linewidth=3, label="direct")
axes.plot(rebuilt.time, rebuilt.qfi, color="tab:red", linestyle="--", label="rebuilt")
axes.set(xlabel="time (fs)", ylabel="f_Q per spin")
axes.legend()

# %% [markdown]
# This $f_Q$ is a variance. The spins beside an electron are mixed, so that it is an upper bound of the quantum Fisher
# information and witnesses no entanglement by itself.
