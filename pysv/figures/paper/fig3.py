"""Figure 3 of the paper: entropies, mutual information and logarithmic negativity of the localized spins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pysv.experiment.bath import BosonicBath
from pysv.figures import planned, style
from pysv.figures.catalog import Recipe
from pysv.figures.claims import ABSENT, NOTHING, Claim, Passes, concurrent, in_order, verdict
from pysv.figures.marks import UNMARKED, Marks
from pysv.figures.planned import THERMAL, PlannedRun, Version
from pysv.figures.style import Curves

NEGATIVITY: tuple[style.Style, ...] = (  # the paper's order: T = 0 K, Gibbs state, cold bath, hot bath; then spare ones
    {"color": "#000000", "linestyle": "-"},
    {"color": "#8e0f2f", "linestyle": style.DOTTED},
    {"color": style.AMBER, "linestyle": "-"},
    {"color": "#d2502f", "linestyle": (0, (6, 1.6))},
    {"color": style.BLUE, "linestyle": style.DASH_DOTTED},
    {"color": style.VIOLET, "linestyle": (0, (3, 1.2))},
)
POLARIZER: style.Style = {"color": "#0b4a8f", "linestyle": style.DASH_DOTTED}
ANALYZER: style.Style = {"color": "#d9622b", "linestyle": style.DOTTED}


def runs(version: Version) -> dict[str, PlannedRun]:
    """The run at T = 0; thermal, also Gibbs states at 100 K, pinned and literal, and baths at 10 K and 100 K."""
    if not version.thermal:
        return planned.paper_run(version)
    from pysv.engines.trajectories import Trajectories

    zero = planned.paper_experiment(version)
    coarse = replace(zero, times=replace(zero.times, step=1.0))
    engine = Trajectories(ntraj=40) if version.quick else Trajectories()
    return {
        "T = 0 K": PlannedRun(zero),
        "Gibbs 100 K, pinned": PlannedRun(replace(coarse, spins=THERMAL)),
        "bath 10 K": PlannedRun(replace(coarse, bath=BosonicBath(temperature=10.0)), engine),
        "bath 100 K": PlannedRun(replace(coarse, bath=BosonicBath(temperature=100.0)), engine),
        "Gibbs 100 K, literal": PlannedRun(replace(coarse, spins=replace(THERMAL, pinning=0.0))),
    }


def entropy_of_both(axes: Axes, curves: Curves) -> list[str | None]:
    """Von Neumann entropy of FM_p ∪ FM_a, Eq. (6), in the first run; returns what the run lacks, as all panels do."""
    axes.set_ylabel(rf"entropy of {style.BOTH} (nats)")
    return [style.plot_variable(axes, curves[0][1], "entropy_total", color="black")]


def entropy_of_layers(axes: Axes, curves: Curves) -> list[str | None]:
    """Von Neumann entropies of FM_p (dash-dotted) and FM_a (dotted), Eq. (6), in the first run."""
    axes.set_ylabel("entropy of one layer (nats)")
    return [
        style.plot_variable(axes, curves[0][1], "entropy_polarizer", style.LAYERS["polarizer"], **POLARIZER),
        style.plot_variable(axes, curves[0][1], "entropy_analyzer", style.LAYERS["analyzer"], **ANALYZER),
    ]


def mutual_information(axes: Axes, curves: Curves) -> list[str | None]:
    """Mutual information of the two layers, Eq. (5), in the first run."""
    axes.set_ylabel("mutual information (nats)")
    return [style.plot_variable(axes, curves[0][1], "mutual_information", color="black")]


def log_negativity(axes: Axes, curves: Curves) -> list[str | None]:
    """Mutual logarithmic negativity of the two layers, Eq. (2), with its statistical error, in every run."""
    axes.set_ylabel(style.LOG_NEGATIVITY)
    absent: list[str | None] = []
    for number, (label, data) in enumerate(curves):
        look, several = NEGATIVITY[number % len(NEGATIVITY)], len(curves) > 1
        if style.plot_variable(axes, data, "log_negativity", label if several else "", **look):
            absent.append(f"log_negativity ({label})" if several else "log_negativity")
    return absent


def draw(curves: Curves, marks: Marks = UNMARKED) -> Figure:
    """Draw Fig. 3.

    (a) Entropy of FM_p ∪ FM_a, (b) of FM_p and of FM_a, Eq. (6); (c) mutual information, Eq. (5); (d) logarithmic
    negativity, Eq. (2), one curve for each run.

    Parameters
    ----------
    curves : sequence of (str, xarray.Dataset)
        Labelled runs. The first, T = 0 K, fills panels (a) to (c); all go into (d).
    marks : Marks
    """
    with style.paper_style():
        figure = style.new_figure(style.PAGE, 4.4)
        panels = figure.subplots(2, 2, sharex=True)
        quantities = (entropy_of_both, entropy_of_layers, mutual_information, log_negativity)
        for axes, quantity, letter in zip(panels.flat, quantities, "abcd", strict=True):
            absent = quantity(axes, curves)
            style.time_axis(axes, style.all_times(curves), least=style.LEAST)
            style.legend_above(axes, 2, absent)
            style.panel_letter(axes, letter)
        for axes in panels[0]:
            marks.add_hopping_axis(axes)
        for axes in panels[1]:
            axes.set_xlabel(style.TIME)
        marks.mark_echoes(list(panels.flat))
    return figure


def claims(runs: Passes) -> Iterator[Claim]:
    """What the text says about entropies, mutual information and negativity."""
    run = runs[0][1]
    both = "mutual_information", "log_negativity"
    start, end = (max(abs(float(run.data[name][at])) for name in both) for at in (0, -1))
    yield Claim(
        "mutual information and negativity rise from zero at t = 0 to finite values",
        f"at t = 0 they are below {max(start, 1e-15):.0e}; the largest are {run.largest(both[0]):.3f} and "
        f"{run.largest(both[1]):.3f} nat",
        verdict(start < NOTHING < end),
    )
    first, second = run.onset("entropy_polarizer"), run.onset("entropy_analyzer")
    yield Claim(
        "the entropy of FM$_a$ turns nonzero at t ≳ 20 fs, after that of FM$_p$",
        f"it sets in at {second:.1f} fs, that of FM$_p$ at {first:.1f} fs",
        in_order(first, second),
    )
    entangled, moving = run.onset("log_negativity"), run.onset("spin_z", "analyzer")
    yield Claim(
        "entanglement sets in at the very time (≃ 20 fs) at which the spins of FM$_a$ start to evolve",
        f"the negativity sets in at {entangled:.1f} fs, the spins of FM$_a$ at {moving:.1f} fs, the entropy of FM$_a$ "
        f"at {second:.1f} fs",
        concurrent(abs(entangled - moving), run, f"{entangled - moving:.1f} fs apart"),
    )
    yield Claim("100 K delays and lowers the negativity, a bath at 100 K lets it decay", "T = 0 only", ABSENT)


RECIPE = Recipe(runs, draw, claims, ways=("quick", "thermal"))
