"""One run from its start to its last snapshot: the engine, its listeners, and the resulting dataset."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from pysv import config
from pysv.compute import ranks
from pysv.engines import choose, chosen_because, faster_elsewhere
from pysv.engines._trajectories import Sampling
from pysv.engines.base import Method
from pysv.engines.cost import radius
from pysv.errors import ResultFileError, ResumeError, UnsavedResultError, reason
from pysv.measures.observables import own_measures
from pysv.measures.registry import additional
from pysv.measures.sizes import LIMITS, Limits
from pysv.measures.ways import left_out, probe_seeds
from pysv.model.baths import jumps
from pysv.model.initial import dropped_weight
from pysv.results.dataset import ALWAYS, build, provenance, schema
from pysv.results.destination import OwnFile
from pysv.results.files import SavedState
from pysv.run.checkpoint import Checkpoint
from pysv.run.estimate import check_fits
from pysv.run.interrupt import CtrlC
from pysv.run.invariants import Watch, remedy
from pysv.run.loop import Listener, evolve
from pysv.run.progress import Progress
from pysv.run.recorder import Recorder
from pysv.run.remarks import remarks
from pysv.run.restored import Earlier, check_restored, part_in
from pysv.sectors import backend as backends
from pysv.sectors.layout import CUT, Cut
from pysv.sectors.pure_run import pure_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

    from pysv.engines.base import Engine
    from pysv.experiment import Experiment
    from pysv.run.estimate import Estimate


_advised = threading.Event()
"""Set once the process has proposed a set-up of Julia."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run that is known to fit in memory and has not allocated any yet.

    With a `cut` of one's own, only engines on pure runs of one electron can begin.
    """

    experiment: Experiment
    method: Method
    backend: str
    fingerprint: str
    needed: Estimate
    members: tuple[int, int] | None = None
    limits: Limits = LIMITS
    cut: Cut = CUT
    functions: tuple[str, ...] = ()
    """Names of the observables that are functions."""
    backend_reason: str = "asked for"
    """Why this backend runs it."""
    advice: str | None = None
    """What another backend would gain."""

    @classmethod
    def prepare(
        cls,
        experiment: Experiment,
        engine: str | Method,
        backend: str,
        members: tuple[int, int] | None = None,
        limits: Limits = LIMITS,
        cut: Cut = CUT,
        functions: tuple[str, ...] = (),
    ) -> Run:
        method, chosen = choose(experiment, engine, backend)
        backends.backend(chosen).check()
        needed = check_fits(experiment, method, chosen)
        digest = config.fingerprint(experiment, method)
        because = chosen_because(experiment, method, chosen, backend)
        advice = faster_elsewhere(experiment, method, chosen, backend)
        return cls(experiment, method, chosen, digest, needed, members, limits, cut, functions, because, advice)

    def begin(self) -> Engine:
        """The engine at t = 0."""
        if self.members is None and self.cut is CUT:
            return self.method.begin(self.experiment, self.backend)
        runs = pure_runs(self.experiment, self.cut)
        return self.method.start(runs if self.members is None else runs[slice(*self.members)], self.backend)

    def go(
        self,
        own: OwnFile | None,
        progress: bool,
        checkpoint_every: float,
        earlier: Earlier | None = None,
        announce: Callable[[], None] | None = None,
    ) -> xr.Dataset:
        """Run, or continue, to the last snapshot; keep the run's own file up to date.

        `announce` is called once nothing can refuse the run any more: a refusal comes alone, without warnings.
        """
        return self._gone(own, progress, checkpoint_every, earlier, announce)[0]

    def part(self, earlier: Earlier | None = None) -> Earlier:
        """Run, or continue, without a file: the dataset and the state to go on from."""
        data, engine = self._gone(None, False, 0.0, earlier)
        return Earlier(data, SavedState(engine.time, self.fingerprint, engine.state()))

    def _gone(
        self,
        own: OwnFile | None,
        progress: bool,
        checkpoint_every: float,
        earlier: Earlier | None,
        announce: Callable[[], None] | None = None,
    ) -> tuple[xr.Dataset, Engine]:
        begun = time.monotonic()
        times = self.experiment.times.values
        with OneThread():
            engine = self.begin()
        watch = Watch(
            self.method.drift_tolerance(float(times[-1])),
            radius(self.experiment),
            self.method.conserved(self.experiment),
            remedy(self.method, resumed=earlier is not None),
        )
        recorder = Recorder(self.experiment, times.size, watch, self.limits, self.needed.lacks)
        before = 0.0
        first = 0
        if earlier is not None:
            first = earlier.data.time.size
            before = float(earlier.data.attrs["wall_time"])
            _take_up(earlier, engine, watch, recorder)
            check_restored(earlier, engine.snapshot(), recorder.observer, radius(self.experiment))
        if announce is not None:
            announce()

        def dataset(count: int) -> xr.Dataset:
            reached = "complete" if count == times.size else "interrupted"
            return self._dataset(count, reached, recorder, watch, engine, before + time.monotonic() - begun)

        bar = Progress(float(times[-1]), float(times[max(first - 1, 0)]), watch, self.method.name, progress)
        checkpoint = None
        if own is not None:
            checkpoint = Checkpoint(
                own, engine, self.fingerprint, dataset, checkpoint_every, bar.say, holds_state=earlier is not None
            )
        if progress:
            self._say_backend(bar.say)
        listeners: list[Listener] = [watch, recorder, bar, *([checkpoint] if checkpoint else [])]
        try:
            with CtrlC(bar.say) as stop, OneThread():
                count = evolve(engine, times, first, listeners, stop)
                return dataset(count) if checkpoint is None else checkpoint.finish(count), engine
        except UnsavedResultError:
            raise
        except BaseException as error:
            if checkpoint is not None and recorder.count:  # the engine's state is invalid, the record is not
                with suppress(ResultFileError):
                    checkpoint.keep(recorder.count, reason(error))
            raise
        finally:
            bar.close()

    def _say_backend(self, say: Callable[[str], None]) -> None:
        """A line where Julia was chosen; once in a process, a line where a set-up would pay."""
        if self.backend_reason.startswith("Julia"):
            say(f"backend 'julia': {self.backend_reason}")
        if self.advice is not None and not _advised.is_set():
            _advised.set()
            say(self.advice)

    def _dataset(
        self, count: int, status: str, recorder: Recorder, watch: Watch, engine: Engine, seconds: float
    ) -> xr.Dataset:
        work = engine.work()
        seeds = self.method.seeds_used(self.experiment), probe_seeds(self.experiment, self.limits, self.needed.lacks)
        attrs: dict[str, str | float | int] = dict(
            provenance(
                config.dumps(self.experiment, self.method, backends.recorded(self.backend)),
                self.method.name,
                self.backend,
                "; ".join(filter(None, seeds)) or "none: the run is deterministic",
            )
        )
        attrs["backend_reason"] = self.backend_reason
        if ranks.led() > 1:
            attrs["ranks"] = ranks.led()
        attrs |= {"status": status, "wall_time": seconds, "drift_tolerance": watch.tolerance}
        attrs |= {f"drift_{name}": value for name, value in watch.drift.items()}
        attrs |= {f"engine_{key}": value for key, value in work.details.items()}
        attrs["state_deviation_kind"] = self.method.deviation_kind
        if work.applications is not None:
            attrs["applications_of_h"] = work.applications
        if recorder.deviation is not None:
            attrs["state_deviation_reached"] = recorder.deviation
        attrs["packet_truncated"] = self.experiment.truncated
        attrs["initial_spins"] = self.experiment.spins.kind
        attrs["dropped_weight"] = dropped_weight(self.experiment)
        if self.experiment.bath is not None:
            attrs |= jumps.report(self.experiment.device, self.experiment.bath)[0]
        if self.members is not None:
            attrs["members"] = str(self.members)
        if self.functions:
            attrs["functions"] = " ".join(self.functions)
        attrs["warnings"] = "\n".join((*remarks(self.experiment), *work.warnings))
        averaged = isinstance(self.method, Sampling) and self.method.samples(self.experiment)
        omitted = left_out(self.experiment, self.limits, averaged=averaged, lacks=self.needed.lacks)
        attrs["left_out"] = "\n".join(f"{name}: {why}" for name, why in omitted.items())
        return build(self.experiment, self.experiment.times.values[:count], recorder.arrays(count), attrs)


class OneThread:
    """BLAS on one thread while any run is in progress. Runs may overlap; the last one to end restores the threads.

    Waking a second thread costs more than it saves for small matrices, and on a busy machine for all matrices. Large
    operations use `pysv.compute.thread_pool` instead.
    """

    _lock = threading.Lock()
    _users = 0
    _limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if OneThread._users == 0:
                OneThread._limit = ThreadpoolController().limit(limits=1, user_api="blas")
            OneThread._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            OneThread._users -= 1
            if OneThread._users == 0:
                OneThread._limit.restore_original_limits()


def _take_up(earlier: Earlier, engine: Engine, watch: Watch, recorder: Recorder) -> None:
    data, state = earlier.data, earlier.state
    if abs(state.time - float(data.time[-1])) > 1e-9:
        raise ResumeError(
            f"the state of the file is at t = {state.time:g} fs, its last snapshot is at {float(data.time[-1]):g} fs; "
            "start a new run"
        )
    engine.restore(state.time, state.arrays)
    recorder.resume({name: np.asarray(data[name]) for name in schema() if name in data})
    watch.resume(
        {name: float(data[name][0]) for name in ALWAYS}, {name: float(data.attrs[f"drift_{name}"]) for name in ALWAYS}
    )


Members = tuple[int, int] | None
"""Range (first, end) of the pure runs of a part of a run; None for all."""


def run_members(experiment: Experiment, method: Method, backend: str, members: Members) -> xr.Dataset:
    """A run, or only its pure runs ``members[0]`` to ``members[1] - 1``, without files and warnings."""
    return members_from(experiment, method, backend, members, None).data


def members_from(
    experiment: Experiment, method: Method, backend: str, members: Members, earlier: Earlier | None
) -> Earlier:
    """As `run_members`, from an earlier part if there is one; with the state to go on from."""
    with additional(own_measures(experiment)):
        return Run.prepare(experiment, method, backend, members).part(earlier)


def members_in_file(
    experiment: Experiment, method: Method, backend: str, members: Members, path: Path, *, every: float
) -> xr.Dataset:
    """As `run_members`, in a file with checkpoints; goes on from what the file holds of this run.

    Parameters
    ----------
    experiment, method, backend, members
    path : Path
        Another run's file is replaced.
    every : float
        Shortest time between two checkpoints, s.

    Raises
    ------
    ResultFileError
        If the file cannot be written.
    """
    earlier = part_in(path, experiment, method, members)
    with additional(own_measures(experiment)), OwnFile(path) as own:
        data = Run.prepare(experiment, method, backend, members).go(own, False, every, earlier)
    if own.moved or data.encoding["source"] != str(path):
        Path(data.encoding["source"]).unlink(missing_ok=True)
        raise ResultFileError(f"{path}: cannot be written; make room on the disk, and run the same command again")
    return data
