"""`pysv figure probe`: what is expected holds, each verdict can fail, and the panels show the spectra."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.figures import catalog, planned
from pysv.figures.beyond import probe
from pysv.figures.claims import Pass
from pysv.figures.marks import Marks
from pysv.figures.planned import Version
from pysv.probes.structure import labelled

RUN = catalog.runs("probe", Version(quick=True))["correlators"]


@pytest.fixture(scope="module")
def data():
    return planned.solved(RUN, None, False)


@pytest.fixture(scope="module")
def pulses(data):
    return probe.seen(data)


def verdicts(data):
    return [claim.agrees for claim in probe.claims([("correlators", Pass(data, RUN.experiment))])]


def changed(data, change):
    """The same with other correlators of the second momentum."""
    pairs = data["connected"].copy(deep=True)
    pairs.values[1] = change(pairs.time.values, pairs.values[1])
    return pairs.to_dataset()


def test_what_is_expected_holds(data):
    assert verdicts(data) == ["yes"] * 6


def test_verdicts_can_fail(data, monkeypatch):
    # Fluctuations that never change: nothing rises, and there is no line but that of energy 0.
    slow = changed(data, lambda time, own: own * 0 + 0.1 * np.minimum.outer(time, time) / 800)
    assert verdicts(slow)[4:] == ["**no**", "**no**"]
    usual = probe.structure_factor
    monkeypatch.setattr(probe, "structure_factor", lambda *a, **k: usual(*a, **k) * 1.01)
    assert verdicts(data)[:4] == ["**no**"] * 4


def test_lines_of_one_magnon():
    """Two spins in the Pauli convention: ±(J_z ± J) − the levels lie 4J apart."""
    np.testing.assert_allclose(probe.magnon_lines(RUN.experiment), [-0.4, 0.0, 0.4], atol=1e-9)


def test_panels_show_the_pulses(data, pulses):
    figure = probe.draw([("correlators", data)], Marks(quick=True))
    short, long = pulses
    panels = [axes for axes in figure.axes if axes.get_xlabel()]
    assert len(panels) == 8
    for axes, values in (
        (panels[0], short.spectra[:, 0]),
        (panels[1], short.spectra[:, 1]),
        (panels[4], long.spectra[:, 1]),
    ):
        shown = np.reshape(axes.collections[0].get_array(), values.shape[::-1]).T
        np.testing.assert_allclose(shown, np.clip(values, 0, None), atol=1e-15)
    for axes, pulse in ((panels[2], short), (panels[6], long)):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), pulse.integral[:, 0])
        np.testing.assert_array_equal(axes.lines[2].get_ydata(), pulse.integral[:, 1])
    np.testing.assert_array_equal(panels[5].lines[1].get_ydata(), long.spectra[-1, 1])
    marked = [float(line.get_xdata()[0]) for line in panels[5].lines[2:]]
    np.testing.assert_allclose(marked, [-0.4, 0.0, 0.4], atol=1e-9)
    for axes, pulse in ((panels[3], short), (panels[7], long)):
        rebuilt = axes.lines[1].get_ydata()
        np.testing.assert_array_equal(rebuilt, pulse.rebuilt.qfi[: rebuilt.size, 1])
    assert "quick: 2+2 spins" in figure.get_supxlabel()


def test_a_long_pulse_is_refused_by_a_short_record():
    times = np.arange(0, 100.0)
    pairs = labelled(np.zeros((1, 100, 100), complex), np.array([1.0]), times, 2, True)
    with pytest.raises(pysv.errors.InvalidInputError, match="sigma = 50 fs must be at most 12.375 fs"):
        pysv.structure_factor(pairs, omega=[0.0], sigma=50.0)


def test_the_usual_figure_has_four_spins_a_layer():
    usual = catalog.runs("probe", Version())["correlators"]
    assert usual.experiment.device.n_spins == 8
    assert usual.momenta == (math.pi / 6, math.pi / 2)
    assert all(time > usual.experiment.times.stop for time, _ in usual.experiment.wall_echoes)


def test_the_command(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(planned, "solved", lambda run, path, progress: data)
    assert main(["figure", "probe", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "figure-probe.png")
    said = (tmp_path / "figure-probe.md").read_text(encoding="utf-8")
    assert said.count("| yes |") == 6
