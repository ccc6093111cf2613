"""How long the entanglement lives with baths: negativity, mutual information and spins over 150 fs without echoes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.figures import style
from pysv.figures.beyond._lifetime_runs import STOP, Case, cases, planned
from pysv.figures.catalog import Recipe
from pysv.figures.claims import NOTHING, Claim, Passes, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import PlannedRun, Version
from pysv.measures.lifetime import THRESHOLD, Lifetime, lifetime, with_error

COLD, HOT = 10.0, 100.0
"""Temperatures (K) of the two baths of the paper."""
PAPER = 100.0
"""Lifetime (fs) that the paper states for the hot one."""
LOOKS: dict[float, style.Style] = {
    10.0: {"color": style.BLUE, "linestyle": "-"},
    30.0: {"color": style.VIOLET, "linestyle": style.DASH_DOTTED},
    100.0: {"color": style.AMBER, "linestyle": "-"},
    300.0: {"color": style.RED, "linestyle": style.DASHED},
}
MARKERS = {1: "v", 2: "o", 3: "s", 4: "D"}
_OF_COUPLING: dict[str, style.Style] = {"x": {"color": "black"}, "z": {"color": style.BLUE}}


@dataclass(frozen=True, eq=False)
class Decay:
    """One run and what it shows.

    Parameters
    ----------
    case : Case
    data : xarray.Dataset
    """

    case: Case
    data: xr.Dataset

    @cached_property
    def negativity(self) -> Lifetime | None:
        """Decay of the negativity after its maximum; None if there is none."""
        return lifetime(self.data) if float(self.data["log_negativity"].max()) > THRESHOLD else None

    @cached_property
    def passed(self) -> float:
        """Time from which decays are read, fs: that of the largest negativity, or of the largest mutual information."""
        if self.negativity:
            return self.negativity.begin
        return float(self.data["time"].values[self.data["mutual_information"].values.argmax()])

    @cached_property
    def information(self) -> Lifetime:
        """Decay of the mutual information."""
        return lifetime(self.data, "mutual_information", begin=self.passed)

    @cached_property
    def order(self) -> xr.DataArray:
        """Mean ⟨σ^z⟩ of FM_p minus that of FM_a, over 2: 1 for antiparallel layers."""
        spins = self.data["spin_z"]
        one, other = (
            spins.isel(spin=self.data["layer"].values == name).mean("spin") for name in style.layers(self.data)
        )
        return ((one - other) / 2).rename("antiparallel order")

    @cached_property
    def spins(self) -> Lifetime:
        """Decay of the antiparallel order."""
        return lifetime(self.order, "antiparallel order", begin=self.passed)

    @property
    def death(self) -> float | None:
        """First time without negativity, fs; None if the run ends with some."""
        found = self.data.attrs["entanglement_death"]
        return None if found == "none" else float(found)

    @property
    def validity(self) -> float:
        """Γ_NR τ of the master equation, which should be small."""
        return float(self.data.attrs["bath_validity"])


def runs(version: Version) -> dict[str, PlannedRun]:
    """Valves of 2+2, 3+3 and 4+4 spins with baths of 10 to 300 K; quick, of 1+1 and 2+2 spins at 10 and 100 K."""
    return {case.label: planned(case, version) for case in cases(version)}


def decays(curves: style.Curves) -> dict[Case, Decay]:
    """The runs by what they are."""
    known = {case.label: case for quick in (False, True) for case in cases(Version(quick=quick))}
    return {known[label]: Decay(known[label], data) for label, data in curves}


def _plot(axes: Axes, found: Mapping[Case, Decay], variable: str, size: int, coupling: str) -> None:
    """A variable over time, a colour for each temperature; thin lines start in a thermal state."""
    for case, decay in found.items():
        if (case.size, case.coupling) == (size, coupling):
            values = decay.order if variable == "order" else decay.data[variable]
            look = LOOKS[case.temperature] | {"linewidth": 0.6 if case.gibbs else 1.2}
            label = None if case.gibbs else f"{case.temperature:g} K"
            axes.plot(decay.data["time"], values, label=label, **look)
    style.time_axis(axes, np.array([0.0, STOP]), least=style.LEAST)


def _lifetimes(axes: Axes, found: Mapping[Case, Decay]) -> None:
    """Lifetimes of the negativity over the temperature; open markers with arrows are longer than the run."""
    for case, decay in found.items():
        own = decay.negativity
        if case.gibbs or own is None:
            continue
        beside = 0.04 * (case.size - 3) + (0.08 if case.coupling == "z" else -0.08)
        x, look = (
            case.temperature * 10**beside,
            _OF_COUPLING[case.coupling] | {"marker": MARKERS[case.size], "markersize": 4},
        )
        if own.longer:
            y = own.observed
            axes.plot(x, y, linestyle="", markerfacecolor="white", **look)
            arrow = {"arrowstyle": "->", "lw": 0.6, "color": look["color"]}
            axes.annotate("", (x, y + 30), (x, y), arrowprops=arrow, zorder=0.9)
        else:
            axes.errorbar(x, own.decay, own.decay_error, linestyle="", linewidth=0.8, **look)
    axes.axhline(PAPER, **style.THRESHOLD)
    axes.annotate(
        "paper,\n100 K", (7.0, PAPER), (0, -2), textcoords="offset points", va="top", size=7, color=style.GREY
    )
    temperatures = sorted({case.temperature for case in found})
    validity = {case.temperature: decay.validity for case, decay in found.items()}
    axes.set(xscale="log", xlim=(6.0, 500.0), ylim=(0.0, STOP + 20), ylabel="lifetime (fs)")
    axes.set_xticks(temperatures, [f"{t:g}\n({validity[t]:.2g})" for t in temperatures])
    axes.minorticks_off()
    axes.set_xlabel(r"temperature (K), with $\Gamma_\mathrm{NR}\tau$")
    sizes = sorted({case.size for case, decay in found.items() if decay.negativity})
    for coupling, look in _OF_COUPLING.items():
        axes.plot([], [], linestyle="-", label=f"coupling {coupling}", **look)
    for size in sizes:
        axes.plot([], [], linestyle="", marker=MARKERS[size], markersize=4, color=style.GREY, label=f"{size}+{size}")
    style.legend_above(axes, 2)


def draw(curves: style.Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw the figure.

    Logarithmic negativity with baths that couple to σ^x (first row) and σ^z (second row), for each size of the layers,
    without wall echoes. Third row: mutual information and antiparallel order of the largest layers with σ^x, and the
    fitted lifetimes of the negativity over the temperature, with the validity measure of the master equation in
    brackets.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Runs labelled as by `runs`.
    marks : Marks
        If the runs are quick ones, a line below the picture says so; there are no echoes.
    """
    found = decays(curves)
    sizes = sorted({case.size for case in found})
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 6.0)
        panels = figure.subplots(3, 3)
        for row, coupling, letters in zip(panels, "xz", ("abc", "def"), strict=False):
            for axes, size, letter in zip(row, sizes, letters, strict=False):
                _plot(axes, found, "log_negativity", size, coupling)
                style.legend_above(axes, 2, remark=f"{size}+{size} spins, coupling {coupling}")
                style.panel_letter(axes, letter)
            row[0].set_ylabel(style.LOG_NEGATIVITY)
            for axes in row[len(sizes) :]:
                axes.set_visible(False)
        last = sizes[-1]
        for axes, variable, label, letter in zip(
            panels[2], ("mutual_information", "order"), ("mutual information (nats)", "antiparallel order"), "gh",
            strict=False,
        ):  # fmt: skip
            _plot(axes, found, variable, last, "x")
            style.legend_above(axes, 2, remark=f"{last}+{last} spins, coupling x")
            axes.set_ylabel(label)
            axes.set_xlabel(style.TIME)
            style.panel_letter(axes, letter)
        _lifetimes(panels[2, 2], found)
        style.panel_letter(panels[2, 2], "i")
        below = "thick: from T = 0; thin: from pinned thermal states of the temperature of the baths"
        if marks.quick:
            below += "; quick: small layers, two temperatures"
        figure.supxlabel(below, size=8, color=style.GREY)
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """The paper's two sentences on the lifetime, and what the lifetimes depend on."""
    found = decays([(label, run.whole) for label, run in runs])
    for temperature, says, agrees in (
        (COLD, "the paper: at 10 K the negativity does not decay within the simulated time", _lasts),
        (HOT, "the paper: at 100 K it lives on the scale of 100 fs", _transient),
    ):
        for coupling in "xz":
            some = [
                decay for case, decay in found.items()
                if (case.temperature, case.coupling, case.gibbs) == (temperature, coupling, False) and decay.negativity
            ]  # fmt: skip
            shown = "; ".join(
                f"{decay.case.size}+{decay.case.size}: lifetime, half-time {_brief(decay.negativity)} fs"
                for decay in some
                if decay.negativity
            )
            yield Claim(
                f"{says}; coupling {coupling}",
                f"{shown}; Γ_NR τ = {some[0].validity:.2g}",
                verdict(all(agrees(decay) for decay in some)),
            )
    pairs = _half_times(found)
    yield Claim(
        "the hotter the baths, the sooner half of the negativity is gone",
        f"in {sum(hot < cold for cold, hot in pairs)} of {len(pairs)} steps to the next temperature",
        verdict(all(hot < cold for cold, hot in pairs)),
    )
    ended = [decay for decay in found.values() if decay.negativity and decay.death]
    left = [float(decay.data["mutual_information"].sel(time=decay.death)) for decay in ended]
    yield Claim(
        "where the negativity ends, correlation goes on",
        f"in {len(ended)} runs the negativity is zero before {STOP:g} fs, which does not prove that the layers are "
        f"separable; they have mutual information of {min(left, default=0.0):.1e} nat or more then",
        verdict(bool(left) and min(left) > NOTHING),
    )


