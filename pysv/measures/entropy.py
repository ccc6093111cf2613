"""Von Neumann entropies and mutual information (Eqs. 5 and 6)."""

from __future__ import annotations

import numpy as np

from pysv.measures.factor import SpinFactor
from pysv.measures.registry import Measure, part, register
from pysv.measures.sizes import has_pairs, pairs_refusal, two_sides_needed
from pysv.measures.view import View
from pysv.model.density import SpinDensity, entropy_of_spectrum


def entropy(rho: SpinDensity | SpinFactor) -> float:
    """Von Neumann entropy −Tr ρ ln ρ of all localized spins (Eq. 6), nats."""
    return entropy_of_spectrum(rho.eigenvalues)


def layer_entropy(rho: SpinDensity | SpinFactor, layer: str) -> float:
    """Von Neumann entropy of one layer (Eq. 6), nats.

    Parameters
    ----------
    rho : SpinDensity or SpinFactor
    layer : {"polarizer", "analyzer"}
        The first part of the spins, or the other one.
    """
    return entropy_of_spectrum(rho.layer_eigenvalues(layer))


def mutual_information(rho: SpinDensity | SpinFactor) -> float:
    """S_p + S_a − S of the two layers (Eq. 5), nats: quantum and classical correlations together."""
    return _of_density(rho)["mutual_information"]


def _of_density(rho: SpinDensity | SpinFactor) -> dict[str, float]:
    total, polarizer, analyzer = entropy(rho), layer_entropy(rho, "polarizer"), layer_entropy(rho, "analyzer")
    return {
        "entropy_total": total,
        "entropy_polarizer": polarizer,
        "entropy_analyzer": analyzer,
        "mutual_information": polarizer + analyzer - total,
    }


def _entropies(view: View) -> dict[str, float | np.ndarray]:
    found: dict[str, float | np.ndarray] = {"entropy_total": entropy(view.rho)}
    if view.parted is not None:
        found = {**_of_density(view.parted), **found}
    if view.setting.pairs:
        found["mutual_information_pairs"] = np.array(
            [mutual_information(view.between(*pair)) for pair in view.setting.pairs]
        )
    return found


for _name, _place, _long_name in (
    ("entropy_total", 11, "von Neumann entropy of FM_p ∪ FM_a"),
    ("entropy_polarizer", 14, "von Neumann entropy of FM_p"),
    ("entropy_analyzer", 14, "von Neumann entropy of FM_a"),
    ("mutual_information", 12, "mutual information of FM_p and FM_a"),
):
    register(
        Measure(
            name=_name,
            long_name=_long_name,
            units="nat",
            needs="eigenstates",
            schedule="entropies",
            refusal=None if _name == "entropy_total" else two_sides_needed,
            function=part(_entropies, _name),
            place=_place,
        )
    )
register(
    Measure(
        name="mutual_information_pairs",
        long_name="mutual information of each two layers",
        units="nat",
        dims=("pair",),
        needs="eigenstates",
        schedule="entropies",
        applies=has_pairs,
        refusal=pairs_refusal,
        function=part(_entropies, "mutual_information_pairs"),
        place=15,
    )
)
