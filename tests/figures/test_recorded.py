"""Variables that a run or a sweep does not have: why, and how a run would record them."""

from __future__ import annotations

import dataclasses
import re

import pytest

import pysv
from pysv.cli import main
from pysv.errors import InvalidInputError
from pysv.figures import single, swept
from pysv.figures.recorded import check_recorded


@pytest.fixture(scope="module")
def plain():
    device = pysv.SpinValve(sites=30, polarizer=(8, 9), analyzer=(12, 14))
    source = pysv.WavePacket(center=5, momentum_spread=0.9)
    every = pysv.Every(qfi=0)
    return pysv.Experiment(
        device=device, source=source, times=pysv.times(stop=1, step=1), record=pysv.Record(every=every)
    )


@pytest.fixture(scope="module")
def run(plain):
    return pysv.solve(plain, progress=False)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("spin_correlation", "spin_correlation was not recorded; set [record] correlations = true, and run again"),
        ("density_matrix", "density_matrix was not recorded; set [record] density_matrix = true, and run again"),
        ("charge_transmitted", "charge_transmitted was not recorded; set [record] currents = true, and run again"),
        ("qfi", "qfi is left out (not asked for: every = { qfi = 0 }); take another variable"),
        ("bond_dimension", "bond_dimension was not recorded, because a run of this kind does not have it; take another"),
        ("spin_corelation", "unknown variable 'spin_corelation'; did you mean 'spin_correlation'? spin_correlation was not"),
        ("log_negativty", "unknown variable 'log_negativty'; did you mean 'log_negativity'? known: "),
        ("unrelated_name", "unknown variable 'unrelated_name'; known: "),
    ],
)  # fmt: skip
def test_why_a_variable_is_not_there(run, name, sentence):
    with pytest.raises(InvalidInputError, match=f"^{re.escape(sentence)}"):
        check_recorded(run, name)
    with pytest.raises(InvalidInputError, match=f"^{re.escape(sentence)}"):
        single.draw(run, name)


def test_what_the_sentence_says_helps(plain):
    asked = dataclasses.replace(plain, record=pysv.Record(correlations=True, currents=True))
    data = pysv.solve(asked, progress=False)
    for name in ("spin_correlation", "charge_transmitted", "qfi"):
        check_recorded(data, name)


def test_a_variable_that_a_sweep_leaves_out(plain):
    done = pysv.sweep(plain, {"device.analyzer": [[12, 13], [12, 14]]}, progress=False)
    sentence = "spin_z is left out (its shape or its coordinates differ from point to point); take another variable"
    with pytest.raises(InvalidInputError, match=re.escape(sentence)):
        swept.draw(done.combined, "spin_z")


def test_the_command_says_it(run, tmp_path, capsys):
    path = tmp_path / "run.nc"
    pysv.save(run, path)
    assert main(["plot", str(path), "--var", "spin_correlation"]) == 2
    said = capsys.readouterr().err
    assert said == "pysv: spin_correlation was not recorded; set [record] correlations = true, and run again\n"
