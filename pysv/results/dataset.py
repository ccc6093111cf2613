"""The dataset: names, dimensions, units and provenance of everything that a run yields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from pysv.results.versions import versions

if TYPE_CHECKING:
    from pysv.experiment import Experiment

FORMAT = "pysv-1"
"""Marks a dataset as written by pysv, with the version of its layout."""


ALWAYS = ("norm", "energy", "spin_z_total", "electron_number")
"""Variables that every dataset holds: the invariants."""
REQUIRED_TEXTS = (
    "experiment",
    "engine",
    "backend",
    "versions",
    "status",
    "warnings",
    "left_out",
    "state_deviation_kind",
)
REQUIRED_NUMBERS = ("wall_time", "drift_tolerance", *(f"drift_{name}" for name in ALWAYS))


@dataclass(frozen=True)
class Variable:
    """Schema of one variable: dimensions after ``time``, units, and what it is."""

    dims: tuple[str, ...]
    units: str
    long_name: str
    dtype: type = np.float64


_AXES = ("x", "y", "z")
SCHEMA: dict[str, Variable] = {
    **{f"spin_{a}": Variable(("spin",), "1", f"localized spin ⟨σ^{a}⟩") for a in _AXES},
    **{f"electron_spin_{a}": Variable((), "1", f"electron spin ⟨σ^{a}⟩") for a in _AXES},
    "electron_density": Variable(("site",), "1", "probability of the electron, or number of electrons, on a site"),
    "electron_spin_density_z": Variable(("site",), "1", "electron spin density ⟨σ^z⟩ on a site"),
    "entropy_total": Variable((), "nat", "von Neumann entropy of FM_p ∪ FM_a"),
    "entropy_polarizer": Variable((), "nat", "von Neumann entropy of FM_p"),
    "entropy_analyzer": Variable((), "nat", "von Neumann entropy of FM_a"),
    "mutual_information": Variable((), "nat", "mutual information of FM_p and FM_a"),
    "log_negativity": Variable((), "nat", "mutual logarithmic negativity of FM_p and FM_a"),
    "discarded_weight_factor": Variable((), "1", "weight of ρ beyond the numerical rank of its factor"),
    "magnon_probability": Variable(("flips",), "1", "probability of m flipped spins"),
    "w_fidelity": Variable((), "1", "fidelity with the one-magnon W state"),
    "qfi_paper": Variable(("momentum",), "1", "Eq. 29: 4 Var(O_k)/N, Pauli operators (not a witness)"),
    "qfi_variance": Variable(("momentum",), "1", "Eq. 29 in spin-1/2 units: upper bound of the QFI per spin"),
    "qfi": Variable(("momentum",), "1", "quantum Fisher information per spin, spin-1/2 units"),
    "norm": Variable((), "1", "norm Tr ρ"),
    "energy": Variable((), "eV", "energy ⟨H⟩"),
    "spin_z_total": Variable((), "1", "total spin ⟨σ^z⟩ of electron and localized spins"),
    "electron_number": Variable((), "1", "number of electrons"),
    "state_deviation": Variable((), "1", "distance of the state from the exact one"),
    "entropy_half": Variable((), "nat", "entanglement entropy of the chain's right half, S_half"),
    "entropy_bond": Variable(("bond",), "nat", "entanglement entropy of all that lies right of a bond"),
    "bond_dimension": Variable(("bond",), "1", "bond dimension of the matrix-product state", np.int64),
    "discarded_weight": Variable(("bond",), "1", "weight discarded on a bond up to this time"),
    "density_matrix": Variable(("ket", "bra"), "1", "density matrix of the localized spins", np.complex128),
}
NONLINEAR = (
    *("entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information", "log_negativity"),
    *("qfi_paper", "qfi_variance", "qfi"),
)
"""Variables that are not linear in ρ: from a finite number of trajectories they carry a bias."""
SAMPLED = tuple(name for name in SCHEMA if name not in ("state_deviation", "density_matrix", "discarded_weight_factor"))
"""Variables that have a statistical error in a run of random trajectories; the negativity of a large run has
one, too."""
SCHEMA |= {
    f"{name}_error": replace(SCHEMA[name], long_name=f"standard error: {SCHEMA[name].long_name}") for name in SAMPLED
}
SCHEMA |= {
    f"{name}_bias": replace(SCHEMA[name], long_name=f"estimated bias (half samples): {SCHEMA[name].long_name}")
    for name in NONLINEAR
}


def coordinates(experiment: Experiment) -> dict[str, xr.Variable]:
    """Coordinates of a run's dataset, without ``time``.

    ``ket`` and ``bra`` hold configurations as strings of ↑ and ↓, in the order of the Kronecker product of the spins.
    """
    device = experiment.device
    layer = ["polarizer"] * device.n_polarizer + ["analyzer"] * device.n_analyzer
    n = device.n_spins
    found = {
        "site": xr.Variable("site", np.arange(1, device.sites + 1), {"units": "1", "long_name": "chain site"}),
        "spin": xr.Variable("spin", np.arange(1, n + 1), {"units": "1", "long_name": "localized spin"}),
        "layer": xr.Variable("spin", layer, {"long_name": "ferromagnetic layer of the spin"}),
        "spin_site": xr.Variable(
            "spin", list(device.spin_sites), {"units": "1", "long_name": "chain site of the spin"}
        ),
        "flips": xr.Variable("flips", np.arange(n + 1), {"units": "1", "long_name": "flipped spins (magnons)"}),
        "momentum": xr.Variable(
            "momentum", list(experiment.record.momenta), {"units": "rad/site", "long_name": "momentum transfer k"}
        ),
    }
    bonds = np.arange(1, device.sites)
    found["bond"] = xr.Variable("bond", bonds, {"units": "1", "long_name": "bond between this site and the next"})
    if experiment.record.density_matrix:
        labels = [format(c, f"0{n}b").replace("0", "↑").replace("1", "↓") for c in range(1 << n)]
        found |= {side: xr.Variable(side, labels, {"long_name": f"{side} configuration"}) for side in ("ket", "bra")}
    return found


def build(
    experiment: Experiment, times: np.ndarray, arrays: Mapping[str, np.ndarray], attrs: Mapping[str, str | float | int]
) -> xr.Dataset:
    """Label recorded arrays.

    Parameters
    ----------
    experiment : Experiment
    times : float ndarray (T,)
        Times of the snapshots, fs.
    arrays : mapping of str to ndarray (T, …)
        Recorded variables; each name is one of `SCHEMA`.
    attrs : mapping
        Provenance; see `provenance`.

    Returns
    -------
    xarray.Dataset
    """
    variables = {
        name: (("time", *SCHEMA[name].dims), values, {"units": SCHEMA[name].units, "long_name": SCHEMA[name].long_name})
        for name, values in arrays.items()
    }
    time = xr.Variable("time", times, {"units": "fs", "long_name": "time"})
    used = {"time", *(dim for name in arrays for dim in SCHEMA[name].dims)}
    coords = {name: value for name, value in coordinates(experiment).items() if set(value.dims) <= used}
    return xr.Dataset(variables, {"time": time, **coords}, dict(attrs))


def provenance(experiment_toml: str, engine: str, backend: str, seeds: str) -> dict[str, str]:
    """Attributes that say where a dataset comes from: the experiment as TOML, engine, backend, versions, seeds."""
    return {
        "pysv_format": FORMAT,
        "experiment": experiment_toml,
        "engine": engine,
        "backend": backend,
        "versions": json.dumps(versions()),
        "seeds": seeds,
    }
