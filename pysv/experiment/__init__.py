"""An experiment: device, source of electrons, state of the spins, baths, times, and what to record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pysv.errors import InvalidInputError
from pysv.experiment.bath import BosonicBath
from pysv.experiment.checks import Checked
from pysv.experiment.device import ChainDevice, Device, SpinValve
from pysv.experiment.record import Record
from pysv.experiment.source import (
    TRUNCATION_ERROR,
    TRUNCATION_WARNING,
    Amplitudes,
    ConfinedElectrons,
    OneElectron,
    Orbital,
    WavePacket,
)
from pysv.experiment.spins import (
    GHZ,
    Antiparallel,
    Bell,
    Gibbs,
    Ground,
    Parallel,
    ProductState,
    SpinSetting,
    SpinVector,
    WState,
)
from pysv.experiment.times import Times


@dataclass(frozen=True, kw_only=True)
class Experiment(Checked):
    """Everything that defines a run; the default is the paper's 4+4 spin valve at T = 0 (Figs. 2, 3 and 5).

    Parameters
    ----------
    device : SpinValve or Device
        By default the device of the paper's figures for this source: 201 sites for one electron, 112 for several.
    source : WavePacket, Orbital, Amplitudes or ConfinedElectrons
    spins : Antiparallel, Parallel, ProductState, Gibbs, Ground, Bell, WState, GHZ or SpinVector
    bath : BosonicBath, optional
        None for a closed system.
    times : Times
        See `pysv.times`.
    record : Record

    Raises
    ------
    InvalidInputError
        If a part has the wrong type, or the parts do not fit together: the packet lies outside the chain, or the number
        of spin directions is not the number of spins, or no engine serves the
        combination.
    """

    device: ChainDevice = None  # type: ignore[assignment]  # set by `derived`
    source: OneElectron | ConfinedElectrons = field(default_factory=WavePacket)
    spins: SpinSetting = field(default_factory=Antiparallel)
    bath: BosonicBath | None = None
    times: Times = field(default_factory=Times)
    record: Record = field(default_factory=Record)

    def derived(self) -> Mapping[str, Any]:
        """The default device: that of the paper's figures for this source."""
        if vars(self)["device"] is not None:
            return {}
        several = isinstance(self.source, ConfinedElectrons)
        return {"device": SpinValve.for_several_electrons() if several else SpinValve()}

    def check(self) -> None:
        """The parts have their types and fit together."""
        parts = {
            "device": (SpinValve, Device),
            "source": (WavePacket, Orbital, Amplitudes, ConfinedElectrons),
            "spins": (Antiparallel, Parallel, ProductState, Gibbs, Ground, Bell, WState, GHZ, SpinVector),
            "bath": (BosonicBath, type(None)),
            "times": (Times,),
            "record": (Record,),
        }
        for key, kinds in parts.items():
            value = getattr(self, key)
            if not isinstance(value, kinds):
                names = " or ".join("None" if kind is type(None) else f"pysv.{kind.__name__}" for kind in kinds)
                raise InvalidInputError(f"{key} = {value!r} must be a {names}", key)
        self.spins.check_device(self.device)
        self.record.sides(self.device)
        if isinstance(self.source, WavePacket):
            self._check_packet(self.source)
        elif isinstance(self.source, Orbital):
            self._check_orbital(self.source)
        elif isinstance(self.source, Amplitudes):
            if len(self.source.values) > self.device.sites:
                raise InvalidInputError(
                    f"values lists {len(self.source.values)} amplitudes, the chain has {self.device.sites} sites",
                    "values",
                )
        else:
            assert isinstance(self.source, ConfinedElectrons)
            self._check_confined(self.source)

    def _check_packet(self, packet: WavePacket) -> None:
        sites = self.device.sites
        if not 1 <= packet.center <= sites:
            raise InvalidInputError(
                f"center = {packet.center:g} lies outside the chain; its sites are 1 to {sites}", "center"
            )
        lost = packet.beyond_ends(sites)
        if sum(lost) > TRUNCATION_ERROR and not packet.allow_truncation:
            raise InvalidInputError(
                f"center = {packet.center:g}: {_lost(lost)} of the packet lies beyond the chain, where the "
                f"limit is {TRUNCATION_ERROR:g}; move the centre inward, add sites, or raise momentum_spread, or set "
                "allow_truncation = true",
                "center",
            )

    def _check_well(self, source: Orbital | ConfinedElectrons) -> None:
        if source.confined_sites > self.device.sites:
            raise InvalidInputError(
                f"confined_sites = {source.confined_sites} exceeds the {self.device.sites} sites of the chain",
                "confined_sites",
            )

    def _check_orbital(self, source: Orbital) -> None:
        self._check_well(source)
        if source.level >= self.device.sites:
            raise InvalidInputError(
                f"level = {source.level} must be below {self.device.sites}, the number of orbitals of the chain",
                "level",
            )

    def _check_confined(self, source: ConfinedElectrons) -> None:
        self._check_well(source)
        first = min(self.device.spin_sites)
        if first <= source.confined_sites:
            raise InvalidInputError(
                f"confined_sites = {source.confined_sites}: a localized spin sits on site {first}, inside the confined "
                f"region; confine at most {first - 1} sites, or move the layers",
                "confined_sites",
            )
        self._check_served(source)

    def _check_served(self, source: ConfinedElectrons) -> None:
        """Some engine serves the combination; what only one of them cannot do is its own to refuse."""
        count = source.electrons
        of_spins = "take another state of the spins, or one electron, kind = 'wave-packet'"
        reasons = [
            (self.bath is not None, "with a bath", "leave [bath] out, or take one electron, kind = 'wave-packet'"),
            (isinstance(self.spins, Gibbs), "beside thermal spins", of_spins),
        ]
        if count != 2:
            asked = " and ".join(name for name in ("currents", "torque") if getattr(self.record, name))
            long = any(levels > 2 for levels in self.device.levels)
            reasons += [
                (long, "beside localized spins longer than 1/2", "take two electrons, or spins 1/2"),
                (not self.spins.is_product, f"beside a {self.spins.kind}", "take two electrons, or a product state"),
                (bool(asked), f"with [record] {asked} = true", "take two electrons, or leave it out"),
            ]
        for found, what, remedy in reasons:
            if found:
                raise InvalidInputError(f"electrons = {count} {what}: no engine serves this; {remedy}", "electrons")

    @property
    def truncated(self) -> float:
        """Probability of the packet beyond the ends of the chain; this part is cut off."""
        return sum(self.source.beyond_ends(self.device.sites)) if isinstance(self.source, OneElectron) else 0.0

    @property
    def wall_echoes(self) -> tuple[tuple[float, str], ...]:
        """Times (fs) at which reflections from the walls first reach the layers; see `WavePacket.wall_echoes`."""
        return self.source.wall_echoes(self.device)

    def remarks(self) -> tuple[str, ...]:
        """Sentences that the user must read: how much of the packet the ends of the chain cut off."""
        if not isinstance(self.source, WavePacket) or self.truncated <= TRUNCATION_WARNING:
            return ()
        lost = _lost(self.source.beyond_ends(self.device.sites))
        return (f"{lost} of the packet lies beyond the chain and is cut off; the rest is normalised to one electron",)


def _lost(beyond: tuple[float, float]) -> str:
    ends = [f"{part:.1e} ({side} end)" for part, side in zip(beyond, ("left", "right"), strict=True) if part > 1e-12]
    return " and ".join(ends)
