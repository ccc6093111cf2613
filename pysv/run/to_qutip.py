"""An experiment as QuTiP objects, for those who want to go on there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.errors import InvalidInputError
from pysv.experiment.source import OneElectron
from pysv.experiment.train import Train
from pysv.model.basis import Basis, Spins
from pysv.model.baths.jumps import bath_spins, layer_baths, spin_operator
from pysv.sectors.pure_run import pure_runs
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment


MAX_STATES = 100_000
"""Largest full product space that is handed over."""


@dataclass(frozen=True, eq=False)
class QutipProblem:
    """One electron and the localized spins in the full product space: site ⊗ electron spin ⊗ spin 1 ⊗ … ⊗ spin N.

    Times are in fs. All objects have the dimensions [sites, 2, 2S_1 + 1, …, 2S_N + 1]; spins have m = S first.

    Parameters
    ----------
    hamiltonian : qutip.Qobj
        H/ħ, with the Lamb shift of the baths if it is on, rad/fs.
    states : list of (float, qutip.Qobj)
        Weight and ket of each pure run at t = 0.
    jumps : list of qutip.Qobj
        Jump operators of the universal Lindblad equation, and √Γ_x n_x where the electron dephases, 1/√fs; empty for a
        closed system.
    observables : dict of str to qutip.Qobj
        ``spin_x_1`` … ``spin_z_N``, S/S of each localized spin; ``electron_spin_x|y|z``; ``electron_density_1`` ….
    """

    hamiltonian: Any
    states: list[tuple[float, Any]]
    jumps: list[Any]
    observables: dict[str, Any]

    @property
    def rho(self) -> Any:
        """The density matrix at t = 0."""
        return sum(weight * state.proj() for weight, state in self.states)


def to_qutip(experiment: Experiment) -> QutipProblem:
    """H, initial states, jump operators and observables of an experiment with one electron.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    QutipProblem
        ``qutip.mesolve(found.hamiltonian, found.rho, times, found.jumps, e_ops=found.observables)`` runs it.

    Raises
    ------
    InvalidInputError
        If the source has several electrons, or the space is too large.

    Examples
    --------
    >>> import pysv
    >>> device = pysv.SpinValve(sites=8, polarizer=(3, 3), analyzer=(6, 6))
    >>> own = pysv.Experiment(device=device, source=pysv.WavePacket(center=3, momentum_spread=1.5))
    >>> pysv.to_qutip(own).hamiltonian.dims
    [[8, 2, 2, 2], [8, 2, 2, 2]]
    """
    import qutip

    if not isinstance(experiment.source, OneElectron) or isinstance(experiment.source, Train):
        raise InvalidInputError("source has several electrons; QuTiP gets experiments with one", "source")
    device, spins = experiment.device, Spins(experiment.device.levels)
    if 2 * device.sites * spins.size > MAX_STATES:
        raise InvalidInputError(
            f"the full product space has {2 * device.sites * spins.size:,} states; QuTiP gets at most {MAX_STATES:,}",
            "device",
        )
    dims = [device.sites, 2, *spins.levels]
    runs = pure_runs(experiment)
    basis = Basis.of_sectors(spins, range(spins.lowest + 2))
    place = (_inner(basis)[:, None] + np.arange(device.sites)[None, :] * 2 * spins.size).ravel()
    order = np.argsort(place)
    matrix = runs[0].hamiltonian.on(basis).sparse()[order][:, order]

    def whole(**factors: np.ndarray) -> Any:
        """Operators of the electron's site or spin, or of a range of localized spins, times identities."""
        parts = [qutip.Qobj(factors.get("site", np.eye(device.sites))), qutip.Qobj(factors.get("electron", np.eye(2)))]
        localized = factors.get("spins")
        rest = qutip.qeye(spins.size) if localized is None else qutip.Qobj(localized)
        found = qutip.tensor(*parts, rest).to("CSR")
        found.dims = [dims, dims]
        return found

    h = qutip.Qobj(matrix / HBAR, dims=[dims, dims]).to("CSR")
    jumps = []
    if experiment.bath is not None:
        layers = bath_spins(device, experiment.bath)
        for own, bath in zip(layers, layer_baths(device, experiment.bath), strict=True):
            before, after = spins.part(0, own.start - 1).size, spins.part(own.stop - 1, spins.count).size
            if bath.lamb_shift.any():
                h = h + whole(spins=np.kron(np.kron(np.eye(before), bath.lamb_shift / HBAR), np.eye(after)))
            jumps += [
                whole(spins=np.kron(np.kron(np.eye(before), jump / HBAR**0.5), np.eye(after)))
                for jump in bath.jumps
                if jump.any()
            ]
        for site, rate in experiment.bath.dephasing(device.sites).items():
            if rate > 0:
                jumps.append(rate**0.5 * whole(site=_at(site, device.sites)))
    states = []
    for run in runs:
        full = np.zeros((device.sites, 2 * spins.size), dtype=complex)
        full[:, _inner(run.hamiltonian.basis)] = np.outer(run.packet, run.amplitude)
        states.append((run.weight, qutip.Qobj(full.reshape(-1, 1), dims=[dims, [1] * len(dims)])))
    pauli = {axis: spin_operator(Spins.of(1), 0, axis) for axis in "xyz"}
    observables = {f"electron_spin_{axis}": whole(electron=own) for axis, own in pauli.items()}
    for spin in range(spins.count):
        for axis in "xyz":
            observables[f"spin_{axis}_{spin + 1}"] = whole(spins=spin_operator(spins, spin, axis))
    for site in range(device.sites):
        observables[f"electron_density_{site + 1}"] = whole(site=_at(site + 1, device.sites))
    return QutipProblem(h, states, jumps, observables)


def _at(site: int, sites: int) -> np.ndarray:
    """Projector on a site, from 1, float64 (sites, sites)."""
    return np.diag((np.arange(1, sites + 1) == site).astype(float))


def _inner(basis: Basis) -> np.ndarray:
    """Index of each row (σ, c) in σ ⊗ c; at site x it is the state x ⊗ σ ⊗ c of the product space."""
    return np.asarray(basis.electron.astype(np.int64) * basis.spins.size + basis.configuration)
