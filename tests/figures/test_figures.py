"""The figures: each is drawn from true data, shows what the dataset holds, and copes with small devices."""

from __future__ import annotations

import dataclasses
import sys
import warnings

import numpy as np
import pytest
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import to_rgba_array

import pysv
from pysv import figures
from pysv.cli import main
from pysv.errors import InvalidInputError
from pysv.figures import catalog, density, planned, style
from pysv.figures import paper as paper_figures
from pysv.figures.catalog import runs
from pysv.figures.claims import onset
from pysv.figures.page import page
from pysv.figures.planned import PlannedRun, Version


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
    monkeypatch.setattr(planned, "_QUICK", pysv.times(stop=12, step=2))
    for number, sizes, measured in ((4, 5, "log_negativity"), (7, 2, "qfi")):
        needed = runs(number, Version(quick=True))
        assert [2 * n for n in range(6 - sizes, 6)] == [run.experiment.device.n_spins for run in needed.values()]
        assert all(run.experiment.record.every.due(measured, 0) for run in needed.values())
        target = figures.make(number, tmp_path, quick=True, progress=False)
        assert target.stat().st_size > 20_000


def test_long_runs_are_kept_and_taken_up(tmp_path, monkeypatch):
    monkeypatch.setattr(planned, "_KEEP", 0.0)
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=20, polarizer=(8, 9), analyzer=(12, 12)),
        source=pysv.WavePacket(center=5, momentum_spread=1.0),
        times=pysv.times(stop=2, step=1),
    )
    path = tmp_path / "kept.nc"
    data = planned.solved(PlannedRun(experiment), path, False)
    assert path.exists()
    before = path.stat().st_mtime_ns
    assert planned.solved(PlannedRun(experiment), path, False).equals(data)
    assert path.stat().st_mtime_ns == before


def test_versions_that_a_figure_has():
    assert list(runs(4, Version())) == [f"{n}+{n}" for n in range(1, 9)]
    assert list(runs(4, Version(full=True))) == [f"{n}+{n}" for n in range(1, 11)]
    assert list(runs(7, Version())) == ["4+4", "7+7", "10+10"]
    with pytest.raises(InvalidInputError, match="figure 3 has no --full version; figure 4 has one"):
        runs(3, Version(full=True))
    with pytest.raises(InvalidInputError, match="exclude each other"):
        runs(4, Version(quick=True, full=True))


def test_the_runs_of_figures_with_temperature():
    labels = ["T = 0 K", "Gibbs 100 K, pinned", "bath 10 K", "bath 100 K", "Gibbs 100 K, literal"]
    needed = runs(3, Version(thermal=True))
    assert list(needed) == labels
    assert [getattr(run.experiment.bath, "temperature", None) for run in needed.values()] == [None, None, 10, 100, None]
    assert needed["bath 10 K"].engine.ntraj == 200
    thermal = runs(5, Version(thermal=True))["thermal"].experiment.spins
    assert thermal == pysv.Gibbs(temperature=100, pinning=0.02)
    assert list(runs(3, Version())) == ["4+4"]
    with pytest.raises(InvalidInputError, match="figure 2 has no --thermal version; figures 3 and 5 have one"):
        runs(2, Version(thermal=True))


def test_several_electrons_are_drawn(tmp_path):
    """Figure 6 from small runs: every curve of its three rows, and the mark where truncation took too much."""
    from pysv.figures.marks import Marks
    from pysv.figures.paper import fig6

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
    figure = fig6.draw([("first", data), ("second", rough)], Marks(quick=True))
    drawn = lines_of(figure)
    for name in ("spin_z", "entropy_half", "mutual_information", "log_negativity"):
        for curve in np.atleast_2d(data[name].values.T):
            assert sum(line.shape == curve.shape and np.allclose(line, curve) for line in drawn) >= 2, name
    assert "quick: 12 sites, a looser truncation; hatched" in figure.get_supxlabel()
    figure.savefig(tmp_path / "a.png")


