"""The command line: ``pysv VERB …``. A user's mistake gives one line on stderr and exit code 2, never a traceback."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from pysv.compute.environment import check_environment
from pysv.compute.ranks import INTERRUPTED
from pysv.errors import (
    BondLimitError,
    EngineFailureError,
    InvalidInputError,
    InvariantError,
    MemoryLimitError,
    PysvError,
    PysvWarning,
    RanksError,
    SpectralBoundsError,
    UnsavedResultError,
    cut,
    quoted,
    reason,
    unknown_name,
)
from pysv.results.versions import __version__
from pysv.run import interrupt

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from pysv.config import Configuration

BAD_INPUT, FAILED = 2, 1
LONGEST_SENTENCE = 2000


class _OutputError(Exception):
    """Standard output cannot be written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``pysv``; those of the process by default.

    Returns
    -------
    int
        0; 2 for what the user can mend; 1 for a run that failed; 130 where Ctrl-C, SIGTERM or SIGHUP ended the command
        (the first signal saves what was recorded). docs/files.md has the whole list.
    """
    from pysv.compute import ranks

    own_process = arguments is None
    if own_process:
        _prepare_process()
    try:
        with interrupt.caught(last=own_process):
            try:
                return ranks.lead(lambda: _answer(None)) if own_process else _answer(arguments)
            except KeyboardInterrupt as error:
                return _complain(reason(error), INTERRUPTED)
            except (RanksError, InvalidInputError) as error:
                return _complain(reason(error), BAD_INPUT)
    except KeyboardInterrupt:  # once more, while the first one was reported
        return INTERRUPTED


def _prepare_process() -> None:
    """What the surroundings of a command may lack or bring along."""
    for number in range(3):  # a file must not take the number of a closed standard stream
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    os.environ["MPLBACKEND"] = "agg"  # pictures go to files; the user's backend may not exist here


def _answer(arguments: Sequence[str] | None) -> int:
    """Run one verb; every failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    warnings.simplefilter("always", PysvWarning)
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without σ shows a question mark
    try:
        check_environment()
        return int(options.verb(options) or 0)
    except (BondLimitError, EngineFailureError, InvariantError, SpectralBoundsError, UnsavedResultError) as error:
        return _complain(str(error), FAILED)
    except PysvError as error:
        return _complain(str(error), BAD_INPUT)
    except _OutputError as error:
        return FAILED if isinstance(error.__cause__, BrokenPipeError) else _complain(str(error), FAILED)
    except MemoryError as error:
        return _complain(f"{reason(error)}; end other programs, or take fewer spins, sites or snapshots", BAD_INPUT)
    except ArithmeticError as error:
        return _complain(
            f"{_subject(options)}a number is beyond what the arithmetic can do ({reason(error)}); look for a value at "
            "the end of its range, which `pysv keys` lists",
            FAILED,
        )
    except OSError as error:
        return _complain(f"{error.filename or 'a file'}: {error.strerror or reason(error)}", FAILED)
    except ValueError as error:
        if type(error).__name__ != "LinAlgError":  # NumPy is not imported for it
            raise
        return _complain(
            f"{_subject(options)}a matrix cannot be diagonalised or inverted ({reason(error)}); look for a value at "
            "the end of its range, which `pysv keys` lists, or take another engine",
            FAILED,
        )


def _subject(options: argparse.Namespace) -> str:
    """The file that a verb works on, at the beginning of a sentence."""
    file = getattr(options, "file", None)
    return f"{file}: " if file else ""


