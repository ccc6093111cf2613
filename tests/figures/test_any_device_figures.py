"""Pictures of devices with layers and spins of one's own."""

from __future__ import annotations

import pytest

import pysv
from pysv.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    device = pysv.Device(
        sites=14,
        layers=[pysv.Layer(name="one", sites=(6, 6), spin=1.0), pysv.Layer(name="two", sites=(9, 10))],
        potential=[pysv.Potential(sites=(8, 8), energy=0.5)],
    )
    own = pysv.Experiment(
        device=device,
        source=pysv.WavePacket(center=3, momentum_spread=1.5),
        times=pysv.times(stop=2, step=1),
        record=pysv.Record(density_matrix=True, currents=True, torque=True, purity=True),
    )
    path = tmp_path_factory.mktemp("device") / "run.nc"
    pysv.solve(own, out=path, progress=False)
    return path


@pytest.mark.parametrize("variable", [None, "current", "torque_z", "density_matrix", "spin_z"])
def test_plots(run, tmp_path, variable):
    options = [] if variable is None else ["--var", variable]
    assert main(["plot", str(run), "--out", str(tmp_path / "a.png"), *options]) == 0
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_movie_and_its_description(run, tmp_path, capsys):
    assert main(["movie", str(run), "--out", str(tmp_path / "a.gif"), "--quiet"]) == 0
    assert main(["info", str(run)]) == 0
    shown = capsys.readouterr().out
    assert "mutual information of one and two" in shown
    assert "FM_p" not in shown


def test_a_coordinate_is_no_variable(run, tmp_path, capsys):
    assert main(["plot", str(run), "--var", "spin_length", "--out", str(tmp_path / "a.png")]) == 2
    assert "unknown variable 'spin_length'" in capsys.readouterr().err
