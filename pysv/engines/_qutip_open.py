"""QuTiP's solvers for open systems, `mesolve` and `mcsolve`, on the whole basis that a run can reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pysv.engines._trajectories import Seeds, sample_of, trajectory_seeds
from pysv.engines.base import Engine, Work, saved_array
from pysv.errors import EngineFailureError
from pysv.model.basis import Basis, Spins
from pysv.model.baths.jumps import layer_baths
from pysv.model.conservation import occupied_sectors
from pysv.sectors.backend import backend
from pysv.sectors.pure_run import pure_runs
from pysv.sectors.row_operator import RowOperator
from pysv.sectors.state import Part, PureMixture
from pysv.snapshot import Snapshot
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment

LARGEST_DENSITY = 1000
"""Largest number n of amplitudes for `mesolve`: the Liouvillian of its density matrix is n² × n²."""
_STEPS = 100
"""Steps of an integrator in 1 fs, each of which may add its tolerance to the error of ρ."""


class Options(Protocol):
    """The options of `pysv.QuTiP` that the solvers use."""

    @property
    def method(self) -> str:
        """Integrator."""

    @property
    def atol(self) -> float:
        """Absolute tolerance."""

    @property
    def rtol(self) -> float:
        """Relative tolerance."""

    @property
    def nsteps(self) -> int:
        """Largest number of internal steps."""

    @property
    def ntraj(self) -> int:
        """Number of trajectories."""

    @property
    def seeds(self) -> Seeds:
        """Seeds of the trajectories."""

    @property
    def unravelling(self) -> str:
        """Set of jump operators."""


def solver_options(method: Options) -> dict[str, Any]:
    """Options of QuTiP's solvers."""
    chosen = {"method": method.method, "atol": method.atol, "rtol": method.rtol, "nsteps": method.nsteps}
    # The time loop has its own progress bar. Normalising would hide the drift of the norm.
    return chosen | {"progress_bar": "", "normalize_output": False}


def failure(method: Options, start: float, stop: float, error: Exception) -> EngineFailureError:
    """The error for an integrator that failed between two times, fs."""
    return EngineFailureError(
        f"QuTiP's {method.method} failed between {start:g} and {stop:g} fs: {error}; raise nsteps = {method.nsteps} or "
        "loosen atol and rtol in [evolution.qutip]"
    )


def reachable_amplitudes(experiment: Experiment) -> int:
    """Number of amplitudes of a state over all sectors that the run and its jumps reach."""
    spins = Spins(experiment.device.levels)
    return sum(map(spins.sector_rows, _sectors(experiment))) * experiment.device.sites


def _sectors(experiment: Experiment) -> tuple[int, ...]:
    assert experiment.bath is not None
    if experiment.bath.coupling == "z":
        return tuple(sorted({sector for sectors in occupied_sectors(experiment) for sector in sectors}))
    return tuple(range(Spins(experiment.device.levels).lowest + 2))


def mixed(jumps: Sequence[Any]) -> list[Any]:
    """Superpositions L'_j = Σ_k U_jk L_k with U_jk = e^{2πijk/n}/√n, a unitary matrix.

    ΣL'ρL'† = ΣLρL† and ΣL'†L' = ΣL†L. The Lindblad equation is therefore the same (H.-P. Breuer and F. Petruccione, The
    Theory of Open Quantum Systems, Eq. 3.72), but its trajectories are different.

    Parameters
    ----------
    jumps : sequence of operator
        Jump operators of the spins of all layers with one Pauli matrix. Each L' then keeps or flips the parity of the
        down count, as each L does.
    """
    n = len(jumps)
    turn = np.exp(2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n) / np.sqrt(max(n, 1))
    return [sum(factor * jump for factor, jump in zip(row, jumps, strict=True)) for row in turn]


class _OpenSolver(Engine):
    """Basis, H, jump operators and initial states in the form of QuTiP."""

    def __init__(self, experiment: Experiment, method: Options) -> None:
        import qutip
        from scipy.sparse import csr_matrix, identity, kron

        device = experiment.device
        assert experiment.bath is not None
        self.time = 0.0
        self.method = method
        self.runs = pure_runs(experiment)
        basis = Basis.of_sectors(Spins(device.levels), _sectors(experiment))
        self.hamiltonian = self.runs[0].hamiltonian.on(basis)
        self.space = backend("python").space(self.hamiltonian, np.complex128)
        electron = identity(device.sites)

        def whole(operator: np.ndarray, layer: range) -> Any:
            rows = RowOperator.of_spins(operator, layer, basis, basis)
            return kron(csr_matrix((rows.value, rows.source, rows.first), (basis.rows, basis.rows)), electron)

        matrix = self.hamiltonian.sparse().astype(complex)
        axes = len(experiment.bath.coupling)
        jumps: list[list[Any]] = [[] for _ in range(axes)]
        for layer, bath in zip(device.layer_spins, layer_baths(device, experiment.bath), strict=True):
            if bath.lamb_shift.any():
                matrix = matrix + whole(bath.lamb_shift.astype(complex), layer)
            for number, jump in enumerate(bath.jumps):
                if jump.any():
                    jumps[number % axes].append(whole(jump, layer) / HBAR**0.5)
        if method.unravelling == "mixed":
            jumps = [mixed(own) for own in jumps]
        self.jumps = [qutip.Qobj(jump).to("CSR") for own in jumps for jump in own]
        self.generator = qutip.Qobj(matrix / HBAR).to("CSR")
        self.options = solver_options(method)

    def initial(self, number: int) -> np.ndarray:
        """Pure run `number` over the whole basis, complex (rows · sites,)."""
        run, basis = self.runs[number], self.hamiltonian.basis
        found = np.zeros((basis.rows, self.hamiltonian.sites), complex)
        own = run.hamiltonian.basis
        found[basis.rows_of(own.electron, own.configuration)] = run.hamiltonian.layout.flat(run.psi)
        return found.ravel()

    def part(self, weight: float, psi: np.ndarray) -> Part:
        """A state of the mixture."""
        return Part(weight, self.space, self.hamiltonian.layout.tiled(psi.reshape(-1, self.hamiltonian.sites)))

    def work(self) -> Work:
        """QuTiP does not count applications of H."""
        return Work(None, None, {})