def _run(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pysv.results.destination import check_apart
    from pysv.run.solve import solve

    asked = _read(options)
    out = options.out if options.out is not None else Path(options.file).with_suffix(".nc").name
    check_apart(Path(out), options.file)
    try:
        data = solve(
            asked.experiment,
            engine=asked.engine,
            backend=asked.backend,
            out=out,
            overwrite=options.force,
            progress=not options.quiet,
            dask=options.dask,
            keep_batches=not options.drop_batches,
        )
    except MemoryLimitError as error:
        raise MemoryLimitError(f"{options.file}: {error}") from error
    except KeyboardInterrupt:
        if Path(f"{out}.parts").is_dir():
            return _complain(f"stopped; `pysv resume {out}` goes on with the batches that are missing", INTERRUPTED)
        raise
    return _report(data, str(out))


def _probe(options: argparse.Namespace) -> int:
    from dataclasses import replace
    from pathlib import Path

    from pysv.probes.probe import probe
    from pysv.results.destination import check_apart

    asked = _read(options)
    given = {"momenta": options.momenta, "sigma": options.sigma}
    try:
        pulse = replace(asked.probe, **{name: value for name, value in given.items() if value is not None})
        pulse.check_times(asked.experiment.times)
    except InvalidInputError as error:
        raise InvalidInputError(f"{options.file}: [probe] {error}", error.key) from error
    out = options.out if options.out is not None else f"{Path(options.file).stem}-probe.nc"
    check_apart(Path(out), options.file)
    try:
        data = probe(
            asked.experiment,
            pulse,
            engine=asked.engine,
            backend=asked.backend,
            out=out,
            overwrite=options.force,
            progress=not options.quiet,
        )
    except MemoryLimitError as error:
        raise MemoryLimitError(f"{options.file}: {error}") from error
    return _report_probe(data, str(out))


def _report_probe(data, out: str) -> int:  # type: ignore[no-untyped-def]
    if data.attrs["status"] == "complete":
        _note(f"{out}: complete, {data.time.size} centres, {data.attrs['wall_time']:.2f} s")
        return 0
    _note(f"{out}: stopped after {data.attrs['done']} of {data.time.size} times; continue with `pysv resume {out}`")
    return INTERRUPTED


def _sweep(options: argparse.Namespace) -> int:
    from pathlib import Path

    from pysv.config import read_tables
    from pysv.results.destination import check_apart
    from pysv.results.points import COMBINED
    from pysv.run.sweep import sweep_tables
    from pysv.run.sweep_values import setting

    grid: dict[str, list[object]] = {}
    for text in options.set:
        key, values = setting(text)
        if key in grid:
            raise InvalidInputError(f"--set {key} is given twice; write --set {key}=V1,V2,…")
        grid[key] = values
    tables = read_tables(options.file)
    chosen = {name: getattr(options, name) for name in ("engine", "backend") if getattr(options, name) is not None}
    if chosen and isinstance(tables.setdefault("evolution", {}), dict):
        tables["evolution"] |= chosen
    folder = options.out if options.out is not None else f"{Path(options.file).stem}-sweep"
    for path in Path(folder).glob("*.nc"):
        check_apart(path, options.file)
    how = {"dask": options.dask, "overwrite": options.force, "progress": not options.quiet}
    try:
        done = sweep_tables(tables, grid, options.file, out=folder, **how)
    except KeyboardInterrupt:
        return _complain("stopped; run the same command again to compute the missing points", INTERRUPTED)
    _note(f"{folder}: complete, {len(done.points)} points")
    if done.combined is None:
        _note(f"no {COMBINED}: the points differ in their times")
    return 0


def _resume(options: argparse.Namespace) -> int:
    from pysv.config import read
    from pysv.results.files import load
    from pysv.run.longer import has_batches
    from pysv.run.solve import resume

    in_batches = has_batches(options.file)
    if not in_batches and load(options.file).attrs.get("kind") is not None:
        return _resume_probe(options)
    asked = read(options.experiment) if options.experiment else None
    try:
        data = resume(
            options.file,
            stop=options.stop,
            experiment=None if asked is None else asked.experiment,
            engine="auto" if asked is None else asked.engine,
            backend=options.backend,
            progress=not options.quiet,
            ntraj=options.ntraj,
            target_error=options.target_error,
            dask=options.dask,
        )
    except KeyboardInterrupt:
        if in_batches:
            return _complain("stopped; the same command goes on with the batches that are missing", INTERRUPTED)
        raise
    return _report(data, options.file)


def _resume_probe(options: argparse.Namespace) -> int:
    from pysv.probes.probe import resume_probe

    for name in ("stop", "backend", "experiment", "ntraj", "target_error", "dask"):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise InvalidInputError(
                f"{options.file}: {option} would be ignored, because the file holds a probe; leave it out"
            )
    return _report_probe(resume_probe(options.file, progress=not options.quiet), options.file)


def _report(data, out: str) -> int:  # type: ignore[no-untyped-def]
    from pathlib import Path

    source = data.encoding.get("source")
    if source and not (Path(out).exists() and Path(out).samefile(source)):
        out = source  # it had to be written elsewhere
    reached = f"{float(data.time[-1]):g} fs, {data.time.size} snapshots, {data.attrs['wall_time']:.2f} s"
    if data.attrs["status"] == "complete":
        _note(f"{out}: complete, {reached}")
        return 0
    _note(f"{out}: stopped at {reached}; continue with `pysv resume {out}`")
    return INTERRUPTED


def _info(options: argparse.Namespace) -> None:
    from pysv.results.points import load
    from pysv.results.summary import describe

    _print(describe(load(options.file), options.file))


def _estimate(options: argparse.Namespace) -> int:
    from pysv.run.estimate import estimate

    asked = _read(options, runs=False)
    needed = estimate(asked.experiment, asked.engine, asked.backend, options.ranks)
    _print(str(needed))
    if asked.probes and not _estimate_probe(asked):
        return _complain(f"{options.file}: the probe does not fit in memory", BAD_INPUT)
    if needed.fits:
        return 0
    return _complain(f"{options.file}: the run does not fit in memory", BAD_INPUT)


def _estimate_probe(asked: Configuration) -> bool:
    """Print what the probe of a file will need, or why there will be none; returns whether it fits."""
    from pysv.errors import EngineError
    from pysv.probes.probe import estimate_probe

    try:
        needed = estimate_probe(asked.experiment, asked.probe, asked.engine, asked.backend)
    except (EngineError, InvalidInputError) as error:
        _print(f"no probe     {error}")
        return True
    _print(str(needed))
    return needed.fits


def _convergence(options: argparse.Namespace) -> int:
    from pysv.run.convergence import convergence

    asked = _read(options)
    _print(str(convergence(asked.experiment, asked.engine, asked.backend, progress=not options.quiet)))
    return INTERRUPTED if interrupt.asked() else 0


def _plot(options: argparse.Namespace) -> None:
    from pysv.figures import plot

    name, data = _stem(options), _loaded(options)
    if options.var is not None and options.var not in data.data_vars:
        raise InvalidInputError(unknown_name("variable", options.var, map(str, data.data_vars)), "variable")
    parts = [name.name, *_at_in_words(options), *([options.var] if options.var else [])]
    usual = name.with_name(f"{'-'.join(parts)}.png")
    _note(str(plot(data, options.out if options.out is not None else usual, variable=options.var)))


def _loaded(options: argparse.Namespace) -> xr.Dataset:
    """The dataset of a file or of the folder of a sweep, at the values that --at gives."""
    from pysv.results.points import load
    from pysv.run.sweep_values import one_setting

    at: dict[str, object] = {}
    for text in options.at:
        key, value = one_setting(text)
        if key in at:
            raise InvalidInputError(f"--at {key} is given twice; leave one out")
        at[key] = value
    return load(options.file, at=at or None)


def _stem(options: argparse.Namespace) -> Path:
    """The path of a file without its ending, or of a folder."""
    from pathlib import Path

    path = Path(options.file)
    return path.parent / path.name if os.path.isdir(path) else path.with_suffix("")


def _at_in_words(options: argparse.Namespace) -> list[str]:
    """The values that --at gives, as a part of the name of a picture."""
    from pysv.results.points import file_of
    from pysv.run.sweep_values import one_setting

    return [file_of(dict(map(one_setting, options.at))).removesuffix(".nc")] if options.at else []


def _export(options: argparse.Namespace) -> None:
    from pysv.results.export import to_csv

    if not options.csv:
        raise InvalidInputError("export: no format is named; write --csv")
    usual = "-".join([_stem(options).name, *_at_in_words(options), "csv"])
    folder = options.out if options.out is not None else _stem(options).with_name(usual)
    for path in to_csv(_loaded(options), folder, overwrite=options.force):
        _note(str(path))


def _figure(options: argparse.Namespace) -> None:
    from pysv.figures import make, make_all, numbers

    asked = numbers(options.number)
    how = {"quick": options.quick, "full": options.full, "thermal": options.thermal, "progress": not options.quiet}
    made = make_all(options.out, **how) if len(asked) > 1 else (make(number, options.out, **how) for number in asked)
    for path in made:
        _note(str(path))


def _movie(options: argparse.Namespace) -> None:
    from pathlib import Path

    from pysv.figures import animate, movie
    from pysv.figures.planned import movie_run

    if options.paper == (options.file is not None):
        raise InvalidInputError("movie: name a result file, or give --paper for the movie of the paper, not both")
    if options.quick and not options.paper:
        raise InvalidInputError("movie: --quick would be ignored without --paper; leave it out")
    if options.at and options.paper:
        raise InvalidInputError("movie: --at would be ignored with --paper; leave it out")
    stem = "movie" if options.paper else "-".join([_stem(options).name, *_at_in_words(options)])
    target = movie.check_target(
        options.out or Path(options.file or ".").parent / f"{stem}.{movie.usual_format()}", options.file
    )
    data = movie_run(quick=options.quick, progress=not options.quiet) if options.paper else _loaded(options)
    for path in animate(data, target, rate=options.rate, progress=not options.quiet):
        _note(str(path))


def _view(options: argparse.Namespace) -> None:
    from pathlib import Path

    from pysv.browser import view
    from pysv.results.destination import check_destination

    target = Path(options.out or Path(options.files[0]).with_suffix(".html"))
    for source in options.files:
        check_destination(target, overwrite=True, source=source)
    path = view(options.files).save(target)
    _note(str(path))
    if options.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())


