"""Engine of trains: the map of one electron on the localized spins, applied for each pulse.

An electron that starts in the packet Φ, meets the spins and has left them after the time T acts on them as the map
Φ_T(ρ) = Σ K ρ K†, K_{xσ'} = ⟨x σ'|U(T)|Φ σ⟩ (see `pysv.sectors.pulse`). Without it they evolve under their own H_FM and
the baths, ρ → E_t(ρ). A pulse with the interval τ is

    E_{τ − c} ∘ [U_FM(−(T − c)) ∘ Φ_T ∘ U_FM(−c)] ∘ E_c,

where c is the time at which the packet meets the spins. The bracket is the collision alone. Without baths the whole is
exactly U_FM(τ − T) ∘ Φ_T. With baths they are neglected during the collision, which takes a few fs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pysv.compute.compiling import Kernels
from pysv.engines._kernels import STEPS
from pysv.engines._open_system import layer_refusal
from pysv.engines.base import Engine, Method, Work, saved_array
from pysv.engines.cost import PROCESS, Cost, radius
from pysv.experiment.checks import checked, real_number
from pysv.experiment.train import Train
from pysv.model import spin_map
from pysv.model.alone import SpinsAlone
from pysv.model.basis import Spins
from pysv.model.baths.jumps import bath_spins
from pysv.model.conservation import conserves, keeps_parity
from pysv.model.initial import electron_states, localized_states, packet
from pysv.model.layer import sides
from pysv.model.spin_map import Blocks, KrausSet
from pysv.sectors.chebyshev import coefficients
from pysv.sectors.pulse import Pulse, pulse, transit_time
from pysv.snapshot import Snapshot, State
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.measures.registry import Measure
    from pysv.model.density import SpinDensity

_GIVEN = ("electron_spin_x", "electron_spin_y", "electron_spin_z")
"""Measures of the whole state that the state of a train gives."""
_PROBE = 1e-10
"""Truncation error per fs of the run that finds T."""
_WARNING = 1e-3
"""Probability left among the spins, over all pulses, above which the user is warned."""
_TAIL = 8.0
"""Half-width of a packet, in units of 1/δ_k, that the leads have room for; its amplitude is e^{−16} there."""


@dataclass(frozen=True, kw_only=True)
class TrainMap(Method):
    """Engine of trains: the map of one electron on the spins, found once and applied for each pulse.

    Parameters
    ----------
    tolerance : float
        Allowed truncation error of the electron's evolution per fs, 1e-15 … 1e-2.
    residual : float
        Probability of finding the electron among the spins, in the mean over their states, at which it counts as gone:
        from then on the spins are alone. An electron that is not gone after the interval is lost, with a warning.
    """

    tolerance: float = checked(1e-13, real_number, low=1e-15, high=1e-2, unit="per fs", finer=0.1)
    residual: float = checked(1e-6, real_number, low=1e-300, high=0.1, finer=0.1)

    name: ClassVar[str] = "train"
    serves: ClassVar[str] = "electrons one after another, with or without baths between them"
    backends: ClassVar[tuple[str, ...]] = ("python",)
    kernels: ClassVar[tuple[Kernels, ...]] = (STEPS,)
    cites: ClassVar[tuple[str, ...]] = ("TalEzer1984",)
    open: ClassVar[bool] = True
    trains: ClassVar[bool] = True

    def refusal(self, experiment: Experiment) -> str | None:
        """Refuse what is no train, and with baths a layer that is too large."""
        if not isinstance(experiment.source, Train):
            return f"engine {self.name!r} runs trains of electrons only; use [source] kind = 'train', or 'chebyshev'"
        if experiment.bath is None:
            return None
        if experiment.bath.dephases:
            return (
                f"engine {self.name!r} does not serve dephasing_rate: its electrons pass the spins without baths; "
                "leave dephasing_rate out, or take one packet, kind = 'wave-packet', and engine 'low-rank'"
            )
        return layer_refusal(self, experiment)

    def lacks(self, measure: Measure) -> str | None:
        """No electron is there between the pulses, but for its spin as it leaves."""
        if measure.needs != "state" or measure.name in _GIVEN:
            return None
        return "needs the electron, and a train is known between its pulses only, when each electron has left"

    def drift_tolerance(self, stop: float) -> float:
        """The trace is kept to rounding at each pulse."""
        return 1e-9 + 2 * self.tolerance * stop

    @property
    def deviation_kind(self) -> str:
        """The truncation is bounded."""
        return (
            "bound on ‖ρ − ρ_exact‖₁ by the truncation of the series and of the map, over all pulses; not in it: "
            "what is left of an electron when it counts as gone (engine_left_behind), and the baths during a collision"
        )

    def cost(self, experiment: Experiment) -> Cost:
        """Evolution of all states of the spins on leads for twice the flight time, and one map for each pulse."""
        source, spins = experiment.source, Spins(experiment.device.levels)
        assert isinstance(source, Train)
        interval = _guess(experiment, source)
        left, right = experiment.device.longer_leads(interval)
        sites, rows = experiment.device.sites + left + right, [spins.sector_rows(s) for s in range(spins.lowest + 2)]
        amplitudes = sites * sum(count**2 for count in rows)
        terms = coefficients(radius(experiment) * interval / HBAR, self.tolerance * interval)[0].size
        kraus = 2 * sites * sum(spins.multiplicity(d) ** 2 for d in range(spins.lowest + 1))
        products = 2 * sites * sum(spins.multiplicity(d) ** 3 for d in range(spins.lowest + 1))
        groups = bath_spins(experiment.device, experiment.bath) if experiment.bath else ()
        relaxed = [spins.part(own.start - 1, own.stop - 1).size ** 4 for own in groups]
        pulses = min(source.pulses, round(experiment.times.stop / source.interval))
        return Cost(
            amplitudes=amplitudes,
            memory=PROCESS + 16 * (2 * amplitudes + 2 * kraus + 12 * max(relaxed, default=0)),
            applications=terms * sum(rows),
            seconds=3e-9 * amplitudes * terms + 3e-10 * products * pulses + sum(3e-9 * own**1.5 for own in relaxed),
            disk=16 * spins.size**2,
        )

    def begin(self, experiment: Experiment, backend: str) -> Engine:
        """Find the map of one electron; start before the first one."""
        del backend
        return _TrainEngine(experiment, self)


def _guess(experiment: Experiment, source: Train) -> float:
    """Rough time after which an electron has left the spins, fs: four times the flight time of the packet's end."""
    speed = abs(source.velocity(experiment.device.largest_hopping))
    way = max(abs(site - source.center) for site in experiment.device.irregular) + 4 / source.momentum_spread
    return min(source.interval, 4 * way / speed if speed > 0 else math.inf)


