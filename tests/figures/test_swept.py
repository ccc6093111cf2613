"""Pictures of sweeps: curves with a colour scale, maps of two keys, one point, refusals."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

import pysv
from pysv.cli import main
from pysv.errors import InvalidInputError
from pysv.figures import swept


@pytest.fixture
def short(small):
    return dataclasses.replace(small, times=pysv.times(stop=2, step=1))


def curves(axes, data):
    return [line for line in axes.lines if len(line.get_xdata()) == data.sizes["time"]]


def test_one_key_has_a_curve_for_each_value_and_a_colour_scale(short):
    done = pysv.sweep(short, {"device.sd_exchange": [0.7, 0.2, 0.4]}, progress=False)
    figure = swept.draw(done.combined, "entropy_total")
    axes, bar = figure.axes
    for line, point in zip(curves(axes, done.combined), done.points, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), point.data.entropy_total)
    assert bar.get_ylabel() == "device.sd_exchange (eV)"
    np.testing.assert_allclose(bar.get_yticks(), [0.2, 0.4, 0.7])
    brightness = [np.dot(line.get_color()[:3], [0.30, 0.59, 0.11]) for line in curves(axes, done.combined)]
    assert brightness[1] < brightness[2] < brightness[0]  # as the values


def test_words_stand_in_a_legend(short):
    done = pysv.sweep(short, {"source.spin": ["up", "down"]}, progress=False)
    figure = swept.draw(done.combined)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["up", "down"]


def test_a_layer_that_moves_has_its_first_site_on_the_scale(short):
    done = pysv.sweep(short, {"device.analyzer": [[12, 13], [15, 16]]}, progress=False)
    assert swept.draw(done.combined).axes[1].get_ylabel() == "device.analyzer, first site"
    grown = pysv.sweep(short, {"device.analyzer": [[12, 13], [12, 14]]}, progress=False)
    texts = swept.draw(grown.combined, "electron_spin_z").axes[0].get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["[12, 13]", "[12, 14]"]


def test_two_keys_make_a_map_of_the_last_values(short):
    grid = {"source.spin": ["up", "down"], "device.sd_exchange": [0.7, 0.2, 0.4]}
    done = pysv.sweep(short, grid, progress=False)
    figure = swept.draw(done.combined, "entropy_total")
    axes, bar = figure.axes
    shown = np.asarray(axes.collections[0].get_array())
    assert shown.shape == (3, 2)
    expected = {tuple(point.settings.values()): float(point.data.entropy_total[-1]) for point in done.points}
    for row, exchange in enumerate((0.2, 0.4, 0.7)):
        for column, spin in enumerate(("up", "down")):
            assert shown[row, column] == expected[spin, exchange]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("source.spin", "device.sd_exchange (eV)")
    assert axes.get_title() == "$t$ = 2 fs"
    assert "(nat)" in bar.get_ylabel()


def test_wide_ranges_are_logarithmic(short):
    bath = dataclasses.replace(short, device=dataclasses.replace(short.device, analyzer=(12, 12)))
    done = pysv.sweep(bath, {"device.sd_exchange": [0.01, 0.1, 1.0], "device.exchange": [0.1, 0.2]}, progress=False)
    assert swept.draw(done.combined).axes[0].get_xscale() == "log"


def test_what_cannot_be_drawn(short):
    done = pysv.sweep(
        short, {"source.spin": ["up"], "device.sd_exchange": [0.2], "device.exchange": [0.1]}, progress=False
    )
    keys = "the sweep has 3 keys, source.spin, device.sd_exchange, device.exchange; choose values of all but two"
    for name, sentence in [
        (None, keys),
        ("spin_z", "spin_z has several values at a time, along spin; draw one point of the sweep (--at KEY=VALUE)"),
        ("entropy", "unknown variable 'entropy'; did you mean 'entropy_half'?"),
    ]:
        with pytest.raises(InvalidInputError, match=re.escape(sentence.split("; did")[0])):
            swept.draw(done.combined, name)


def test_the_command(experiment_file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--set", "device.sd_exchange=0.2:0.4:0.2", "--set", "evolution.stop=2", "--set", "source.spin=up,down"]
    assert main(["sweep", str(experiment_file), *words, "--out", "s.1", "--quiet"]) == 0
    capsys.readouterr()
    point = ["--at", "device.sd_exchange=0.4", "--at", "evolution.stop=2", "--at", "source.spin=up"]
    for words, made in [
        (["plot", "s.1", "--at", "evolution.stop=2"], "s.1-evolution.stop=2.png"),
        (["plot", "s.1/sweep.nc", "--at", "evolution.stop=2", "--at", "source.spin=up", "--var", "norm", "--out", "n.png"], "n.png"),
        (["plot", "s.1", *point], "s.1-device.sd_exchange=0.4,evolution.stop=2,source.spin=up.png"),
        (["movie", "s.1", *point, "--quiet", "--out", "m.gif"], "m.gif"),
    ]:  # fmt: skip
        assert main(words) == 0
        assert capsys.readouterr().out.splitlines()[0] == made
        assert (tmp_path / made).stat().st_size > 1000
    for words, sentence in [
        (["plot", "s.1"], "the sweep has 3 keys"),
        (["plot", "s.1", "--at", "source.spin=up", "--at", "source.spin=down"], "--at source.spin is given twice"),
        (["plot", "s.1", "--at", "source.spin=up,down"], "--at 'source.spin=up,down' must be KEY=VALUE"),
        (["movie", "--paper", "--at", "source.spin=up"], "movie: --at would be ignored with --paper"),
    ]:
        assert main(words) == 2
        assert sentence in capsys.readouterr().err
