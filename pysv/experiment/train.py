"""A train of electrons: equal wave packets, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError
from pysv.experiment.checks import checked, real_number, whole_number
from pysv.experiment.ranges import DURATION
from pysv.experiment.source import WavePacket

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice

MAX_PULSES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Train(WavePacket):
    """Electrons one after another, so far apart that each has left the layers before the next one comes.

    Each electron starts in the same packet and is lost in leads without end, so that no two of them ever meet. The
    times of a run are multiples of the interval; by default it has one snapshot after each pulse.

    Parameters
    ----------
    pulses : int
        Number of electrons. Later the spins are left alone.
    interval : float
        Time from the start of one electron to that of the next, fs.
    center, momentum, momentum_spread, spin, polarization
        The packet of each electron, as for `WavePacket`.
    allow_truncation : bool
        False: the leads have room for the whole packet.
    """

    pulses: int = checked(1000, whole_number, low=1, high=MAX_PULSES)
    interval: float = checked(200.0, real_number, **DURATION)

    def check(self) -> None:
        """Nothing is cut off a packet on leads without end."""
        super().check()
        if self.allow_truncation:
            raise InvalidInputError(
                "allow_truncation = true would be ignored: the leads of a train have room for the whole packet; leave "
                "it out",
                "allow_truncation",
            )

    def beyond_ends(self, sites: int) -> tuple[float, float]:
        """Nothing: the leads have no end."""
        return 0.0, 0.0

    def wall_echoes(self, device: ChainDevice) -> tuple[tuple[float, str], ...]:
        """None: the leads have no end."""
        return ()