@dataclass(frozen=True, eq=False)
class TrainState(State):
    """The localized spins between two pulses, and what is known of the last electron.

    Parameters
    ----------
    rho : Blocks
        ρ of the localized spins.
    alone : SpinsAlone
    outgoing : float64 ndarray (5,)
        ⟨σ⟩ of the last electron, its probability of transmission, and ‖ρ − ρ_before‖₁ of the last interval; NaN before
        the first one.
    """

    rho: Blocks
    alone: SpinsAlone
    outgoing: np.ndarray

    def electron_densities(self) -> tuple[np.ndarray, np.ndarray]:
        """The chain is empty."""
        nothing = np.zeros(self.alone.experiment.device.sites)
        return nothing, nothing

    def electron_spin(self) -> np.ndarray:
        """⟨σ⟩ of the last electron as it left."""
        return self.outgoing[:3]

    def spin_density(self) -> SpinDensity:
        """ρ."""
        return spin_map.as_density(self.rho, *sides(self.alone.experiment.device))

    def invariants(self) -> dict[str, float]:
        """Tr ρ, and energy and S^z of the localized spins, which the electrons change; none of these is there now."""
        spins = self.alone.spins
        weight = {ket: float(np.trace(block).real) for (ket, bra), block in self.rho.items() if ket == bra}
        norm = sum(weight.values())
        return {
            "norm": norm,
            "energy": spin_map.expectation(self.alone.energy, self.rho),
            "spin_z_total": sum(own * (spins.lowest - 2 * down) for down, own in weight.items()),
            "electron_number": 0.0,
        }

    def extras(self) -> dict[str, np.ndarray | float]:
        """Transmission of the last electron, and how much its interval changed ρ."""
        if np.isnan(self.outgoing).all():
            return {}
        return {"electron_transmission": float(self.outgoing[3]), "change_of_state": float(self.outgoing[4])}


