"""Pictures and movies of runs, figures of the paper and beyond it: which runs each needs, and how they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment import Experiment
from pysv.experiment.checks import as_list, whole_number
from pysv.figures import catalog, planned
from pysv.figures.planned import Version
from pysv.results.destination import check_destination, whole_file
from pysv.run import interrupt

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from pysv.figures.style import Curves

READY = catalog.of_paper()
"""The figures of the paper, and those that lie beside them: what "all" means."""
BEYOND = tuple(name for name in catalog.names() if name not in READY)
"""Figures of what the paper could not show, by name."""
_FORMATS = ("png", "pdf", "svg")


def numbers(text: str) -> tuple[catalog.Name, ...]:
    """Figures that a word of the command line means.

    Parameters
    ----------
    text : str
        The number or the name of one of `READY` or `BEYOND`, or ``"all"``, which means `READY`.

    Raises
    ------
    InvalidInputError
        If there is no such figure.
    """
    return READY if text == "all" else (catalog.named(text),)


def make(
    number: int | str,
    folder: str | Path = ".",
    *,
    quick: bool = False,
    full: bool = False,
    thermal: bool = False,
    progress: bool = True,
) -> Path:
    """Run what a figure needs and draw it.

    A figure of `BEYOND` comes with a page beside the picture, which sets what is expected of its runs beside what they
    show.

    Parameters
    ----------
    number : int or str
        One of `READY` or `BEYOND`. Those of the paper are at T = 0, but for some curves of Fig. 3; Fig. 6 has two, four
        and eight electrons, the others of the paper an unpolarized one.
    folder : str or Path
        Where the picture goes; one that is there is replaced. Long runs are kept beside it in result files, from which
        the same command goes on or draws again.
    quick : bool
        Shorter runs, of fewer spins or on a shorter chain with a looser truncation.
    full : bool
        More spins than usual; Fig. 4 has such a version.
    thermal : bool
        Fig. 5 with the layers in a pinned Gibbs state at 100 K; Fig. 3 with thermal states and baths in panel (d).
    progress : bool

    Returns
    -------
    Path
        The picture, ``figureN.png`` or ``figure-NAME.png``; the page is ``figure-NAME.md``.

    Raises
    ------
    InvalidInputError
        If there is no such figure, or it has no such version.
    ResultFileError
        If the folder does not exist.
    """
    from pysv.figures.page import own_page

    version = Version(quick=quick, full=full, thermal=thermal)
    name = catalog.named(str(number))
    picture, curves, experiments = _make(name, Path(folder), version, progress)
    if name not in catalog.of_paper() and catalog.recipe(name).claims is not None:
        with whole_file(picture.with_suffix(".md")) as partial:
            partial.write_text(own_page(name, curves, experiments, quick=quick) + "\n", encoding="utf-8")
    return picture


def make_all(
    folder: str | Path = ".",
    *,
    quick: bool = False,
    full: bool = False,
    thermal: bool = False,
    progress: bool = True,
) -> Iterator[Path]:
    """Make every figure of `READY`, then a page that sets what the paper's text says beside what the runs show.

    Parameters
    ----------
    folder, quick, full, thermal, progress
        As for `make`.

    Yields
    ------
    Path
        Each picture when it is drawn; at the end the page, ``figures.md``.
    """
    from pysv.figures.page import page

    version = Version(quick=quick, full=full, thermal=thermal)
    target = check_destination(Path(folder) / "figures.md", overwrite=True)
    made: dict[catalog.Name, tuple[Curves, Experiment]] = {}
    for name in READY:
        picture, curves, experiments = _make(name, Path(folder), version, progress)
        made[name] = curves, experiments[0]
        yield picture
    with whole_file(target) as partial:
        partial.write_text(page(made, quick=quick), encoding="utf-8")
    yield target


def _make(
    number: catalog.Name, folder: Path, version: Version, progress: bool
) -> tuple[Path, list[tuple[str, xr.Dataset]], list[Experiment]]:
    """The picture of a figure, with its runs and their experiments."""
    name = catalog.named(str(number))
    needed = catalog.runs(name, version)
    stem = f"{catalog.stem(name)}{'-thermal' if version.thermal else ''}"
    target = check_destination(folder / f"{stem}.png", overwrite=True)
    curves = []
    with interrupt.caught():
        for label, run in needed.items():
            kept = f"{stem}{'-quick' if version.quick else ''}-{label.replace(' ', '-').replace(',', '')}.nc"
            curves.append((label, planned.solved(run, folder / kept, progress)))
    experiments = [run.experiment for run in needed.values()]
    return _save(draw(name, curves, experiments[0], quick=version.quick), target), curves, experiments


def draw(number: int | str, curves: Curves, experiment: Experiment, *, quick: bool = False) -> Figure:
    """Draw a figure from finished runs.

    Parameters
    ----------
    number : int or str
        One of `READY` or `BEYOND`.
    curves : sequence of (str, xarray.Dataset)
        Labelled runs.
    experiment : Experiment
        Which made the first of them: the one whose wall echoes are marked.
    quick : bool
        Whether the runs are not those of the paper; Fig. 6 says so.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InvalidInputError
        If there is no such figure.
    """
    from pysv.figures.marks import Marks

    return catalog.recipe(number).draw(curves, Marks.of(experiment, quick=quick))


def plot(
    data: xr.Dataset,
    target: str | Path,
    *,
    variable: str | None = None,
    time: float | None = None,
    pairs: Sequence[tuple[int, int]] = (),
) -> Path:
    """Draw an overview of any run, or one variable of it; of a sweep, one variable along its keys.

    Parameters
    ----------
    data : xarray.Dataset
        Of a run, or the combined one of a sweep along one key or two; see `pysv.figures.swept.draw`.
    target : str or Path
        The picture; its ending chooses the format (png, pdf, svg). One that is there is replaced.
    variable : str, optional
        Name of the variable to draw alone; of a sweep by default ``log_negativity``.
    time : float, optional
        fs, for what is drawn at one time: ρ, a map over each two spins, a map over two keys of a sweep. By default the
        last one.
    pairs : sequence of (int, int)
        Numbers of two spins each: of a variable of each two spins, those that are drawn against time.

    Returns
    -------
    Path

    Raises
    ------
    InvalidInputError
        If the run has no such variable, time or spin, the ending is another one, or `time` or `pairs` would be ignored.
    ResultFileError
        If the picture cannot be written.
    """
    from pysv.figures import overview, single, spectra, swept
    from pysv.figures.marks import Marks
    from pysv.results.points import swept_dims

    path = check_destination(target, overwrite=True, source=data.encoding.get("source"))
    pairs = as_list(pairs)
    if swept_dims(data):
        if pairs:
            raise InvalidInputError("pairs would be ignored: they are of a run; choose one point of the sweep", "pairs")
        return _save(swept.draw(data, variable, time), path)
    marks = Marks.of(_experiment(data))
    if variable is not None:
        return _save(single.draw(data, variable, marks, time, pairs), path)
    for name, given in (("time", time is not None), ("pairs", bool(pairs))):
        if given:
            raise InvalidInputError(f"{name} would be ignored without a variable; name one (--var)", name)
    whole = spectra.draw if data.attrs.get("kind") == "correlator" else overview.draw
    return _save(whole(data, marks), path)


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
    from pysv.figures.marks import Marks

    whole_number("rate", rate, low=1, high=60, unit="frames per second")
    usual = f"movie.{movie.usual_format()}"
    path = movie.check_target(usual if target is None else target, source=data.encoding.get("source"))
    marks = Marks.of(_experiment(data))
    if "electron_density" not in data:
        raise InvalidInputError(
            "a movie shows the electron on the chain, and the run holds no electron_density; plot it instead", "data"
        )
    return movie.save(planned.with_matrix(data, progress), path, marks, rate=rate, progress=progress)


def _experiment(data: xr.Dataset) -> Experiment:
    """The experiment of a run's dataset.

    Raises
    ------
    InvalidInputError
        If it is of several runs.
    """
    from pysv import config
    from pysv.results.points import swept_dims

    if swept := swept_dims(data):
        raise InvalidInputError(
            f"the dataset is of a sweep along {', '.join(swept)}; choose a point with a value for each key "
            "(--at KEY=VALUE, pysv.load(…, at={KEY: VALUE})), or name the file of one"
        )
    return config.loads(str(data.attrs["experiment"])).experiment


def _save(figure: Figure, target: Path) -> Path:
    kind = target.suffix.lstrip(".").lower()
    if kind not in _FORMATS:
        raise InvalidInputError(f"{target}: {unknown_name('picture format', kind, _FORMATS)}")
    with whole_file(target) as partial:
        figure.savefig(partial, format=kind, dpi=200)
    return target
