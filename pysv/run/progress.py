"""Progress bar in physical time, with the remaining time and the drift of the invariants."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from pysv.run.invariants import Watch
    from pysv.snapshot import Snapshot

_FORMAT = "{desc}{percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g} fs [{elapsed}<{remaining}{postfix}]"


class Screen:
    """Standard error for progress bars: a terminal that is gone, or a pipe that nobody reads, does not end a run."""

    def write(self, text: str) -> None:
        """Write, if that is possible."""
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


class Progress:
    """Listener that shows a progress bar in fs.

    Parameters
    ----------
    stop, done : float
        Time at which the run ends, and time at which it starts now, fs.
    watch : Watch
        Source of the drifts that are shown.
    label : str
        Text before the bar.
    shown : bool
    """

    def __init__(self, stop: float, done: float, watch: Watch, label: str, shown: bool) -> None:
        self._watch = watch
        self._stream = Screen()
        self._bar = tqdm(
            file=self._stream,
            total=stop,
            initial=done,
            desc=label,
            bar_format=_FORMAT,
            disable=not shown or sys.stderr is None,
            dynamic_ncols=True,
        )

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Move the bar to the snapshot's time."""
        drift = self._watch.drift
        self._bar.set_postfix_str(f"Δnorm {drift['norm']:.0e} ΔE {drift['energy']:.0e} eV", refresh=False)
        self._bar.update(snapshot.time - self._bar.n)

    def say(self, text: str) -> None:
        """Print a line without breaking the bar."""
        if sys.stderr is not None:
            self._bar.write(text, file=self._stream)

    def close(self) -> None:
        """Close the bar; it stays visible."""
        self._bar.close()
