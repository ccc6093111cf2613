"""The movie and the pictures of single variables."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pysv
from pysv import figures
from pysv.cli import main
from pysv.errors import InvalidInputError, NotReadyError
from pysv.figures import density, movie, planned


@pytest.fixture
def kept(small):
    """The `small` experiment with ρ, 2 fs in five snapshots."""
    record = pysv.Record(density_matrix=True)
    return replace(small, times=pysv.times(stop=2, step=0.5), record=record)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Fewer pixels than a user gets: the machine of the tests is small."""
    monkeypatch.setattr(movie, "_DPI", {"mp4": 60, "gif": 40})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def frames_of(path: Path) -> int:
    if path.suffix == ".gif":
        with Image.open(path) as picture:
            return picture.n_frames
    from imageio_ffmpeg import count_frames_and_secs

    return count_frames_and_secs(str(path))[0]


def test_sectors_are_sorted_by_flips():
    """2+1 spins from ↑↑↓: the flips of every row are those of Fig. 5, and S^z is sorted inside a sector."""
    words = np.array([format(c, "03b").replace("0", "↑").replace("1", "↓") for c in range(8)])
    found = density.sectors(words, 1)
    flips = [sum(a != b for a, b in zip(words[c], "↑↑↓", strict=True)) for c in found.order]
    assert flips == [0, 1, 1, 1, 2, 2, 2, 3]
    assert found.edges.tolist() == [0, 1, 4, 7, 8]
    assert sorted(found.order) == list(range(8))
    downs = [words[c].count("↓") for c in found.order]
    assert downs[1:4] == sorted(downs[1:4])


def test_flips_of_tilted_spins_are_counted_from_the_tilted_ones(small):
    """The diagonal of the drawn ρ, summed over sectors, is the probability of m flips, which is measured elsewhere."""
    tilted = pysv.ProductState(polarizer=(1.2, 0.4), analyzer=((2.0, -1.0), (0.3, 0.0), (math.pi, 0.0)))
    short = replace(small, times=pysv.times(stop=4, step=2), record=pysv.Record(density_matrix=True), spins=tilted)
    data = pysv.solve(short, progress=False)
    basis = density.InitialBasis.of(data)
    edges, order = basis.sectors.edges, basis.sectors.order
    for time in range(data.sizes["time"]):
        rho = data.density_matrix.values[time]
        diagonal = (basis.rotation.conj().T @ rho @ basis.rotation).diagonal().real[order]
        found = [diagonal[first:last].sum() for first, last in pairwise(edges)]
        np.testing.assert_allclose(found, data.magnon_probability.values[time], atol=1e-12)
    modulus, _ = basis.parts(data.density_matrix.values[0])
    assert modulus[0, 0] == pytest.approx(1)
    assert modulus.count() == 1  # at t = 0 nothing is flipped
    assert "initial spins" in basis.label


def test_flips_are_counted_from_the_start_and_not_from_the_likeliest(small):
    """Nothing in the record is needed: the first ρ that it holds may be a late one."""
    data = pysv.solve(replace(small, record=pysv.Record(density_matrix=True)), progress=False)
    basis = density.InitialBasis.of(data.isel(time=slice(5, None)))
    assert basis.rotation is None
    assert basis.label == "flipped spins"
    start = data.ket.values[basis.sectors.order[0]]
    assert start == "↑↑↓↓↓"


def test_modulus_and_phase_of_every_element():
    matrix = np.array([[0.5, 0.5j, 0], [-0.5j, 0.5, -1e-9], [0, -1e-9, 0]])
    modulus, phase = density.parts(matrix, np.array([1, 0, 2]))
    assert np.ma.allclose(modulus[:2, :2], 0.5)
    assert phase[0, 1] == pytest.approx(-0.5)  # row ↔ configuration 1, column ↔ 0
    assert phase[1, 0] == pytest.approx(0.5)
    assert modulus.mask[2].all()
    assert phase.mask[:, 2].all()


def test_a_large_matrix_shows_the_largest_element_of_each_tile():
    matrix = np.zeros((2 * density.FINEST,) * 2, complex)
    matrix[3, 10] = -0.25
    modulus, phase = density.parts(matrix, np.arange(len(matrix)))
    assert modulus.shape == (density.FINEST,) * 2
    assert modulus[1, 5] == 0.25
    assert abs(phase[1, 5]) == 1
    assert modulus.count() == 1


@pytest.mark.parametrize("kind", movie.FORMATS)
def test_a_movie_and_its_poster(kept, kind):
    data = pysv.solve(kept, progress=False)
    film, poster = figures.animate(data, f"a.{kind}", progress=False)
    assert frames_of(film) == 5
    with Image.open(poster) as picture:
        assert picture.size == (576, 270)
    assert sorted(os.listdir()) == sorted([film.name, poster.name])


def test_frames_move(kept):
    """Each frame shows its own snapshot, whatever was shown before."""
    data = pysv.solve(kept, progress=False)
    film = movie.Film(data, dpi=60)
    first, last = film.frame(0), film.frame(4)
    assert (first != last).any()
    assert (film.frame(0) == first).all()