class _TrainEngine(Engine):
    def __init__(self, experiment: Experiment, method: TrainMap) -> None:
        assert isinstance(experiment.source, Train)
        self.time = 0.0
        self.method, self.source = method, experiment.source
        self.alone = SpinsAlone(experiment)
        self.done = 0
        """Intervals that have passed."""
        longest = self.source.interval
        self.transit = _transit(experiment, self.source, method.residual)
        long = _on_leads(experiment, self.source, self.transit)
        incoming = [(weight, spinor) for _, weight, spinor in electron_states(self.source)]
        self.pulse: Pulse = pulse(long.device, packet(long), incoming, self.transit, method.tolerance)
        self.meeting = _meeting(experiment, self.source, self.transit)
        self.rho = _start(experiment)
        self.outgoing = np.full(5, np.nan)
        self.sets: tuple[KrausSet, ...] = self._collision()
        self.maps = self.alone.maps(self.meeting, longest - self.meeting)

    def _collision(self) -> tuple[KrausSet, ...]:
        """The map of the whole interval without baths, that of the collision alone with them."""
        rest = self.source.interval - self.transit
        before, after = (0.0, rest) if not self.maps_needed else (-self.meeting, self.meeting - self.transit)
        left, right = self.alone.unitary(after), self.alone.unitary(before)
        return tuple(kraus.between(left, right) for kraus in self.pulse.sets)

    @property
    def maps_needed(self) -> bool:
        """Whether there are baths."""
        return self.alone.experiment.bath is not None

    def advance(self, time: float) -> None:
        """Let the electrons of the intervals until `time`, fs, come and go."""
        until = round(time / self.source.interval)
        while self.done < until:
            before = self.rho
            if self.done < self.source.pulses:
                self._electron()
            else:
                if self.source.interval not in self.maps:
                    self.maps |= self.alone.maps(self.source.interval)
                self.rho = self.alone.evolve(self.rho, self.source.interval, self.maps)
                self.outgoing = np.full(5, np.nan)
            self.outgoing[4] = spin_map.distance(self.rho, before, self.alone.spins)
            self.done += 1
        self.time = time

    def _electron(self) -> None:
        rho = self.alone.evolve(self.rho, self.meeting, self.maps) if self.maps_needed else self.rho
        effects = (*self.pulse.electron_spin, self.pulse.transmitted)
        incoming = rho if not self.maps_needed else self.alone.turned(rho, -self.meeting)
        self.outgoing[:4] = [spin_map.expectation(effect, incoming) for effect in effects]
        rho = spin_map.apply(self.sets, rho)
        self.rho = self.alone.evolve(rho, self.source.interval - self.meeting, self.maps) if self.maps_needed else rho

    def snapshot(self) -> Snapshot:
        """The spins between two pulses."""
        return Snapshot(self.time, TrainState(self.rho, self.alone, self.outgoing.copy()), self.deviation)

    @property
    def deviation(self) -> float:
        """Bound on ‖ρ − ρ_exact‖₁: that of the state counts twice, and that of the trace once."""
        each = 2 * self.method.tolerance * self.transit + self.pulse.trace_error
        return each * min(self.done, self.source.pulses)

    def work(self) -> Work:
        """Applications of H, and what is known of the map."""
        details = {
            "transit": self.transit,
            "meeting": self.meeting,
            "left_behind": self.pulse.left_behind,
            "kraus_operators": sum(kraus.count for kraus in self.sets),
        }
        warnings: tuple[str, ...] = ()
        left = self.pulse.left_behind * min(self.done, self.source.pulses)
        if left > _WARNING:
            warnings = (
                f"up to {self.pulse.left_behind:.1e} of each electron has not left {self.transit:g} fs after its "
                f"start, when it counts as gone, over all pulses {left:.1e}; take a smaller residual in "
                "[evolution.train], or a longer interval",
            )
        return Work(self.pulse.applications, self.deviation, details, warnings)

    def state(self) -> dict[str, np.ndarray]:
        """ρ and what is known of the last electron."""
        keys = np.array(sorted(self.rho), dtype=np.int64)
        blocks = np.concatenate([self.rho[ket, bra].ravel() for ket, bra in keys.tolist()])
        return {"blocks": blocks, "outgoing": self.outgoing, "done": np.array([self.done])}

    def restore(self, time: float, state: Mapping[str, np.ndarray]) -> None:
        """Continue from a saved ρ."""
        keys = sorted(self.rho)
        size = sum(self.rho[key].size for key in keys)
        blocks = saved_array(state, "blocks", (size,)).astype(complex)
        ends = np.cumsum([self.rho[key].size for key in keys])
        parts = np.split(blocks, ends[:-1])
        self.rho = {key: part.reshape(self.rho[key].shape) for key, part in zip(keys, parts, strict=True)}
        self.outgoing = saved_array(state, "outgoing", (5,)).astype(float)
        self.done = int(saved_array(state, "done", (1,))[0])
        self.time = time


