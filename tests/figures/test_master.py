"""The figure of the master equations: what is expected holds, and the picture shows the equations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import pysv
from pysv.figures import catalog, planned
from pysv.figures.beyond import master
from pysv.figures.claims import Pass
from pysv.figures.planned import Version


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("master")
    needed = catalog.runs("master", Version(quick=True))
    curves = [(label, planned.solved(run, folder / "run.nc", False)) for label, run in needed.items()]
    return curves, [run.experiment for run in needed.values()]


def verdicts(curves, experiments):
    passes = [(label, Pass(data, one)) for (label, data), one in zip(curves, experiments, strict=True)]
    return [claim.agrees for claim in master.claims(passes)]


def test_what_is_expected_holds(found):
    assert verdicts(*found) == ["yes"] * 5


def test_verdicts_can_fail(found, monkeypatch):
    curves, experiments = found
    monkeypatch.setattr(master, "TEMPERATURES", (1e5,))  # where all equations are one
    assert "**no**" in verdicts(curves, experiments)


def test_the_picture_shows_the_equations(found):
    curves, _ = found
    axes = catalog.recipe("master").draw(curves, master.UNMARKED).axes
    data = dict(curves)["2+2"]
    for name, place in (("negativity", 1), ("spin", 2), ("lowest", 3)):
        values = getattr(master.course(data, "davies", 300.0), name)
        assert any(np.array_equal(line.get_ydata(), values) for line in axes[place].get_lines())


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_the_spins_follow_the_engine(found):
    """The universal equation without an electron, by `low-rank`: the packet never comes near the layers."""
    own = found[1][0]
    far = dataclasses.replace(
        own,
        device=pysv.SpinValve(sites=60, polarizer=(50, 50), analyzer=(55, 55)),
        source=pysv.WavePacket(center=10, momentum_spread=0.8, momentum=-np.pi / 2),
        bath=pysv.BosonicBath(temperature=300.0),
        times=pysv.times(3, 3),
    )
    data = pysv.solve(far, engine=pysv.LowRank(tolerance=1e-7), progress=False)
    course = master.course(data.isel(time=[0]), "universal", 300.0)
    assert course.spin[1] == pytest.approx(float(data.spin_z[-1, 0]), abs=1e-5)
    assert course.spin[1] < 0.999