def test_runs_of_figure_6():
    """The full figure is the paper's: 112 sites, half of them right of site 56, 0 to 80 in units of the hopping time."""
    usual = list(runs(6, Version()).values())
    assert [run.experiment.source.electrons for run in usual] == [2, 4, 8]
    for run in usual:
        experiment, method = run.experiment, run.engine
        assert experiment.device.sites == 112
        assert min(experiment.device.analyzer_sites) > 56
        assert experiment.times.count == 81
        assert (method.time_step, method.min_bond, method.max_bond, method.discarded_weight) == (0.1, 100, 400, 1e-7)
    assert all(run.engine.max_bond < 100 for run in runs(6, Version(quick=True)).values())


def points(number, data, experiment):
    """The three columns of a figure's table."""
    said = page({number: ([("4+4", data)], experiment)}, quick=False)
    rows = [line for line in said.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in row.replace("\\|", "/").strip("| ").split(" | ")] for row in rows]


def test_onset():
    """A line from 0 at 3 fs to 2 at 13 fs makes 5 % of its change at 3.5 fs, between two snapshots."""
    time = np.arange(0, 20, 0.4)
    rise = xr.DataArray(np.interp(time, [3, 13], [0.0, 2.0]), {"time": time}, "time")
    assert onset(rise, 20.0) == pytest.approx(3.5, abs=0.05)
    assert onset(rise * -7 + 2, 20.0) == pytest.approx(3.5, abs=0.05)
    assert onset(rise, 8.0) == pytest.approx(3.25, abs=0.05)  # its largest change until then is 1
    assert np.isnan(onset(0 * rise, 20.0))
    later = xr.concat([0 * rise, rise.shift(time=10, fill_value=0.0)], "spin").T
    assert onset(later, 20.0) == pytest.approx(7.5, abs=0.05)
    assert onset(xr.concat([later.T, rise], "spin").T, 20.0) == pytest.approx(3.5, abs=0.05)


def test_the_page_says_what_the_run_shows(paper):
    experiment, data = paper
    columns = [row for number in (2, 3, 4, 5, 7) for row in points(number, data, experiment)]
    assert all(len(row) == 3 for row in columns)
    first = experiment.source.velocity(1.0)
    said = page({2: ([("4+4", data)], experiment)}, quick=True)
    assert f"runs {first:.2f} sites/fs, so that the 8 sites" in said
    assert "`--quick`" in said
    told = " ".join(" ".join(row) for row in columns)
    assert "hold 182 of 256" in told
    assert "**no**" in told  # the text calls m = 1, 2, 3 concurrent, and Eq. 29 a witness
    assert f"reaches {float(data.electron_spin_z.sel(time=slice(None, 36)).max()):.2f} at" in told


def test_the_page_notices_what_does_not_agree(paper):
    """Each manipulated run turns the verdict of its own line."""
    experiment, data = paper
    late = data.assign(spin_z=data.spin_z.sel(spin=data.spin.values[::-1]).assign_coords(spin=data.spin))
    swapped = late.assign_coords(layer=data.layer)
    changes = {
        (2, 0): data.assign(electron_spin_z=data.electron_spin_z + 0.1),
        (2, 1): swapped,
        (2, 3): data.assign(spin_x=data.spin_x + 0.01),
        (2, 4): data.assign(spin_z=data.spin_z / abs(data.spin_z)),
        (3, 0): data.assign(mutual_information=data.mutual_information + 0.1),
        (3, 2): data.assign(log_negativity=data.log_negativity.shift(time=4, fill_value=0.0)),
        (5, 1): data.assign(magnon_probability=data.magnon_probability.where(data.flips < 8, 0.0)),
        (5, 2): data.assign(magnon_probability=data.magnon_probability.where(data.flips < 8, 0.5)),
        (5, 4): data.assign(spin_z_total=data.spin_z_total + 0.1),
    }
    for (number, row), changed in changes.items():
        assert "**no**" not in points(number, data, experiment)[row][2], (number, row)
        assert points(number, changed, experiment)[row][2].startswith("**no**"), (number, row)


def test_growth_is_judged_by_all_sizes(paper):
    experiment, data = paper
    sizes = [("1+1", data), ("2+2", data.assign(log_negativity=data.log_negativity * 0.5))]
    assert "| **no** |" in page({4: (sizes, experiment)}, quick=False)
    assert "| yes |" in page({4: (sizes[::-1], experiment)}, quick=False)


