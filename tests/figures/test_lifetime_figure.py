"""The figure of lifetimes: its runs, its verdicts, and what it draws."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import pysv
from pysv import figures
from pysv.experiment.spins import Antiparallel, Gibbs
from pysv.figures import catalog, planned
from pysv.figures.beyond import lifetime
from pysv.figures.beyond._lifetime_runs import STOP, Case, cases
from pysv.figures.claims import Pass
from pysv.figures.planned import Version

TIMES = np.arange(0.0, STOP + 1, 2.5)
PEAK = 20.0
SAID = {("x", 10.0): 900.0, ("z", 10.0): 2000.0, ("x", 100.0): 70.0, ("z", 100.0): 180.0}
"""Lifetimes (fs) of decays with which all is as expected."""


def made_up(case: Case, tau: float, *, end: float = np.inf, rest: float = 0.05) -> xr.Dataset:
    """A run whose negativity decays with τ from 20 fs on, and ends at a time."""
    decay = np.where(PEAK > TIMES, TIMES / PEAK, np.exp(-(TIMES - PEAK) / tau))
    negativity = np.where(end > TIMES, 0.02 * case.size * decay, 0.0)
    sign = np.repeat([1.0, -1.0], case.size)
    return xr.Dataset(
        {
            "log_negativity": ("time", negativity),
            "mutual_information": ("time", 0.1 * decay + rest * (TIMES > 0)),
            "spin_z": (("time", "spin"), sign * (1 - 0.2 * (TIMES[:, None] > PEAK))),
        },
        {"time": TIMES, "layer": ("spin", np.repeat(["polarizer", "analyzer"], case.size))},
        {"bath_validity": 0.3, "entanglement_death": end if np.isfinite(end) else "none"},
    )


def expected(**changes) -> dict[str, xr.Dataset]:
    """Runs of 2+2 and 3+3 spins, some of them changed."""
    found = {}
    for size in (2, 3):
        for (coupling, temperature), tau in SAID.items():
            case = Case(size, coupling, temperature)
            options = {"tau": tau} | ({"end": 120.0} if (size, coupling, temperature) == (2, "x", 100.0) else {})
            found[case.label] = made_up(case, **options | changes.get(f"{coupling}{temperature:g}", {}))
    return found


def verdicts(runs: dict[str, xr.Dataset]) -> list[str]:
    experiment = next(iter(lifetime.runs(Version()).values())).experiment
    return [
        claim.agrees for claim in lifetime.claims([(label, Pass(data, experiment)) for label, data in runs.items()])
    ]


def test_the_runs():
    """Each size, coupling and temperature; thermal starts where they differ from T = 0; no echo before the end."""
    planned_runs = lifetime.runs(Version())
    assert len(planned_runs) == 3 * 2 * (4 + 2)
    for case in cases(Version()):
        experiment = planned_runs[case.label].experiment
        assert experiment.bath.temperature == case.temperature
        assert experiment.bath.coupling == case.coupling
        assert experiment.device.n_spins == 2 * case.size
        assert min(time for time, _ in experiment.wall_echoes) > STOP == experiment.times.stop
        assert isinstance(experiment.spins, Gibbs if case.gibbs else Antiparallel)
    assert {case.size for case in cases(Version(quick=True))} == {1, 2}


@pytest.mark.parametrize("temperature", [10.0, 30.0])
def test_cold_thermal_states_are_left_out_because_they_are_that_of_zero(temperature):
    from pysv.sectors.pure_run import pure_runs

    experiment = planned_one(Case(4, "x", temperature, gibbs=True))
    weights = [run.weight for run in pure_runs(experiment)]
    assert len(weights) == 2
    assert sum(weights) > 1 - 1e-6


def planned_one(case: Case) -> pysv.Experiment:
    from pysv.figures.beyond._lifetime_runs import planned as plan

    return plan(case, Version()).experiment


def test_a_run_of_the_figure(tmp_path):
    """2+2 spins with z baths at 10 K: a negativity that outlives the run."""
    label = "2+2 z 10 K"
    with pytest.warns(pysv.errors.BathValidityWarning):
        data = planned.solved(lifetime.runs(Version(quick=True))[label], tmp_path / "run.nc", progress=False)
    (decay,) = lifetime.decays([(label, data)]).values()
    assert decay.negativity.longer
    assert decay.death is None
    assert decay.validity == pytest.approx(1.25, abs=0.01)
    assert float(decay.order[0]) == pytest.approx(1.0)
    assert decay.negativity.first > 0.02


def test_what_is_expected_holds():
    assert verdicts(expected()) == ["yes"] * 6


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (0, {"x10": {"tau": 60.0}}),
        (1, {"z10": {"tau": 60.0}}),
        (2, {"x100": {"tau": 900.0}}),
        (2, {"x100": {"tau": 20.0}}),
        (3, {"z100": {"tau": 900.0}}),
        (4, {"x10": {"tau": 40.0}}),
        (5, {"x100": {"tau": 30.0, "end": 120.0, "rest": -0.2}}),
    ],
)
def test_each_verdict_can_fail(number, changes):
    assert verdicts(expected(**changes))[number] == "**no**"


def test_the_picture_shows_the_runs(tmp_path):
    runs = expected()
    figure = lifetime.draw(list(runs.items()))
    panels = np.reshape(figure.axes, (3, 3))
    for row, coupling in zip(panels, "xz", strict=False):
        for axes, size in zip(row, (2, 3), strict=False):
            for temperature in (10, 100):
                wanted = runs[f"{size}+{size} {coupling} {temperature} K"].log_negativity.values
                lines = [line.get_ydata() for line in axes.get_lines()]
                assert any(len(line) == len(wanted) and np.array_equal(line, wanted) for line in lines)
        assert not row[2].get_visible()
    marks = [line for line in panels[2, 2].get_lines() if len(line.get_xdata()) == 1]
    points = {(round(float(line.get_ydata()[0])), line.get_marker()) for line in marks}
    assert {(130, "o"), (130, "s"), (70, "s")} <= points
    assert max(height for height, _ in points) == STOP - PEAK  # no extrapolations
    figure.savefig(tmp_path / "lifetime.png")


def test_the_table():
    rows = list(lifetime.table(lifetime.decays(list(expected().items()))))
    assert rows[2].startswith("| 2+2, x, 10 K, T = 0 | 0.0400 | > 130, > 130, > 150 |")
    assert any(row.startswith("| 2+2, x, 100 K, T = 0 | 0.0400 | 70.0, 4") and ", 120 | " in row for row in rows)
    assert len(rows) == 2 + 8


def test_the_page_has_the_table():
    assert catalog.recipe("lifetime").remark is lifetime.remark
    assert "lifetime" in figures.BEYOND
