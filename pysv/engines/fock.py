"""Two electrons, exactly: Chebyshev expansion in sectors of S^z_tot, matrix-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.compute.compiling import Kernels
from pysv.engines.base import Amplitudes, Engine, Method, Work, saved_array
from pysv.engines.cost import PROCESS, Cost, radius
from pysv.errors import InvalidInputError, NotReadyError, SpectralBoundsError
from pysv.experiment.checks import checked, real_number
from pysv.experiment.source import ConfinedElectrons
from pysv.measures.sizes import Sizes
from pysv.model.basis import Spins
from pysv.model.conservation import conserves, occupied_sectors
from pysv.model.couplings import Couplings
from pysv.model.initial import localized_states
from pysv.model.terms import hamiltonian_terms
from pysv.pairs.basis import KINDS, sector_rows
from pysv.pairs.hamiltonian import PairHamiltonian
from pysv.pairs.start import ground_state, orbitals_filled
from pysv.pairs.state import PairState
from pysv.pairs.table import check_held
from pysv.sectors.chebyshev import GROWTH, coefficients, substeps
from pysv.snapshot import Snapshot
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment

_ARRAYS = {True: 24, False: 12}
"""Real state-sized arrays in the search for the ground state, and without it."""
_STEPS = Kernels("pysv.pairs.kernels", "step", 2.0)
"""Steps of a recursion in H of two electrons: 2.0 to 2.3 s, measured as those of `pysv.engines._kernels`."""
MAX_DENSITY_ROWS = 4096
"""Rows of the largest block of the localized spins' density matrix, where it is a block of several S^z."""
_SECONDS = 2e-8
"""Rough time of one application of H to one amplitude."""


@dataclass(frozen=True, kw_only=True)
class Fock(Method):
    """Exact engine for two electrons; see `Chebyshev` for the expansion and its error.

    Parameters
    ----------
    tolerance : float
        Allowed truncation error of the state per fs, 1e-15 … 1e-2.
    bound_margin : float
        Safety margin of the spectral bounds, relative to the width of the spectrum.
    """

    tolerance: float = checked(1e-12, real_number, low=1e-15, high=1e-2, unit="per fs", finer=0.1)
    bound_margin: float = checked(0.01, real_number, low=0.0, high=1.0)

    name: ClassVar[str] = "fock"
    serves: ClassVar[str] = "two electrons beside any pure state of the spins, closed system, exact"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    kernels: ClassVar[tuple[Kernels, ...]] = (_STEPS,)
    correlators: ClassVar[str] = "states"
    cites: ClassVar[tuple[str, ...]] = ("TalEzer1984",)

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse anything but two electrons from a confined region in a closed system."""
        source = experiment.source
        if not isinstance(source, ConfinedElectrons) or source.electrons != 2:
            return f"engine 'fock' serves [source] kind = 'confined' with electrons = 2, not {source.count}; use 'auto'"
        try:
            check_held(Couplings.of_terms(hamiltonian_terms(experiment.device)), experiment.device)
            localized_states(experiment.device, experiment.spins)
        except NotReadyError as error:
            return str(error)
        except InvalidInputError as error:
            return f"[spins] {error}"
        block = Sizes(experiment).block
        if block > MAX_DENSITY_ROWS and not conserves(experiment):
            return (
                f"[spins] of several S^z make the density matrix of the localized spins one block of {block:,} rows, "
                f"engine 'fock' forms up to {MAX_DENSITY_ROWS:,}; take fewer spins, or spins along z"
            )
        return None

    def field_acts(self, experiment: Experiment) -> bool:
        """See `from_ground_state`."""
        return from_ground_state(experiment)

    def drift_tolerance(self, stop: float) -> float:
        """Twice the allowed error of the state, plus a margin for rounding."""
        return 1e-9 + 2 * self.tolerance * stop

    @property
    def deviation_kind(self) -> str:
        """The truncation error is bounded, the rounding error is estimated."""
        return "bound on the truncation (Bessel tail) plus an estimate of the rounding"

    def cost(self, experiment: Experiment) -> Cost:
        """Terms of all expansions, bounds and ground state; (rows of the sectors) × L_x² amplitudes."""
        times, width, amplitudes = experiment.times, radius(experiment), pair_amplitudes(experiment)
        parts, interval = substeps(times.step, width)
        terms = coefficients(width * interval / HBAR, self.tolerance * interval)[0].size - 1
        applications = 100 + (times.count - 1) * parts * terms
        memory = PROCESS + 8 * _ARRAYS[from_ground_state(experiment)] * amplitudes + 64 * Sizes(experiment).block ** 2
        return Cost(amplitudes, memory, applications, applications * amplitudes * _SECONDS, 16 * amplitudes)

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0; the ground state is computed on first use."""
        return _FockEngine(experiment, self, occupied_sectors(experiment)[0])

    def begin_moved(self, experiment: Experiment, backend: str, lowered: int) -> Engine | None:
        """See `Method.begin_moved`."""
        (sectors,) = occupied_sectors(experiment)
        reached = range(Spins(experiment.device.levels).lowest + len(KINDS))
        moved = tuple(sector + lowered for sector in sectors if sector + lowered in reached)
        return _FockEngine(experiment, self, moved) if moved else None


