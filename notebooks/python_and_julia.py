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
# # Python and Julia side by side
#
# The engine `chebyshev` exists twice: with numba kernels in Python and as a Julia package. Both work on the same arrays
# in NumPy's memory, so that a run may stop in one and go on in the other. `krylov` exists in Julia only, on KrylovKit:
# an independent way to the same state. A run without Julia needs none of this; set-up and settings are in
# `docs/julia.md`.

# %%
import tempfile
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv import doctor
from pysv.errors import PacketTruncationWarning

warnings.simplefilter("ignore", PacketTruncationWarning)
status = doctor.julia_status()
ready = status["state"].startswith("ready")
print("\n".join(f"{name:20} {value}" for name, value in status.items()))
if not ready:
    print("\nJulia is not ready here: the cells below compare Python engines, and say what is left out.")

# %% [markdown]
# ## One experiment, every engine that is ready
#
# The reference is `chebyshev` in Python, whose own bound of its error is about 1e-13. The other engines state an error
# as well; the figure holds the distance of every variable against what was stated.

# %%
experiment = pysv.Experiment(source=pysv.WavePacket(spin="up"), times=pysv.times(stop=12, step=2))
contenders = {
    "rk4, Python": (pysv.RK4(time_step=0.02), "python"),
    "chebyshev, Julia": (pysv.Chebyshev(), "julia"),
    "krylov, Julia": ("krylov", "julia"),
}
runs = {"chebyshev, Python": pysv.solve(experiment, engine="chebyshev", backend="python", progress=False)}
for name, (engine, backend) in contenders.items():
    if backend == "python" or ready:
        runs[name] = pysv.solve(experiment, engine=engine, backend=backend, progress=False)
    else:
        print(f"{name}: left out, because Julia is not ready")

reference = runs["chebyshev, Python"]
names = [str(name) for name in reference.data_vars if name != "state_deviation"]
for name, run in runs.items():
    stated = run.attrs["state_deviation_reached"]
    off = max(float(abs(run[variable] - reference[variable]).max()) for variable in names)
    print(f"{name:18} states an error of {stated:.0e}; farthest variable off by {off:.0e}")
    assert off < 10 * stated + 1e-9

# %% [markdown]
# ## The same numbers, variable by variable
#
# Distances from the reference. Two programs that share the Hamiltonian's tables but not the propagation agree to many
# digits; what is left for `rk4` is its step, δt⁴.

# %%
shown = ("spin_z", "electron_density", "entropy_total", "log_negativity", "qfi")
fig, ax = plt.subplots(figsize=(7, 3))
others = [name for name in runs if name != "chebyshev, Python"]
for place, (name, marker) in enumerate(zip(others, "osD")):
    off = [max(float(abs(runs[name][variable] - reference[variable]).max()), 1e-17) for variable in shown]
    ax.semilogy(np.arange(len(shown)) + 0.1 * place, off, marker, color=f"{0.25 * place}", label=name)
ax.set_xticks(range(len(shown)), shown)
ax.set(ylabel="largest distance", ylim=(1e-17, 1e-4))
ax.legend(fontsize=8)
fig.tight_layout()

# %% [markdown]
# ## Begin in one language, go on in the other
#
# A checkpoint holds the state as an array, which does not know who made it.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.nc"
    half = pysv.Experiment(source=experiment.source, times=pysv.times(stop=6, step=2))
    pysv.solve(half, engine="chebyshev", backend="python", out=path, progress=False)
    went_on = pysv.resume(path, stop=12, backend="julia" if ready else "python", progress=False)
print("the second half ran in", went_on.attrs["backend"])
assert float(abs(went_on.log_negativity - reference.log_negativity).max()) < 1e-10

# %% [markdown]
# ## How long?
#
# Wall time of the same run; the first of each, which starts Julia and compiles, is not counted. Read the ratio, not
# the seconds. Small systems run on one thread in both; for larger ones see `docs/performance.md`.

# %%
seconds: dict[str, list[float]] = {}
for _ in range(3):
    for backend in ("python", "julia") if ready else ("python",):
        begun = time.perf_counter()
        pysv.solve(experiment, engine="chebyshev", backend=backend, progress=False)
        seconds.setdefault(backend, []).append(time.perf_counter() - begun)
for backend, found in seconds.items():
    print(f"{backend:7} {min(found):.3f} s, {min(found) / min(seconds['python']):.2f} of Python's time")
