"""What `pysv estimate` says against what runs take, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import runs_of_estimates

import pysv

MEMORY, SECONDS = 1.5, 2.0
"""Largest factors between what is said and what is measured."""
SHORT = 1.0
"""Seconds below which a time is not compared: starting takes longer."""


def measured(name):
    command = [sys.executable, runs_of_estimates.__file__, name]
    for _ in range(2):  # the first one may compile
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", runs_of_estimates.RUNS)
def test_memory_and_time(name, capsys):
    found = measured(name)
    (said, taken), (long, lasted) = found["memory"], found["seconds"]
    with capsys.disabled():
        print(f"\n{name:<34} {said:6.0f} of {taken:6.0f} MB  {long:8.2f} of {lasted:8.2f} s", end=" ")
    assert 1 / MEMORY < said / taken < MEMORY
    assert 1 / SECONDS < max(long, SHORT) / max(lasted, SHORT) < SECONDS


def test_measures_that_are_never_taken_cost_nothing():
    layers = pysv.SpinValve.with_layers(6)
    usual, spared = (
        pysv.estimate(pysv.Experiment(device=layers, record=pysv.Record(every=every)))
        for every in (pysv.Every(), pysv.Every(**runs_of_estimates.NEVER))
    )
    assert spared.seconds < usual.seconds / 3
    assert spared.memory < usual.memory


def test_every_density_matrix_that_is_kept_counts():
    few, many = (
        pysv.estimate(pysv.Experiment(times=pysv.times(20, step), record=pysv.Record(density_matrix=True)))
        for step in (0.1, 0.05)
    )
    assert many.memory - few.memory > 200 * 16 * 256**2
