"""An experiment: device, source of electrons, state of the spins, baths, times, and what to record."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pysv.checks import choice, real_number, truth, whole_number
from pysv.device import SpinValve
from pysv.errors import InvalidInputError
from pysv.record import Record
from pysv.source import TRUNCATION_ERROR, TRUNCATION_WARNING, ConfinedElectrons, WavePacket
from pysv.spins import Antiparallel, Gibbs, ProductState

if TYPE_CHECKING:
    import numpy as np


MOST_SNAPSHOTS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Times:
    """Snapshots at 0, step, 2·step, …, stop.

    Parameters
    ----------
    stop : float
        Time of the last snapshot, fs.
    step : float
        Time between snapshots, fs; `stop` is a whole number of steps.
    """

    stop: float = 60.0
    step: float = 1.0

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "stop", real_number("stop", self.stop, above=0.0, unit="fs"))
        put(self, "step", real_number("step", self.step, above=0.0, unit="fs"))
        if self.step > self.stop:
            raise InvalidInputError(f"step = {self.step:g} fs is larger than stop = {self.stop:g} fs", "step")
        steps = self.stop / self.step
        if steps > MOST_SNAPSHOTS:
            raise InvalidInputError(
                f"step = {self.step:g} fs makes {steps:.0e} snapshots until stop = {self.stop:g} fs; at most "
                f"{MOST_SNAPSHOTS:.0e} are allowed",
                "step",
            )
        if abs(steps - round(steps)) > 1e-9 * steps:
            whole = math.floor(steps) * self.step
            raise InvalidInputError(
                f"stop = {self.stop:g} fs is not a whole number of steps of {self.step:g} fs; take {whole:g} fs", "stop"
            )

    @property
    def count(self) -> int:
        """Number of snapshots, the one at t = 0 included."""
        return round(self.stop / self.step) + 1

    @property
    def values(self) -> np.ndarray:
        """Times of the snapshots, fs, shape (count,)."""
        import numpy as np

        return np.round(np.arange(self.count) * self.step, 12)  # 0.3, not 0.30000000000000004


def times(stop: float = 60.0, step: float = 1.0) -> Times:
    """Snapshots from 0 to `stop` every `step`, both in fs; see `Times`."""
    return Times(stop=stop, step=step)


@dataclass(frozen=True, kw_only=True)
class BosonicBath:
    """One bosonic bath per localized spin, in the universal Lindblad equation (Eqs. 14–20).

    Parameters
    ----------
    temperature : float
        T > 0, K.
    coupling : {"x", "y", "z", "xyz"}
        Pauli matrix that couples a spin to its bath; "xyz" gives each spin three baths.
    strength : float
        Γ/ω_m ≥ 0.
    cutoff : float
        ω_m > 0, eV.
    cutoff_shape : {"gaussian", "exponential", "hard"}
        How the spectral density ends above ω_m.
    lamb_shift : bool
        Whether the Lamb shift is part of the Hamiltonian.
    series_terms : int
        N_L of the paper's power series for the jump operators (Eq. 18), 0 … 60; 0, the default, means the exact ones.

    Raises
    ------
    InvalidInputError
        If a value is outside its range, or the power series is asked for with a cutoff for which it does not exist.
    """

    temperature: float = 100.0
    coupling: str = "x"
    strength: float = 0.0144
    cutoff: float = 0.1
    cutoff_shape: str = "gaussian"
    lamb_shift: bool = False
    series_terms: int = 0

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "temperature", real_number("temperature", self.temperature, above=0.0, unit="K"))
        choice("coupling", self.coupling, ("x", "y", "z", "xyz"))
        put(self, "strength", real_number("strength", self.strength, low=0.0))
        put(self, "cutoff", real_number("cutoff", self.cutoff, above=0.0, unit="eV"))
        choice("cutoff_shape", self.cutoff_shape, ("gaussian", "exponential", "hard"))
        truth("lamb_shift", self.lamb_shift)
        put(self, "series_terms", whole_number("series_terms", self.series_terms, low=0, high=60))
        if self.series_terms and self.cutoff_shape != "gaussian":
            reason = "a jump in √J" if self.cutoff_shape == "hard" else "a cusp of √J at ω = 0"
            raise InvalidInputError(
                f"series_terms = {self.series_terms} with cutoff_shape = {self.cutoff_shape!r}: the moments ∫g(t)tⁿdt "
                f"of Eq. 18 diverge because of {reason}; use the exact operators (series_terms = 0) or the gaussian "
                "cutoff",
                "series_terms",
            )


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Everything that defines a run; its default is the paper's 4+4 spin valve at T = 0 (Figs. 2, 3 and 5).

    Parameters
    ----------
    device : SpinValve
        By default that of the paper's figures for the given source: 201 sites for one electron, 112 for several.
    source : WavePacket or ConfinedElectrons
    spins : Antiparallel, ProductState or Gibbs
    bath : BosonicBath, optional
        None for a closed system.
    times : Times
        See `pysv.times`.
    record : Record

    Raises
    ------
    InvalidInputError
        If the parts do not fit each other: a packet outside the chain, a number of spin directions that is not the
        number of spins, a part of the wrong type.
    """

    device: SpinValve = None  # type: ignore[assignment]  # filled in below, according to the source
    source: WavePacket | ConfinedElectrons = field(default_factory=WavePacket)
    spins: Antiparallel | ProductState | Gibbs = field(default_factory=Antiparallel)
    bath: BosonicBath | None = None
    times: Times = field(default_factory=Times)
    record: Record = field(default_factory=Record)

    def __post_init__(self) -> None:
        if vars(self)["device"] is None:
            several = isinstance(self.source, ConfinedElectrons)
            object.__setattr__(self, "device", SpinValve.for_several_electrons() if several else SpinValve())
        parts = {
            "device": (SpinValve,),
            "source": (WavePacket, ConfinedElectrons),
            "spins": (Antiparallel, ProductState, Gibbs),
            "bath": (BosonicBath, type(None)),
            "times": (Times,),
            "record": (Record,),
        }
        for key, kinds in parts.items():
            value = getattr(self, key)
            if not isinstance(value, kinds):
                names = " or ".join("None" if kind is type(None) else f"pysv.{kind.__name__}" for kind in kinds)
                raise InvalidInputError(f"{key} = {value!r} must be a {names}", key)
        if isinstance(self.spins, ProductState):
            self.spins.directions(self.device)
        if isinstance(self.source, WavePacket):
            self._check_packet(self.source)
        else:
            self._check_confined(self.source)

    def _check_packet(self, packet: WavePacket) -> None:
        sites = self.device.sites
        if not 1 <= packet.center <= sites:
            raise InvalidInputError(
                f"center = {packet.center:g} lies outside the chain; its sites are 1 to {sites}", "center"
            )
        lost = packet.beyond_ends(sites)
        if sum(lost) > TRUNCATION_ERROR:
            raise InvalidInputError(
                f"center = {packet.center:g}: {_lost(lost)} of the packet lies beyond the chain, at most "
                f"{TRUNCATION_ERROR:g} is allowed; move the centre inward, add sites, or raise momentum_spread",
                "center",
            )

    def _check_confined(self, source: ConfinedElectrons) -> None:
        if source.confined_sites > self.device.sites:
            raise InvalidInputError(
                f"confined_sites = {source.confined_sites} exceeds the {self.device.sites} sites of the chain",
                "confined_sites",
            )
        first = min(self.device.spin_sites)
        if first <= source.confined_sites:
            raise InvalidInputError(
                f"confined_sites = {source.confined_sites}: a localized spin sits on site {first}, inside the confined "
                f"region; confine at most {first - 1} sites, or move the layers",
                "confined_sites",
            )

    @property
    def truncated(self) -> float:
        """Probability of the incoming packet that lies beyond the ends of the chain and is cut off."""
        return sum(self.source.beyond_ends(self.device.sites)) if isinstance(self.source, WavePacket) else 0.0

    @property
    def wall_echoes(self) -> tuple[tuple[float, str], ...]:
        """Times in fs from which on waves that a wall sent back act on the layers; see `WavePacket.wall_echoes`."""
        return self.source.wall_echoes(self.device)

    def remarks(self) -> tuple[str, ...]:
        """Sentences about the experiment that its user must know: the packet's truncation by the chain's ends."""
        if not isinstance(self.source, WavePacket) or self.truncated <= TRUNCATION_WARNING:
            return ()
        lost = _lost(self.source.beyond_ends(self.device.sites))
        return (f"{lost} of the packet lies beyond the chain and is cut off; the rest is normalised to one electron",)


def _lost(beyond: tuple[float, float]) -> str:
    ends = [f"{part:.1e} ({side} end)" for part, side in zip(beyond, ("left", "right"), strict=True) if part > 1e-12]
    return " and ".join(ends)
