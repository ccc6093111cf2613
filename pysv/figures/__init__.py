"""The figures of the paper: which runs each needs, and the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment import Experiment
from pysv.experiment.checks import whole_number
from pysv.results.files import check_destination, whole_file

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    Curves = Sequence[tuple[str, xr.Dataset]]

READY = (2, 3, 4, 5, 6, 7)
_FORMATS = ("png", "pdf", "svg")


def numbers(text: str) -> tuple[int, ...]:
    """Figure numbers that a word of the command line means.

    Parameters
    ----------
    text : str
        ``"2"`` … ``"7"`` or ``"all"`` (all that are ready).

    Raises
    ------
    InvalidInputError
        If the paper has no such figure of results.
    """
    if text == "all":
        return READY
    if text not in map(str, READY):
        raise InvalidInputError(f"figure {text!r}: {unknown_name('number', text, ['all', *'234567'])}")
    return (int(text),)


def make(
    number: int,
    folder: str | Path = ".",
    *,
    quick: bool = False,
    full: bool = False,
    thermal: bool = False,
    progress: bool = True,
) -> Path:
    """Run what a figure of the paper needs and draw it.

    Parameters
    ----------
    number : int
        One of `READY`. All are at T = 0, but for some curves of Fig. 3; Fig. 6 has two, four and eight electrons, the
        others an unpolarized one.
    folder : str or Path
        Where the picture goes; one that is there is replaced. Long runs are kept beside it in result files, from which
        the same command goes on or draws again.
    quick : bool
        Shorter runs, of fewer spins or on a shorter chain with a looser truncation.
    full : bool
        More spins than usual, where the figure has such a version; see `pysv.figures.paper.plan.runs`.
    thermal : bool
        The layers at 100 K, where the figure has such a version; see `pysv.figures.paper.plan.runs`.
    progress : bool

    Returns
    -------
    Path
        The picture, ``figureN.png``.

    Raises
    ------
    InvalidInputError
        If the figure has no such version.
    ResultFileError
        If the folder does not exist.
    """
    return _make(number, Path(folder), quick, full, thermal, progress)[0]


def make_all(
    folder: str | Path = ".",
    *,
    quick: bool = False,
    full: bool = False,
    thermal: bool = False,
    progress: bool = True,
) -> Iterator[Path]:
    """Make every figure that is ready, then a page that sets what the paper's text says beside what the runs show.

    Parameters
    ----------
    folder, quick, full, thermal, progress
        As for `make`.

    Yields
    ------
    Path
        Each picture when it is drawn; at the end the page, ``figures.md``.
    """
    from pysv.figures.paper import compare

    page = check_destination(Path(folder) / "figures.md", overwrite=True)
    made: dict[int, tuple[Curves, Experiment]] = {}
    for number in READY:
        picture, curves, experiment = _make(number, Path(folder), quick, full, thermal, progress)
        made[number] = curves, experiment
        yield picture
    with whole_file(page) as partial:
        partial.write_text(compare.page(made, quick=quick), encoding="utf-8")
    yield page


def _make(
    number: int, folder: Path, quick: bool, full: bool, thermal: bool, progress: bool
) -> tuple[Path, list[tuple[str, xr.Dataset]], Experiment]:
    """The picture of a figure, with its runs and the experiment of the first of them."""
    from pysv.figures.paper.plan import runs, solved

    needed = runs(number, quick=quick, full=full, thermal=thermal)
    name = f"figure{number}{'-thermal' if thermal else ''}.png"
    target = check_destination(folder / name, overwrite=True)
    curves = []
    for label, run in needed.items():
        kept = target.with_name(
            f"{target.stem}{'-quick' if quick else ''}-{label.replace(' ', '-').replace(',', '')}.nc"
        )
        curves.append((label, solved(run, kept, progress)))
    first = next(iter(needed.values())).experiment
    return _save(draw(number, curves, first, quick=quick), target), curves, first


def draw(number: int, curves: Curves, experiment: Experiment, *, quick: bool = False) -> Figure:
    """Draw a figure of the paper from finished runs.

    Parameters
    ----------
    number : int
        One of `READY`.
    curves : sequence of (str, xarray.Dataset)
        Labelled runs.
    experiment : Experiment
        Which made the first of them: the one whose wall echoes are marked.
    quick : bool
        Whether the runs are not those of the paper; Fig. 6 says so.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from pysv.figures.paper import fig2, fig3, fig4, fig5, fig6, fig7

    frame = _frame(experiment)
    note = f"quick: {experiment.device.sites} sites, a looser truncation" if quick else ""
    pictures: dict[int, Callable[[], Figure]] = {
        2: lambda: fig2.draw(curves[0][1], **frame),
        3: lambda: fig3.draw(curves, **frame),
        4: lambda: fig4.draw(curves, **frame),
        5: lambda: fig5.draw(curves[0][1], **frame),
        6: lambda: fig6.draw([(_electrons(data), data) for _, data in curves], note=note, **frame),
        7: lambda: fig7.draw(curves, **frame),
    }
    return pictures[number]()


