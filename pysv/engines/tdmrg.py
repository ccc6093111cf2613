"""Time-dependent DMRG: several electrons (or one, as a check) as a matrix-product state evolved by Trotter gates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from pysv.compute.compiling import Kernels
from pysv.engines.base import Engine, Method, Work, saved_array
from pysv.engines.cost import PROCESS, Cost
from pysv.errors import BondLimitError, EngineError, InvalidInputError, NotReadyError
from pysv.experiment.checks import checked, choice, real_number, whole_number
from pysv.experiment.source import ConfinedElectrons, OneElectron
from pysv.experiment.spins import Gibbs
from pysv.model.basis import Spins
from pysv.model.conservation import conserves
from pysv.mps.backend import backend as mps_backend
from pysv.snapshot import Snapshot

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.mps.state import MatrixProductState

METHODS = ("tebd", "tdvp")
_EVOLUTIONS = {"tebd": "Hastings2009", "tdvp": "Haegeman2016"}
"""Key of the reference for each method."""
_KERNELS = Kernels("pysv.mps.kernels", "update", 14.0), Kernels("pysv.mps.spaces", "kept", 14.0)
"""Updates of a bond, and the spaces that they keep: 28 s together, measured as those of `pysv.engines._kernels`; which
has which part is rough."""
MAX_DENSITY_SPINS = 12
"""Largest number of localized spins whose density matrix is formed."""
_GROUND = ("energy", "variance", "change", "sweeps")
_POOR_GROUND_STATE = 1e-6
"""Variance of the energy of the ground state, eV², above which the user is warned."""


def decomposition_order(key: str, value: Any) -> int:
    """2 or 4; an order for which there is a decomposition."""
    order = whole_number(key, value, low=2)
    choice(key, str(order), ("2", "4"))
    return order


@dataclass(frozen=True, kw_only=True)
class TDMRG(Method):
    """tDMRG engine (Sec. III C of the paper): ground state by DMRG, then gates exp(−i h δt/ħ) on all bonds.

    Parameters
    ----------
    method : {"tebd", "tdvp"}
        Trotter gates, or, as a check of them on the Julia backend, the two-site time-dependent variational principle.
    time_step : float
        Largest time step δt in ħ/γ; shortened so that it divides the time between snapshots.
    trotter_order : {2, 4}
        Order of the Trotter decomposition, or of the sweeps of "tdvp".
    min_bond, max_bond : int
        Smallest and largest bond dimension, the first at most as large as the second. States without weight are
        discarded even below `min_bond`.
    discarded_weight : float
        Weight that each update of a bond may discard; `max_bond` may force it to discard more.
    bond_limit : {"warn", "stop"}
        What happens when `max_bond` forces an update to discard more: a warning in the dataset, or an error.
    allowed_loss : float
        Total weight that truncation may remove before the run stops; also the allowed drift of the energy, relative to
        the half-width of the spectrum.
    """

    method: str = checked("tebd", choice, METHODS)
    time_step: float = checked(0.1, real_number, low=1e-6, high=1.0, unit="hbar/hopping", finer=0.5)
    trotter_order: int = checked(2, decomposition_order)
    min_bond: int = checked(100, whole_number, low=1, high=100_000)
    max_bond: int = checked(400, whole_number, low=1, high=100_000)
    discarded_weight: float = checked(1e-7, real_number, low=0.0, high=1e-2, finer=0.1)
    bond_limit: str = checked("warn", choice, ("warn", "stop"))
    allowed_loss: float = checked(0.1, real_number, low=1e-16, high=1.0)

    name: ClassVar[str] = "tdmrg"
    serves: ClassVar[str] = (
        "several electrons beside any pure state of spins 1/2 (in Julia each of them up or down), or one in a pure "
        "state beside a product of them, closed system"
    )
    backends: ClassVar[tuple[str, ...]] = ("python", "julia")
    kernels: ClassVar[tuple[Kernels, ...]] = _KERNELS
    correlators: ClassVar[str] = "matrix product"
    cites: ClassVar[tuple[str, ...]] = ("White1992", "Vidal2004", "White2004")
    needs_itensors: ClassVar[bool] = True

    def check(self) -> None:
        """`min_bond` is at most `max_bond`."""
        whole_number("max_bond", self.max_bond, low=self.min_bond)

    def able(self) -> tuple[str, ...]:
        """Both backends apply gates; only Julia has TDVP."""
        return self.backends if self.method == "tebd" else ("julia",)

    def serves_on(self, backend: str, experiment: Experiment) -> bool:
        """Julia conserves S^z, and knows one number for all couplings of a kind."""
        if backend != "julia":
            return True
        from pysv.mps.chain import Chain
        from pysv.mps.julia import chain_numbers

        if not keeps_spin(experiment):
            return False
        try:
            chain_numbers(Chain.of_device(experiment.device))
        except NotReadyError:
            return False
        return True

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse open systems, mixtures, and too many spins for their density matrix."""
        if experiment.bath is not None:
            return "[bath] (open systems) is not served by engine 'tdmrg'; leave it out, or use 'trajectories'"
        if not Spins(experiment.device.levels).halves:
            return f"engine 'tdmrg' serves localized spins 1/2 only; {_OTHERS}"
        asked = next((name for name in ("currents", "torque") if getattr(experiment.record, name)), None)
        if asked:
            return f"[record] {asked} = true is not served by engine 'tdmrg'; {_OTHERS}"
        count = self._steps(experiment)
        if count > _MOST_STEPS:
            return (
                f"engine 'tdmrg' would take {count:.0e} Trotter steps between two snapshots, where the limit is "
                f"{_MOST_STEPS:.0e}; take snapshots closer together, or a larger time_step in [evolution.tdmrg]"
            )
        reason = _chain_refusal(experiment)
        if reason is None and "python" not in self.able() and not keeps_spin(experiment):
            return f"method = {self.method!r} runs in Julia and needs S^z as a charge, {_ONLY_PYTHON}"
        return reason

    def _steps(self, experiment: Experiment) -> int:
        """Trotter steps between two snapshots, whose distance is the mean one where there is a list of times."""
        from pysv.mps.trotter import steps

        return steps(experiment.times.step, self.time_step, experiment.device.largest_hopping)

    def citations(self, backend: str) -> tuple[str, ...]:
        """Keys of the references of the method, of the time evolution, and of the library."""
        return (*self.cites, _EVOLUTIONS[self.method], *mps_backend(backend).cites)

    def finer(self) -> dict[str, Self]:
        """See `Method.finer`; larger bonds are finer, too."""
        step, bonds, weight = "half the time step", "twice the bond dimension", "a tenth of the discarded weight"
        found = super().finer()
        with suppress(InvalidInputError):  # at the end of the range
            found[bonds] = replace(self, min_bond=2 * self.min_bond, max_bond=2 * self.max_bond)
        return {label: found[label] for label in (step, bonds, weight) if label in found}

    def field_acts(self, experiment: Experiment) -> bool:
        """See `keeps_spin`."""
        return keeps_spin(experiment)

    def drift_tolerance(self, stop: float) -> float:
        """The weight that truncation may remove; the norm records it."""
        return self.allowed_loss

    @property
    def deviation_kind(self) -> str:
        """The truncation is recorded, the Trotter error is unknown."""
        return "not known: discarded_weight records the truncation; see pysv.convergence for the Trotter error"

    def cost(self, experiment: Experiment) -> Cost:
        """Memory as if every bond reached `max_bond`, or all states on one of its sides; time by a law of growth."""
        from pysv.mps.trotter import layers_of

        device, times = experiment.device, experiment.times
        layers = layers_of(self._steps(experiment), self.trotter_order)
        updates = layers * (device.sites - 1) // 2 * (times.count - 1)
        bonds = _largest_bonds(experiment, self.max_bond)
        d, bond, squares = 5, max(bonds), sum(bond**2 for bond in bonds)
        kept = keeps_spin(experiment)
        amplitudes = d * squares // _BLOCKING[kept]
        memory = PROCESS + 48 * amplitudes + 16 * (d * bond) ** 2
        if not kept:  # ρ is contracted from all pairs of configurations of half of the spins
            memory += 32 * 4 ** -(-device.n_spins // 2) * bond**2 + 64 * 4**device.n_spins
        seconds = self._seconds(experiment, layers * (times.count - 1) / 2, bonds)
        return Cost(amplitudes, memory, updates, seconds, 16 * amplitudes, "gates")

    def _seconds(self, experiment: Experiment, updates: float, largest: list[int]) -> float:
        """Rough time of a run: of the ground state, of `updates` of each bond, and of the energy and ρ at snapshots."""
        from pysv.compute import thread_pool
        from pysv.mps.growth import bond_dimensions

        source, bonds = experiment.source, bond_dimensions(experiment, self.min_bond, np.array(largest, dtype=float))
        slower = _BLOCKING[True] / _BLOCKING[keeps_spin(experiment)]
        fixed, linear, square, cube = ((bonds**power).sum(axis=1).mean() for power in range(4))
        products = slower * (_SQUARE * square + _CUBE * cube)
        update = _FIXED * fixed + _LINEAR * linear + products / thread_pool.largest()
        density = _DENSITY * 2**experiment.device.n_spins * (bonds.max(axis=1) ** 3).mean()
        seconds = updates * update + experiment.times.count * (_ENERGY * products + density)
        if isinstance(source, ConfinedElectrons):
            states = min(2**source.count, self.max_bond, _STATES)
            seconds += _LIBRARY + _SEARCH * source.count * source.confined_sites * states
        return float(seconds)

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0; the ground state is computed on first use."""
        if backend == "julia" and not keeps_spin(experiment):
            raise EngineError(f"backend = 'julia' needs S^z as a charge, {_ONLY_PYTHON}")
        return _TDMRGEngine(experiment, self, backend)


def keeps_spin(experiment: Experiment) -> bool:
    """Whether S^z is a charge of the tensors: of products of spins along z, which a field holds before t = 0."""
    return conserves(experiment) and experiment.spins.is_product


_LIBRARY, _SEARCH, _STATES = 2.0, 0.002, 110
"""Time for the search of the ground state: to load its library; for each electron, confined site and state, s; most
states that it takes."""
_FIXED, _LINEAR, _SQUARE, _CUBE = 1.8e-5, 1.2e-6, 4.5e-8, 5e-11
"""Time of the update of a bond of m states: coefficients of 1, m, m² and m³, s; the last two on all threads."""
_ENERGY, _DENSITY = 0.2, 5e-11
"""Time of the energy over that of the products in an update of all bonds; of ρ for 2^N m³, s."""
_MOST_STEPS = 1_000_000
"""Most Trotter steps between two snapshots."""
_BLOCKING = {True: 8, False: 3}
"""Rough factor by which charge conservation, with S^z or without, reduces the number of elements of a tensor."""
_OTHERS = "use 'chebyshev' with one electron, 'fock' with two, or 'llg' for classical vectors"
_ONLY_PYTHON = "which tilted or entangled spins do not allow; use method = 'tebd' with backend 'python'"


def _largest_bonds(experiment: Experiment, most: int) -> list[int]:
    """Largest dimension of each bond: `most`, or the states of the electrons and spins on its smaller side."""
    device, sites = experiment.device, experiment.device.sites
    mirrored = [sites + 1 - site for site in device.spin_sites]
    left = _states_of_parts(experiment, device.spin_sites, most)
    right = _states_of_parts(experiment, mirrored, most)[::-1]
    return [min(pair) for pair in zip(left, right, strict=True)]


def _states_of_parts(experiment: Experiment, spins: Iterable[int], most: int) -> list[int]:
    """States of the first 1, 2, … sites, at most `most`."""
    source, count = experiment.source, experiment.device.sites - 1
    numbers = (1, 0) if isinstance(source, OneElectron) else source.numbers
    held, found = set(spins), []
    for sites in range(1, count + 1):
        states = 2 ** sum(site <= sites for site in held)
        for own in numbers:
            ways, n = 1, 0
            while n < min(own, sites) and ways < most:
                n += 1
                ways += math.comb(sites, n)
            states *= ways
        if states >= most:
            break
        found.append(states)
    return found + [most] * (count - len(found))


def _chain_refusal(experiment: Experiment) -> str | None:
    from pysv.mps.chain import Chain

    if isinstance(experiment.spins, Gibbs):
        return "[spins] kind = 'gibbs' (thermal) is not a single matrix-product state; use 'antiparallel' or 'product'"
    if not experiment.spins.is_product and isinstance(experiment.source, OneElectron):
        return (
            f"[spins] {experiment.spins.kind} beside one electron is not served by engine 'tdmrg'; use 'chebyshev', or "
            "[source] kind = 'confined'"
        )
    if isinstance(experiment.source, OneElectron) and experiment.source.spin == "unpolarized":
        return (
            "[source] spin = 'unpolarized' is not a single matrix-product state; run 'up' and 'down', or use engine "
            "'chebyshev'"
        )
    try:
        Chain.of_device(experiment.device)
    except NotReadyError as error:
        return str(error)
    if experiment.device.n_spins > MAX_DENSITY_SPINS:
        return (
            f"{experiment.device.n_spins} localized spins are too many for engine 'tdmrg', which forms their density "
            f"matrix; take at most {MAX_DENSITY_SPINS} spins"
        )
    return None


class _TDMRGEngine(Engine):
    def __init__(self, experiment: Experiment, method: TDMRG, backend: str) -> None:
        from pysv.mps.backend import Truncation
        from pysv.mps.chain import Chain
        from pysv.mps.gates import Bonds

        self.experiment = experiment
        self.method = method
        self.time = 0.0
        chain = Chain.of_device(experiment.device, keeps_spin=keeps_spin(experiment))
        self._spaces = chain.spaces
        self._bonds = Bonds(chain)
        rules = Truncation(method.min_bond, method.max_bond, method.discarded_weight)
        self._backend = mps_backend(backend)
        self._evolution = self._backend.evolutions[method.method](chain, rules)
        self._state: MatrixProductState | None = None
        self._ground = np.zeros(len(_GROUND))
        self._astray = 0.0
        self._discarded = np.zeros(chain.sites - 1)
        self._kept = 1.0
        self._steps = 0
        self._limited_at = -1.0

    @property
    def matrix_product_state(self) -> MatrixProductState:
        """The present state; the initial state is prepared on first use."""
        if self._state is None:
            self._prepare()
        assert self._state is not None
        return self._state

    def _prepare(self) -> None:
        from pysv.model.prepared import ups_of
        from pysv.mps import ground
        from pysv.mps.spins import SpinTrain

        source, device = self.experiment.source, self.experiment.device
        if isinstance(source, OneElectron):
            self._state = ground.packet_state(self.experiment)
            return
        most, search = self.method.max_bond, self._backend.search
        if keeps_spin(self.experiment):
            ups = ups_of(self.experiment)
            self._state, known = ground.ground_state(device, source, most, search, ups)
            self._astray = ground.check_sector(self._state, device, source, ups)
        else:
            spins = SpinTrain.of_setting(device, self.experiment.spins)
            self._state, known = ground.electrons_beside(device, source, most, search, spins)
            self._astray = ground.check_electrons(self._state, device, source)
        self._ground = np.array([asdict(known)[name] for name in _GROUND], dtype=float)

    def advance(self, time: float) -> None:
        """Evolve to `time`, fs, in equal steps."""
        from pysv.mps.trotter import steps

        state, interval = self.matrix_product_state, time - self.time
        if interval == 0:
            return
        count = steps(interval, self.method.time_step, self.experiment.device.largest_hopping)
        lost, limited = self._evolution.evolve(state, interval, count, self.method.trotter_order)
        self._discarded += lost
        self._kept *= math.exp(float(np.log1p(-np.minimum(lost, 0.5)).sum()))
        self._steps += count
        self.time = time
        if limited and self._limited_at < 0:
            self._limited_at = time
        if limited and self.method.bond_limit == "stop":
            raise BondLimitError(
                f"before t = {time:g} fs the bond dimension reached max_bond = {self.method.max_bond} and a step "
                f"discarded more than discarded_weight = {self.method.discarded_weight:g}; raise max_bond, or set "
                "bond_limit = 'warn'"
            )

    def snapshot(self) -> Snapshot:
        """The present state; observables are computed on demand."""
        from pysv.mps.gates import energy
        from pysv.mps.observables import ChainState

        state = self.matrix_product_state
        found = energy(self._bonds, state)
        return Snapshot(self.time, ChainState(state, self.experiment.device, self._kept, found, self._discarded), None)

    def work(self) -> Work:
        """Time steps, discarded weight, and accuracy of the ground state."""
        details: dict[str, float | int | str] = {
            "time_steps": self._steps,
            "discarded_weight": float(self._discarded.sum()),
        }
        warnings = []
        if isinstance(self.experiment.source, ConfinedElectrons) and self._state is not None:
            known = dict(zip(_GROUND, (float(value) for value in self._ground), strict=True))
            details |= {f"ground_state_{name}": value for name, value in known.items()}
            details["electrons_outside_well"] = self._astray
            if abs(known["variance"]) > _POOR_GROUND_STATE:
                warnings.append(
                    f"the ground state is not converged: variance {known['variance']:.1e} eV^2, last change "
                    f"{known['change']:.1e} eV; raise max_bond"
                )
        if self._limited_at >= 0:
            warnings.append(
                f"from t = {self._limited_at:g} fs on, max_bond = {self.method.max_bond} forced steps to "
                f"discard more than discarded_weight = {self.method.discarded_weight:g}; raise max_bond"
            )
        return Work(None, None, details, tuple(warnings))

    def state(self) -> dict[str, np.ndarray]:
        """The matrix-product state, the discarded weight, and the accuracy of the ground state."""
        return self.matrix_product_state.arrays() | {
            "discarded": self._discarded,
            "progress": np.array([self._kept, self._steps, self._limited_at, self._astray]),
            "ground": self._ground,
        }

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned."""
        from pysv.mps.state import MatrixProductState

        self._discarded = saved_array(state, "discarded", (self.experiment.device.sites - 1,)).copy()
        kept, count, self._limited_at, self._astray = map(float, saved_array(state, "progress", (4,)))
        self._kept, self._steps = kept, int(count)
        self._ground = saved_array(state, "ground", (len(_GROUND),)).copy()
        self._state = MatrixProductState.of_arrays(self._spaces, state)
        self.time = time
