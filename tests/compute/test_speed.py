"""How slow this machine is, and where that is kept."""

from __future__ import annotations

import json
import time

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


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"MACHINE": 1}', '{"MACHINE": [1e9, 0]}', '{"MACHINE": "a"}', "\x00"]
)
def test_a_file_that_makes_no_sense_is_measured_anew(here, text):
    here.parent.mkdir()
    here.write_text(text.replace("MACHINE", speed._machine()))
    assert speed.slowness() == 1.0
    assert speed.slowness(measure=True) == pytest.approx(3.0)


def test_each_machine_has_its_own_entry(here):
    here.parent.mkdir()
    here.write_text(json.dumps({"a slide rule": [7.0, time.time()]}))
    assert speed.slowness(measure=True) == pytest.approx(3.0)
    assert set(json.loads(here.read_text())) == {"a slide rule", speed._machine()}


def test_an_old_entry_serves_until_it_is_measured_anew(here):
    here.parent.mkdir()
    here.write_text(json.dumps({speed._machine(): [5.0, time.time() - 1e7]}))
    assert speed.slowness() == 5.0
    assert speed.slowness(measure=True) == speed.slowness() == pytest.approx(3.0)


def test_a_folder_that_cannot_be_written(here):
    here.parent.parent.joinpath("pysv").write_text("in the way")
    assert speed.slowness(measure=True) == pytest.approx(3.0)


def test_estimates_follow(here, monkeypatch):
    here.parent.mkdir()
    times = []
    for slow in (1.0, 4.0):
        here.write_text(json.dumps({speed._machine(): [slow, time.time()]}))
        needed = pysv.estimate(pysv.Experiment())
        times.append(needed.seconds)
        assert f"time         {about(needed.seconds)}" in str(needed)
    assert times[1] == pytest.approx(4 * times[0])


def test_the_loops_are_short():
    begun = time.process_time()
    found = speed.fastest_rounds()
    assert set(found) == set(speed.REFERENCE)
    assert all(seconds > 0 for seconds in found.values())
    assert time.process_time() - begun < 3  # half a second on most machines


def test_a_range_in_words():
    assert about(10.0) == "5 s to 20 s"
    assert about(120.0) == "60 s to 4 min"
