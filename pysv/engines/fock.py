"""Two electrons, exactly: Chebyshev expansion in the sector of S^z_tot, matrix-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.engines.base import Engine, Method, Work, saved_array
from pysv.engines.cost import PROCESS, Cost, radius
from pysv.engines.tdmrg import several_refusal
from pysv.errors import NotReadyError, SpectralBoundsError
from pysv.experiment.checks import checked, real_number
from pysv.experiment.source import ConfinedElectrons
from pysv.model.basis import spin_signs
from pysv.model.couplings import Couplings
from pysv.model.initial import localized_states
from pysv.model.terms import hamiltonian_terms
from pysv.pairs.hamiltonian import KERNELS, PairHamiltonian, ground_state, orbitals_filled
from pysv.pairs.state import PairState
from pysv.sectors.chebyshev import GROWTH, coefficients, substeps
from pysv.snapshot import Snapshot
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.device import ChainDevice

_ARRAYS = 24
"""Real state-sized arrays in the search for the ground state; the evolution needs fewer."""
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

    tolerance: float = checked(1e-12, real_number, low=1e-15, high=1e-2, unit="per fs")
    bound_margin: float = checked(0.01, real_number, low=0.0, high=1.0)

    name: ClassVar[str] = "fock"
    serves: ClassVar[str] = "two electrons, closed system, exact"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    cites: ClassVar[tuple[str, ...]] = ("TalEzer1984",)

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse anything but two electrons from a confined region in a closed system."""
        source = experiment.source
        if not isinstance(source, ConfinedElectrons) or source.electrons != 2:
            return f"engine 'fock' serves [source] kind = 'confined' with electrons = 2, not {source.count}; use 'auto'"
        reason = several_refusal(experiment, self.name)
        if reason is None:
            try:
                KERNELS.kernel_couplings(Couplings.of_terms(hamiltonian_terms(experiment.device)), experiment.device)
            except NotReadyError as error:
                return str(error)
        return reason

    def drift_tolerance(self, stop: float) -> float:
        """Twice the allowed error of the state, plus a margin for rounding."""
        return 1e-9 + 2 * self.tolerance * stop

    @property
    def deviation_kind(self) -> str:
        """The truncation error is bounded, the rounding error is estimated."""
        return "bound on the truncation (Bessel tail) plus an estimate of the rounding"

    def cost(self, experiment: Experiment) -> Cost:
        """Terms of all expansions, bounds and ground state; (rows of the sector) × L_x² amplitudes."""
        times, width, amplitudes = (
            experiment.times,
            radius(experiment),
            pair_amplitudes(experiment.device, beside(experiment)),
        )
        parts, interval = substeps(times.step, width)
        terms = coefficients(width * interval / HBAR, self.tolerance * interval)[0].size - 1
        applications = 100 + (times.count - 1) * parts * terms
        memory = PROCESS + 8 * _ARRAYS * amplitudes
        return Cost(amplitudes, memory, applications, applications * amplitudes * _SECONDS, 16 * amplitudes)

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0; the ground state is computed on first use."""
        return _FockEngine(experiment, self)


def beside(experiment: Experiment) -> int:
    """Down spins beside two electrons of opposite spins in the sector of S^z that an experiment starts in."""
    assert isinstance(experiment.source, ConfinedElectrons)
    (down,) = localized_states(experiment.device, experiment.spins)[0].downs
    return down + experiment.source.numbers[1] - 1


def pair_amplitudes(device: ChainDevice, down: int | None = None) -> int:
    """Amplitudes of a two-electron state of the device, see `beside`; by default all layers but the first are down."""
    n, down = device.n_spins, device.n_spins - device.layers[0].count if down is None else down
    return device.sites**2 * sum(comb(n, d) for d in (down - 1, down, down + 1) if 0 <= d <= n)


class _FockEngine(Engine):
    def __init__(self, experiment: Experiment, method: Fock) -> None:
        from pysv.pairs.hamiltonian import pair_bounds

        self.experiment = experiment
        self.method = method
        self.time = 0.0
        self.hamiltonian = PairHamiltonian.of_device(experiment.device, beside(experiment))
        self._psi: np.ndarray | None = None
        self._spare: list[np.ndarray] = []
        self.bounds = pair_bounds(self.hamiltonian, margin=method.bound_margin)
        self._applications = self.bounds.steps
        self._deviation = 0.0
        self._ground = np.zeros(3)

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
        held = source.numbers == (1, 1) and self.experiment.spins.is_product
        spin_z: dict[int, float] = {}
        ups = ups_of(self.experiment) if held else None
        if held:
            check_field(device, source, ups)
            real, energy, variance = ground_state(self.hamiltonian, device, source, ups)
            self._psi = real.astype(complex)
            found = (real**2).sum(axis=(1, 2)) @ spin_signs(self.hamiltonian.basis.configuration, device.n_spins)
            spin_z = dict(zip(device.spin_sites, found.tolist(), strict=True))
        else:
            (spins,) = localized_states(device, self.experiment.spins)
            self._psi, energy = orbitals_filled(self.hamiltonian, source, spins.amplitude)
            variance = 0.0
        density, _ = PairState(self.hamiltonian, device, self._psi, energy).electron_densities()
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
        return Snapshot(self.time, PairState(self.hamiltonian, self.experiment.device, psi, energy), self._deviation)

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

    def state(self) -> dict[str, np.ndarray]:
        """Amplitudes, deviation and work."""
        progress = np.array([self._deviation, self._applications])
        return {"psi": self.psi, "progress": progress, "ground": self._ground}

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from what `state` returned."""
        self._psi = np.array(saved_array(state, "psi", self.hamiltonian.shape), dtype=complex)
        deviation, applications = saved_array(state, "progress", (2,))
        self._deviation, self._applications = float(deviation), int(applications)
        self._ground = saved_array(state, "ground", (3,)).copy()
        self.time = time
