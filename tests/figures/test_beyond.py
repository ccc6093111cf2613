"""Figures beyond the paper: what is expected holds, each verdict can fail, and the pictures show the runs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import pysv
from pysv import figures
from pysv.cli import main
from pysv.figures import catalog, planned, style
from pysv.figures.beyond import beyond, pulse
from pysv.figures.beyond.panels import antiferromagnets, barrier, bell, long_spins, one_layer, train
from pysv.figures.claims import Pass
from pysv.figures.marks import Marks
from pysv.figures.planned import PlannedRun, PlannedSweep, Version

QUICK = Version(quick=True)


def finished(name, folder):
    """Labelled quick runs of a figure, with their experiments."""
    needed = catalog.runs(name, QUICK)
    curves = [(label, planned.solved(run, folder / f"{n}.nc", False)) for n, (label, run) in enumerate(needed.items())]
    return curves, [run.experiment for run in needed.values()]


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    return finished("beyond", tmp_path_factory.mktemp("beyond"))


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return finished("pulse", tmp_path_factory.mktemp("pulse"))


def verdicts(recipe, curves, experiments):
    passes = [(label, Pass(data, one)) for (label, data), one in zip(curves, experiments, strict=True)]
    return [(claim.says, claim.agrees) for claim in recipe.claims(passes)]


def drawn(axes) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()]


def shows(axes, values) -> bool:
    values = np.asarray(values)
    return any(line.shape == values.shape and np.allclose(line, values, atol=1e-12) for line in drawn(axes))


def test_all_means_the_paper():
    assert figures.READY == (2, 3, 4, 5, 6, 7) == figures.numbers("all")
    assert figures.BEYOND == ("beyond", "lifetime", "master", "probe", "pulse")
    assert figures.numbers("pulse") == ("pulse",)


def test_the_help_names_them(capsys):
    with pytest.raises(SystemExit):
        main(["figure", "--help"])
    expected = f"or all of them; beyond the paper {' or '.join(figures.BEYOND)}"
    assert expected in " ".join(capsys.readouterr().out.split())


def test_what_is_expected_of_the_devices_holds(devices):
    found = verdicts(beyond.RECIPE, *devices)
    assert [says for says, agrees in found if agrees != "yes"] == []
    assert {says[:3] for says, _ in found} == {f"({letter})" for letter in "abcdef"}


def test_what_is_expected_of_the_pulse_holds(maps):
    found = verdicts(pulse.RECIPE, *maps)
    assert len(found) == 3
    assert [says for says, agrees in found if agrees != "yes"] == []


def still(data, *names):
    """A run in which some variables keep their first value."""
    return data.assign({name: data[name] * 0 + data[name].isel(time=0) for name in names})


def scaled(data, name, factor):
    return data.assign({name: data[name] * factor})


CHANGES = [
    (one_layer, 0, lambda runs: {"up": runs["down"]}),
    (one_layer, 1, lambda runs: {"down": scaled(runs["down"], "entropy_total", 0)}),
    (one_layer, 1, lambda runs: {"down": runs["down"].assign(spin_x=runs["down"].spin_x + 0.01)}),
    (one_layer, 2, lambda runs: {"down": scaled(runs["down"], "torque_z", 2)}),
    (one_layer, 3, lambda runs: {"unpolarized": runs["down"]}),
    (antiferromagnets, 0, lambda runs: {"field": still(runs["field"], "log_negativity")}),
    (antiferromagnets, 1, lambda runs: {"field": scaled(runs["field"], "log_negativity", 2)}),
    (antiferromagnets, 2, lambda runs: {"no field": runs["field"]}),
    (antiferromagnets, 2, lambda runs: {"no field": still(runs["no field"], "spin_z")}),
    (antiferromagnets, 3, lambda runs: {"field": still(runs["field"], "spin_z")}),
    (long_spins, 0, lambda runs: {"collinear 1 classical": runs["collinear 1"]}),
    (long_spins, 0, lambda runs: {"collinear 2.5": runs["collinear 1"]}),
    (long_spins, 1, lambda runs: {"tilted 0.5": runs["tilted 0.5 classical"]}),
    (long_spins, 2, lambda runs: {"collinear 1": runs["collinear 0.5"]}),
    (bell, 0, lambda runs: {"singlet 2": runs["triplet 2"]}),
    (bell, 1, lambda runs: {"singlet 2": still(runs["singlet 2"], "electron_density")}),
    (bell, 2, lambda runs: {"triplet 1": runs["singlet 2"]}),
    (barrier, 0, lambda runs: {"heights": still(runs["heights"], "log_negativity")}),
    (barrier, 1, lambda runs: {"heights": still(runs["heights"], "electron_density")}),
    (train, 0, lambda runs: {"0.1": scaled(runs["0.1"], "log_negativity", 1.2)}),
    (train, 1, lambda runs: {"0.05": runs["0.2"]}),
]


@pytest.mark.parametrize(("module", "number", "change"), CHANGES)
def test_each_verdict_can_fail(module, number, change, devices):
    letter = next(letter for letter, panel in beyond.PANELS.items() if panel is module.PANEL)
    runs = {label[2:]: data for label, data in devices[0] if label.startswith(f"{letter} ")}
    assert list(module.PANEL.claims(runs | change(runs)))[number].agrees == "**no**"


def test_each_verdict_on_the_pulse_can_fail(maps):
    curves, experiments = maps
    first, last = dict(curves), {}
    for number, (label, change) in enumerate([
        ("width, momentum", lambda x: x * 0 + np.arange(5.0)),
        ("width, momentum", lambda x: -x),
        ("width, J_sd", lambda x: x.cumsum(pulse.COUPLING.dimension)),
    ]):  # fmt: skip
        changed = first | {label: first[label].assign(log_negativity=change(first[label].log_negativity))}
        last[number] = verdicts(pulse.RECIPE, list(changed.items()), experiments)[number][1]
    assert last == dict.fromkeys(range(3), "**no**")


def test_the_panels_show_their_runs(devices, tmp_path):
    curves, experiments = devices
    runs = dict(curves)
    figure = figures.draw("beyond", curves, experiments[0], quick=True)
    rows = np.reshape(figure.axes, (6, 3))
    down = runs["a down"]
    for axes, values in zip(rows[0], (down.spin_z.mean("spin"), down.torque_z.mean("spin"), down.entropy_total),
                            strict=True):  # fmt: skip
        assert shows(axes, values)
    field = runs["b field"]
    order = field.spin_z.values[:, :2] @ [0.5, -0.5]
    assert shows(rows[1, 0], order)
    assert abs(float(order[0]) - float(order[-1])) > 0.1
    assert shows(rows[1, 2], field.log_negativity)
    for axes, name in ((rows[2, 0], "c collinear 1"), (rows[2, 1], "c tilted 1")):
        assert shows(axes, runs[name].spin_z[:, 1])
        assert shows(axes, runs[f"{name} classical"].spin_z[:, 1])
    for axes, name in ((rows[3, 0], "d singlet 2"), (rows[3, 1], "d singlet 1")):
        assert shows(axes, runs[name].log_negativity)
    heights = runs["e heights"]
    assert shows(rows[4, 1], heights.log_negativity[:, -1])
    free = heights.isel(device_potential_1_energy=0, time=-1)
    passed = float(free.electron_density[free.site.values > int(free.spin_site[-1])].sum())
    assert drawn(rows[4, 2])[0][0] == pytest.approx(passed)
    assert shows(rows[5, 0], runs["f 0.1"].log_negativity[1:])
    assert "quick: fewer spins" in figure.get_supxlabel()
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    figure.savefig(tmp_path / "a.png")


def test_curves_of_a_row_survive_a_grey_print():
    """Those that share a panel differ in dashes, or by black against a light colour."""
    for module in (one_layer, long_spins, bell):
        dashes = [str(look["linestyle"]) for look in module.LOOKS.values()]
        assert len(set(dashes)) == len(dashes)
    assert set(antiferromagnets.COLORS.values()) == {"#000000", style.AMBER}
    assert len(set(map(str, antiferromagnets.DASHES.values()))) == 2


def test_a_map_lies_the_right_way(maps):
    """A cell of each map against a run of its own."""
    curves, experiments = maps
    figure = pulse.draw(curves, Marks(quick=True))
    meshes = [axes.collections[0] for axes in figure.axes[:3]]
    for (label, data), mesh, one in zip(curves, meshes, experiments, strict=True):
        x, y = pulse.MAPS[label]
        column, row = 0, data.sizes[y.dimension] - 1
        settings = {x.key: float(data[x.dimension][column]), y.key: float(data[y.dimension][row])}
        packet = {
            key: settings.get(f"source.{key}", getattr(one.source, key)) for key in ("momentum", "momentum_spread")
        }
        coupling = settings.get("device.sd_exchange", one.device.sd_exchange)
        alone = dataclasses.replace(
            one,
            device=dataclasses.replace(one.device, sd_exchange=coupling),
            source=dataclasses.replace(one.source, **packet),
        )
        expected = float(pysv.solve(alone, progress=False).log_negativity[-1])
        shape = data.sizes[y.dimension], data.sizes[x.dimension]
        assert np.reshape(mesh.get_array(), shape)[row, column] == pytest.approx(expected, abs=1e-9)


def test_the_command_draws_and_writes_a_page(tmp_path, capsys, devices, monkeypatch):
    curves = dict(devices[0])
    labels = iter(curves)
    monkeypatch.setattr(planned, "solved", lambda run, path, progress: curves[next(labels)])
    assert main(["figure", "beyond", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "figure-beyond.png")
    assert (tmp_path / "figure-beyond.png").stat().st_size > 50_000
    said = (tmp_path / "figure-beyond.md").read_text(encoding="utf-8")
    assert said.startswith(
        "# Figure beyond\n\nThese are the short runs of `--quick`.\n\n![Figure beyond](figure-beyond"
    )
    assert "| expected | this run | agrees? |" in said
    assert said.count("| yes |") == 18


def test_runs_of_the_usual_figures():
    """The paper's layers of four spins, and no label that is no file name."""
    usual = catalog.runs("beyond", Version()) | catalog.runs("pulse", Version())
    assert not [label for label in usual if "/" in label or "$" in label]
    spins = {label[0]: run.experiment.device.n_spins for label, run in usual.items()}
    assert [spins[letter] for letter in "abcdef"] == [4, 8, 2, 2, 8, 2]
    assert usual["width, J_sd"].experiment.device.n_spins == 8
    for run in usual.values():
        assert all(time > run.experiment.times.stop for time, _ in run.experiment.wall_echoes)
    assert all(isinstance(run, PlannedRun | PlannedSweep) for run in usual.values())


def test_layers_are_called_by_their_names():
    assert [style.layer_label(name) for name in ("polarizer", "AF_1", "FM_a", "left_lead", "magnet")] == [
        "FM$_p$", "AF$_1$", "FM$_a$", "left_lead", "magnet",
    ]  # fmt: skip
