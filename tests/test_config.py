"""Experiment files: round trips, and the sentence for each mistake."""

from __future__ import annotations

import math
import re

import pytest
from conftest import random_experiment
from hypothesis import given
from hypothesis import strategies as st

import pysv
from pysv import config
from pysv.errors import ExperimentFileError


def test_an_empty_file_is_the_papers_experiment():
    assert config.loads("") == pysv.Configuration(pysv.Experiment(), "auto", "auto")


def test_the_contracts_example():
    text = """
[device]
sites = 201
polarizer = [44, 47]
analyzer = [52, 55]
hopping = 1.0
sd_exchange = 0.5
exchange = 0.1
exchange_z = 0.1005
convention = "pauli"
[source]
kind = "wave-packet"
center = 20.0
momentum = 1.5707963267948966
momentum_spread = 0.2
spin = "unpolarized"
[spins]
kind = "antiparallel"
[evolution]
stop = 60.0
step = 1.0
engine = "auto"
backend = "auto"
"""
    assert config.loads(text).experiment == pysv.Experiment()


def test_every_kind():
    text = """
[spins]
kind = "gibbs"
temperature = 100
pinning = 0.02
[bath]
temperature = 10
coupling = "xyz"
[record]
momenta = [0.5]
density_matrix = true
[evolution]
engine = "rk4"
backend = "python"
[evolution.rk4]
time_step = 0.05
"""
    asked = config.loads(text)
    several = config.loads('[source]\nkind = "confined"\nelectrons = 8\nconfined_sites = 10\nwell = 2.0\nfield = 10.0')
    assert several.experiment.source == pysv.ConfinedElectrons(electrons=8)
    assert asked.experiment.spins == pysv.Gibbs(temperature=100, pinning=0.02)
    assert asked.experiment.bath == pysv.BosonicBath(temperature=10, coupling="xyz")
    assert asked.experiment.record == pysv.Record(momenta=(0.5,), density_matrix=True)
    assert (asked.engine, asked.backend) == (pysv.RK4(time_step=0.05), "python")
    product = config.loads(
        '[spins]\nkind = "product"\npolarizer = [0.1, 0.2]\nanalyzer = [[3, 0], [3, 0], [3, 0], [3, 0]]'
    )
    assert product.experiment.spins.directions(pysv.SpinValve())[:2] == ((0.1, 0.2), (0.1, 0.2))


@given(st.integers(0, 10**6), st.sampled_from([pysv.Chebyshev(tolerance=1e-9), pysv.RK4(), pysv.QuTiP(), "auto"]))
def test_round_trip(seed, engine):
    experiment = random_experiment(seed)
    asked = config.loads(config.dumps(experiment, engine, "python"))
    assert asked == pysv.Configuration(experiment, engine, "python")
    bathed = pysv.Experiment(bath=pysv.BosonicBath(), spins=pysv.Gibbs())
    several = pysv.Experiment(source=pysv.ConfinedElectrons())
    assert all(config.loads(config.dumps(other)).experiment == other for other in (bathed, several))


def test_the_fingerprint_forgets_only_the_last_time():
    base = pysv.Experiment()
    print_of = config.fingerprint(base, pysv.Chebyshev())
    assert config.fingerprint(pysv.Experiment(times=pysv.times(stop=90)), pysv.Chebyshev()) == print_of
    assert config.fingerprint(pysv.Experiment(times=pysv.times(step=0.5)), pysv.Chebyshev()) != print_of
    assert config.fingerprint(pysv.Experiment(device=pysv.SpinValve(sd_exchange=0.4)), pysv.Chebyshev()) != print_of
    assert config.fingerprint(base, pysv.Chebyshev(tolerance=1e-9)) != print_of


