"""What one electron that comes and goes does to the localized spins: a map ρ → Σ K ρ K†.

The operators are K_{xσ'} = ⟨x σ'|U(T)|Φ φ⟩ for an electron that starts in the orbital Φ with the spinor φ, and is found
on site x with spin σ' after the time T. They follow from the evolution of every state of the spins, sector by sector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysv.compute import thread_pool
from pysv.model.basis import DOWN, UP, Basis, Spins
from pysv.model.spin_map import Blocks, KrausSet, add, compressed, merged, product_effect
from pysv.sectors.chebyshev import Propagator
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.lanczos import SpectralBounds
from pysv.sectors.pure_run import PureRun

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice

_NEGLIGIBLE = 1e-15
"""Tr K†K, relative to the number of states, below which an operator is rounding."""
_SEED = 7


@dataclass(frozen=True, eq=False)
class Pulse:
    """The map of one electron, and what is known of the electron after it.

    Parameters
    ----------
    sets : tuple of KrausSet
        The map.
    electron_spin : tuple of three Blocks
        Operators of the spins before the pulse whose expectation values are ⟨σ⟩ of the electron after it.
    transmitted : Blocks
        The same for the probability that the electron has passed the spins.
    left_behind : float
        Largest probability, over all states of the spins, that the electron has not left for good.
    trace_error : float
        ‖Σ K†K − 1‖.
    applications : int
        Applications of H.
    """

    sets: tuple[KrausSet, ...]
    electron_spin: tuple[Blocks, Blocks, Blocks]
    transmitted: Blocks
    left_behind: float
    trace_error: float
    applications: int


def transit_time(
    device: ChainDevice, packet: np.ndarray, longest: float, residual: float, tolerance: float, step: float = 1.0
) -> float:
    """Time after which the electron has left the spins and all that could send it back to them, fs.

    Parameters
    ----------
    device : ChainDevice
    packet : complex ndarray (sites,)
        Orbital of the electron at t = 0.
    longest : float
        Largest time, fs; it is the result where the electron stays.
    residual : float
        Probability of finding the electron within `ChainDevice.irregular` that counts as none. The spins and the
        electron's spin are in a random state of the largest sector.
    tolerance : float
        Truncation error of the evolution per fs.
    step : float
        The result is a multiple of this, fs.
    """
    spins = Spins(device.levels)
    sector = max(range(spins.lowest + 2), key=spins.sector_rows)
    hamiltonian = Hamiltonian.of_device(device, Basis.of_sectors(spins, (sector,)))
    amplitude = np.random.default_rng(_SEED).standard_normal(hamiltonian.basis.rows).astype(complex)
    run = PureRun("", 1.0, hamiltonian, amplitude / np.linalg.norm(amplitude), packet)
    psi, (work, total) = run.psi, (np.zeros(hamiltonian.shape, complex) for _ in range(2))
    propagator, among = _propagator(hamiltonian, tolerance), _among(device)
    time, arrived = 0.0, False
    while time + step <= longest + 1e-9:
        _, after = propagator.advance(psi, work, total, step)
        psi, total = (after, psi) if after is total else (psi, total)
        time += step
        weight = float((np.abs(hamiltonian.layout.flat(psi)[:, among]) ** 2).sum())
        arrived = arrived or weight > residual
        if arrived and weight <= residual:
            return time
    return longest


def _propagator(hamiltonian: Hamiltonian, tolerance: float) -> Propagator:
    """With the rigorous bounds: on long leads Lanczos iteration may miss a state that is bound to the spins."""
    norm = hamiltonian.norm_bound()
    return Propagator(hamiltonian, tolerance, SpectralBounds(-norm, norm, 0))


def _among(device: ChainDevice) -> slice:
    """Sites, from 0, that an electron must have left."""
    first, last = device.irregular
    return slice(first - 1, last)


def _passed(device: ChainDevice, packet: np.ndarray) -> slice:
    """Sites, from 0, on the other side of the spins, as seen from the packet."""
    first, last = min(device.spin_sites), max(device.spin_sites)
    centre = float(np.abs(packet) ** 2 @ np.arange(1, packet.size + 1))
    return slice(0, first - 1) if centre > (first + last) / 2 else slice(last, None)


def pulse(
    device: ChainDevice,
    packet: np.ndarray,
    incoming: Sequence[tuple[float, np.ndarray]],
    interval: float,
    tolerance: float,
) -> Pulse:
    """The map of one electron.

    Parameters
    ----------
    device : ChainDevice
        With leads so long that no echo returns within the interval.
    packet : complex ndarray (sites,)
        Orbital Φ of the electron at t = 0.
    incoming : sequence of (float, complex ndarray (2,))
        Weight and spinor φ of each spin state of the electron, a mixture.
    interval : float
        T, fs.
    tolerance : float
        Truncation error of the evolution per fs.
    """
    spins, needed = Spins(device.levels), [s for s in (UP, DOWN) if any(spinor[s] for _, spinor in incoming)]
    amplitudes: dict[tuple[int, int, int], np.ndarray] = {}
    applications, known = 0, None
    for sector in range(spins.lowest + 2):
        basis = Basis.of_sectors(spins, (sector,))
        hamiltonian = known.on(basis) if known else Hamiltonian.of_device(device, basis)
        known = hamiltonian
        applications += _evolve(hamiltonian, packet, interval, tolerance, needed, amplitudes)
    negligible = _NEGLIGIBLE * spins.size
    among, passed = _among(device), _passed(device, packet)
    sets: list[KrausSet] = []
    density: list[list[Blocks]] = [[{}, {}], [{}, {}]]
    transmitted: Blocks = {}
    staying: Blocks = {}
    for weight, spinor in incoming:
        found = _operators(amplitudes, weight**0.5 * spinor, negligible)
        for one in (UP, DOWN):
            for other in (UP, DOWN):
                for key, matrix in product_effect(found[one][1].blocks, found[other][1].blocks).items():
                    add(density[one][other], key, matrix)
            for where, effect in ((passed, transmitted), (among, staying)):
                part = {key: np.ascontiguousarray(block[:, where]) for key, block in found[one][0].items()}
                for key, matrix in product_effect(part, part).items():
                    add(effect, key, matrix)
        sets += [kraus for _, kraus in found]
    whole = merged(sets, negligible)
    missing: Blocks = {(d, d): -np.eye(spins.multiplicity(d)) for d in range(spins.lowest + 1)}
    for kraus in whole:
        for key, matrix in kraus.effect().items():
            add(missing, key, matrix)
    spin = _spin_operators(density)
    return Pulse(whole, spin, transmitted, _largest(staying), _largest(missing), applications)


def _evolve(
    hamiltonian: Hamiltonian,
    packet: np.ndarray,
    interval: float,
    tolerance: float,
    needed: Sequence[int],
    amplitudes: dict[tuple[int, int, int], np.ndarray],
) -> int:
    """Evolve every state of the spins in a sector; returns the applications of H.

    `amplitudes` receives, by the incoming spin, the outgoing spin and the down count before, complex (n_after, sites,
    n_before).
    """
    basis, sites = hamiltonian.basis, hamiltonian.sites
    groups = {spin: rows for spin, _, rows in basis.groups()}
    downs = {spin: down for spin, down, _ in basis.groups()}
    starts = [row for spin in needed if spin in groups for row in range(groups[spin].start, groups[spin].stop)]
    if not starts:
        return 0
    propagator = _propagator(hamiltonian, tolerance)
    for before in needed:
        for after in groups:
            if before in groups:
                shape = (_length(groups[after]), sites, _length(groups[before]))
                amplitudes[before, after, downs[before]] = np.empty(shape, complex)
    workers = thread_pool.largest()
    done = [0] * workers

    def evolve(worker: int) -> None:
        psi, work, total = (np.zeros(hamiltonian.shape, complex) for _ in range(3))
        for row in starts[worker::workers]:
            before = int(basis.electron[row])
            unit = np.zeros(basis.rows, complex)
            unit[row] = 1
            PureRun("", 1.0, hamiltonian, unit, packet).fill(psi)
            count, after = propagator.advance(psi, work, total, interval)
            done[worker] += count
            flat = hamiltonian.layout.flat(after)
            for spin, rows in groups.items():
                amplitudes[before, spin, downs[before]][:, :, row - groups[before].start] = flat[rows]

    thread_pool.each(evolve, range(workers))
    return sum(done)


def _length(rows: slice) -> int:
    return int(rows.stop - rows.start)


def _operators(
    amplitudes: dict[tuple[int, int, int], np.ndarray], spinor: np.ndarray, negligible: float
) -> list[tuple[Blocks, KrausSet]]:
    """For an outgoing ↑ and ↓: the operators K_{xσ'} by site, and as few that make the same map.

    Both outgoing spins are compressed together, which keeps the coherence between them.
    """
    by_site: list[Blocks] = [{}, {}]
    for (before, after, down), block in amplitudes.items():
        if spinor[before]:
            add(by_site[after], (down + before - after, down), spinor[before] * block)
    return list(zip(by_site, map(KrausSet, compressed(by_site, negligible)), strict=True))


def _spin_operators(density: list[list[Blocks]]) -> tuple[Blocks, Blocks, Blocks]:
    """⟨σˣ⟩, ⟨σʸ⟩, ⟨σᶻ⟩ from Σ_x K_{xσ'}†K_{xσ}, whose expectation value is ⟨σ|ρ_e|σ'⟩."""
    found: tuple[Blocks, Blocks, Blocks] = ({}, {}, {})
    for one, other, axis, factor in (
        (UP, DOWN, 0, 1), (DOWN, UP, 0, 1), (UP, DOWN, 1, 1j), (DOWN, UP, 1, -1j), (UP, UP, 2, 1), (DOWN, DOWN, 2, -1),
    ):  # fmt: skip
        for key, matrix in density[one][other].items():
            add(found[axis], key, factor * matrix)
    return found


def _largest(effect: Blocks) -> float:
    """Norm of an operator, or a bound on it where it has blocks between down counts."""
    norms = [float(np.linalg.norm(matrix, 2)) for (ket, bra), matrix in effect.items() if ket == bra]
    across = [float(np.linalg.norm(matrix, 2)) for (ket, bra), matrix in effect.items() if ket != bra]
    return max(norms, default=0.0) + sum(across)