def test_only_recorded_snapshots_become_frames(kept):
    record = replace(kept.record, every=pysv.Every(density_matrix=2))
    data = pysv.solve(replace(kept, record=record), progress=False)
    assert len(movie.Film(data, dpi=40)) == 3


def test_a_short_run_without_density_matrix_is_made_again(small, kept):
    without = pysv.solve(replace(kept, record=small.record), progress=False)
    again = planned.with_matrix(without, False)
    np.testing.assert_array_equal(again.time, without.time)
    np.testing.assert_allclose(again.spin_z, without.spin_z, atol=1e-12)
    assert again.density_matrix.shape == (5, 32, 32)


def test_a_long_run_without_density_matrix_is_refused(small, monkeypatch):
    data = pysv.solve(small, progress=False)
    monkeypatch.setattr(planned, "_KEEP", 0.0)
    with pytest.raises(InvalidInputError, match=r"`density_matrix = true` in its table \[record\]"):
        figures.animate(data, "a.gif", progress=False)
    assert os.listdir() == []


def test_too_many_spins_are_refused(small):
    data = pysv.solve(small, progress=False)
    large = pysv.Experiment(device=pysv.SpinValve.with_layers(8))
    from pysv import config

    data.attrs["experiment"] = config.dumps(large)
    with pytest.raises(InvalidInputError, match="holds no density_matrix, and cannot: it needs the density matrix"):
        figures.animate(data, "a.gif", progress=False)


def test_without_ffmpeg(kept, monkeypatch):
    monkeypatch.setattr(movie, "ffmpeg", lambda: None)
    assert movie.usual_format() == "gif"
    with pytest.raises(NotReadyError, match=r"a.mp4: needs ffmpeg, which is not found; .* or name a .gif"):
        movie.check_target("a.mp4")


def test_an_interrupted_movie_leaves_nothing(kept, monkeypatch):
    data = pysv.solve(kept, progress=False)

    def interrupt(film, number):
        raise KeyboardInterrupt

    monkeypatch.setattr(movie.Film, "frame", interrupt)
    with pytest.raises(KeyboardInterrupt):
        figures.animate(data, "a.mp4", progress=False)
    assert os.listdir() == []


def test_the_command(kept, capsys):
    pysv.solve(replace(kept, times=pysv.times(stop=1, step=0.5)), out="run.nc", progress=False)
    assert main(["movie", "run.nc", "--out", "b.gif", "--quiet", "--rate", "5"]) == 0
    assert capsys.readouterr().out.split() == ["b.gif", "b-poster.png"]
    for words, sentence in {
        ("movie",): "name a result file, or give --paper",
        ("movie", "run.nc", "--paper"): "not both",
        ("movie", "run.nc", "--quick"): "--quick would be ignored without --paper",
        ("movie", "run.nc", "--out", "a.avi"): "unknown movie format 'avi'",
        ("movie", "run.nc", "--out", "no/a.gif"): "the folder no does not exist",
        ("movie", "run.nc", "--rate", "0"): "rate = 0 must be between 1 and 60",
        ("movie", "absent.nc"): "absent.nc: no such file",
        ("plot", "run.nc", "--var", "spin_u"): "unknown variable 'spin_u'; did you mean 'spin_",
    }.items():
        assert main([*words]) == 2
        assert sentence in capsys.readouterr().err
    assert main(["plot", "run.nc", "--var", "log_negativity"]) == 0
    assert capsys.readouterr().out.strip() == "run-log_negativity.png"
    assert sorted(os.listdir()) == ["b-poster.png", "b.gif", "run-log_negativity.png", "run.nc"]


def test_every_kind_of_variable_has_a_picture(kept, tmp_path):
    data = pysv.solve(kept, progress=False)
    by_dims = {data[name].dims: str(name) for name in data.data_vars}
    assert len(by_dims) == 6  # time alone, and with site, spin, flips, momentum, ket and bra
    for name in (*by_dims.values(), "electron_density"):
        assert figures.plot(data, tmp_path / "a.png", variable=name).stat().st_size > 5_000


def test_a_single_picture_shows_the_values(kept):
    from pysv.figures import single

    data = pysv.solve(kept, progress=False)
    for name in ("log_negativity", "spin_z", "magnon_probability", "qfi"):
        drawn = [line.get_ydata() for line in single.draw(data, name).axes[0].lines]
        for curve in np.atleast_2d(data[name].values.T):
            assert any(np.array_equal(curve, line) for line in drawn), name


def test_the_movie_of_the_paper(tmp_path, monkeypatch):
    """Computed and animated by one command; here of five femtoseconds."""
    monkeypatch.setattr(planned, "_QUICK", pysv.times(stop=5, step=1))
    assert main(["movie", "--paper", "--quick", "--quiet", "--out", "paper.gif"]) == 0
    assert frames_of(tmp_path / "paper.gif") == 6


@pytest.mark.slow
def test_sixty_frames_of_the_paper_in_a_minute(tmp_path, monkeypatch):
    import time

    monkeypatch.setattr(movie, "_DPI", {"mp4": 200})
    data = planned.movie_run(progress=False)
    begun = time.monotonic()
    film, _ = figures.animate(data, tmp_path / "paper.mp4", progress=False)
    assert time.monotonic() - begun < 60
    assert frames_of(film) == 61
