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


SINGLE = [number for number in figures.READY if number != 6]
SHOWN = {
    2: ["electron_spin_z", "spin_z"],
    3: ["entropy_total", "entropy_polarizer", "entropy_analyzer", "mutual_information", "log_negativity"],
    4: ["log_negativity"],
    5: ["magnon_probability", "w_fidelity"],
    7: ["qfi_paper", "qfi_variance", "qfi"],
}


@pytest.mark.parametrize("number", SINGLE)
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


@pytest.mark.parametrize("number", SINGLE)
@pytest.mark.parametrize("layers", [(1, 1), (1, 3)])
def test_other_devices_are_drawn(number, layers, tmp_path):
    device = pysv.SpinValve.with_layers(*layers, first=6, sites=20)
    experiment = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=5, momentum_spread=1.0), times=pysv.times(stop=2, step=1)
    )
    figures.draw(number, [("a", pysv.solve(experiment, progress=False))], experiment).savefig(tmp_path / "a.png")


def test_the_command_draws(tmp_path, capsys):
    assert main(["figure", "5", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "figure5.png")
    assert (tmp_path / "figure5.png").stat().st_size > 20_000
    assert main(["figure", "5", "--quick", "--quiet", "--out", str(tmp_path)]) == 0  # a picture may be drawn again


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
        needed = plan.runs(number, quick=True)
        assert [2 * n for n in range(6 - sizes, 6)] == [run.experiment.device.n_spins for run in needed.values()]
        assert all(run.experiment.record.every.due(measured, 0) for run in needed.values())
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
    data = plan.solved(plan.Run(experiment), path, False)
    assert path.exists()
    before = path.stat().st_mtime_ns
    assert plan.solved(plan.Run(experiment), path, False).equals(data)
    assert path.stat().st_mtime_ns == before


def test_versions_that_a_figure_has():
    assert list(plan.runs(4)) == [f"{n}+{n}" for n in range(1, 9)]
    assert list(plan.runs(4, full=True)) == [f"{n}+{n}" for n in range(1, 11)]
    assert list(plan.runs(7)) == ["4+4", "7+7", "10+10"]
    with pytest.raises(InvalidInputError, match="figure 3 has no --full version; figure 4 has one"):
        plan.runs(3, full=True)
    with pytest.raises(InvalidInputError, match="exclude each other"):
        plan.runs(4, quick=True, full=True)


def test_the_runs_of_figures_with_temperature():
    labels = ["T = 0 K", "Gibbs 100 K, pinned", "bath 10 K", "bath 100 K", "Gibbs 100 K, literal"]
    needed = plan.runs(3)
    assert list(needed) == labels
    assert [getattr(run.experiment.bath, "temperature", None) for run in needed.values()] == [None, None, 10, 100, None]
    assert needed["bath 10 K"].engine.ntraj == 200
    thermal = plan.runs(5, thermal=True)["thermal"].experiment.spins
    assert thermal == pysv.Gibbs(temperature=100, pinning=0.02)
    with pytest.raises(InvalidInputError, match="figure 3 has no --thermal version; figure 5 has one"):
        plan.runs(3, thermal=True)


def test_several_electrons_are_drawn(tmp_path):
    """Figure 6 from small runs: every curve of its three rows, and the mark where truncation took too much."""
    from pysv.figures import fig6

    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=12, polarizer=(5, 6), analyzer=(8, 9)),
        source=pysv.ConfinedElectrons(confined_sites=2, well=20.0),
        times=pysv.times(stop=3, step=1),
    )
    data = pysv.solve(experiment, engine=pysv.TDMRG(discarded_weight=1e-9), progress=False)
    rough = data.copy()
    rough["norm"] = ("time", [1.0, 0.999, 0.98, 0.97])
    assert fig6.uncertain_from(data) is None
    assert fig6.uncertain_from(rough) == 2.0
    figure = fig6.draw([(2, data), (4, rough)], note="quick: 12 sites")
    drawn = lines_of(figure)
    for name in ("spin_z", "entropy_half", "mutual_information", "log_negativity"):
        for curve in np.atleast_2d(data[name].values.T):
            assert sum(line.shape == curve.shape and np.allclose(line, curve) for line in drawn) >= 2, name
    assert "quick: 12 sites; hatched" in figure.get_supxlabel()
    figure.savefig(tmp_path / "a.png")


def test_runs_of_figure_6():
    """The full figure is the paper's: 112 sites, half of them right of site 56, 0 to 80 in units of the hopping time."""
    runs = list(plan.runs(6).values())
    assert [run.experiment.source.electrons for run in runs] == [2, 4, 8]
    for run in runs:
        experiment, method = run.experiment, run.engine
        assert experiment.device.sites == 112
        assert min(experiment.device.analyzer_sites) > 56
        assert experiment.times.count == 81
        assert (method.time_step, method.min_bond, method.max_bond, method.discarded_weight) == (0.1, 100, 400, 1e-7)
    assert all(run.engine.max_bond < 100 for run in plan.runs(6, quick=True).values())
