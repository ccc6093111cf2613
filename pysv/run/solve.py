"""The two verbs that run an experiment: `solve` from the start, `resume` from a result file."""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from pysv import bath, config, files
from pysv.dataset import ALWAYS, SCHEMA, build, provenance
from pysv.engines import choose
from pysv.engines.base import Method
from pysv.engines.sampling import Sampling
from pysv.errors import InvalidInputError, ResultFileError, ResumeError
from pysv.initial import conserved, dropped_weight, pure_runs
from pysv.needs import check_fits, estimate, radius
from pysv.remarks import remarks, warn
from pysv.run.checkpoint import Checkpoint
from pysv.run.loop import Listener, evolve
from pysv.run.observe import left_out, probe_seeds
from pysv.run.progress import Progress
from pysv.run.recorder import Recorder
from pysv.run.stop import CtrlC
from pysv.run.watch import Watch

if TYPE_CHECKING:
    import xarray as xr

    from pysv.engines.base import Engine
    from pysv.experiment import Experiment
    from pysv.files import SavedState


def solve(
    experiment: Experiment,
    *,
    engine: str | Method = "auto",
    backend: str = "auto",
    progress: bool = True,
    out: str | Path | None = None,
    overwrite: bool = False,
    checkpoint_every: float = 30.0,
    dask: str | None = None,
) -> xr.Dataset:
    """Run an experiment.

    Parameters
    ----------
    experiment : Experiment
    engine : str or Method
        ``"auto"``, a name, or options such as ``pysv.Chebyshev(tolerance=1e-10)``.
    backend : {"auto", "python", "julia"}
    progress : bool
        Whether to show a progress bar.
    out : str or Path, optional
        Result file, from which `resume` can go on. It is brought up to date during the run, and is whole at any time.
    overwrite : bool
        Whether `out` may be replaced if it exists.
    checkpoint_every : float
        Shortest time between two updates of `out`, s.
    dask : str, optional
        ``"local"``, ``"local:N"`` (N worker processes on this machine) or the address of a Dask scheduler:
        trajectories, or the pure runs of a thermal state, are computed in batches there. Such a run, like one with a
        target error, has a bar that counts batches, keeps finished ones in the folder ``OUT.parts`` until all are
        there, and cannot be resumed.

    Returns
    -------
    xarray.Dataset
        Up to the last snapshot made: a run stopped by Ctrl-C has the attribute ``status = "interrupted"``.

    Raises
    ------
    EngineError, NotReadyError, JuliaUnavailableError
        If the engine cannot be had or cannot run the experiment.
    DaskUnavailableError
        If `dask` is given and there is no such cluster.
    MemoryLimitError
        If the run does not fit in memory.
    ResultFileError, ResultExistsError
        If `out` cannot be written.
    InvariantError, SpectralBoundsError
        If the run loses a conserved quantity; what was recorded before is in `out`.
    """
    target = None if out is None else files.check_destination(out, overwrite=overwrite)
    if dask is not None or (isinstance(engine, Sampling) and engine.target_error):
        from pysv.run.ensembles import solve_in_batches

        method, chosen = choose(experiment, engine, backend)
        warn(experiment)
        options: dict[str, Any] = {"progress": progress, "out": target, "overwrite": overwrite}
        return solve_in_batches(experiment, method, chosen, dask=dask, **options)
    run = _Run.prepare(experiment, engine, backend)
    if target is not None:  # rather now than at the first checkpoint
        files.check_room(target, 16 * estimate(experiment, run.method, run.backend).amplitudes)
    warn(experiment)
    return run.go(target, progress, checkpoint_every)


def solve_members(
    experiment: Experiment, method: Method, backend: str, members: tuple[int, int] | None = None
) -> xr.Dataset:
    """A run, or only the pure runs number ``members[0]`` to ``members[1] - 1`` of it, without files and warnings."""
    if members is None:
        return solve(experiment, engine=method, backend=backend, progress=False)
    return _Run.prepare(experiment, method, backend, members).go(None, False, math.inf)