def _engines(options: argparse.Namespace) -> None:
    from pysv.engines import guests, readiness

    for row in readiness():
        state = "ready" if row.ready else "not ready"
        _print(
            f"{row.engine:<13} {row.backend:<7} {state:<10} {row.serves}" + (f"; {row.remark}" if row.remark else "")
        )
    _print("\n" + guests.as_text())


def _keys(options: argparse.Namespace) -> None:
    from pysv import keys

    if options.markdown and options.table:
        raise InvalidInputError(f"keys: {options.table} would be ignored with --markdown, which writes all tables")
    if options.markdown:
        _print(keys.as_markdown(), end="")
    else:
        _print(keys.as_text(keys.tables_named(options.table) if options.table else keys.tables()))


def _doctor(options: argparse.Namespace) -> int:
    from pysv.doctor import examine

    healthy, report = examine()
    _print(report)
    return 0 if healthy else FAILED


def _julia(options: argparse.Namespace) -> int:
    from pysv import doctor

    if options.action == "setup":
        found = doctor.set_up_julia(lambda text: _say(f"pysv: {text}"), tdmrg=options.tdmrg)
    else:
        found = doctor.julia_status()
    width = max(map(len, found))
    _print("\n".join(f"{name:<{width}} {value}" for name, value in found.items()))
    asked = ("state", "tdmrg") if options.tdmrg else ("state",)
    return 0 if all(found.get(name, "").startswith("ready") for name in asked) else FAILED


