"""The folder of the batches of a run, ``RUN.nc.parts``: a result file with a state for each, and what was asked for."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pysv import config
from pysv.engines._trajectories import Sampling, trajectory_seeds
from pysv.errors import ExperimentFileError, ResultFileError, ResumeError
from pysv.results import files
from pysv.results.destination import whole_file
from pysv.run.plan import Batch, part_of

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.experiment import Experiment

REQUEST = "run.toml"
"""Experiment file of the run that is under way."""


class Folder:
    """The batches of a result file.

    Parameters
    ----------
    result : Path
        The result file, beside which the folder lies.
    """

    def __init__(self, result: Path) -> None:
        self.path = result.with_name(f"{result.name}.parts")

    @property
    def size(self) -> int:
        """Bytes of the files that there are."""
        return sum(path.stat().st_size for path in self.path.iterdir()) if self.path.is_dir() else 0

    def batch(self, number: int) -> Path:
        """The file of a batch."""
        return self.path / f"{number:04d}.nc"

    def begin(self, experiment: Experiment, method: Method, backend: str) -> None:
        """Make the folder, and keep in it what was asked for until the run is complete."""
        try:
            self.path.mkdir(exist_ok=True)
        except OSError as error:
            raise ResultFileError(f"{self.path}: cannot be made ({error.strerror or error})") from error
        with whole_file(self.path / REQUEST) as partial:
            partial.write_text(config.dumps(experiment, method, backend), encoding="utf-8")

    def complete(self) -> None:
        """Forget what was asked for: the result file holds it."""
        (self.path / REQUEST).unlink(missing_ok=True)

    def asked(self) -> config.Configuration | None:
        """What the run that is under way was asked for; None if none is.

        Raises
        ------
        ResumeError
            If the file that says so is damaged.
        """
        path = self.path / REQUEST
        if not os.path.isfile(path):  # also of a name that is too long
            return None
        try:
            return config.read(path)
        except ExperimentFileError as error:
            raise ResumeError(f"{error}; the file is damaged: run the experiment again") from error

    def drop(self) -> None:
        """Remove all batches, and the folder if nothing else is in it."""
        if not self.path.is_dir():
            return
        for path in self.path.iterdir():
            if re.fullmatch(r"\.?(\d{4,}\.nc|run\.toml)(\..*)?", path.name):
                path.unlink(missing_ok=True)
        with suppress(OSError):  # something else is in it
            self.path.rmdir()

    def move(self, result: Path) -> None:
        """Follow the result file to another name."""
        other = Folder(result).path
        if not other.exists():
            self.path.rename(other)
            self.path = other

    def holds(self, number: int, experiment: Experiment, batch: Batch) -> bool:
        """Whether a batch of this run, as long as it is or shorter, is there, with a state."""
        own = config.fingerprint(part_of(experiment), batch.method)
        return self._made(number) == (own, str(batch.members))

    def sizes(self, experiment: Experiment, method: Method) -> list[int]:
        """Numbers of trajectories of the first batches that are there.

        After a batch with an odd number the electron's spins would be out of turn; it is cut anew if more trajectories
        follow.
        """
        if not isinstance(method, Sampling):
            return []
        found: list[int] = []
        seeds, part = trajectory_seeds(method.ntraj, method.seeds), part_of(experiment)
        for number in count():
            first = sum(found)
            size = self._trajectories(number)
            own = seeds[first : first + size]
            if not own or len(own) < size or (size % 2 and first + size < len(seeds)):
                break
            if self._made(number) != (config.fingerprint(part, method.of_seeds(own)), "None"):
                break
            found.append(size)
        return found

    def _trajectories(self, number: int) -> int:
        try:
            made = config.loads(str(files.header(self.batch(number))[0]["experiment"])).engine
        except (ResultFileError, ExperimentFileError):
            return 0
        return made.ntraj if isinstance(made, Sampling) else 0

    def _made(self, number: int) -> tuple[str, str] | None:
        """Fingerprint and members of a batch that is there and has a state."""
        try:
            attrs, fingerprint = files.header(self.batch(number))
        except ResultFileError:
            return None
        return fingerprint, str(attrs.get("members", "None"))
