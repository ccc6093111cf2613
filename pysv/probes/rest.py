"""Whether the localized spins rest before the electron comes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.basis import Spins
from pysv.model.initial import collinear_configuration
from pysv.model.operators import act
from pysv.model.terms import hamiltonian_terms, without_hops

if TYPE_CHECKING:
    from pysv.experiment import Experiment

_NOTHING = 1e-12
"""Exchange, eV, that counts as none."""


def at_rest(experiment: Experiment) -> bool:
    """Whether the start is an eigenstate of every S^z_j and of H_FM, as layers that are all up or all down.

    Beside any electron that has not come yet O_k|Ψ(t)⟩ = o|Ψ(t)⟩ then: connected correlators with a time t before the
    first snapshot are zero, and so is f_Q.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    bool
    """
    if experiment.bath is not None or not experiment.spins.is_product:
        return False
    spins = Spins(experiment.device.levels)
    found = collinear_configuration(experiment.spins.directions(experiment.device), spins)
    if found is None:
        return False
    start = np.array([found])
    elsewhere: defaultdict[int, float] = defaultdict(float)  # H_FM|start⟩ but for its own component
    for factors, value in without_hops(hamiltonian_terms(experiment.device)).items():
        if not factors.electrons:
            factor, _, after = act(factors, np.zeros_like(start), start, spins)
            if after[0] != found:
                elsewhere[int(after[0])] += value * float(factor[0])
    return all(abs(value) < _NOTHING for value in elsewhere.values())
