"""Several electrons: brute force in Fock space, free fermions, one electron in the chain of tensors."""

from __future__ import annotations

from collections.abc import Iterator

from rows import Row, by_variable, difference, grouped, worst
from test_several import CAREFUL, CASES, brute_states, experiment_of, free_fermions

import pysv

GROUPS = {
    "densities, spins": ("electron_density", "electron_spin_density_z", "electron_spin_z", "spin_z"),
    "ρ of the localized spins": ("density_matrix",),
    "entropies (S_half too), mutual information": ("entropy_half", "entropy_total", "mutual_information"),
    "logarithmic negativity": ("log_negativity",),
    "norm, energy, S^z, number": ("norm", "energy", "electron_number", "spin_z_total"),
}


def brute_force(reduced: bool) -> Iterator[Row]:
    two = [name for name in CASES if CASES[name][0] == 2]
    known = {name: brute_states(name) for name in (two[:1] if reduced else CASES)}
    exact = [name for name in two if name in known]
    for engine, method, names, allowed in (("fock", "fock", exact, 1e-9), ("tdmrg", CAREFUL, list(known), 2e-5)):
        found, energies = [], []
        for name in names:
            chain, energy, states = known[name]
            data = pysv.solve(experiment_of(name), engine=method, progress=False)
            found.append(by_variable(data, map(chain.variables, states)))
            energies.append(difference(data.attrs["engine_ground_state_energy"], energy))
        cases = ", ".join(f"{CASES[name][0]} electrons" for name in names)
        yield Row(f"`{engine}`: energy of the ground state (eV)", "brute force", cases, max(energies), 1e-9)
        for label, value in grouped(worst(found), GROUPS):
            yield Row(f"`{engine}`: {label}", "brute force", cases, value, allowed)


def free(reduced: bool) -> Iterator[Row]:
    experiment, densities = free_fermions(2 if reduced else 8)
    method = pysv.TDMRG(discarded_weight=1e-9, max_bond=300, time_step=0.15, trotter_order=4)
    data = pysv.solve(experiment, engine=method, progress=False)
    cases = f"{experiment.source.electrons} electrons, 14 sites"  # type: ignore[union-attr]
    yield Row(
        "`tdmrg`, J_sd = 0: density", "Slater determinant", cases, difference(data.electron_density, densities), 1e-4
    )


def rows(reduced: bool) -> Iterator[Row]:
    yield from brute_force(reduced)
    yield from free(reduced)