def resume(
    path: str | Path,
    *,
    stop: float | None = None,
    experiment: Experiment | None = None,
    engine: str | Method = "auto",
    backend: str | None = None,
    progress: bool = True,
    checkpoint_every: float = 30.0,
) -> xr.Dataset:
    """Continue an interrupted run, or extend a finished one, in its result file.

    Parameters
    ----------
    path : str or Path
        A file that ``solve(..., out=path)`` or ``pysv run`` wrote.
    stop : float, optional
        New time of the last snapshot, fs; by default that of `experiment`, or of the file's own experiment.
    experiment : Experiment, optional
        If given, the file must have been made by this experiment (its last time aside).
    engine : str or Method
        If not ``"auto"``, the file must have been made by this engine; options, if given, must be the same.
    backend : {"auto", "python", "julia"}, optional
        By default that of the file. The state is the same on every backend, so that one goes on where another stopped.
    progress, checkpoint_every
        As for `solve`.

    Returns
    -------
    xarray.Dataset
        The whole run: equal to an uninterrupted one.

    Raises
    ------
    ResumeError
        If the file holds no state to go on from, or was made by another experiment, or lies beyond `stop` already.
    ResultFileError
        If the file cannot be read.
    """
    data = files.load(path)
    state = files.load_state(path)
    if state is None and str(data.attrs["status"]).startswith("stopped"):
        raise ResumeError(f"{path}: {data.attrs['status']}, and holds no earlier state; run again with other options")
    if state is None and "batches" in data.attrs:
        raise ResumeError(f"{path}: was put together from batches, which cannot be extended; run again to a later stop")
    if state is None:
        raise ResumeError(f"{path}: holds no state to go on from; make it with `pysv run` or solve(..., out=...)")
    made_by = config.loads(str(data.attrs["experiment"]), f"{path}: experiment")
    _check_origin(path, made_by, experiment, engine)
    own = made_by.experiment
    wanted = stop if stop is not None else (experiment or own).times.stop
    try:
        longer = replace(own, times=replace(own.times, stop=wanted))
    except InvalidInputError as error:
        raise InvalidInputError(f"{path}: {error}", error.key) from error
    run = _Run.prepare(longer, made_by.engine, backend or made_by.backend)
    if state.fingerprint != run.fingerprint:
        raise ResumeError(f"{path}: its state was made by another experiment than its attributes say; start anew")
    # After a failure the record may reach further than the last good state.
    data = data.isel(time=data.time.values <= state.time + 1e-9)
    if data.time.size > longer.times.count:
        raise ResumeError(
            f"{path}: reaches {float(data.time[-1]):g} fs already; give a --stop beyond that to extend it"
        )
    if data.time.size == longer.times.count and data.attrs["status"] == "complete":
        return data
    warn(longer)
    return run.go(Path(path), progress, checkpoint_every, Earlier(data, state))


@dataclass(frozen=True, eq=False)
class Earlier:
    """What an earlier part of a run left: its dataset and the engine's state."""

    data: xr.Dataset
    state: SavedState