def _lasts(decay: Decay) -> bool:
    """Whether the negativity keeps half of its maximum to the end of the run."""
    return decay.negativity is not None and decay.negativity.half is None


def _transient(decay: Decay) -> bool:
    """Whether it falls to a half, with a lifetime between a third of the paper's and three times as much."""
    own = decay.negativity
    return own is not None and own.half is not None and PAPER / 3 < own.decay < 3 * PAPER


def _half_times(found: Mapping[Case, Decay]) -> list[tuple[float, float]]:
    """Half-times of the negativity at each two successive temperatures; ∞ if the run ends before, but not for both."""
    halves = {
        case: np.inf if decay.negativity.half is None else decay.negativity.half
        for case, decay in found.items()
        if decay.negativity
    }
    pairs = []
    for case, half in halves.items():
        hotter = [other for other in halves if other.temperature > case.temperature and _alike(case, other)]
        if hotter and np.isfinite(next_half := halves[min(hotter, key=lambda other: other.temperature)]) | np.isfinite(
            half
        ):
            pairs.append((half, next_half))
    return pairs


def _alike(case: Case, other: Case) -> bool:
    """Whether two runs differ in the temperature alone."""
    return other._replace(temperature=case.temperature) == case


def table(found: Mapping[Case, Decay]) -> Iterator[str]:
    """Rows of a table in Markdown."""
    yield (
        "| spins, coupling, baths, start | largest negativity | its lifetime, half-time, end (fs) | lifetime, "
        "half-time of the mutual information (fs) | of the order (fs) | Γ_NR τ |"
    )
    yield "|---|---|---|---|---|---|"
    for case, decay in found.items():
        own, start = decay.negativity, "thermal" if case.gibbs else "T = 0"
        negativity = "none |" if own is None else f"{own.first:.4f} | {_brief(own)}, {_end(decay)}"
        yield (
            f"| {case.size}+{case.size}, {case.coupling}, {case.temperature:g} K, {start} | {negativity} | "
            f"{_brief(decay.information)} | {_brief(decay.spins)} | {decay.validity:.2g} |"
        )


def _brief(own: Lifetime) -> str:
    """Lifetime and half-time; an extrapolated lifetime depends on the tolerance of the run, and is not told."""
    longer = f"> {own.observed:.0f}"
    decay = longer if own.longer else with_error(own.decay, own.decay_error)
    return f"{decay}, {longer if own.half is None else with_error(own.half, own.half_error)}"


def _end(decay: Decay) -> str:
    return f"> {STOP:g}" if decay.death is None else f"{decay.death:g}"


def remark(runs: Passes) -> str:
    """The table of lifetimes, with the errors of the fits."""
    return "\n".join(table(decays([(label, run.whole) for label, run in runs])))


RECIPE = Recipe(runs, draw, claims, remark)
