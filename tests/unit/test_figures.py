"""The figures: each is drawn from true data, shows what the dataset holds, and copes with small devices."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import pysv
from pysv import figures
from pysv.cli import main
from pysv.errors import InvalidInputError
from pysv.figures import plan


@pytest.fixture(scope="module")
def paper():
    experiment = pysv.Experiment(times=pysv.times(stop=40, step=2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return experiment, pysv.solve(experiment, progress=False)


def lines_of(figure) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata(), dtype=float) for axes in figure.axes for line in axes.get_lines()]


SHOWN = {
    2: ["electron_spin_z", "spin_z"],
    3: ["entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information", "log_negativity"],
    4: ["log_negativity"],
    5: ["magnon_probability", "w_fidelity"],
    7: ["qfi_paper", "qfi_variance", "qfi"],
}


@pytest.mark.parametrize("number", figures.READY)
def test_a_figure_shows_its_variables(number, paper):
    experiment, data = paper
    figure = figures.draw(number, [("4+4", data)], experiment)
    drawn = lines_of(figure)
    for name in SHOWN[number]:
        for curve in np.atleast_2d(data[name].values.T):
            assert any(line.shape == curve.shape and np.allclose(line, curve, atol=1e-12) for line in drawn), name
    labels = [axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes]
    assert any("fs" in label for label in labels)
    text = " ".join(item.get_text() for axes in figure.axes for item in axes.texts)
    assert "wall echo" in text


@pytest.mark.parametrize("number", figures.READY)
@pytest.mark.parametrize("layers", [(1, 1), (1, 3)])
def test_other_devices_are_drawn(number, layers, tmp_path):
    device = pysv.SpinValve.with_layers(*layers, first=6, sites=20)
    experiment = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=5, momentum_spread=1.0), times=pysv.times(stop=2, step=1)
    )
    figures.draw(number, [("a", pysv.solve(experiment, progress=False))], experiment).savefig(tmp_path / "a.png")


def test_the_command_draws(tmp_path, capsys):
    assert main(["figure", "3", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "figure3.png")
    assert (tmp_path / "figure3.png").stat().st_size > 20_000
    assert main(["figure", "3", "--quick", "--quiet", "--out", str(tmp_path)]) == 0  # a picture may be drawn again


def test_numbers():
    assert figures.numbers("all") == figures.READY
    with pytest.raises(InvalidInputError, match="unknown number '9'"):
        figures.numbers("9")


def test_overview_without_density_measures(tmp_path):
    """A dataset from which measures were left out is drawn all the same."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=20, polarizer=(8, 9), analyzer=(12, 12)),
        source=pysv.WavePacket(center=5, momentum_spread=1.0),
        times=pysv.times(stop=2, step=1),
    )
    data = pysv.solve(experiment, progress=False).drop_vars(["log_negativity", "qfi", "entropy_total", "spin_z"])
    assert figures.plot(data, tmp_path / "a.png").stat().st_size > 10_000


def test_figure_4_and_7_draw_many_sizes(tmp_path, monkeypatch):
    """With short runs in place of the usual ones: one curve a size, costly measures on schedule."""
    monkeypatch.setattr(plan, "_QUICK", pysv.times(stop=12, step=2))
    for number, sizes, measured in ((4, 5, "log_negativity"), (7, 2, "qfi")):
        needed = plan.experiments(number, quick=True)
        assert [2 * n for n in range(6 - sizes, 6)] == [e.device.n_spins for e in needed.values()]
        for experiment in needed.values():
            assert experiment.record.every.due(measured, 0)
        target = figures.make(number, tmp_path, quick=True, progress=False)
        assert target.stat().st_size > 20_000


def test_long_runs_are_kept_and_taken_up(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_KEEP", 0.0)
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=20, polarizer=(8, 9), analyzer=(12, 12)),
        source=pysv.WavePacket(center=5, momentum_spread=1.0),
        times=pysv.times(stop=2, step=1),
    )
    path = tmp_path / "kept.nc"
    data = plan.solved(experiment, path, False)
    assert path.exists()
    before = path.stat().st_mtime_ns
    assert plan.solved(experiment, path, False).equals(data)
    assert path.stat().st_mtime_ns == before


def test_versions_that_a_figure_has():
    assert list(plan.experiments(4)) == [f"{n}+{n}" for n in range(1, 9)]
    assert list(plan.experiments(4, full=True)) == [f"{n}+{n}" for n in range(1, 11)]
    assert list(plan.experiments(7)) == ["4+4", "7+7", "10+10"]
    with pytest.raises(InvalidInputError, match="figure 3 has no --full version; figure 4 has one"):
        plan.experiments(3, full=True)
    with pytest.raises(InvalidInputError, match="exclude each other"):
        plan.experiments(4, quick=True, full=True)