def from_ground_state(experiment: Experiment) -> bool:
    """Whether the run starts from the ground state of H + H_{V,B}; otherwise from the lowest orbitals of the well.

    The field of Eq. 21 can hold localized spins along z only; polarised electrons would not stay in its ground state.
    """
    assert isinstance(experiment.source, ConfinedElectrons)
    return experiment.source.numbers == (1, 1) and experiment.spins.is_product and conserves(experiment)


def pair_amplitudes(experiment: Experiment) -> int:
    """Amplitudes of the two-electron state of an experiment."""
    (sectors,), spins = occupied_sectors(experiment), Spins(experiment.device.levels)
    return experiment.device.sites**2 * sum(sector_rows(spins, sector) for sector in sectors)


class _FockEngine(Engine):
    def __init__(self, experiment: Experiment, method: Fock, sectors: tuple[int, ...]) -> None:
        from pysv.pairs.hamiltonian import pair_bounds

        self.experiment = experiment
        self.method = method
        self.time = 0.0
        self.hamiltonian = PairHamiltonian.of_device(experiment.device, sectors)
        self._psi: np.ndarray | None = None
        self._spare: list[np.ndarray] = []
        self.bounds = pair_bounds(self.hamiltonian, margin=method.bound_margin)
        self._applications = self.bounds.steps
        self._deviation = 0.0
        self._ground = np.zeros(3)
        self._start: np.ndarray | None = None

    @property
    def psi(self) -> np.ndarray:
        """The present state; the initial state is prepared on first use."""
        if self._psi is None:
            self._prepare()
        assert self._psi is not None
        return self._psi

    def _prepare(self) -> None:
        from pysv.model.prepared import check_field, check_prepared, ups_of

        device, source = self.experiment.device, self.experiment.source
        assert isinstance(source, ConfinedElectrons)
        held = from_ground_state(self.experiment)
        spin_z: dict[int, float] = {}
        ups = ups_of(self.experiment) if held else None
        if held:
            check_field(device, source, ups)
            real, energy, variance = ground_state(self.hamiltonian, device, source, ups)
            self._psi = real.astype(complex)
            basis = self.hamiltonian.basis
            moments = basis.spins.moments(basis.configuration) / (np.array(basis.spins.levels) - 1)
            found = (real**2).sum(axis=(1, 2)) @ moments
            spin_z = dict(zip(device.spin_sites, found.tolist(), strict=True))
        else:
            (spins,) = localized_states(device, self.experiment.spins)
            self._psi, energy = orbitals_filled(self.hamiltonian, source, spins.amplitude)
            variance = 0.0
        density, _ = PairState(self.hamiltonian, self._psi, energy).electron_densities()
        self._start = density
        check_prepared(density, spin_z, device, source, ups)
        self._ground = np.array([energy, variance, float(density[source.confined_sites :].sum())])

    def advance(self, time: float) -> None:
        """Evolve to `time`, fs."""
        psi, interval = self.psi, time - self.time
        if interval > 0:
            if not self._spare:
                self._spare = [np.zeros_like(psi) for _ in range(2)]
            parts, short = substeps(interval, self.bounds.radius)
            for _ in range(parts):
                self._expand(short)
        self.time = time

    def _expand(self, interval: float) -> None:
        from pysv.compute import thread_pool
        from pysv.pairs import kernels

        bounds = self.bounds
        coefficient, bound = coefficients(bounds.radius * interval / HBAR, self.method.tolerance * interval)
        scaled = coefficient * np.exp(-1j * bounds.centre * interval / HBAR)
        old, (new, total) = self.psi, self._spare
        before = np.linalg.norm(old)
        for n in range(1, scaled.size):
            first = n == 1
            scale = (1 if first else 2) / bounds.radius
            self.hamiltonian.step(old, new, scale, bounds.centre, 0.0 if first else 1.0)
            if n % 2:  # K is odd: two terms at every second step
                terms = scaled[n], scaled[n - 1], 0.0 if first else 1.0
                thread_pool.share(kernels.accumulate, thread_pool.threads_for(old.size), new, old, total, *terms)
            old, new = new, old
        epsilon = float(np.finfo(float).eps)
        if not np.linalg.norm(old) <= before * (1 + GROWTH):
            raise SpectralBoundsError(
                f"the spectrum of H reaches outside [{bounds.low:.4f}, {bounds.high:.4f}] eV; raise bound_margin above "
                f"{self.method.bound_margin:g} in [evolution.fock]"
            )
        self._psi, self._spare = total, [old, new]
        self._applications += scaled.size - 1
        self._deviation += bound + epsilon * scaled.size**0.5

    def snapshot(self) -> Snapshot:
        """The present state; it stays in the memory of the engine."""
        psi = self.psi
        energy = self.hamiltonian.expectation(psi, self._spare[0] if self._spare else None)
        return Snapshot(self.time, PairState(self.hamiltonian, psi, energy, self._start), self._deviation)

    def work(self) -> Work:
        """Applications of H, error bound, spectral bounds, and accuracy of the ground state."""
        details: dict[str, float | int | str] = {
            "spectrum_low": self.bounds.low,
            "spectrum_high": self.bounds.high,
            "ground_state_energy": float(self._ground[0]),
            "ground_state_variance": float(self._ground[1]),
            "electrons_outside_well": float(self._ground[2]),
        }
        return Work(self._applications, self._deviation, details)

    def amplitudes(self) -> dict[str, Amplitudes]:
        """ψ[row, x, y]."""
        return {"psi": Amplitudes(0, self.hamiltonian.basis.configuration, self.hamiltonian.basis.kind)}

    def state(self) -> dict[str, np.ndarray]:
        """Amplitudes, deviation and work, and the electrons on each site at t = 0."""
        psi, progress = self.psi, np.array([self._deviation, self._applications])
        start = {} if self._start is None else {"start": self._start}
        return {"psi": psi, "progress": progress, "ground": self._ground, **start}

    def begin_from(self, time: float, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from ψ alone; an engine in other sectors than those of the experiment has no state at t = 0."""
        self.restore(time, {"psi": arrays["psi"], "progress": np.zeros(2), "ground": self._ground})

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned."""
        self._psi = np.array(saved_array(state, "psi", self.hamiltonian.shape), dtype=complex)
        deviation, applications = saved_array(state, "progress", (2,))
        self._deviation, self._applications = float(deviation), int(applications)
        self._ground = saved_array(state, "ground", (3,)).copy()
        if "start" in state:  # files of version 0.1.0 have none, and no currents
            self._start = saved_array(state, "start", (self.experiment.device.sites,)).copy()
        self.time = time