def _cite(options: argparse.Namespace) -> None:
    from pysv.results.citations import write
    from pysv.results.files import load

    _print(write(load(options.file) if options.file else None, bibtex=options.bibtex))


def _check_set_up(tdmrg: bool) -> None:
    """Refuse a file that asks for a Julia that would have to be installed: it may be somebody else's."""
    from pysv.julia import setup

    reason = setup.not_ready()
    if reason is not None and not setup.home().chosen:
        raise setup.unavailable(
            "the file asks for it, and a file installs nothing by itself (give --backend julia to install it)",
            tdmrg=tdmrg,
        )


def _read(options: argparse.Namespace, *, runs: bool = True) -> Configuration:
    from dataclasses import replace

    from pysv.config import read
    from pysv.engines import BACKENDS, choose, engine_names
    from pysv.errors import EngineError

    asked = read(options.file)
    if options.engine is not None:
        if options.engine not in engine_names():
            raise EngineError(unknown_name("engine", options.engine, engine_names()))
        if not isinstance(asked.engine, str) and asked.engine.name != options.engine:
            raise EngineError(
                f"{options.file}: [evolution.{asked.engine.name}] would be ignored with --engine {options.engine}; "
                "leave the table out"
            )
        if isinstance(asked.engine, str):
            asked = replace(asked, engine=options.engine)
    if options.backend is not None:
        if options.backend not in BACKENDS:
            raise EngineError(unknown_name("backend", options.backend, BACKENDS))
        asked = replace(asked, backend=options.backend)
    try:
        method, _ = choose(asked.experiment, asked.engine, asked.backend)
    except EngineError as error:
        raise EngineError(f"{options.file}: {error}") from error
    if options.backend is None and runs and asked.backend == "julia":
        _check_set_up(method.needs_itensors)
    return asked


