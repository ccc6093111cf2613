"""The figures of the paper: which runs each needs, and the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pysv.errors import InvalidInputError, unknown_name
from pysv.experiment import Experiment
from pysv.files import check_destination, whole_file

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
        More spins than usual, where the figure has such a version; see `pysv.figures.plan.runs`.
    thermal : bool
        The layers at 100 K, where the figure has such a version; see `pysv.figures.plan.runs`.
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
    from pysv.figures.plan import runs, solved

    needed = runs(number, quick=quick, full=full, thermal=thermal)
    name = f"figure{number}{'-thermal' if thermal else ''}.png"
    target = check_destination(Path(folder) / name, overwrite=True)
    curves = []
    for label, run in needed.items():
        kept = target.with_name(
            f"{target.stem}{'-quick' if quick else ''}-{label.replace(' ', '-').replace(',', '')}.nc"
        )
        curves.append((label, solved(run, kept, progress)))
    return _save(draw(number, curves, next(iter(needed.values())).experiment, quick=quick), target)


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
    from pysv.figures import fig2, fig3, fig4, fig5, fig6, fig7

    frame: dict[str, Any] = {"hopping": experiment.device.hopping, "echoes": experiment.wall_echoes}
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


def plot(data: xr.Dataset, target: str | Path) -> Path:
    """Draw an overview of any run.

    Parameters
    ----------
    data : xarray.Dataset
    target : str or Path
        The picture; its ending chooses the format (png, pdf, svg). One that is there is replaced.

    Returns
    -------
    Path
    """
    from pysv import config
    from pysv.figures import overview

    path = check_destination(target, overwrite=True)
    experiment = config.loads(str(data.attrs["experiment"])).experiment
    return _save(overview.draw(data, hopping=experiment.device.hopping, echoes=experiment.wall_echoes), path)


def _save(figure: Figure, target: Path) -> Path:
    kind = target.suffix.lstrip(".").lower()
    if kind not in _FORMATS:
        raise InvalidInputError(f"{target}: {unknown_name('picture format', kind, _FORMATS)}")
    with whole_file(target) as partial:
        figure.savefig(partial, format=kind, dpi=200)
    return target
