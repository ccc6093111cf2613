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
# # Entanglement of mixed states, and its witnesses
#
# After the electron has left, the two layers share a state ρ that is mixed: the electron took information with it.
# Entropy and mutual information then no longer measure entanglement. What does? And why is the "quantum Fisher
# information" of the paper's Eq. 29 no witness? (Suresh et al., Phys. Rev. A 109, 022414, Figs. 3 and 7.)

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np

import pysv
from pysv.errors import PacketTruncationWarning
from pysv.measures import SpinDensity, entropy, layer_entropy, log_negativity, qfi, qfi_paper

warnings.simplefilter("ignore", PacketTruncationWarning)  # 5e-5 of the packet lies beyond the left end

# %% [markdown]
# ## Two spins on paper
#
# One spin in each layer. The Bell state is entangled. The equal mixture of ↑↓ and ↓↑ is not: it can be prepared by two
# people who toss a coin together. Its mutual information is nevertheless $\ln2$; its logarithmic negativity, Eq. 2,
# is zero. Werner states $p\,|\mathrm{Bell}\rangle\langle\mathrm{Bell}| + (1-p)/4$ lie between: they are entangled for
# $p > 1/3$ only, with negativity $\ln\frac{1+3p}{2}$.

# %%
bell = np.zeros((4, 4))
bell[np.ix_([1, 2], [1, 2])] = 0.5  # (|↑↓⟩ + |↓↑⟩)/√2
coins = np.diag([0.0, 0.5, 0.5, 0.0])


def look(matrix):
    rho = SpinDensity.from_dense(matrix, 1, 1)
    information = layer_entropy(rho, "polarizer") + layer_entropy(rho, "analyzer") - entropy(rho)
    return information, log_negativity(rho)


for name, matrix in {"Bell state": bell, "two coins": coins}.items():
    print(f"{name:10}  mutual information {look(matrix)[0]:.4f}, negativity {look(matrix)[1]:.4f} nat")
assert abs(look(bell)[1] - np.log(2)) < 1e-12
assert abs(look(coins)[1]) < 1e-12

p = np.linspace(0, 1, 41)
werner = [look(w * bell + (1 - w) * np.eye(4) / 4)[1] for w in p]
exact = np.log(np.maximum((1 + 3 * p) / 2, 1))
assert np.allclose(werner, exact, atol=1e-12)
fig, ax = plt.subplots(figsize=(5, 3))
ax.plot(p, werner, "k.", label="pysv")
ax.plot(p, exact, "C1", label=r"$\ln\,\max[1, (1+3p)/2]$")
ax.set(xlabel="$p$", ylabel="logarithmic negativity (nat)")
ax.legend()
fig.tight_layout()

# %% [markdown]
# ## The spin valve
#
# The mutual information counts all correlations of the layers; their negativity, once it is above zero, shows that they
# are entangled. How much of the correlations is classical does not follow from the two curves: they measure different
# things on different scales. The Bell state above has $2\ln2$ and $\ln2$, and nothing in it is classical; the two coins
# have $\ln2$ and zero. The entropy of both layers is not zero, since the electron is entangled with them, and came in
# unpolarized.

# %%
experiment = pysv.Experiment(times=pysv.times(stop=34, step=1), record=pysv.Record(density_matrix=True))
data = pysv.solve(experiment, progress=False)
fig, ax = plt.subplots(figsize=(6, 3.2))
ax.plot(data.time, data.entropy_total, "0.5", linestyle=":", label="entropy of both")
ax.plot(data.time, data.mutual_information, "C0--", label="mutual information")
ax.plot(data.time, data.log_negativity, "k", label="logarithmic negativity")
ax.set(xlabel="time (fs)", ylabel="nat")
ax.legend(fontsize=8)
fig.tight_layout()
assert abs(look(bell)[0] - 2 * np.log(2)) < 1e-12
assert abs(look(coins)[0] - np.log(2)) < 1e-12
assert (data.log_negativity.sel(time=slice(10, None)) > 1e-3).all()

# %% [markdown]
# ## Why 4·Var is not the QFI
#
# For a pure state the quantum Fisher information of an observable $O$ is $4\,\mathrm{Var}(O)$. For a mixed one it is
#
# $$F[O] = 2\sum_{ab}\frac{(p_a-p_b)^2}{p_a+p_b}\,|\langle a|O|b\rangle|^2 \;\le\; 4\,\mathrm{Var}(O),$$
#
# since a variance counts classical ignorance as well. Take the two coins again, $O=\frac12(\sigma^z_1-\sigma^z_2)$
# (momentum π at distance 1): its variance is the largest possible, its Fisher information zero.

# %%
positions, momenta = np.array([0.0, 1.0]), np.array([np.pi])
for name, matrix in {"Bell state": bell, "two coins": coins}.items():
    rho = SpinDensity.from_dense(matrix, 1, 1)
    variance, true = qfi_paper(rho, positions, momenta)[0] / 4, qfi(rho, positions, momenta)[0]
    print(f"{name:10}  4 Var/N = {variance:.3f}, QFI/N = {true:.3f}  (in spin-1/2 units)")
    assert abs(variance - 2) < 1e-12
assert true < 1e-12

# %% [markdown]
# "4 Var/N" claims two entangled spins for both; only one of them is entangled. A value of the true QFI per spin above
# $m$ shows at least $(m+1)$-partite entanglement (Hyllus et al., Phys. Rev. A 85, 022321); a small value shows nothing.
#
# In the spin valve the paper's $f_Q$ reaches 2, and would seem to witness entanglement. A factor 4 of that is due to
# the units (Pauli matrices instead of spins 1/2), the rest of the gap to the variance. The true QFI stays below 1: it
# witnesses nothing here, although the negativity shows that the layers are entangled.

# %%
k = data.momentum.values[1]
fig, ax = plt.subplots(figsize=(6, 3.2))
for name, dashes in {"qfi_paper": ":", "qfi_variance": "--", "qfi": "-"}.items():
    ax.plot(data.time, data[name].sel(momentum=k), f"k{dashes}", label=name)
ax.axhline(1, color="C3", linewidth=0.8)
ax.annotate("a witness needs more", (0.5, 1.04), color="C3", fontsize=8)
ax.set(xlabel="time (fs)", ylabel=r"per spin, $k=\pi/2$")
ax.legend(fontsize=8)
fig.tight_layout()
assert (data.qfi <= data.qfi_variance + 1e-9).all()
print({name: round(float(data[name].max()), 3) for name in ("qfi_paper", "qfi_variance", "qfi")})

# %% [markdown]
# ## ρ itself
#
# Modulus and phase of every element of ρ at the end, sorted by the number of flipped spins. The blocks are those that
# the conservation of $S^z$ allows. `pysv movie` shows how they fill.

# %%
from pysv.figures import single

single.draw(data, "density_matrix")
