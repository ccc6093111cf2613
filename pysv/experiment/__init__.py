"""An experiment: device, source of electrons, state of the spins, baths, times, and what to record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pysv.errors import InvalidInputError, quoted
from pysv.experiment import table
from pysv.experiment.bath import BosonicBath
from pysv.experiment.checks import Checked, real_number
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
from pysv.experiment.train import Train


@dataclass(frozen=True, kw_only=True)
class Experiment(Checked):
    """Everything that defines a run; the default is the paper's 4+4 spin valve at T = 0 (Figs. 2, 3 and 5).

    Parameters
    ----------
    device : SpinValve or Device
        By default the device of the paper's figures for this source: 201 sites for one electron, 112 for several.
    source : WavePacket, Orbital, Amplitudes, Train or ConfinedElectrons
    spins : Antiparallel, Parallel, ProductState, Gibbs, Ground, Bell, WState, GHZ or SpinVector
    bath : BosonicBath, optional
        None for a closed system.
    times : Times
        See `pysv.times`; by default 60 fs in steps of 1 fs, and after each pulse of a train.
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
    times: Times = None  # type: ignore[assignment]  # set by `derived`
    record: Record = field(default_factory=Record)

    def derived(self) -> Mapping[str, Any]:
        """The default device and times: those of the paper's figures for this source."""
        found: dict[str, Any] = {}
        if vars(self)["device"] is None:
            several = isinstance(self.source, ConfinedElectrons)
            found["device"] = SpinValve.for_several_electrons() if several else SpinValve()
        if vars(self)["times"] is None:
            found["times"] = default_times(self.source)
        return found

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
                raise InvalidInputError(f"{key} = {quoted(value)} must be a {names}", key)
        self.spins.check_device(self.device)
        if self.bath is not None:
            self.bath.check_device(self.device)
        self.record.sides(self.device)
        self.record.check_spins(self.device)
        if isinstance(self.source, WavePacket):
            self._check_packet(self.source)
            if isinstance(self.source, Train):
                self._check_train(self.source)
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

    def __str__(self) -> str:
        return table.as_text(self._rows(), table.Chain.of(self.device, self.source))

    def _repr_html_(self) -> str:
        """The table for a notebook, with the chain drawn to scale."""
        return table.as_html(self._rows(), table.Chain.of(self.device, self.source))

    def _rows(self) -> table.Rows:
        return table.rows(self.device, self.source, self.spins, self.bath, self.times, self.record)

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

    def _check_train(self, train: Train) -> None:
        own = self.times.at or (self.times.step,)
        for time in own:
            pulses = time / train.interval
            if abs(pulses - round(pulses)) <= 1e-9 * pulses and (pulses or self.times.at):
                continue
            key = "at" if self.times.at else "step"
            raise InvalidInputError(
                f"{key} = {time:g} fs must be a whole number of intervals of {train.interval:g} fs: the "
                "state of a train is known between its pulses only",
                key,
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
        if count != 2 and max(self.device.levels) > 2:
            remedy = "take two electrons, spins 1/2, or a product state"
            reasons.append((not self.spins.is_product, f"beside longer spins than 1/2 in a {self.spins.kind}", remedy))
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

    def echo_free(self, *, stop: float | None = None) -> Experiment:
        """The same experiment on a chain whose leads are so long that no echo from a wall acts on the spins.

        The sites that are added on the left shift the layers, the packet and the sites of dephasing alike; see
        `pysv.Device.echo_free`. What the ends of the shorter chain cut off the packet is there again. The cost grows
        with the length of the chain.

        Parameters
        ----------
        stop : float, optional
            Time until which no echo acts, fs; by default the last one of the run.

        Raises
        ------
        InvalidInputError
            If the electrons start in a well at the left wall: what they send back to it is no echo. If the source is a
            train, whose leads have no end.
        """
        if isinstance(self.source, Train):
            raise InvalidInputError("the leads of a train have no end; leave echo_free out", "source")
        until = real_number("stop", self.times.stop if stop is None else stop, above=0.0, unit="fs")
        left, right = self.device.longer_leads(until)
        if isinstance(self.source, WavePacket):
            source: OneElectron = replace(self.source, center=self.source.center + left)
        elif isinstance(self.source, Amplitudes):
            source = replace(self.source, values=((0.0, 0.0),) * left + self.source.values)
        else:
            raise InvalidInputError(
                "the electrons start in a well at the left wall, which is a part of their source; add sites at the "
                "right end by hand",
                "source",
            )
        bath = self.bath and self.bath.moved(left, self.device.sites)
        return replace(self, device=self.device.lengthened(left, right), source=source, bath=bath)

    def remarks(self) -> tuple[str, ...]:
        """Sentences that the user must read: where the packet runs, and how much of it is cut off."""
        return *self.direction_remarks(), *self.truncation_remarks()

    def direction_remarks(self) -> tuple[str, ...]:
        """A sentence on a packet that runs away from the localized spins; empty if it does not."""
        side = self.source.runs_away(self.device) if isinstance(self.source, WavePacket) else None
        if side is None:
            return ()
        packet = self.source
        assert isinstance(packet, WavePacket)
        return (
            f"the packet starts on the {side} of the localized spins and runs away from them (momentum = "
            f"{packet.momentum:g}); to send it towards them, change the sign of momentum",
        )

    def truncation_remarks(self) -> tuple[str, ...]:
        """Sentences on how much of the packet the ends of the chain cut off, and on pulses that are not sent."""
        if isinstance(self.source, Train):
            pulses = round(self.times.stop / self.source.interval)
            return (
                (f"the run ends after {pulses} of {self.source.pulses} pulses",) if pulses < self.source.pulses else ()
            )
        if not isinstance(self.source, WavePacket) or self.truncated <= TRUNCATION_WARNING:
            return ()
        lost = _lost(self.source.beyond_ends(self.device.sites))
        return (f"{lost} of the packet lies beyond the chain and is cut off; the rest is normalised to one electron",)


def default_times(source: OneElectron | ConfinedElectrons) -> Times:
    """Times of a run that names none."""
    if isinstance(source, Train):
        return Times(stop=source.pulses * source.interval, step=source.interval)
    return Times()


def _lost(beyond: tuple[float, float]) -> str:
    ends = [f"{part:.1e} ({side} end)" for part, side in zip(beyond, ("left", "right"), strict=True) if part > 1e-12]
    return " and ".join(ends)
