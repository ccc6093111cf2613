"""Verbs that draw: plot, figure, movie and view."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pysv.cli.inputs import at_in_words, chosen, in_a_name, loaded, loaded_at, stem
from pysv.cli.output import note
from pysv.cli.parser import Parser, at_option, file_name, quiet_option, verb
from pysv.errors import InvalidInputError, quoted

if TYPE_CHECKING:
    from pysv.cli.parser import Verbs


def add_plot(verbs: Verbs) -> None:
    """``pysv plot``"""
    plot = verb(verbs, "plot", _plot, "draw an overview of a result file, one variable, or a sweep along its keys")
    plot.add_argument("file", type=file_name, metavar="RUN.nc", help="result file, or folder of a sweep")
    plot.add_argument(
        "--out", type=file_name, metavar="PICTURE", help="picture file (default: RUN.png, or RUN-NAME.png)"
    )
    plot.add_argument("--var", metavar="NAME", help="draw this variable alone")
    plot.add_argument(
        "--pairs", type=_pairs, metavar="I-J,K-L", default=[], help="with --var: these pairs of spins against time"
    )
    at_option(plot, "; or time=T (fs), of a variable that is drawn at one time")


def add_figure(verbs: Verbs) -> None:
    """``pysv figure``"""
    figure = verb(verbs, "figure", _figure, "compute and draw a figure of the paper, or beyond it")
    _figure_options(figure)
    quiet_option(figure)


def add_view(verbs: Verbs) -> None:
    """``pysv view``"""
    view = verb(verbs, "view", _view, "write result files as one page for the browser, with a time slider, and open it")
    view.add_argument("files", type=file_name, metavar="RUN.nc", nargs="+")
    view.add_argument("--out", type=file_name, metavar="PAGE.html", help="the page (default: RUN.html)")
    view.add_argument("--no-open", action="store_false", dest="open", help="write the page only")


def add_movie(verbs: Verbs) -> None:
    """``pysv movie``"""
    movie = verb(verbs, "movie", _movie, "animate a result file, or the run of the paper")
    movie.add_argument("file", type=file_name, metavar="RUN.nc", nargs="?")
    movie.add_argument("--paper", action="store_true", help="the movie of the paper, computed first")
    movie.add_argument("--quick", action="store_true", help="with --paper: a shorter run")
    movie.add_argument(
        "--out", type=file_name, metavar="MOVIE", help=".mp4 or .gif (default: RUN.mp4, or RUN.gif without ffmpeg)"
    )
    movie.add_argument("--rate", metavar="N", type=int, default=12, help="frames per second (default: 12)")
    at_option(movie)
    quiet_option(movie)


def _figure_options(parser: Parser) -> None:
    number = parser.add_argument("number", metavar="N")
    parser.add_argument(
        "--out", type=file_name, metavar="DIR", default=".", help="folder of the picture (default: the current one)"
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


def _plot(options: argparse.Namespace) -> None:
    from pysv.figures import plot
    from pysv.figures.at_time import chosen_time
    from pysv.figures.recorded import check_recorded

    at: dict[str, Any] = chosen(options)
    time = chosen_time(at.pop("time", None))
    name, data = stem(options), loaded_at(options.file, at)
    if options.var is not None:
        check_recorded(data, options.var)
    pairs = in_a_name({"pairs": ",".join(f"{one}-{other}" for one, other in options.pairs)}) if options.pairs else ""
    parts = [name.name, *at_in_words(options), options.var or "", pairs]
    usual = name.with_name(f"{'-'.join(filter(None, parts))}.png")
    target = options.out if options.out is not None else usual
    note(str(plot(data, target, variable=options.var, time=time, pairs=options.pairs)))


def _pairs(text: str) -> list[tuple[int, int]]:
    """Pairs of spins separated by commas, such as 1-5,2-6."""
    found = []
    for word in text.split(","):
        one, dash, other = word.strip().partition("-")
        if not (dash and one.isdecimal() and other.isdecimal()):
            raise argparse.ArgumentTypeError(f"{quoted(text)} must be pairs of spins, such as 1-5,2-6")
        found.append((int(one), int(other)))
    return found


def _figure(options: argparse.Namespace) -> None:
    from pysv.figures import make, make_all, numbers

    asked = numbers(options.number)
    how = {"quick": options.quick, "full": options.full, "thermal": options.thermal, "progress": not options.quiet}
    made = make_all(options.out, **how) if len(asked) > 1 else (make(number, options.out, **how) for number in asked)
    for path in made:
        note(str(path))


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
    name = "movie" if options.paper else "-".join([stem(options).name, *at_in_words(options)])
    target = movie.check_target(
        options.out or Path(options.file or ".").parent / f"{name}.{movie.usual_format()}", options.file
    )
    data = movie_run(quick=options.quick, progress=not options.quiet) if options.paper else loaded(options)
    for path in animate(data, target, rate=options.rate, progress=not options.quiet):
        note(str(path))


def _view(options: argparse.Namespace) -> None:
    from pathlib import Path

    from pysv.browser import view
    from pysv.results.destination import check_destination

    target = Path(options.out or Path(options.files[0]).with_suffix(".html"))
    for source in options.files:
        check_destination(target, overwrite=True, source=source)
    path = view(options.files).save(target)
    note(str(path))
    if options.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
