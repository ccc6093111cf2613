"""Result files that are not as pysv wrote them: each kind of change ends in one sentence that names the file."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import pysv
from pysv.cli import main
from pysv.errors import ResultFileError
from pysv.results import files
from pysv.results.dataset import coordinates
from pysv.results.validate import dimensions

EARLIER = Path(__file__).parents[1] / "data" / "0.1.0" / "chebyshev.nc"
"""A file without a digest, so that only the check of its contents can refuse it."""


def replaced(file: h5py.File, name: str, values: object, **options: object) -> None:
    """Another array in the place of one of a file, with its attributes and dimensions."""
    attrs = {key: value for key, value in file[name].attrs.items() if key in ("units", "long_name")}
    del file[name]
    file.create_dataset(name, data=values, **options).attrs.update(attrs)


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), float)
    layout[:] = h5py.VirtualSource("elsewhere.nc", "norm", (4,))
    del file["norm"]
    file.create_virtual_dataset("norm", layout)


def external(file: h5py.File) -> None:
    del file["norm"]
    file.create_dataset("norm", (4,), float, external=[("/etc/passwd", 0, 32)])


def linked(file: h5py.File) -> None:
    del file["norm"]
    file["norm"] = h5py.ExternalLink("elsewhere.nc", "norm")


def announced(file: h5py.File) -> None:
    file.create_dataset("zeros", (16_000, 16_000), float)


def too_long(file: h5py.File) -> None:
    del file["norm"]
    file.create_dataset("norm", (10**9,), float, chunks=(1000,), compression="gzip")[:4] = 1.0


def other_dimension(file: h5py.File) -> None:
    replaced(file, "norm", np.ones(4))
    file["norm"].dims[0].attach_scale(file["flips"])  # of the same length


def set_attribute(name: str, value: object):
    return lambda file: file.attrs.__setitem__(name, value)


CHANGES = {
    "text for numbers": (lambda file: replaced(file, "norm", ["a"] * 4), "norm does not hold numbers"),
    "numbers for text": (lambda file: replaced(file, "layer", [1, 2, 3]), "layer does not hold text"),
    "too many dimensions": (lambda file: replaced(file, "norm", np.ones((4, 4))), r"norm has the shape \(4, 4\)"),
    "a number for a series": (lambda file: replaced(file, "energy", 1.0), r"energy has the shape \(\)"),
    "too many spins": (lambda file: replaced(file, "spin_z", np.ones((4, 9))), r"spin_z has the shape \(4, 9\)"),
    "other dimensions": (other_dimension, r"norm has the dimensions \('flips',\), not \('time',\)"),
    "a variable that is gone": (lambda file: file.__delitem__("norm"), "variable norm is missing or empty"),
    "a part that is gone": (
        lambda file: file.__delitem__("density_matrix_imag"),
        "of density_matrix, the real or the imaginary part is missing",
    ),
    "no layer": (lambda file: file.__delitem__("layer"), "the coordinate layer of spin_x is missing"),
    "a strange layer": (
        lambda file: file["layer"].__setitem__(0, "FM_q"),
        "the experiment has no layer 'FM_q'",
    ),
    "a negative time": (lambda file: file["time"].__setitem__(0, -1.0), "times are not ascending numbers from 0 fs"),
    "a time that is no number": (lambda file: file["time"].__setitem__(2, np.nan), "times are not ascending numbers"),
    "no units": (lambda file: file["norm"].attrs.__delitem__("units"), "units of norm is missing"),
    "an external link": (linked, "norm is a link, which pysv does not follow"),
    "an external file": (external, "norm lies in another file, which pysv does not read"),
    "a virtual array": (virtual, "norm lies in another file, which pysv does not read"),
    "an announced array": (announced, "zeros is announced with 2048000000 bytes and holds fewer"),
    "a compressed bomb": (too_long, "norm is announced with 8000000000 bytes and holds fewer"),
    "a number for a text": (set_attribute("status", 7), "attribute status is missing or is not a string"),
    "a text for a number": (set_attribute("wall_time", "long"), "attribute wall_time is missing or is not a number"),
    "a drift that is no number": (set_attribute("drift_norm", np.nan), "attribute drift_norm is nan"),
    "an array for a number": (set_attribute("drift_norm", np.ones(3)), "attribute drift_norm is missing or is not"),
    "versions of nothing": (set_attribute("versions", "[1]"), "attribute versions does not name those of pysv"),
    "versions in no JSON": (set_attribute("versions", "pysv"), "attribute versions is not JSON"),
    "a sweep of nothing": (set_attribute("sweep", json.dumps({"a": 3})), "attribute sweep does not list the values"),
    "seeds of nothing": (set_attribute("seeds", '["a"]'), "attribute seeds does not list whole numbers"),
    "functions in numbers": (set_attribute("functions", 3), "attribute functions is not a string"),
    "an experiment of another kind": (set_attribute("experiment", "[device"), "attribute experiment is not TOML"),
    "an experiment out of range": (
        set_attribute("experiment", "[device]\nsites = -3\n"),
        "names an experiment that is not allowed",
    ),
    "a state in text": (
        lambda file: replaced(file["checkpoint"], "psi_up", ["a"]),
        "psi_up of its saved state does not hold numbers",
    ),
    "a state elsewhere": (
        lambda file: file["checkpoint"].__setitem__("psi_more", h5py.ExternalLink("elsewhere.nc", "psi")),
        "psi_more is a link",
    ),
    "a state without its time": (
        lambda file: file["checkpoint"].attrs.__setitem__("time", "late"),
        "the time of its saved state is missing or is not a number",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_ends_in_one_sentence(change, tmp_path):
    path = Path(shutil.copy(EARLIER, tmp_path / "run.nc"))
    spoil, sentence = CHANGES[change]
    with h5py.File(path, "a") as file:
        spoil(file)
    with pytest.raises(ResultFileError, match=rf"^\S*run\.nc: .*{sentence}"):
        (files.load_state if "state" in change else files.load)(path)


@pytest.mark.parametrize("verb", ["info", "resume", "plot", "movie", "cite"])
def test_every_verb_looks_first(verb, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(EARLIER, "run.nc")
    with h5py.File("run.nc", "a") as file:
        announced(file)
    assert main([verb, "run.nc"]) == 2
    assert capsys.readouterr().err.startswith("pysv: run.nc: is damaged (zeros is announced")


@pytest.mark.parametrize("verb", ["info", "resume", "plot", "movie", "cite"])
def test_what_is_no_file_is_refused_at_once(verb, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.nc")
    os.mkdir("folder.nc")
    os.symlink("loop.nc", "loop.nc")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.nc")
        before = sorted(os.listdir())
        for name, sentence in {
            "pipe.nc": "is not an ordinary file; name a result file",
            "folder.nc": "is not an ordinary file" if verb in ("resume", "cite") else "or it is no folder of a sweep",
            "/dev/zero": "is not an ordinary file; name a result file",
            "socket.nc": "cannot be read (",
            "loop.nc": "symbolic links",
            "x" * 300: "(File name too long)",
        }.items():
            begun = time.monotonic()
            assert main([verb, name]) == 2, name
            assert sentence in capsys.readouterr().err
            assert time.monotonic() - begun < 10
        assert sorted(os.listdir()) == before


def test_arrays_that_nobody_knows_cost_no_memory(tmp_path):
    """2 GB of zeros in a file of some kilobytes, in chunks that were never written, or were compressed."""
    code = (
        "import resource, sys, pysv, pysv.errors\n"
        "usual = pysv.load(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sys.argv[2:]:\n"
        "    try: pysv.load(path)\n"
        "    except pysv.errors.ResultFileError as error: print('refused')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    spoiled = []
    for name, options in {
        "sparse": {"chunks": (1000, 1000)},
        "packed": {"chunks": (1000, 1000), "compression": "gzip"},
    }.items():
        spoiled.append(Path(shutil.copy(EARLIER, tmp_path / f"{name}.nc")))
        with h5py.File(spoiled[-1], "a") as file:
            zeros = file.create_dataset("zeros", (16_000, 16_000), "f8", **options)
            if name == "packed":
                zeros[:1000, :1000] = 0.0
        assert spoiled[-1].stat().st_size < 1e6
    done = subprocess.run([sys.executable, "-c", code, EARLIER, *spoiled], capture_output=True, text=True, check=True)
    *words, grown = done.stdout.split()
    assert words == ["refused"] * 2
    assert int(grown) < 30_000  # KB


def test_a_changed_file_with_a_digest(small, tmp_path):
    """What the check of the contents lets pass, the digest finds."""
    whole = tmp_path / "whole.nc"
    pysv.solve(small, progress=False, out=whole)
    changes = {
        "attribute": lambda file: file.attrs.__setitem__("wall_time", 3.5),
        "value": lambda file: file["norm"].__setitem__(1, 0.5),
        "label": lambda file: file["layer"].__setitem__(0, "analyzer"),
        "units": lambda file: file["energy"].attrs.__setitem__("units", "J"),
        "deleted": lambda file: file.__delitem__("log_negativity"),
    }
    for name, change in changes.items():
        path = Path(shutil.copy(whole, tmp_path / f"{name}.nc"))
        with h5py.File(path, "a") as file:
            change(file)
        with pytest.raises(ResultFileError, match=rf"{name}\.nc: is damaged \(its data and attributes are not those"):
            pysv.load(path)
    for name, change in {
        "time": lambda file: file["checkpoint"].attrs.__setitem__("time", 5.5),
        "psi": lambda file: file["checkpoint/psi_up"].__setitem__((0, 0, 0), 1e-9),
        "array": lambda file: file["checkpoint"].__delitem__("deviations"),
    }.items():
        path = Path(shutil.copy(whole, tmp_path / f"{name}.nc"))
        with h5py.File(path, "a") as file:
            change(file)
        pysv.load(path)
        with pytest.raises(ResultFileError, match=rf"{name}\.nc: is damaged \(its saved state is not the one that was"):
            pysv.resume(path, stop=8, progress=False)


def test_every_flipped_byte_is_noticed(small, tmp_path):
    """A file with one changed byte is refused, or holds what it held."""
    path = tmp_path / "run.nc"
    data = pysv.solve(small, progress=False, out=path)
    state = files.load_state(path)
    whole = bytearray(path.read_bytes())
    refused = 0
    for place in np.random.default_rng(11).integers(0, len(whole), 40):
        spoiled = whole.copy()
        spoiled[place] ^= 1 << int(place % 8)
        path.write_bytes(spoiled)
        try:
            found, other = files.load(path), files.load_state(path)
        except ResultFileError:
            refused += 1
            continue
        xr.testing.assert_identical(found, data)
        assert (other.time, other.fingerprint) == (state.time, state.fingerprint)
        assert all(np.array_equal(other.arrays[name], values) for name, values in state.arrays.items())
    assert refused > 10


def test_a_dataset_of_ones_own_goes_round(small, tmp_path):
    """Parts of a run, further variables and attributes are saved and loaded as before."""
    data = pysv.solve(small, progress=False)
    part = data[["norm", "energy", "spin_z_total", "electron_number", "spin_z"]].isel(time=slice(2, 5), spin=[0, 3])
    part["mean"] = part.spin_z.mean("spin")
    part["words"] = ("spin", ["one", "another"])
    part["high"] = part.spin_z > 0
    part["unnamed"] = (("time", "other"), np.where(np.eye(3) > 0, np.nan, -0.0))
    part = part.assign_attrs(note="mine", numbers=[1, 2, 3], flag=np.int8(1), half=0.5)
    found = pysv.load(pysv.save(part, tmp_path / "part.nc"))
    xr.testing.assert_equal(found, part)
    xr.testing.assert_identical(pysv.load(pysv.save(found, tmp_path / "again.nc")), found)


def test_dimensions_are_those_of_the_coordinates():
    experiment = pysv.Experiment(
        device=pysv.Device(
            sites=30,
            layers=(
                pysv.Layer(name="A", sites=(8, 9), spin=1),
                pysv.Layer(name="B", sites=(12, 12)),
                pysv.Layer(name="C", sites=(15, 15)),
            ),
        ),
        source=pysv.WavePacket(center=5, momentum_spread=0.9),
        record=pysv.Record(density_matrix=True, momenta=(0.1, 0.2, 0.3)),
        times=pysv.times(stop=2, step=0.5),
    )
    sizes = dimensions(experiment)
    assert sizes.pop("time") == 5
    assert sizes == {name: len(coordinates(experiment)[name]) for name in sizes}
