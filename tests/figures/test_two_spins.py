"""Pictures of variables of each two spins: what is drawn where, and what is refused."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.errors import InvalidInputError
from pysv.figures import plot, single, style, swept

NAME = "spin_correlation"
EXPERIMENT = pysv.Experiment(
    device=pysv.SpinValve(sites=24, polarizer=(12, 13), analyzer=(16, 16)),
    source=pysv.WavePacket(center=7, momentum_spread=0.6),
    times=pysv.times(3, 1),
    record=pysv.Record(correlations=True, density_matrix=True, every=pysv.Every(density_matrix=2)),
)


@pytest.fixture(scope="module")
def run():
    return pysv.solve(EXPERIMENT, progress=False)


def mesh(figure):
    """Values of a map, and the words in its cells by (column, row)."""
    axes = figure.axes[0]
    (found,) = axes.collections[:1]
    words = {(round(text.get_position()[0]), round(text.get_position()[1])): text.get_text() for text in axes.texts}
    return found.get_array(), words


def test_a_map_at_the_last_time(run):
    figure = single.draw(run, NAME)
    values, words = mesh(figure)
    expected = run[NAME].values[-1]
    np.testing.assert_array_equal(np.ma.getmaskarray(values), np.eye(3, dtype=bool))
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(values.data[off], expected[off])
    assert words == {
        (i + 1, j + 1): f"{expected[i, j]:.2f}".replace("-", "−") for i in range(3) for j in range(3) if i != j
    }
    top, right = figure.axes[0].child_axes
    assert [tick.get_text() for tick in top.get_xticklabels()] == ["FM$_p$", "FM$_a$"]
    assert list(top.get_xticks()) == [1.5, 3.0]
    assert list(right.get_yticks()) == [1.5, 3.0]
    assert [line.get_xdata()[0] for line in figure.axes[0].lines[::2]] == [2.5]  # between the layers
    assert figure.axes[0].get_title().startswith("$t$ = 3.0 fs")


def test_a_map_at_another_time(run):
    values, _ = mesh(single.draw(run, NAME, time=1.0))
    np.testing.assert_allclose(values.data[0, 1], run[NAME].values[1, 0, 1])
    with pytest.raises(InvalidInputError, match=r"spin_correlation was not recorded at time = 1.4 fs; take 1 or 2"):
        single.draw(run, NAME, time=1.4)


def test_a_time_as_it_is_printed(run):
    """Thirds of a femtosecond have no end; six digits of them name a snapshot, two do not."""
    thirds = run.assign_coords(time=run["time"].values / 3)
    with pytest.raises(InvalidInputError, match=r"not recorded at time = 0.33 fs; take 0 or 0.333333$"):
        single.draw(thirds, NAME, time=0.33)
    for time in (0.333333, 1 / 3):
        values, _ = mesh(single.draw(thirds, NAME, time=time))
        np.testing.assert_allclose(values.data[0, 1], run[NAME].values[1, 0, 1])


def test_what_was_never_recorded(run):
    """Neither a map nor pairs; a variable that some pairs lack is drawn of the others."""
    empty = run.assign({NAME: run[NAME] * np.nan})
    for options in ({}, {"pairs": [(1, 2)]}):
        with pytest.raises(InvalidInputError, match="spin_correlation was not recorded at any time; name another"):
            single.draw(empty, NAME, **options)
    some = run.assign({NAME: run[NAME].where(run["spin"] == run["spin"][0])})
    assert single.draw(some, NAME, pairs=[(1, 2)]).axes[0].lines
    with pytest.raises(InvalidInputError, match="spin_correlation was not recorded at any time"):
        single.draw(some, NAME, pairs=[(1, 2), (2, 3)])


def test_rho_at_another_time(run):
    assert single.draw(run, "density_matrix")._suptitle.get_text().startswith("$t$ = 2.0 fs")
    assert single.draw(run, "density_matrix", time=0.0)._suptitle.get_text().startswith("$t$ = 0.0 fs")
    with pytest.raises(InvalidInputError, match="density_matrix was not recorded at time = 1 fs; take 0 or 2"):
        single.draw(run, "density_matrix", time=1.0)


def test_pairs_against_time(run):
    axes = single.draw(run, NAME, pairs=[(1, 3), (3, 2)]).axes[0]
    curves = {line.get_label(): line.get_ydata() for line in axes.lines if not line.get_label().startswith("_")}
    assert list(curves) == ["1–3", "3–2"]
    np.testing.assert_allclose(curves["1–3"], run[NAME].values[:, 0, 2])
    np.testing.assert_allclose(curves["3–2"], run[NAME].values[:, 2, 1])


def test_entangled_spins_are_told_from_others(run):
    """The singlet has ⟨σ_1·σ_2⟩ = −3; less than −1 shows entanglement, and a line is there."""
    bell = dataclasses.replace(
        EXPERIMENT, device=pysv.SpinValve(sites=24, polarizer=(12, 12), analyzer=(16, 16)), spins=pysv.Bell()
    )
    dashed = [
        [line for line in single.draw(data, NAME, pairs=[(1, 2)]).axes[0].lines if set(line.get_ydata()) == {-1.0}]
        for data in (pysv.solve(bell, progress=False), run)
    ]
    assert [len(lines) for lines in dashed] == [1, 0]


def test_errors_are_a_band(run):
    noisy = run.assign({f"{NAME}_error": (run[NAME].dims, np.full(run[NAME].shape, 0.1), run[NAME].attrs)})
    (band,) = single.draw(noisy, NAME, pairs=[(1, 2)]).axes[0].collections[:1]
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.max() - run[NAME].values[:, 0, 1].max() == pytest.approx(0.1)
    assert mesh(single.draw(noisy, f"{NAME}_error"))[0].compressed() == pytest.approx([0.1] * 6)


def test_two_times_are_drawn_where_they_are_the_same():
    data = pysv.correlator(EXPERIMENT, progress=False)
    values, _ = mesh(single.draw(data, "correlation", time=2.0))
    np.testing.assert_allclose(values.data[1, 2], data["correlation"].values[2, 2, 2, 1].real)
    curve = single.draw(data, "correlation", pairs=[(1, 3)]).axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(curve, [data["correlation"].values[n, n, 0, 2].real for n in range(4)])
    flips = pysv.correlator(EXPERIMENT, operators=["plus"], progress=False)
    values, _ = mesh(single.draw(flips, "operator_correlation"))
    np.testing.assert_allclose(values, flips["operator_correlation"].values[-1, -1].real.T)
    with pytest.raises(InvalidInputError, match="operator_correlation is of operators, not of spins"):
        single.draw(flips, "operator_correlation", pairs=[(1, 2)])


def test_many_spins_have_no_words(run):
    size = 11
    many = run.isel(spin=[0] * size, spin2=[0] * size)
    many = many.assign_coords(layer=("spin", ["polarizer"] * 6 + ["analyzer"] * 5))
    assert mesh(single.draw(many, NAME))[1] == {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"variable": NAME, "pairs": [(1, 1)]}, "pair 1-1 must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": [(1, 4)]}, "pair 1-4 must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": [(1, 2, 3)]}, "pair 1-2-3 must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": [(1, [3])]}, r"pair 1-\[3\] must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": np.array([[1, 4]])}, "pair 1-4 must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": [1, 3]}, "pair 1 must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": [(1, 2.5)]}, "pair 1-2.5 must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": [("1", "3")]}, "pair 1-3 must be two different spins from 1 to 3"),
        ({"variable": NAME, "pairs": "1-3"}, "pairs = '1-3' must be a list of pairs of spins"),
        ({"variable": NAME, "pairs": [(1, 3), (1, 3)]}, "pair 1-3 is named twice; leave one out"),
        ({"variable": NAME, "time": math.nan}, r"time = nan must be finite \(fs\)"),
        ({"variable": NAME, "time": True}, r"time = True must be a number \(fs\)"),
        ({"variable": NAME, "time": "1"}, r"time = '1' must be a number \(fs\)"),
        ({"variable": "spin_z", "time": "1"}, r"time = '1' must be a number \(fs\)"),
        ({"variable": NAME, "pairs": [(1, 2)], "time": 1.0}, "time = 1 would be ignored: spin_correlation is drawn ag"),
        ({"variable": "spin_z", "time": 1.0}, "time = 1 would be ignored: spin_z is drawn against time; leave it out"),
        ({"variable": "spin_z", "pairs": [(1, 2)]}, "pairs would be ignored: spin_z is not of each two spins"),
        ({"time": 1.0}, "time would be ignored without a variable"),
        ({"pairs": [(1, 2)]}, "pairs would be ignored without a variable"),
    ],
)
def test_what_is_refused(run, tmp_path, options, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        plot(run, tmp_path / "picture.png", **options)
    assert not list(tmp_path.iterdir())


def test_command_line(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pysv.save(run, "run.nc")
    for options, made in (
        ([], f"run-{NAME}.png"),
        (["--at", "time=2"], f"run-time=2-{NAME}.png"),
        (["--pairs", "1-3,2-3"], f"run-{NAME}-pairs=1-3,2-3.png"),
    ):
        assert main(["plot", "run.nc", "--var", NAME, *options]) == 0
        assert capsys.readouterr().out == f"{made}\n"
        assert (tmp_path / made).stat().st_size > 1000
    for options, sentence in (
        (["--at", "time=soon"], "time = 'soon' must be a number (fs)"),
        (["--at", "time=nan"], "time = nan must be finite (fs)"),
        (["--at", "time=true"], "time = True must be a number (fs)"),
        (["--pairs", "1-3,2-3,3-1"], "pair 3-1 is named twice; leave one out"),
        (["--at", "time=1", "--at", "time=2"], "--at time is given twice; leave one out"),
        (["--at", "device.sites=24"], "the file holds one run and no sweep"),
    ):
        assert main(["plot", "run.nc", "--var", NAME, *options]) == 2
        assert sentence in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["plot", "run.nc", "--var", NAME, "--pairs", "1:2"])
    assert "'1:2' must be pairs of spins, such as 1-5,2-6" in capsys.readouterr().err


def test_a_map_of_a_sweep_at_a_time(tmp_path):
    grid = {"device.sd_exchange": [0.1, 0.5], "source.momentum_spread": [0.6, 0.7]}
    combined = pysv.sweep(EXPERIMENT, grid, progress=False).combined
    for time, place in ((None, -1), (1.0, 1)):
        plot(combined, tmp_path / "map.png", variable="electron_spin_z", time=time)
        shown = swept.draw(combined, "electron_spin_z", time).axes[0].collections[0].get_array()
        np.testing.assert_allclose(shown, combined["electron_spin_z"].values[:, :, place].T)
    one = pysv.sweep(EXPERIMENT, {"device.sd_exchange": [0.1, 0.5]}, progress=False).combined
    with pytest.raises(InvalidInputError, match="time = 1 would be ignored: norm is drawn against time"):
        plot(one, tmp_path / "map.png", variable="norm", time=1.0)
    with pytest.raises(InvalidInputError, match="pairs would be ignored: they are of a run"):
        plot(one, tmp_path / "map.png", variable="norm", pairs=[(1, 2)])


def test_labels_are_typeset(run):
    assert style.variable_label(run[NAME]).startswith(r"correlation $\langle \hat\sigma_i\cdot \hat\sigma_j\rangle$")
    z = style.variable_label(run["spin_correlation_z"])
    assert z.startswith(r"correlation $\langle \hat\sigma^z_i\,\hat\sigma^z_j\rangle$ of two localized")