def test_all_figures_come_with_the_page(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(figures, "READY", (2, 3))
    assert main(["figure", "all", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / f) for f in ("figure2.png", "figure3.png", "figures.md")]
    assert "![Figure 3](figure3.png)" in (tmp_path / "figures.md").read_text()


PROBE = """
from pysv.figures import planned
from pysv.figures.catalog import Recipe
from pysv.figures.claims import Claim
from pysv.figures.paper import fig2

def claims(runs):
    yield Claim("it is found", runs[0][0], "yes")

RECIPE = Recipe(planned.paper_run, fig2.draw, claims, ways=("quick", "full"))
"""


@pytest.fixture
def probe(tmp_path, monkeypatch):
    """A figure of one's own: one file more in a folder of figures."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "probe.py").write_text(PROBE)
    (folder / "_shared.py").write_text("")
    monkeypatch.setattr(paper_figures, "__path__", [*paper_figures.__path__, str(folder)])
    catalog._modules.cache_clear()
    monkeypatch.setattr(figures, "READY", catalog.of_paper())
    yield
    catalog._modules.cache_clear()
    sys.modules.pop("pysv.figures.paper.probe", None)


def test_a_new_figure_is_a_new_file(probe, tmp_path, capsys):
    assert figures.numbers("all") == (2, 3, 4, 5, 6, 7, "probe")
    assert main(["figure", "probe", "--quick", "--quiet", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "figure-probe.png")
    with pytest.raises(SystemExit):
        main(["figure", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "2, 3, 4, 5, 6, 7, probe, or all" in shown
    assert "with thermal states and baths (figures 3 and 5)" in shown
    assert "more spins than usual (figures 4 and probe)" in shown
    with pytest.raises(InvalidInputError, match="figure probe has no --thermal version; figures 3 and 5 have one"):
        figures.make("probe", tmp_path, thermal=True)
    with pytest.raises(InvalidInputError, match="figure 2 has no --full version; figures 4 and probe have one"):
        figures.make(2, tmp_path, full=True)
    with pytest.raises(InvalidInputError, match="figure 'prob': unknown number 'prob'; did you mean 'probe'"):
        figures.make("prob", tmp_path)


def test_the_page_shows_figures_with_claims(probe, paper):
    experiment, data = paper
    made = {"probe": ([("4+4", data)], experiment)}
    said = page(made, quick=False)
    assert "## Figure probe\n\n![Figure probe](figure-probe.png)\n\n| the paper's text | this run | agrees? |\n" in said
    assert "| it is found | 4+4 | yes |" in said
    module = sys.modules["pysv.figures.paper.probe"]
    module.RECIPE = dataclasses.replace(module.RECIPE, claims=None)
    assert "Figure probe" not in page(made, quick=False)


@pytest.mark.parametrize(
    ("number", "version", "names"),
    [
        (2, {}, ["figure2.png", "figure2-4+4.nc"]),
        (5, {"thermal": True, "quick": True}, ["figure5-thermal.png", "figure5-thermal-quick-thermal.nc"]),
        (6, {"quick": True}, ["figure6.png", *(f"figure6-quick-{n}-electrons.nc" for n in (2, 4, 8))]),
        (7, {}, ["figure7.png", "figure7-4+4.nc", "figure7-7+7.nc", "figure7-10+10.nc"]),
        (
            3,
            {"thermal": True},
            [
                "figure3-thermal.png",
                "figure3-thermal-T-=-0-K.nc",
                "figure3-thermal-Gibbs-100-K-pinned.nc",
                "figure3-thermal-bath-10-K.nc",
                "figure3-thermal-bath-100-K.nc",
                "figure3-thermal-Gibbs-100-K-literal.nc",
            ],
        ),
    ],
)
def test_names_of_pictures_and_kept_runs(number, version, names, paper, tmp_path, monkeypatch):
    """Runs that an earlier version kept are found again under these names."""
    kept = []

    def solved(run, path, progress):
        kept.append(path)
        return paper[1].assign(entropy_half=paper[1].entropy_total)

    monkeypatch.setattr(planned, "solved", solved)
    picture = figures.make(number, tmp_path, progress=False, **version)
    assert [picture, *kept] == [tmp_path / name for name in names]


def test_figure_6_is_judged_by_its_order(paper):
    """The text's order of two, four and eight electrons, from runs made to follow it and to break it."""
    _, data = paper
    few = data.assign(entropy_half=data.entropy_total)
    many = few.assign(spin_z=few.spin_z * 0.5, entropy_half=few.entropy_half * 2)
    device = pysv.SpinValve.for_several_electrons()
    experiment = pysv.Experiment(device=device, source=pysv.ConfinedElectrons(electrons=2))
    ordered = page({6: ([("2", few), ("4", many)], experiment)}, quick=False)
    assert ordered.count("| yes |") == 2
    assert page({6: ([("2", many), ("4", few)], experiment)}, quick=False).count("**no**") == 2


def luminance(colors) -> np.ndarray:
    """Grey value that a print gives, Rec. 709."""
    return np.asarray(to_rgba_array(colors))[:, :3] @ [0.2126, 0.7152, 0.0722]


def test_pictures_survive_a_grey_print():
    """Maps are monotonic in luminance, phases in their modulus; two curves differ in dashes or clearly in luminance."""
    ramp = np.linspace(0, 1, 65)
    for name in ("magma_r", "GnBu"):
        assert (np.diff(luminance(colormaps[name](ramp))) < 0).all()
    phases = luminance(density.PHASES(ramp))
    assert (np.diff(phases[32:]) > 0).all()
    assert (np.diff(phases[:33]) < 0).all()
    for number, one in enumerate(style.CURVES):
        for other in style.CURVES[:number]:
            greys = luminance([one["color"], other["color"]])
            assert one["linestyle"] != other["linestyle"] or abs(np.diff(greys)[0]) > 0.25


def test_signs_survive_colour_blindness():
    """Opposite signs stay far apart for deuteranopes (matrix of Machado et al., IEEE TVCG 15, 1291 (2009))."""
    blind = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]])
    for low, high in (
        (density.PHASES(0.25), density.PHASES(0.75)),
        (colormaps["RdBu_r"](0.15), colormaps["RdBu_r"](0.85)),
    ):
        seen = [blind @ np.asarray(color[:3]) for color in (low, high)]
        assert np.abs(seen[0] - seen[1]).max() > 0.3


