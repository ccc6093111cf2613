"""The page: a column of panels for each run, and the slider, button and cursors that move all of them in time."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import xarray as xr
from bokeh.document import Document
from bokeh.embed import file_html
from bokeh.layouts import column, row
from bokeh.models import Button, CustomJS, Div, Slider
from bokeh.resources import INLINE

from pysv.browser.curves import curves
from pysv.browser.moments import Frames, moments
from pysv.results.versions import __version__

_WIDTH = {1: 940, 2: 620, 3: 460, 4: 380}
"""Width of a column for each number of runs, pixels."""
_INTERVAL = 80
"""Time between two frames of the play button, ms."""

_MOVE = """
const time = slider.value
for (const {frames, shown, cursors, keys} of moved) {
    const times = frames.data.time
    let n = 0
    for (let i = 0; i < times.length; i++) if (Math.abs(times[i] - time) <= Math.abs(times[n] - time)) n = i
    for (const [name, source] of Object.entries(shown)) {
        const data = {...source.data}
        for (const key of keys[name]) data[key] = frames.data[name + "." + key][n]
        source.data = data
    }
    for (const cursor of cursors) cursor.location = times[n]
}
label.text = "t = " + time.toFixed(2) + " fs"
"""
_PLAY = """
if (button.timer) { clearInterval(button.timer); button.timer = null; button.label = "▶ play"; return }
button.label = "❚❚ pause"
button.timer = setInterval(() => {
    slider.value = slider.value + slider.step > slider.end + 1e-9 ? slider.start : slider.value + slider.step
}, interval)
"""


def page(runs: Mapping[str, xr.Dataset]) -> str:
    """The page as text.

    Parameters
    ----------
    runs : mapping of str to xarray.Dataset

    Returns
    -------
    str
        HTML with all scripts and data in it.
    """
    width = _WIDTH[len(runs)]
    found = {name: (moments(data, width), curves(data, width)) for name, data in runs.items()}
    _share_ranges([[*chain.from_iterable(moment.rows), *curve.figures] for moment, curve in found.values()])
    control = _control(runs, [(moment, curve.cursors) for moment, curve in found.values()])
    columns = []
    for name, (moment, curve) in found.items():
        title = Div(text=f"<b>{_escaped(name)}</b> &nbsp; {_what(runs[name])}", width=width)
        notes = [Div(text=f"<small>{_escaped(note)}</small>", width=width) for note in moment.notes]
        rows = [row(*pictures) for pictures in moment.rows]
        columns.append(column(title, *rows, *notes, *curve.figures))
    document = Document(title=", ".join(runs))
    document.add_root(column(control, row(*columns)))
    return str(file_html(document, INLINE, title=f"pysv: {', '.join(runs)}"))


def _control(runs: Mapping[str, xr.Dataset], moved: list[tuple[Frames, list[Any]]]) -> Any:
    """Slider and button; the slider moves every frame and cursor to the snapshot that is nearest to its time."""
    times = np.unique(np.concatenate([data["time"].values for data in runs.values()]))
    start, stop = float(times[0]), float(times[-1])
    step = float(np.diff(times).min()) if times.size > 1 else 1.0
    slider = Slider(
        start=start, end=max(stop, start + step), value=start, step=step, title="time (fs)", width=620, name="time"
    )
    label = Div(text=f"t = {start:.2f} fs", width=110, name="label")
    button = Button(label="▶ play", width=90, name="play")
    parts = [
        {"frames": frames.source, "shown": frames.shown, "cursors": cursors, "keys": frames.keys}
        for frames, cursors in moved
    ]
    slider.js_on_change("value", CustomJS(args={"slider": slider, "moved": parts, "label": label}, code=_MOVE))
    button.js_on_click(CustomJS(args={"slider": slider, "button": button, "interval": _INTERVAL}, code=_PLAY))
    return row(button, slider, label)


def _share_ranges(pictures: Sequence[Sequence[Any]]) -> None:
    """Pictures of the same quantity have the same limits of the value axis in every column."""
    by_name: dict[str, list[Any]] = {}
    for own in pictures:
        for figure in own:
            by_name.setdefault(str(figure.name), []).append(figure)
    for same in by_name.values():
        low = min(figure.y_range.start for figure in same)
        high = max(figure.y_range.end for figure in same)
        for figure in same:
            figure.y_range.start, figure.y_range.end = low, high


def _what(data: xr.Dataset) -> str:
    """Engine and version, as the run states them."""
    known = [str(data.attrs[key]) for key in ("engine", "backend") if key in data.attrs]
    return _escaped(f"engine {', '.join(known)}; shown by pysv {__version__}" if known else f"pysv {__version__}")


def _escaped(text: str) -> str:
    return html.escape(text)
