"""Two electrons, exactly: Chebyshev expansion in the sector of S^z_tot, matrix-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.basis import down_count, spin_bit, spin_signs
from pysv.checks import real_number
from pysv.engines.base import Engine, Method, Needs, Work, saved_array
from pysv.engines.snapshot import Snapshot, State
from pysv.engines.tdmrg import several_refusal
from pysv.errors import SpectralBoundsError
from pysv.expansion import GROWTH, coefficients, substeps
from pysv.measures.reduced import Block, SpinDensity
from pysv.pairs import BOTH_DOWN, BOTH_UP, OPPOSITE, PairHamiltonian, ground_state
from pysv.source import ConfinedElectrons
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.device import SpinValve
    from pysv.experiment import Experiment

_SECONDS = 2e-8
"""Rough time of one application of H to one amplitude."""


@dataclass(frozen=True, kw_only=True)
class Fock(Method):
    """Exact engine for two electrons; see `Chebyshev` for the expansion and its error.

    Parameters
    ----------
    tolerance : float
        Truncation error of the state allowed per fs, 1e-15 … 1e-2.
    bound_margin : float
        Safety margin of the spectral bounds, relative to the width of the spectrum.
    """

    tolerance: float = 1e-12
    bound_margin: float = 0.01

    name: ClassVar[str] = "fock"
    serves: ClassVar[str] = "two electrons, closed system, exact"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    vectors: ClassVar[int] = 24  # of real numbers in the search for the ground state: fewer in the evolution

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "tolerance", real_number("tolerance", self.tolerance, low=1e-15, high=1e-2, unit="per fs"))
        put(self, "bound_margin", real_number("bound_margin", self.bound_margin, low=0.0, high=1.0))

    def refusal(self, experiment: Experiment) -> str | None:
        """Two electrons from a confined region, closed system."""
        source = experiment.source
        if not isinstance(source, ConfinedElectrons) or source.electrons != 2:
            return f"engine 'fock' serves [source] kind = 'confined' with electrons = 2, not {source.count}; use 'auto'"
        return several_refusal(experiment)

    def drift_tolerance(self, stop: float) -> float:
        """Twice the error allowed to the state, above what rounding makes."""
        return 1e-9 + 2 * self.tolerance * stop

    @property
    def deviation_kind(self) -> str:
        """The expansion's truncation error is bounded, its rounding estimated."""
        return "bound on the truncation (Bessel tail) plus an estimate of the rounding"

    def applications(self, time: float, steps: int, radius: float, amplitudes: Sequence[int]) -> int:
        """Terms of all expansions, the spectral bounds and the ground state."""
        parts, interval = substeps(time / steps, radius)
        return 100 + steps * parts * (coefficients(radius * interval / HBAR, self.tolerance * interval)[0].size - 1)

    def needs(self, experiment: Experiment) -> Needs:
        """(rows of the sector) × L_x² amplitudes."""
        from pysv.needs import radius

        amplitudes = pair_amplitudes(experiment.device)
        times = experiment.times
        work = self.applications(times.stop, times.count - 1, radius(experiment), [amplitudes])
        return Needs(amplitudes, 8 * self.vectors * amplitudes, work, "matvecs", work * amplitudes * _SECONDS)

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Start at t = 0; the ground state is sought when it is first needed."""
        return _FockEngine(experiment, self)


def pair_amplitudes(device: SpinValve) -> int:
    """Amplitudes of a two-electron state of the device."""
    n, down = device.n_spins, device.n_analyzer
    return device.sites**2 * sum(comb(n, d) for d in (down - 1, down, down + 1) if 0 <= d <= n)


class PairState(State):
    """A two-electron state as a snapshot.

    Parameters
    ----------
    hamiltonian : PairHamiltonian
    device : SpinValve
    psi : complex ndarray (rows, sites, sites)
    energy : float
        ⟨H⟩, eV.
    """

    def __init__(self, hamiltonian: PairHamiltonian, device: SpinValve, psi: np.ndarray, energy: float) -> None:
        self._hamiltonian = hamiltonian
        self._device = device
        self._psi = psi
        self._energy = energy

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """|ψ|² of each row, and the number of ↑ and of ↓ electrons on each site."""
        kind = self._hamiltonian.basis.kind
        rows = np.zeros(kind.size)
        up, down = np.zeros((2, self._device.sites))
        for row, (one, psi) in enumerate(zip(kind, self._psi, strict=True)):
            square = psi.real**2 + psi.imag**2
            first, second = square.sum(axis=1), square.sum(axis=0)
            rows[row] = first.sum()
            into_first, into_second = (down if one == BOTH_DOWN else up), (up if one == BOTH_UP else down)
            into_first += first
            into_second += second
        return rows, up, down

    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of electrons and their Σσᶻ on each site."""
        _, up, down = self._weights
        return up + down, up - down

    def electron_spin(self) -> np.ndarray:
        """z from the sites; x and y vanish in a state of definite S^z."""
        return np.array([0.0, 0.0, self.electron_densities()[1].sum()])

    def spin_density(self) -> SpinDensity:
        """ρ of the localized spins: both electrons traced out, row by row of equal electron spins."""
        basis = self._hamiltonian.basis
        blocks = []
        for kind in (BOTH_DOWN, OPPOSITE, BOTH_UP):
            rows = np.flatnonzero(basis.kind == kind)
            if rows.size:
                phi = self._psi[rows].reshape(rows.size, -1)
                matrix = phi @ phi.conj().T
                blocks.append(Block(basis.configuration[rows], (matrix + matrix.conj().T) / 2))
        return SpinDensity(self._device.n_polarizer, self._device.n_analyzer, tuple(blocks))

    def invariants(self) -> dict[str, float]:
        """Norm, energy, Σσᶻ and number of electrons."""
        basis, (rows, up, down) = self._hamiltonian.basis, self._weights
        spins = spin_signs(basis.configuration, basis.n_spins).sum(axis=1)
        return {
            "norm": float(rows.sum()),
            "energy": self._energy,
            "spin_z_total": float(rows @ spins + up.sum() - down.sum()),
            "electron_number": float(up.sum() + down.sum()),
        }

    def bonds(self) -> dict[str, np.ndarray | float]:
        """S_half alone: the other bonds would each take as long."""
        return {"entropy_half": half_entropy(self._hamiltonian, self._device, self._psi)}