def test_bands_end_at_the_bounds_and_the_bias_is_drawn():
    """An error larger than the value reaches no negative negativity; the dotted line is the value less its bias."""
    time = np.arange(4.0)
    value, error, bias = np.array([0.0, 0.02, 0.3, 0.4]), np.full(4, 0.05), np.array([0.01, 0.01, 0.1, 0.0])
    data = xr.Dataset(
        {
            "log_negativity": ("time", value),
            "log_negativity_error": ("time", error),
            "log_negativity_bias": ("time", bias),
            "w_fidelity": ("time", np.full(4, 0.98)),
            "w_fidelity_error": ("time", error),
            "energy": ("time", -value),
            "energy_error": ("time", error),
        },
        {"time": time},
    )
    reached = {}
    for name in ("log_negativity", "w_fidelity", "energy"):
        axes = style.new_figure(3, 2).subplots()
        style.plot_variable(axes, data, name, color="black")
        edges = axes.collections[0].get_paths()[0].vertices[:, 1]
        reached[name] = (edges.min(), edges.max())
        assert len(axes.lines) == 1 + (f"{name}_bias" in data)
        np.testing.assert_array_equal(axes.lines[-1].get_ydata(), data[name])
        if name == "log_negativity":
            np.testing.assert_allclose(axes.lines[0].get_ydata(), [0, 0.01, 0.2, 0.4])
    assert reached["log_negativity"] == (0.0, pytest.approx(0.45))
    assert reached["w_fidelity"] == (pytest.approx(0.93), 1.0)
    assert reached["energy"] == (pytest.approx(-0.45), pytest.approx(0.05))