def _electrons(data: xr.Dataset) -> int:
    return round(float(data["electron_number"][0]))


def plot(data: xr.Dataset, target: str | Path, *, variable: str | None = None) -> Path:
    """Draw an overview of any run, or one variable of it.

    Parameters
    ----------
    data : xarray.Dataset
    target : str or Path
        The picture; its ending chooses the format (png, pdf, svg). One that is there is replaced.
    variable : str, optional
        Name of the variable to draw alone.

    Returns
    -------
    Path

    Raises
    ------
    InvalidInputError
        If the run has no such variable, or the ending is another one.
    ResultFileError
        If the picture cannot be written.
    """
    from pysv.figures import overview, single

    path = check_destination(target, overwrite=True)
    frame = _frame(_experiment(data))
    if variable is None:
        return _save(overview.draw(data, **frame), path)
    return _save(single.draw(data, variable, **frame), path)


def animate(
    data: xr.Dataset, target: str | Path | None = None, *, rate: int = 12, progress: bool = True
) -> tuple[Path, Path]:
    """Animate a run: the electron along the chain, and modulus and phase of every element of ρ.

    One frame for each snapshot at which ρ was recorded. A short run that did not record it is made again from the
    experiment in its attributes.

    Parameters
    ----------
    data : xarray.Dataset
    target : str or Path, optional
        ``NAME.mp4`` (needs ffmpeg, which imageio-ffmpeg brings) or ``NAME.gif``; by default ``movie.mp4`` or, without
        ffmpeg, ``movie.gif``. It is replaced if it is there, as is the poster ``NAME-poster.png``.
    rate : int
        Frames per second, 1 to 60.
    progress : bool

    Returns
    -------
    movie, poster : Path

    Raises
    ------
    InvalidInputError
        If the run has no `density_matrix` and cannot be made again in a minute, or the ending or the rate is not
        allowed.
    NotReadyError
        If an mp4 is asked for and there is no ffmpeg.
    ResultFileError
        If the files cannot be written.
    """
    from pysv.figures import movie
    from pysv.figures.paper import plan

    whole_number("rate", rate, low=1, high=60, unit="frames per second")
    path = movie.check_target(f"movie.{movie.usual_format()}" if target is None else target)
    frame = _frame(_experiment(data))
    data = plan.with_matrix(data, progress)
    return movie.save(data, path, rate=rate, progress=progress, **frame)


def _experiment(data: xr.Dataset) -> Experiment:
    """The experiment of a run's dataset.

    Raises
    ------
    InvalidInputError
        If it is of several runs.
    """
    from pysv import config

    swept = [str(dim) for dim in data["norm"].dims if dim != "time"]
    if swept:
        raise InvalidInputError(
            f"the dataset is of a sweep along {', '.join(swept)}; choose a point, e.g. data.isel({swept[0]}=0), or the "
            "file of one"
        )
    return config.loads(str(data.attrs["experiment"])).experiment


def _frame(experiment: Experiment) -> dict[str, Any]:
    """What every picture marks besides the data."""
    return {"hopping": experiment.device.hopping, "echoes": experiment.wall_echoes}


def _save(figure: Figure, target: Path) -> Path:
    kind = target.suffix.lstrip(".").lower()
    if kind not in _FORMATS:
        raise InvalidInputError(f"{target}: {unknown_name('picture format', kind, _FORMATS)}")
    with whole_file(target) as partial:
        figure.savefig(partial, format=kind, dpi=200)
    return target