def _on_leads(experiment: Experiment, source: Train, stop: float) -> Experiment:
    """The experiment on leads with room for the whole packet, whose echoes do not return before a time, fs."""
    device, tail = experiment.device, math.ceil(_TAIL / source.momentum_spread)
    left, right = device.longer_leads(stop)
    left = max(left, tail - math.floor(source.center) + 1)
    right = max(right, tail - (device.sites - math.ceil(source.center)))
    # The times play no part.
    return replace(
        experiment, device=device.lengthened(left, right), source=replace(source, center=source.center + left)
    )


def _transit(experiment: Experiment, source: Train, residual: float) -> float:
    """Time after which an electron counts as gone, fs; the leads of the search grow with the time that it takes."""
    longest = _guess(experiment, source)
    while True:
        probed = _on_leads(experiment, source, longest)
        found = transit_time(probed.device, packet(probed), longest, residual, _PROBE)
        if found < longest or longest >= source.interval:
            return found
        longest = min(2 * longest, source.interval)


def _meeting(experiment: Experiment, source: Train, transit: float) -> float:
    """Time at which the centre of the packet reaches the middle of the spins, fs; within the transit."""
    device = experiment.device
    middle = (min(device.spin_sites) + max(device.spin_sites)) / 2
    speed = source.velocity(device.largest_hopping)
    return min(max((middle - source.center) / speed, 0.0), transit) if speed else transit / 2


def _start(experiment: Experiment) -> Blocks:
    """ρ of the localized spins at t = 0, in all blocks that it can reach."""
    spins = Spins(experiment.device.levels)
    step = 0 if conserves(experiment) else 2 if keeps_parity(experiment) else 1
    counts = range(spins.lowest + 1)
    found = {
        (ket, bra): np.zeros((spins.multiplicity(ket), spins.multiplicity(bra)), dtype=complex)
        for ket in counts
        for bra in counts
        if (ket == bra if not step else (ket - bra) % step == 0)
    }
    for state in localized_states(experiment.device, experiment.spins):
        own = {down: state.amplitude(spins.configurations(down)) for down in state.downs}
        for ket, amplitudes in own.items():
            for bra, others in own.items():
                found[ket, bra] += state.weight * np.outer(amplitudes, others.conj())
    return found