class _Parser(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    complete: Callable[[], None] | None = None
    """Fills in the parts of the help that take long to find."""

    def format_help(self) -> str:
        if self.complete is not None:
            self.complete()
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_complain(f"{message} (see `{self.prog} --help`)", BAD_INPUT))


def _name(text: str) -> str:
    """The name of a file or folder on the command line."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is no name of a file or folder; give one")
    return text


def _numbers(text: str) -> list[float]:
    """Numbers separated by commas."""
    try:
        return [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{quoted(text)} must be numbers separated by commas") from None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pysv", description="Simulate how a pulse of electrons entangles quantum magnets.")
    parser.add_argument("--version", action="version", version=f"pysv {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, function, summary: str) -> _Parser:  # type: ignore[no-untyped-def]
        sub = verbs.add_parser(name, help=summary, description=summary)
        sub.set_defaults(verb=function, name=name)
        return sub

    run = verb("run", _run, "run an experiment file")
    run.add_argument("file", type=_name, metavar="FILE.toml")
    run.add_argument("--out", type=_name, metavar="RUN.nc", help="result file (default: FILE.nc in the current folder)")
    run.add_argument("--force", action="store_true", help="replace the result file if it exists")
    run.add_argument(
        "--drop-batches",
        action="store_true",
        help="remove the batches of a complete run, so that it cannot be extended",
    )
    _engine_options(run)
    probing = verb("probe", _probe, "compute correlators at two times and the spectra of a probe pulse")
    probing.add_argument("file", type=_name, metavar="FILE.toml")
    probing.add_argument(
        "--out", type=_name, metavar="PROBE.nc", help="result file (default: FILE-probe.nc in the current folder)"
    )
    probing.add_argument("--momenta", type=_numbers, metavar="K1,K2", help="rad per site, instead of those in the file")
    probing.add_argument("--sigma", type=float, metavar="S", help="width of the pulse in fs, instead of the file's")
    probing.add_argument("--force", action="store_true", help="replace the result file if it exists")
    _engine_options(probing)
    resume = verb("resume", _resume, "continue or extend a run in its result file")
    resume.add_argument("file", type=_name, metavar="RUN.nc")
    resume.add_argument("--stop", type=float, metavar="T", help="new last time, fs")
    resume.add_argument("--backend", metavar="B", help="backend, instead of the one in the file")
    resume.add_argument(
        "--experiment", type=_name, metavar="FILE.toml", help="continue only if this experiment made the file"
    )
    resume.add_argument("--ntraj", type=int, metavar="N", help="larger number of trajectories of a run in batches")
    resume.add_argument(
        "--target-error", type=float, metavar="E", help="smaller error at which a run in batches ends; 0 for all"
    )
    info = verb("info", _info, "describe a result file")
    info.add_argument("file", type=_name, metavar="RUN.nc")
    needs = verb("estimate", _estimate, "estimate the memory, time and disk space of a run")
    needs.add_argument("file", type=_name, metavar="FILE.toml")
    _engine_options(needs)
    needs.add_argument("--ranks", metavar="R", type=int, help="processes that mpirun will start")
    finer = verb("convergence", _convergence, "repeat a run with finer steps and tolerances and print the changes")
    finer.add_argument("file", type=_name, metavar="FILE.toml")
    _engine_options(finer)
    plot = verb("plot", _plot, "draw an overview of a result file, one variable, or a sweep along its keys")
    plot.add_argument("file", type=_name, metavar="RUN.nc", help="result file, or folder of a sweep")
    plot.add_argument("--out", type=_name, metavar="PICTURE", help="picture file (default: RUN.png, or RUN-NAME.png)")
    plot.add_argument("--var", metavar="NAME", help="draw this variable alone")
    figure = verb("figure", _figure, "compute and draw a figure of the paper, or beyond it")
    _figure_options(figure)
    view = verb("view", _view, "write result files as one page for the browser, with a time slider, and open it")
    view.add_argument("files", type=_name, metavar="RUN.nc", nargs="+")
    view.add_argument("--out", type=_name, metavar="PAGE.html", help="the page (default: RUN.html)")
    view.add_argument("--no-open", action="store_false", dest="open", help="write the page only")
    movie = verb("movie", _movie, "animate a result file, or the run of the paper")
    movie.add_argument("file", type=_name, metavar="RUN.nc", nargs="?")
    movie.add_argument("--paper", action="store_true", help="the movie of the paper, computed first")
    movie.add_argument("--quick", action="store_true", help="with --paper: a shorter run")
    movie.add_argument(
        "--out", type=_name, metavar="MOVIE", help=".mp4 or .gif (default: RUN.mp4, or RUN.gif without ffmpeg)"
    )
    movie.add_argument("--rate", metavar="N", type=int, default=12, help="frames per second (default: 12)")
    export = verb("export", _export, "write a result file as tables for other programs")
    export.add_argument("file", type=_name, metavar="RUN.nc", help="result file, or folder of a sweep")
    export.add_argument("--csv", action="store_true", help="CSV files, one for each group of variables")
    export.add_argument("--out", type=_name, metavar="DIR", help="folder of the tables (default: RUN-csv)")
    export.add_argument("--force", action="store_true", help="replace files in the folder")
    for sub in (plot, movie, export):
        sub.add_argument(
            "--at",
            metavar="KEY=VALUE",
            action="append",
            default=[],
            help="of a sweep, the point or points of this value",
        )
    keys = verb("keys", _keys, "list the keys of an experiment file: default, unit, allowed values and meaning")
    keys.add_argument("table", metavar="TABLE", nargs="?", help="one table, e.g. device.layer or evolution.tdmrg")
    keys.add_argument("--markdown", action="store_true", help="all tables as a page of Markdown")
    verb("engines", _engines, "list engines and backends: ready, or why not")
    julia = verb("julia", _julia, "set up the backend 'julia', or show its status")
    julia.add_argument("action", choices=("setup", "status"), help="install, compile and check, or only report")
    julia.add_argument(
        "--tdmrg", action="store_true", help="also ITensors and ITensorMPS, which the engine tdmrg needs in Julia"
    )
    sweep = verb("sweep", _sweep, "run an experiment file for several values of its keys")
    sweep.add_argument("file", type=_name, metavar="FILE.toml")
    sweep.add_argument(
        "--set",
        metavar="KEY=V1,V2",
        action="append",
        required=True,
        help="values of a key, e.g. bath.temperature=10,30, or START:STOP:STEP; several --set make all combinations",
    )
    sweep.add_argument(
        "--out", type=_name, metavar="DIR", help="folder of the results (default: FILE-sweep in the current one)"
    )
    sweep.add_argument("--force", action="store_true", help="replace files of other runs in the folder")
    _engine_options(sweep)
    for sub in (run, resume, sweep):
        sub.add_argument(
            "--dask", metavar="ADDRESS", help="address of a Dask scheduler, or local, or local:N for N worker processes"
        )
    verb("doctor", _doctor, "check this installation")
    cite = verb("cite", _cite, "list the references for a result file, or for pysv and the paper")
    cite.add_argument("file", type=_name, metavar="RUN.nc", nargs="?")
    cite.add_argument("--bibtex", action="store_true", help="print BibTeX entries")
    for sub in (run, probing, resume, finer, figure, movie, sweep):
        sub.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _figure_options(parser: _Parser) -> None:
    number = parser.add_argument("number", metavar="N")
    parser.add_argument(
        "--out", type=_name, metavar="DIR", default=".", help="folder of the picture (default: the current one)"
    )
    parser.add_argument("--quick", action="store_true", help="shorter runs of fewer spins")
    thermal = parser.add_argument("--thermal", action="store_true")
    full = parser.add_argument("--full", action="store_true")

    def complete() -> None:
        from pysv.figures import BEYOND, READY
        from pysv.figures.catalog import listed, with_way

        number.help = (
            f"{', '.join([*map(str, READY), 'or all'])} of them; beyond the paper {' or '.join(map(str, BEYOND))}"
        )
        thermal.help = f"with thermal states and baths ({listed(with_way('thermal'))})"
        full.help = f"more spins than usual ({listed(with_way('full'))})"

    parser.complete = complete


def _engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", metavar="E", help="engine, instead of the one in the file")
    parser.add_argument("--backend", metavar="B", help="backend, instead of the one in the file")


def _print(text: str, *, end: str = "\n") -> None:
    """Print on standard output at once, so that a failure shows here.

    Raises
    ------
    _OutputError
        If that is not possible.
    """
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        print(text, end=end, flush=True)
    except OSError as error:
        with suppress(OSError, AttributeError):  # what is left in the buffer must not fail once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _OutputError(f"the output cannot be written ({error.strerror or error})") from error


def _note(text: str) -> None:
    """Print what became of a file; the file is there, printed or not."""
    try:
        _print(text)
    except _OutputError as error:
        if not isinstance(error.__cause__, BrokenPipeError):
            _complain(f"{error}, but the result is saved: {text}", 0)


def _say(text: str) -> None:
    """Print a line on standard error, if there is one."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def _complain(message: str, code: int) -> int:
    _say(f"pysv: {cut(' '.join(message.split()), LONGEST_SENTENCE)}")
    return code


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:  # type: ignore[no-untyped-def]
    """A warning of pysv is a sentence; one of a library is put into one."""
    if issubclass(category, PysvWarning):
        _say(f"pysv: {message}")
    else:
        _say(
            f"pysv: {os.path.basename(filename)}, line {lineno}, warns of {quoted(str(message))}; the results hold "
            "unless they look wrong, and then a bug report should quote this line"
        )


if __name__ == "__main__":
    sys.exit(main())