def half_entropy(hamiltonian: PairHamiltonian, device: SpinValve, psi: np.ndarray) -> float:
    """Entanglement entropy of sites L_x/2 + 1 … L_x with the localized spins on them, nats.

    The state is cut into the parts with 0, 1 and 2 electrons in the right half, which do not interfere. With creation
    operators of the left half in front, the amplitude of an ↑ electron on the right and a ↓ one on the left changes
    sign.
    """
    from pysv.measures.entropy import entropy_of_spectrum

    basis, cut, n = hamiltonian.basis, device.sites // 2, device.n_spins
    right_spins = [spin for spin, site in enumerate(device.spin_sites) if site > cut]
    left_spins = [spin for spin, site in enumerate(device.spin_sites) if site <= cut]
    left = _restricted(basis.configuration, left_spins, n)
    right = _restricted(basis.configuration, right_spins, n)
    rows_left, rows_right = 1 << len(left_spins), 1 << len(right_spins)
    spectrum = []
    none = np.zeros((rows_right, rows_right), dtype=complex)
    two = np.zeros((rows_left, rows_left), dtype=complex)
    for square, same, other, inner in ((none, left, right, psi[:, :cut, :cut]), (two, right, left, psi[:, cut:, cut:])):
        for kind in (BOTH_UP, OPPOSITE, BOTH_DOWN):
            for shared in np.unique(same):
                rows = np.flatnonzero((basis.kind == kind) & (same == shared))
                if not rows.size:
                    continue
                phi = inner[rows].reshape(rows.size, -1)
                square[np.ix_(other[rows], other[rows])] += phi.conj() @ phi.T
        spectrum.append(np.linalg.eigvalsh(square))
    single = np.zeros((2, rows_left, cut, 2, rows_right, device.sites - cut), dtype=complex)
    for row, kind in enumerate(basis.kind):
        here, there = left[row], right[row]
        if kind == OPPOSITE:
            single[0, here, :, 1, there] += psi[row, :cut, cut:]
            single[1, here, :, 0, there] -= psi[row, cut:, :cut].T
        else:
            spin = 0 if kind == BOTH_UP else 1
            single[spin, here, :, spin, there] += np.sqrt(2) * psi[row, :cut, cut:]
    downs_left = np.add.outer([0, 1], down_count(np.arange(rows_left))).ravel()
    matrix = single.reshape(2 * rows_left, cut, 2 * rows_right * (device.sites - cut))
    for downs in np.unique(downs_left):
        block = matrix[downs_left == downs].reshape(-1, matrix.shape[2])
        block = block[:, np.any(block != 0, axis=0)]
        if block.size:
            small = block if block.shape[0] <= block.shape[1] else block.T
            spectrum.append(np.linalg.eigvalsh(small @ small.conj().T))
    return entropy_of_spectrum(np.concatenate(spectrum))


