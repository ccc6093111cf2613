"""A run in the browser: one file of HTML that needs no network, with a time slider."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError, NotReadyError, quoted
from pysv.results.destination import check_destination, whole_file
from pysv.results.files import load

if TYPE_CHECKING:
    import xarray as xr

MOST_RUNS = 4
"""Most runs side by side."""
_HEIGHT = 1160
"""Height of the frame in a notebook, pixels."""


@dataclass(frozen=True, eq=False)
class View:
    """A page of HTML that shows runs; a notebook displays it.

    Parameters
    ----------
    html : str
        The whole page, with its scripts and its data.
    """

    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page to a file that ends in .html; one that is there is replaced."""
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise InvalidInputError(f"the page {quoted(str(target))} must end in .html", "out")
        check_destination(target, overwrite=True)
        with whole_file(target) as part:
            part.write_text(self.html, encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        page = html.escape(self.html, quote=True)
        return f'<iframe srcdoc="{page}" width="100%" height="{_HEIGHT}" style="border:0"></iframe>'


def view(
    runs: xr.Dataset | str | Path | Mapping[str, xr.Dataset | str | Path] | Sequence[xr.Dataset | str | Path],
) -> View:
    """A page that shows one run, or several side by side, with a slider for the time.

    Above: density and spin of the electron along the chain, the localized spins as arrows, and |ρ| with its phase where
    the run recorded it, at the time of the slider. Below: the measures against time, with a cursor. The mouse shows
    values with their units. The page needs no network and no Python.

    Parameters
    ----------
    runs : xarray.Dataset or path, or several of them
        Runs, or result files; a mapping gives them names of your own. At most `MOST_RUNS`.

    Returns
    -------
    View
        Shown by a notebook; ``view(data).save("run.html")`` writes the file.

    Raises
    ------
    NotReadyError
        If Bokeh is not installed.
    InvalidInputError
        If there is no run, or there are too many.
    ResultFileError
        If a file cannot be read.
    """
    named = _named(runs)
    if not 1 <= len(named) <= MOST_RUNS:
        raise InvalidInputError(f"a view shows 1 … {MOST_RUNS} runs, not {len(named)}", "runs")
    try:
        import bokeh  # noqa: F401 - an extra
    except ImportError:
        raise NotReadyError(
            "a view in the browser needs Bokeh; install it by: pip install 'pysv-spinvalve[view]'"
        ) from None
    from pysv.browser.page import page

    return View(page({name: run if not isinstance(run, str | Path) else load(run) for name, run in named.items()}))


def _named(runs: object) -> dict[str, xr.Dataset | str | Path]:
    import xarray as xr

    if isinstance(runs, Mapping) and not isinstance(runs, xr.Dataset):
        return {str(name): run for name, run in runs.items()}
    listed = [runs] if isinstance(runs, xr.Dataset | str | Path) else list(runs)  # type: ignore[call-overload]
    found: dict[str, xr.Dataset | str | Path] = {}
    for number, run in enumerate(listed, start=1):
        name = Path(run).stem if isinstance(run, str | Path) else f"run {number}" if len(listed) > 1 else "run"
        found[name if name not in found else f"{name} ({number})"] = run
    return found