class MasterEquation(_OpenSolver):
    """`qutip.MESolver`: the whole density matrix."""

    def __init__(self, experiment: Experiment, method: Options) -> None:
        import qutip

        super().__init__(experiment, method)
        self._lowest = 0.0
        self._solver = qutip.MESolver(self.generator, self.jumps, options=self.options)
        columns = [run.weight**0.5 * self.initial(number) for number, run in enumerate(self.runs)]
        self.rho = np.array(columns).T @ np.array(columns).conj()

    def advance(self, time: float) -> None:
        """Evolve ρ to `time`, fs."""
        import qutip
        from qutip.solver.integrator import IntegratorException

        if time > self.time:
            self._solver.start(qutip.Qobj(self.rho), 0.0)
            try:
                after = self._solver.step(time - self.time).full()
            except IntegratorException as error:
                raise failure(self.method, self.time, time, error) from error
            self.rho = (after + after.conj().T) / 2
        self.time = time

    def snapshot(self) -> Snapshot:
        """The eigenstates of ρ, each a part with its eigenvalue as weight; those that are not positive are left out."""
        weights, states = np.linalg.eigh(self.rho)
        self._lowest = min(self._lowest, float(weights[0]))
        # The integrator bounds the error of a step by rtol |ρ| + atol, element by element in the mean.
        allowed = _STEPS * max(self.time, 1.0) * (self.method.rtol + self.method.atol * len(self.rho))
        if weights[0] < -allowed:
            raise EngineFailureError(
                f"ρ has the eigenvalue {weights[0]:.1e} at t = {self.time:g} fs; the limit is {-allowed:.1e}, which "
                "follows from atol and rtol; tighten them in [evolution.qutip]"
            )
        kept = np.flatnonzero(weights > 1e-14)
        mixture = PureMixture(tuple(self.part(float(weights[i]), states[:, i]) for i in kept))
        return Snapshot(self.time, mixture, None)

    def work(self) -> Work:
        """How far ρ was from positive."""
        return Work(None, None, {"lowest_eigenvalue": self._lowest})

    def state(self) -> dict[str, np.ndarray]:
        """ρ."""
        return {"rho": self.rho}

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved ρ."""
        self.rho = saved_array(state, "rho", self.rho.shape).astype(complex)
        self.time = time


class MonteCarlo(_OpenSolver):
    """`qutip.MCSolver`: random trajectories, restarted at every snapshot, since jumps have no memory."""

    def __init__(self, experiment: Experiment, method: Options) -> None:
        import qutip

        super().__init__(experiment, method)
        options = {name: value for name, value in self.options.items() if name != "normalize_output"}
        jumps = self.jumps or [0 * self.generator]  # QuTiP requires at least one
        self._solver = qutip.MCSolver(self.generator, jumps, options=options)
        self._seeds = trajectory_seeds(method.ntraj, method.seeds)
        self._interval = 0
        electrons = list(dict.fromkeys(run.electron for run in self.runs))
        strata = [number % len(electrons) for number in range(method.ntraj)]
        self.sample = sample_of(strata)
        self.psi, self._weights = [], []
        for number, stratum in enumerate(strata):
            mixture = [k for k, run in enumerate(self.runs) if run.electron == electrons[stratum]]
            weights = np.array([self.runs[k].weight for k in mixture])
            chosen = self._random(number, 0).choice(len(mixture), p=weights / weights.sum())
            self.psi.append(self.initial(mixture[int(chosen)]))
            self._weights.append(float(weights.sum()) / strata.count(stratum))

    def _random(self, number: int, interval: int) -> np.random.Generator:
        """Random numbers of one trajectory between two snapshots. A resumed run draws the same ones."""
        return np.random.default_rng(np.random.SeedSequence(self._seeds[number], spawn_key=(interval,)))

    def advance(self, time: float) -> None:
        """Evolve every trajectory to `time`, fs."""
        import qutip
        from qutip.solver.integrator import IntegratorException

        if time > self.time:
            self._interval += 1
            for number, psi in enumerate(self.psi):
                seed = np.random.SeedSequence(self._seeds[number], spawn_key=(self._interval,))
                self._solver.start(qutip.Qobj(psi.reshape(-1, 1)), 0.0, seed=seed)
                try:
                    after = self._solver.step(time - self.time).full().ravel()
                except IntegratorException as error:
                    raise failure(self.method, self.time, time, error) from error
                self.psi[number] = after / np.linalg.norm(after)
        self.time = time

    def snapshot(self) -> Snapshot:
        """The trajectories with their weights."""
        parts = tuple(self.part(weight, psi) for weight, psi in zip(self._weights, self.psi, strict=True))
        return Snapshot(self.time, PureMixture(parts), None, sample=self.sample)

    def state(self) -> dict[str, np.ndarray]:
        """The trajectories, and the number of intervals so far."""
        return {"psi": np.array(self.psi), "interval": np.array([self._interval])}

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved trajectories."""
        shape = len(self.psi), self.psi[0].size
        self.psi = list(saved_array(state, "psi", shape).astype(complex))
        self._interval = int(saved_array(state, "interval", (1,))[0])
        self.time = time
