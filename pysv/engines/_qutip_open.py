"""QuTiP's solvers for open systems, `mesolve` and `mcsolve`, on the whole basis that a run can reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pysv.engines._branches import Branches, plain_weights
from pysv.engines._trajectories import APART, PLAIN, Seeds, trajectory_seeds
from pysv.engines.base import Engine, Work, saved_array
from pysv.errors import EngineFailureError
from pysv.model.basis import Basis, Spins
from pysv.model.baths.jumps import bath_spins, layer_baths
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
_LEAST_JUMP = 1e-9
"""Probability of a jump between two snapshots below which it is rounding of the integrator."""
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

    @property
    def sampling(self) -> str:
        """How trajectories are drawn."""


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
    if experiment.bath.keeps_spin_z:
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


def _summed(solver: Any) -> Any:
    """A `qutip.MCSolver` with −iH − ½ Σ L†L as one matrix; QuTiP multiplies by each of its terms."""
    with suppress(AttributeError):  # of another version of QuTiP
        solver.rhs.rhs.compress()
    return solver


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
        layers = bath_spins(device, experiment.bath)
        for layer, bath in zip(layers, layer_baths(device, experiment.bath), strict=True):
            if bath.lamb_shift.any():
                matrix = matrix + whole(bath.lamb_shift.astype(complex), layer)
            for number, jump in enumerate(bath.jumps):
                if jump.any():
                    jumps[number % axes].append(whole(jump, layer) / HBAR**0.5)
        if method.unravelling == "mixed":
            jumps = [mixed(own) for own in jumps]
        jumps.append(self._dephasing(experiment.bath.dephasing(device.sites)))
        self.jumps = [qutip.Qobj(jump).to("CSR") for own in jumps for jump in own]
        self.generator = qutip.Qobj(matrix / HBAR).to("CSR")
        self.options = solver_options(method)

    def _dephasing(self, rates: Mapping[int, float]) -> list[Any]:
        """√Γ_x n_x of the sites on which the electron dephases."""
        from scipy.sparse import coo_matrix, identity, kron

        rows, sites = self.hamiltonian.basis.rows, self.hamiltonian.sites
        here = {
            site: coo_matrix(([rate**0.5], ([site - 1], [site - 1])), (sites, sites)) for site, rate in rates.items()
        }
        return [kron(identity(rows), own).tocsr() for site, own in here.items() if rates[site] > 0]

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
    """`qutip.MCSolver`: random trajectories, restarted at every snapshot, since jumps have no memory.

    With "no-jump apart" the states without a jump are followed too, by QuTiP's `improved_sampling` of each interval
    between snapshots, which also draws the trajectories that begin anew there (`pysv.engines._branches`).
    """

    def __init__(self, experiment: Experiment, method: Options) -> None:
        import qutip

        super().__init__(experiment, method)
        options = {name: value for name, value in self.options.items() if name != "normalize_output"}
        jumps = self.jumps or [0 * self.generator]  # QuTiP requires at least one
        self._solver = _summed(qutip.MCSolver(self.generator, jumps, options=options))
        # Below norm_tol QuTiP takes the probability of a jump for 0.
        precise = {
            "improved_sampling": True,
            "norm_tol": _LEAST_JUMP,
            "norm_t_tol": 1e-12,
            "norm_steps": 1000,
            "keep_runs_results": True,
        }
        leaving = qutip.MCSolver(self.generator, jumps, options=options | precise | {"store_final_state": True})
        self._leaving = _summed(leaving)
        self._seeds = trajectory_seeds(method.ntraj, method.seeds)
        self._interval = 0
        electrons = list(dict.fromkeys(run.electron for run in self.runs))
        self._run_strata = [electrons.index(run.electron) for run in self.runs]
        self._strata = np.arange(method.ntraj) % len(electrons)
        self._branches: Branches | None = None
        if method.sampling == APART:
            weights = [run.weight for run in self.runs]
            self._branches = Branches(weights, self._run_strata, self._strata, self._drawn_run)
            first = [self._run_strata.index(int(stratum)) for stratum in self._strata]
            self.psi = [self.initial(number) for number in (*first, *self._branches.runs)]
        else:
            self._start_plain()

    def _start_plain(self) -> None:
        self._branches = None
        self.psi = [self.initial(self._drawn_run(number)) for number in range(self.method.ntraj)]

    def _drawn_run(self, number: int) -> int:
        """A pure state for a trajectory, drawn by its weight among those of its stratum."""
        own = np.flatnonzero(np.array(self._run_strata) == self._strata[number])
        weights = np.array([self.runs[run].weight for run in own])
        return int(own[int(self._random(number, 0).choice(own.size, p=weights / weights.sum()))])

    def _random(self, number: int, *key: int) -> np.random.Generator:
        """Random numbers of one trajectory in an interval between two snapshots. A resumed run draws the same ones."""
        return np.random.default_rng(self._seed(number, *key))

    def _seed(self, number: int, *key: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._seeds[number], spawn_key=key)

    def advance(self, time: float) -> None:
        """Evolve every trajectory to `time`, fs."""
        from qutip.solver.integrator import IntegratorException

        if time > self.time:
            self._interval += 1
            try:
                begun = set() if self._branches is None else self._leave(time - self.time)
                for number in range(self.method.ntraj):
                    if number not in begun:
                        self._go_on(number, time - self.time)
            except IntegratorException as error:
                raise failure(self.method, self.time, time, error) from error
        self.time = time

    def _go_on(self, number: int, interval: float) -> None:
        """Evolve one trajectory from the last snapshot."""
        import qutip

        state = qutip.Qobj(self.psi[number].reshape(-1, 1))
        self._solver.start(state, 0.0, seed=self._seed(number, self._interval))
        after = self._solver.step(interval).full().ravel()
        self.psi[number] = after / np.linalg.norm(after)

    def _leave(self, interval: float) -> set[int]:
        """Evolve the states without a jump, and the trajectories that begin anew from them; returns the latter."""
        import qutip

        assert self._branches is not None
        ntraj = self.method.ntraj
        before = [qutip.Qobj(psi.reshape(-1, 1)) for psi in self.psi[ntraj:]]
        probabilities = np.zeros((len(before), 1))

        def run(state: Any, seeds: list[np.random.SeedSequence]) -> Any:
            return self._leaving.run(state, [0.0, interval], ntraj=len(seeds), seeds=seeds)

        for branch, state in enumerate(before):
            found = run(state, [np.random.SeedSequence(0)])  # QuTiP wants one trajectory, which is not used
            after = found.deterministic_trajectories[0].final_state.full().ravel()
            self.psi[ntraj + branch] = after / np.linalg.norm(after)
            jump = 1 - found.deterministic_weights[0]
            probabilities[branch] = jump if self.jumps and jump > _LEAST_JUMP else 0.0
        draws = np.array([self._random(number, self._interval, 1).random() for number in range(ntraj)])
        chosen = self._branches.leave(probabilities, draws)
        for branch in np.unique(chosen[chosen >= 0]):
            numbers = np.flatnonzero(chosen == branch)
            found = run(before[branch], [self._seed(int(number), self._interval) for number in numbers])
            for number, trajectory in zip(numbers, found.trajectories, strict=True):
                after = trajectory.final_state.full().ravel()
                self.psi[number] = after / np.linalg.norm(after)
        return set(np.flatnonzero(chosen >= 0).tolist())

    def snapshot(self) -> Snapshot:
        """The trajectories and the states without a jump, with their weights."""
        if self._branches is not None:
            weights, sample = self._branches.weights, self._branches.sample
        else:
            weights, sample = plain_weights(self.runs, self._run_strata, self._strata)
        parts = tuple(self.part(float(weight), psi) for weight, psi in zip(weights, self.psi, strict=True))
        return Snapshot(self.time, PureMixture(parts), None, sample=sample)

    def work(self) -> Work:
        """How trajectories are drawn, and the weight of the states without a jump."""
        if self._branches is None:
            return Work(None, None, {"sampling": PLAIN})
        return Work(None, None, {"sampling": APART, "no_jump_weight": float(self._branches.no_jump.sum())})

    def state(self) -> dict[str, np.ndarray]:
        """The trajectories, the states without a jump, and the number of intervals so far."""
        saved = {"psi": np.array(self.psi), "interval": np.array([self._interval])}
        return saved if self._branches is None else saved | {"branches": self._branches.state()}

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from the saved trajectories, with the sampling of the saved state."""
        if self._branches is not None and "branches" not in state:
            self._start_plain()
        if self._branches is not None:
            self._branches.restore(saved_array(state, "branches", self._branches.state().shape))
        shape = len(self.psi), self.psi[0].size
        self.psi = list(saved_array(state, "psi", shape).astype(complex))
        self._interval = int(saved_array(state, "interval", (1,))[0])
        self.time = time
