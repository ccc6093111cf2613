"""The result file of a run in progress: complete at any time, updated during the run, sufficient to resume."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pysv.errors import OtherPlaceWarning, ResultFileError, UnsavedResultError
from pysv.results.destination import OwnFile
from pysv.results.files import SavedState, load_state, write
from pysv.run.remarks import tell

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Engine
    from pysv.snapshot import Snapshot

SHARE = 0.05
"""Largest share of the run time spent on checkpoints."""


class Checkpoint:
    """Listener that keeps the result file up to date.

    A disk that fills does not end the run: the next write may succeed, and the last one may go elsewhere.

    Parameters
    ----------
    own : OwnFile
    engine : Engine
    fingerprint : str
        See `pysv.config.fingerprint`.
    dataset : callable
        Returns the dataset of the first `count` snapshots, with the status of the run.
    every : float
        Shortest time between two writes, s.
    say : callable
        Shows a sentence beside the progress bar.
    holds_state : bool
        Whether the file holds a state of this run already.
    """

    def __init__(
        self,
        own: OwnFile,
        engine: Engine,
        fingerprint: str,
        dataset: Callable[[int], xr.Dataset],
        every: float,
        say: Callable[[str], None],
        *,
        holds_state: bool = False,
    ) -> None:
        self._own = own
        self._engine = engine
        self._fingerprint = fingerprint
        self._dataset = dataset
        self._every = every
        self._say = say
        self._written = time.monotonic()
        self._cost = 0.0
        self._failed = False
        self._holds_state = holds_state

    def heard(self, index: int, snapshot: Snapshot) -> None:
        """Write, unless the last write is too recent or writes take too large a share of the run time."""
        if time.monotonic() - self._written < max(self._every, self._cost / SHARE):
            return
        begun = time.monotonic()
        try:
            self._write(self._dataset(index + 1), self.state())
            self._failed = False
        except ResultFileError as error:
            if not self._failed:
                self._say(f"pysv: {error}; the run goes on and tries again")
            self._failed = True
        self._written = time.monotonic()
        self._cost = self._written - begun

    def finish(self, count: int) -> xr.Dataset:
        """Write the first `count` snapshots and the engine's present state for the last time.

        Returns
        -------
        xarray.Dataset
            The one written; its ``encoding["source"]`` says where.

        Raises
        ------
        UnsavedResultError
            If there is no room for it anywhere.
        """
        data = self._dataset(count)
        self._save(data, self.state())
        if data.attrs["status"] == "complete":
            self._own.drop_previous()
        return data

    def keep(self, count: int, reason: str) -> None:
        """Write the snapshots before a failure, with the last good state, where the file holds one.

        Raises
        ------
        ResultFileError
            If that is not possible.
        """
        state = None  # the engine's own is not valid any more
        if self._holds_state:
            with contextlib.suppress(ResultFileError):
                state = load_state(self._own.path)
        data = self._dataset(count).assign_attrs(status=f"stopped: {reason}")
        self._save(data, state)
        before = "the snapshot before the failure is" if count == 1 else f"the {count} snapshots before the failure are"
        self._say(f"pysv: {before} in {data.encoding['source']}")

    def state(self) -> SavedState:
        """The engine's present state."""
        return SavedState(self._engine.time, self._fingerprint, self._engine.state())

    def _write(self, data: xr.Dataset, state: SavedState | None) -> None:
        asked = self._own.path
        data.encoding["source"] = str(write(data, asked, state, own=self._own, keep=self._holds_state))
        if self._own.path != asked:
            tell(f"{asked}: another file has appeared there; the result is in {self._own.path}", OtherPlaceWarning)
        if not self._holds_state:
            self._own.drop_previous()  # of another run
        self._holds_state = state is not None

    def _save(self, data: xr.Dataset, state: SavedState | None) -> None:
        """Write to the result file, or else wherever there is room."""
        try:
            self._write(data, state)
        except ResultFileError as error:
            failure = error
        else:
            return
        for folder in refuges(self._own.path.parent):
            try:
                with OwnFile(folder / self._own.path.name, replace=False) as other:
                    data.encoding["source"] = str(write(data, other.path, state, own=other))
            except ResultFileError:
                continue
            tell(f"{failure}; the result is in {data.encoding['source']}", OtherPlaceWarning)
            return
        raise UnsavedResultError(
            f"{failure}; the result is in memory only, as the attribute data of this error", data
        ) from failure


def refuges(folder: Path) -> list[Path]:
    """Other folders in which a result may be kept that does not fit in its own."""
    others = (Path.cwd(), Path(tempfile.gettempdir()), Path.home())
    return [one for one in dict.fromkeys(map(Path.resolve, others)) if one != folder.resolve()]
