"""How slow this machine is, and where that is kept."""

from __future__ import annotations

import json

import pytest

import pysv
from pysv.compute import speed
from pysv.units import about


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A cache folder of one's own, and a machine that takes three times as long."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    speed._measured.cache_clear()
    monkeypatch.setattr(speed, "fastest_rounds", lambda: {name: 3 * own for name, own in speed.REFERENCE.items()})
    yield tmp_path / "pysv" / "speed.json"
    speed._measured.cache_clear()


def test_it_is_measured_once_and_kept(here, monkeypatch):
    assert speed.slowness() == 1.0  # a run does not wait for it
    assert not here.exists()
    assert speed.slowness(measure=True) == pytest.approx(3.0)
    monkeypatch.setattr(speed, "fastest_rounds", lambda: pytest.fail("measured twice"))
    speed._measured.cache_clear()
    assert speed.slowness() == speed.slowness(measure=True) == pytest.approx(3.0)
    assert here.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": 1}', "SLOW", "\x00"])
def test_a_file_that_makes_no_sense_is_measured_anew(here, text):
    own = {"machine": speed._machine(), "slowness": 1e9}
    here.parent.mkdir()
    here.write_text(text.replace("SLOW", json.dumps(own)))
    assert speed.slowness() == 1.0
    assert speed.slowness(measure=True) == pytest.approx(3.0)


def test_another_machine_is_measured_anew(here):
    here.parent.mkdir()
    here.write_text(json.dumps({"machine": "a slide rule", "slowness": 7.0}))
    assert speed.slowness(measure=True) == pytest.approx(3.0)


def test_a_folder_that_cannot_be_written(here):
    here.parent.parent.joinpath("pysv").write_text("in the way")
    assert speed.slowness(measure=True) == pytest.approx(3.0)


def test_estimates_follow(here, monkeypatch):
    here.parent.mkdir()
    times = []
    for slow in (1.0, 4.0):
        here.write_text(json.dumps({"machine": speed._machine(), "slowness": slow}))
        needed = pysv.estimate(pysv.Experiment())
        times.append(needed.seconds)
        assert f"time         {about(needed.seconds)}" in str(needed)
    assert times[1] == pytest.approx(4 * times[0])


def test_the_loops_take_a_second_at_most():
    found = speed.fastest_rounds()
    assert set(found) == set(speed.REFERENCE)
    assert all(seconds > 0 for seconds in found.values())
    assert sum(found.values()) * speed._ROUNDS < 5  # of the slowest machine


def test_a_range_in_words():
    assert about(10.0) == "5 s to 20 s"
    assert about(120.0) == "60 s to 4 min"