BAD = {
    "[devic]\nsites = 3": "run.toml: unknown table 'devic'; did you mean 'device'? known: bath, device, evolution,",
    "device = 3": "run.toml: device = 3 must be a table [device]",
    "[device]\nsits = 3": "run.toml: [device] unknown key 'sits'; did you mean 'sites'?",
    "[device]\nsites = 'many'": "run.toml: [device] sites = 'many' must be a whole number",
    "[device]\nsites = 201.5": "run.toml: [device] sites = 201.5 must be a whole number",
    "[device]\nhopping = nan": "run.toml: [device] hopping = nan must be finite (eV)",
    "[device]\npolarizer = [50, 53]": "run.toml: [device] analyzer = [52, 55] overlaps polarizer = [50, 53] on site 52",
    "[device]\npolarizer = []": "run.toml: [device] polarizer = [] must be two numbers [first site, last site]",
    "[device]\nsites = ": "run.toml: is not valid TOML: ",
    "[source]\nkind = 'packet'": "run.toml: [source] unknown kind 'packet'; did you mean 'wave-packet'? known: amplitudes, confined, orbital, train, wave-packet",
    "[source]\nelectrons = 2": "run.toml: [source] electrons belongs to kind = 'confined', not to kind = 'wave-packet'",
    "[source]\ncentre = 2": "run.toml: [source] unknown key 'centre'; did you mean 'center'?",
    "[source]\ncenter = 2.0": "run.toml: [source] center = 2: 3.8e-01 (left end) of the packet lies beyond the chain",
    "[spins]\ntemperature = 10": "run.toml: [spins] temperature belongs to kind = 'gibbs', not to kind = 'antiparallel'",
    "[spins]\nkind = 3": "run.toml: [spins] unknown kind '3'",
    "[bath]\ntemperature = 0": "run.toml: [bath] temperature = 0 must be at least 0.001 (K)",
    "[evolution]\nstep = 0": "run.toml: [evolution] step = 0 must be at least 1e-06 (fs)",
    "[evolution]\nstop = 1\nstep = 2": "run.toml: [evolution] step = 2 fs is larger than stop = 1 fs",
    "[evolution]\nstopp = 1": "run.toml: [evolution] unknown key 'stopp'; did you mean 'stop'?",
    "[evolution]\nengine = 'chebychev'": "run.toml: [evolution] unknown engine 'chebychev'; did you mean 'chebyshev'?",
    "[evolution]\nbackend = 'rust'": "run.toml: [evolution] unknown backend 'rust'; known: auto, cuda, julia, mpi, python",
    "[evolution.rk4]\ntime_step = 1": "run.toml: [evolution.rk4] would be ignored, because engine = 'auto' takes 'chebyshev' here; set engine =",
    "[evolution.rk5]\ntime_step = 1": "run.toml: unknown table 'evolution.rk5'; did you mean 'evolution.rk4'?",
    "[evolution]\nengine='rk4'\n[evolution.rk4]\nstep = 1": "run.toml: [evolution.rk4] unknown key 'step'",
    "[device]\nsites = " + "9" * 5000: "run.toml: is not valid TOML",
    "a = " + "[" * 5000: "run.toml: line 1 has lists or tables more than 32 deep in each other",
    "[evolution]\nstop = 1" + "0" * 400: "run.toml: [evolution] stop = inf must be finite (fs)",
    "[source]\nkind = 'confined'\n[bath]": "run.toml: [source] electrons = 2 with a bath: no engine serves this; leave [b",
    "[record]\nmomenta = 3": "run.toml: [record] momenta = 3 must be a list of at least one number",
}


@pytest.mark.parametrize(("text", "sentence"), BAD.items(), ids=lambda value: value[:30])
def test_mistakes(text, sentence):
    with pytest.raises(ExperimentFileError, match=re.escape(sentence)):
        config.loads(text, "run.toml")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ExperimentFileError, match=r"absent\.toml: cannot be read \(No such file or directory\)"):
        pysv.read(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExperimentFileError, match="is not a text file in UTF-8"):
        pysv.read(tmp_path / "binary.toml")


def test_angles_survive(tmp_path):
    (tmp_path / "a.toml").write_text(f"[source]\nspin = [{math.pi / 3}, 0]\n")
    assert pysv.read(tmp_path / "a.toml").experiment.source.spin == (math.pi / 3, 0.0)


def test_the_table_of_the_engine_that_auto_takes():
    bath = "[bath]\n[evolution.trajectories]\nntraj = 7\n"
    assert config.loads(bath).engine == pysv.Trajectories(ntraj=7)
    assert config.loads("[evolution.chebyshev]\ntolerance = 1e-9\n").engine == pysv.Chebyshev(tolerance=1e-9)
    assert config.loads("[source]\nkind = 'train'\n[evolution.train]\nresidual = 1e-7\n").engine == pysv.TrainMap(
        residual=1e-7
    )
    several = "[source]\nkind = 'confined'\nelectrons = 4\n[evolution.tdmrg]\nmax_bond = 199\n"
    assert config.loads(several).engine == pysv.TDMRG(max_bond=199)
    with pytest.raises(
        ExperimentFileError, match=r"\[evolution.low-rank\] would be ignored, because engine = 'auto' takes"
    ):
        config.loads("[bath]\n[evolution.low-rank]\nmax_rank = 9\n")
    named = config.loads("[bath]\n[evolution]\nengine = 'low-rank'\n[evolution.low-rank]\nmax_rank = 9\n")
    assert named.engine == pysv.LowRank(max_rank=9)
