"""The figures of the paper: which runs each needs, and the pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pysv.device import SpinValve
from pysv.errors import InvalidInputError, NotReadyError, unknown_name
from pysv.experiment import Experiment, Times
from pysv.files import check_destination, whole_file
from pysv.source import ConfinedElectrons
from pysv.units import HBAR

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from pysv.engines.tdmrg import TDMRG

SINGLE = (2, 3, 5, 7)
"""Figures that show a single run."""
READY = (2, 3, 5, 6, 7)
_FORMATS = ("png", "pdf", "svg")
_COMING = {4: "negativity against the number of spins"}
_FULL, _QUICK = Times(stop=60.0, step=0.5), Times(stop=30.0, step=1.0)


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
    NotReadyError
        If this version does not draw it.
    """
    if text == "all":
        return READY
    if text not in {*map(str, READY), *map(str, _COMING)}:
        raise InvalidInputError(f"figure {text!r}: {unknown_name('number', text, ['all', *'234567'])}")
    number = int(text)
    if number in _COMING:
        raise NotReadyError(
            f"figure {number} ({_COMING[number]}) is not ready in this version; ready: {', '.join(map(str, READY))}"
        )
    return (number,)


def make(number: int, folder: str | Path = ".", *, quick: bool = False, progress: bool = True) -> Path:
    """Run what a figure of the paper needs and draw it.

    Parameters
    ----------
    number : int
        One of `READY`. All are at T = 0 with 4+4 spins; an unpolarized electron, or for 6 two, four and eight of them.
    folder : str or Path
        Where the picture goes; one that is there is replaced.
    quick : bool
        30 fs with a snapshot every fs instead of 60 fs with one every 0.5 fs; for 6 a shorter chain and time, and a
        looser truncation.
    progress : bool

    Returns
    -------
    Path
        The picture, ``figureN.png``.

    Raises
    ------
    ResultFileError
        If the folder does not exist.
    """
    target = check_destination(Path(folder) / f"figure{number}.png", overwrite=True)
    if number == 6:
        return _save(_several(quick, progress), target)
    experiment = replace(Experiment(), times=_QUICK if quick else _FULL)
    return _save(draw(number, _solved(experiment, progress), experiment), target)


@lru_cache(maxsize=1)
def _solved(experiment: Experiment, progress: bool) -> xr.Dataset:
    """A run; the figures that share one compute it once."""
    from pysv.run.solve import solve

    data = solve(experiment, progress=progress)
    if data.attrs["status"] != "complete":
        raise KeyboardInterrupt  # half a run is no figure
    return data


def several_runs(quick: bool) -> tuple[tuple[Experiment, TDMRG], ...]:
    """Experiments and engine options of Fig. 6: two, four and eight electrons, a snapshot every ħ/γ until 80 ħ/γ.

    A quick one ends at 30 ħ/γ on a chain of 52 sites, with a bond dimension of at most 64.
    """
    from pysv.engines.tdmrg import TDMRG

    device, stop = SpinValve.for_several_electrons(), 80
    method = TDMRG(allowed_loss=1.0)
    if quick:
        device, stop = SpinValve(sites=52, polarizer=(19, 22), analyzer=(27, 30)), 30
        method = TDMRG(min_bond=16, max_bond=64, discarded_weight=1e-6, allowed_loss=1.0)
    times = Times(stop=stop * HBAR, step=HBAR)
    return tuple(
        (Experiment(device=device, source=ConfinedElectrons(electrons=electrons), times=times), method)
        for electrons in (2, 4, 8)
    )


def _several(quick: bool, progress: bool) -> Figure:
    from pysv.figures import fig6
    from pysv.run.solve import solve

    runs = []
    for experiment, method in several_runs(quick):
        data = solve(experiment, engine=method, progress=progress)
        if data.attrs["status"] != "complete":
            raise KeyboardInterrupt  # half a run is no figure
        runs.append((experiment.source.count, data))
    device = experiment.device
    note = f"quick: {device.sites} sites, bond dimension at most {method.max_bond}" if quick else ""
    return fig6.draw(runs, hopping=device.hopping, echoes=experiment.wall_echoes, note=note)


def draw(number: int, data: xr.Dataset, experiment: Experiment) -> Figure:
    """Draw a figure of the paper from a finished run.

    Parameters
    ----------
    number : int
        One of `SINGLE`.
    data : xarray.Dataset
    experiment : Experiment
        Which made it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from pysv.figures import fig2, fig3, fig5, fig7

    frame: dict[str, Any] = {"hopping": experiment.device.hopping, "echoes": experiment.wall_echoes}
    layers = f"{experiment.device.n_polarizer}+{experiment.device.n_analyzer}"
    pictures: dict[int, Callable[[], Figure]] = {
        2: lambda: fig2.draw(data, **frame),
        3: lambda: fig3.draw([(r"$T=0$ K", data)], **frame),
        5: lambda: fig5.draw(data, **frame),
        7: lambda: fig7.draw([(layers, data)], **frame),
    }
    return pictures[number]()


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
