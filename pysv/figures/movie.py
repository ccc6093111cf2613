"""The movie of a run: the electron along the chain on the left, every element of ρ of the localized spins on the right.

It is modelled on the movie in the Supplemental Material of the paper (its Ref. 92).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import StepPatch
from PIL import Image
from tqdm import tqdm

from pysv.errors import InvalidInputError, NotReadyError, unknown_name
from pysv.figures import density, style
from pysv.figures.marks import UNMARKED, Marks
from pysv.results.destination import check_destination, whole_file
from pysv.run.progress import Screen

FORMATS = ("mp4", "gif")
_INCHES = 9.6, 4.5
_DPI = {"mp4": 200, "gif": 100}
"""1920 × 900 pixels; half the width and height for a GIF, which compresses its frames little."""
_LOOKS = {"electron_density": "#3f6fa8", "electron_spin_density_z": style.RED}


def ffmpeg() -> str | None:
    """Path of the program ffmpeg, from imageio-ffmpeg or from the system; None if there is none."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # not installed, or no program for this platform
        return None


def usual_format() -> str:
    """``"mp4"`` where ffmpeg is found, else ``"gif"``."""
    return "mp4" if ffmpeg() else "gif"


class Film:
    """The frames of a run's movie, one for each snapshot at which ρ was recorded.

    Parameters
    ----------
    data : xarray.Dataset
        A run that recorded ρ; see `has_matrix`.
    marks : Marks
    dpi : int, optional
        Pixels per inch; by default 200, for 1920 × 900 pixels.
    """

    def __init__(self, data: xr.Dataset, marks: Marks = UNMARKED, *, dpi: int | None = None) -> None:
        self._data = data.isel(time=_recorded(data))
        self._marks = marks
        self._echo = min((time for time, _ in marks.echoes), default=np.inf)
        self._basis = density.InitialBasis.of(data)
        with style.paper_style():
            self._figure = style.new_figure(*_INCHES)
            self._figure.set_dpi(dpi or _DPI["mp4"])
            panels = self._figure.subplot_mosaic("ACD;BCD", width_ratios=(0.85, 1, 1))
            labels = "electron density", r"electron spin density $\langle\hat\sigma^z\rangle$"
            self._chain = {
                name: self._steps(axes, name, label)
                for axes, name, label in zip((panels["A"], panels["B"]), _LOOKS, labels, strict=True)
            }
            panels["B"].set_xlabel("site")
            self._modulus = density.modulus_image(panels["C"], self._basis)
            self._phase = density.phase_image(panels["D"], self._basis)
            self._clock = self._figure.suptitle("$t$", size=13)
            self._figure.draw_without_rendering()
            self._figure.set_layout_engine("none")  # the panels keep their places in all frames
            for artist in self._moving:
                artist.set_animated(True)
            canvas: Any = FigureCanvasAgg(self._figure)
            canvas.draw()
            self._canvas = canvas
            self._still = canvas.copy_from_bbox(self._figure.bbox)

    def __len__(self) -> int:
        """Number of frames."""
        return int(self._data.sizes["time"])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a frame in pixels."""
        width, height = self._canvas.get_width_height()
        return int(width), int(height)

    @property
    def poster(self) -> int:
        """Number of the frame that shows most: the last one before the first wall echo."""
        return max(int(np.searchsorted(self._data["time"].values, self._echo)) - 1, 0)

    def frame(self, number: int) -> np.ndarray:
        """One frame, uint8 (height, width, 3)."""
        self._show(number)
        self._canvas.restore_region(self._still)  # only what changes is drawn again
        with style.paper_style():
            for artist in self._moving:
                self._figure.draw_artist(artist)
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    @property
    def _moving(self) -> tuple[Artist, ...]:
        return *self._chain.values(), self._modulus, self._phase, self._clock

    def _show(self, number: int) -> None:
        at = self._data.isel(time=number)
        for name, steps in self._chain.items():
            steps.set_data(at[name].values)
        modulus, phase = self._basis.parts(at["density_matrix"].values)
        self._modulus.set_data(modulus)
        self._phase.set_data(phase)
        time = float(at["time"])
        echo = "  (wall echo)" if time >= self._echo else ""
        self._clock.set_text(f"$t$ = {self._marks.both_times(time)}{echo}")

    def _steps(self, axes: Axes, name: str, label: str) -> StepPatch:
        """Bars along the chain, on a scale that is the same at all times, with the sites of the layers shaded."""
        values, site = self._data[name].values, self._data["site"].values
        edges = np.append(site - 0.5, site[-1] + 0.5)
        steps = axes.stairs(values[0], edges, fill=True, color=_LOOKS[name])
        high, low = float(values.max()), min(float(values.min()), 0.0)
        reach = max(high - low, 1e-9)
        axes.set(xlim=(edges[0], edges[-1]), ylim=(low - 0.04 * reach * (low < 0), high + 0.14 * reach), ylabel=label)
        axes.axhline(0, color="0.5", linewidth=0.6)
        for number, (layer, label) in enumerate(style.layers(self._data).items()):
            side, shift = ("left", 2) if number % 2 else ("right", -2)
            members = self._data["spin_site"].values[self._data["layer"].values == layer]
            first, last = members.min() - 0.5, members.max() + 0.5
            axes.axvspan(first, last, facecolor="0.85", linewidth=0, zorder=0)
            place: style.Style = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points", "size": 8}
            edge = first if side == "right" else last
            axes.annotate(label, (edge, 1), xytext=(shift, -3), ha=side, va="top", **place)
        return steps


def save(data: xr.Dataset, target: Path, marks: Marks, *, rate: int, progress: bool) -> tuple[Path, Path]:
    """Write a movie and its poster, each whole or not at all.

    Parameters
    ----------
    data : xarray.Dataset
        A run that recorded ρ; see `has_matrix`.
    target : Path
        Where the movie goes, as `check_target` returns it.
    marks : Marks
    rate : int
        Frames per second.
    progress : bool

    Returns
    -------
    movie, poster : Path

    Raises
    ------
    ResultFileError
        If the files cannot be written.
    """
    kind, poster = _format(target), _poster(target)
    film = Film(data, marks, dpi=_DPI[kind])
    hidden = not progress or sys.stderr is None
    shown = tqdm(range(len(film)), file=Screen(), desc=target.name, unit="frame", disable=hidden, dynamic_ncols=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / f"movie.{kind}"
        (_mp4 if kind == "mp4" else _gif)(scratch, (film.frame(number) for number in shown), film.size, rate)
        with whole_file(target) as partial:
            shutil.copyfile(scratch, partial)
    fine = film if kind == "mp4" else Film(data, marks)
    with whole_file(poster) as partial:
        Image.fromarray(fine.frame(fine.poster)).save(partial, format="png")
    return target, poster


def check_target(path: str | Path, source: str | Path | None = None) -> Path:
    """Check that a movie and its poster may be written to a path; files that are there will be replaced.

    Parameters
    ----------
    path : str or Path
        ``NAME.mp4`` or ``NAME.gif``; the poster becomes ``NAME-poster.png``.
    source : str or Path, optional
        The result file, which is not replaced.

    Returns
    -------
    Path

    Raises
    ------
    InvalidInputError
        If the ending is another one.
    NotReadyError
        If an mp4 is asked for and there is no ffmpeg.
    ResultFileError
        If the files cannot be written.
    """
    target = Path(path)
    kind = _format(target)
    if kind not in FORMATS:
        raise InvalidInputError(f"{target}: {unknown_name('movie format', kind, FORMATS)}")
    if kind == "mp4" and ffmpeg() is None:
        raise NotReadyError(f"{target}: needs ffmpeg, which is not found; `pip install imageio-ffmpeg`, or name a .gif")
    check_destination(_poster(target), overwrite=True, source=source)
    return check_destination(target, overwrite=True, source=source)


def _format(target: Path) -> str:
    return target.suffix.lstrip(".").lower()


def _poster(target: Path) -> Path:
    return target.with_name(f"{target.stem}-poster.png")


def has_matrix(data: xr.Dataset) -> bool:
    """Whether the run recorded ρ at some snapshot."""
    return "density_matrix" in data and bool(_recorded(data).any())


def _recorded(data: xr.Dataset) -> np.ndarray:
    return np.asarray(np.isfinite(data["density_matrix"].isel(ket=0, bra=0).values))


def _mp4(path: Path, frames: Iterator[np.ndarray], size: tuple[int, int], rate: int) -> None:
    from imageio_ffmpeg import write_frames

    options = ["-crf", "18", "-preset", "veryfast", "-movflags", "+faststart"]
    writer = write_frames(str(path), size, fps=rate, codec="libx264", quality=None, macro_block_size=2,
                          output_params=options, ffmpeg_log_level="error")  # fmt: skip
    writer.send(None)
    try:
        for frame in frames:
            writer.send(frame)
    finally:
        writer.close()


def _gif(path: Path, frames: Iterable[np.ndarray], size: tuple[int, int], rate: int) -> None:
    del size
    first, *others = (Image.fromarray(frame).quantize(128, dither=Image.Dither.NONE) for frame in frames)
    first.save(path, save_all=True, append_images=others, duration=round(1000 / rate), loop=0)