def _restricted(configuration: np.ndarray, spins: list[int], n_spins: int) -> np.ndarray:
    """Configurations of some of the spins only, int64 like `configuration`."""
    found = np.zeros_like(configuration)
    for spin in spins:
        found = 2 * found + ((configuration & spin_bit(n_spins, spin)) != 0)
    return found


class _FockEngine(Engine):
    def __init__(self, experiment: Experiment, method: Fock) -> None:
        from pysv.spectrum import pair_bounds

        self.experiment = experiment
        self.method = method
        self.time = 0.0
        self.hamiltonian = PairHamiltonian.of_device(experiment.device)
        self._psi: np.ndarray | None = None
        self._spare: list[np.ndarray] = []
        self.bounds = pair_bounds(self.hamiltonian, margin=method.bound_margin)
        self._applications = self.bounds.steps
        self._deviation = 0.0
        self._ground = np.zeros(3)

    @property
    def psi(self) -> np.ndarray:
        """The present state; at t = 0 it is prepared when first asked for."""
        if self._psi is None:
            self._prepare()
        assert self._psi is not None
        return self._psi

    def _prepare(self) -> None:
        from pysv.confined import check_field, check_prepared

        device, source = self.experiment.device, self.experiment.source
        assert isinstance(source, ConfinedElectrons)
        check_field(device, source)
        psi, energy, variance = ground_state(self.hamiltonian, device, source)
        self._psi = psi.astype(complex)
        density, _ = PairState(self.hamiltonian, device, self._psi, energy).electron_densities()
        weights = (psi**2).sum(axis=(1, 2))
        spin_z = weights @ spin_signs(self.hamiltonian.basis.configuration, device.n_spins)
        check_prepared(density, dict(zip(device.spin_sites, spin_z, strict=True)), device, source)
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
        from pysv import pair_kernels, team

        bounds = self.bounds
        coefficient, bound = coefficients(bounds.radius * interval / HBAR, self.method.tolerance * interval)
        scaled = coefficient * np.exp(-1j * bounds.centre * interval / HBAR)
        old, (new, total) = self.psi, self._spare
        before = np.linalg.norm(old)
        for n in range(1, scaled.size):
            first = n == 1
            scale = (1 if first else 2) / bounds.radius
            self.hamiltonian.step(old, new, scale, bounds.centre, 0.0 if first else 1.0)
            if n % 2:  # two terms at every second step: K is odd
                terms = scaled[n], scaled[n - 1], 0.0 if first else 1.0
                team.share(pair_kernels.accumulate, team.threads_for(old.size), new, old, total, *terms)
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
        """The present state, in the engine's own memory."""
        psi = self.psi
        energy = self.hamiltonian.expectation(psi, self._spare[0] if self._spare else None)
        return Snapshot(
            self.time, (), self._deviation, PairState(self.hamiltonian, self.experiment.device, psi, energy)
        )

    def work(self) -> Work:
        """Applications of H, error bound, spectral bounds, and how well the ground state is known."""
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
        """Take up what `state` returned."""
        self._psi = np.array(saved_array(state, "psi", self.hamiltonian.shape), dtype=complex)
        deviation, applications = saved_array(state, "progress", (2,))
        self._deviation, self._applications = float(deviation), int(applications)
        self._ground = saved_array(state, "ground", (3,)).copy()
        self.time = time