@dataclass(frozen=True, eq=False)
class _Run:
    """A run that is known to fit, before it allocates."""

    experiment: Experiment
    method: Method
    backend: str
    fingerprint: str
    members: tuple[int, int] | None = None

    @classmethod
    def prepare(
        cls, experiment: Experiment, engine: str | Method, backend: str, members: tuple[int, int] | None = None
    ) -> _Run:
        method, chosen = choose(experiment, engine, backend)
        check_fits(estimate(experiment, method, chosen))
        return cls(experiment, method, chosen, config.fingerprint(experiment, method), members)

    def begin(self) -> Engine:
        """The engine at t = 0."""
        if self.members is None:
            return self.method.begin(self.experiment, self.backend)
        return self.method.start(pure_runs(self.experiment)[slice(*self.members)], self.backend)

    def go(
        self, target: Path | None, progress: bool, checkpoint_every: float, earlier: Earlier | None = None
    ) -> xr.Dataset:
        """Run, or go on, to the last snapshot; keep `target` up to date."""
        begun = time.monotonic()
        times = self.experiment.times.values
        with OneThread():
            engine = self.begin()
        watch = Watch(
            self.method.drift_tolerance(float(times[-1])), radius(self.experiment), conserved(self.experiment)
        )
        recorder = Recorder(self.experiment, times.size, watch)
        before = 0.0
        first = 0
        if earlier is not None:
            first = earlier.data.time.size
            before = float(earlier.data.attrs["wall_time"])
            _take_up(earlier, engine, watch, recorder)

        def dataset(count: int, status: str = "") -> xr.Dataset:
            reached = "complete" if count == times.size else status or "interrupted"
            return self._dataset(count, reached, recorder, watch, engine, before + time.monotonic() - begun)

        checkpoint = None
        if target is not None:
            checkpoint = Checkpoint(target, engine, self.fingerprint, dataset, checkpoint_every)
            checkpoint.holds_state = earlier is not None
        bar = Progress(float(times[-1]), float(times[max(first - 1, 0)]), watch, self.method.name, progress)
        listeners: list[Listener] = [watch, recorder, bar, *([checkpoint] if checkpoint else [])]
        try:
            with CtrlC(bar.say) as stop, OneThread():
                count = evolve(engine, times, first, listeners, stop)
                return dataset(count) if checkpoint is None else checkpoint.write(count)
        except BaseException as error:
            if checkpoint is not None and recorder.count:  # the engine's state is spoiled, the record before it is not
                with suppress(ResultFileError):
                    kept = files.load_state(checkpoint.path) if checkpoint.holds_state else None
                    reason = str(error) or type(error).__name__
                    files.write(dataset(recorder.count, f"stopped: {reason}"), checkpoint.path, kept)
                    bar.say(f"pysv: the {recorder.count} snapshots before the failure are in {checkpoint.path}")
            raise
        finally:
            bar.close()

    def _dataset(
        self, count: int, status: str, recorder: Recorder, watch: Watch, engine: Engine, seconds: float
    ) -> xr.Dataset:
        work = engine.work()
        attrs: dict[str, str | float | int] = dict(
            provenance(
                config.dumps(self.experiment, self.method, self.backend),
                self.method.name,
                self.backend,
                "; ".join(filter(None, (self.method.seeds_used(self.experiment), probe_seeds(self.experiment))))
                or "none: the run is deterministic",
            )
        )
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
            attrs |= bath.report(self.experiment.device, self.experiment.bath)[0]
        attrs["warnings"] = "\n".join((*remarks(self.experiment), *work.warnings))
        attrs["left_out"] = "\n".join(f"{name}: {why}" for name, why in left_out(self.experiment).items())
        return build(self.experiment, self.experiment.times.values[:count], recorder.arrays(count), attrs)


class OneThread:
    """BLAS on one thread while any run is under way; runs may overlap, and the last one to end restores the threads.

    Waking a second thread costs more than it saves for small matrices, and on a busy machine much more for any; what is
    large is shared by `pysv.team` instead.
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
            f"the file's state is of t = {state.time:g} fs, its last snapshot is of {float(data.time[-1]):g} fs; "
            "start anew"
        )
    engine.restore(state.time, state.arrays)
    recorder.resume({name: np.asarray(data[name]) for name in SCHEMA if name in data})
    watch.resume(
        {name: float(data[name][0]) for name in ALWAYS}, {name: float(data.attrs[f"drift_{name}"]) for name in ALWAYS}
    )


def _check_origin(
    path: str | Path, made_by: config.Configuration, experiment: Experiment | None, engine: str | Method
) -> None:
    """Refuse a file that another experiment (its last time aside) or another engine than the given ones made."""
    own, made_with = made_by.experiment, made_by.engine
    if experiment is not None and replace(experiment, times=own.times) != own:
        raise ResumeError(f"{path}: was made by another experiment; {_difference(experiment, own)}")
    if experiment is not None and experiment.times.step != own.times.step:
        raise ResumeError(
            f"{path}: was made by another experiment; its step is {own.times.step:g} fs, "
            f"not {experiment.times.step:g} fs"
        )
    if engine not in ("auto", made_with, getattr(made_with, "name", made_with)):
        raise ResumeError(f"{path}: was made with {made_with}, not with {engine}")


def _difference(one: Experiment, other: Experiment) -> str:
    for key in ("device", "source", "spins", "bath", "record"):
        if getattr(one, key) != getattr(other, key):
            return f"its [{key}] is {getattr(other, key)}"
    return "they differ"
