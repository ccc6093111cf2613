"""Small experiments of all kinds, as files."""

from __future__ import annotations

from pathlib import Path

DEVICE = "[device]\nsites = 30\npolarizer = [8, 9]\nanalyzer = [12, 14]\n"
PACKET = "[source]\ncenter = 5\nmomentum_spread = 0.9\n"
SMALL = DEVICE + PACKET + "[evolution]\nstop = 6.0\nstep = 0.5\n"
"""2+3 spins on 30 sites, 13 snapshots: milliseconds."""
LONG = DEVICE + PACKET + "[evolution]\nstop = 60.0\nstep = 2.0\n"
"""The same to 60 fs: about a second."""
BATH = "[bath]\ntemperature = 100.0\ncoupling = 'x'\nstrength = 0.0144\ncutoff = 0.1\ncutoff_shape = 'gaussian'\n"

TINY = "[device]\nsites = 9\npolarizer = [4, 4]\nanalyzer = [7, 7]\n"
WIDE = "[source]\ncenter = 3.0\nmomentum = 1.5\nmomentum_spread = 1.2\nallow_truncation = true\n"
TIMES = "[evolution]\nstop = 2.0\nstep = 1.0\n"
LAYERS = """[device]
sites = 12
hopping = [1.0, 0.9]
convention = 'half'
[[device.potential]]
sites = [9, 10]
energy = 0.5
disorder = 0.1
seed = 3
[[device.layer]]
name = 'FM_p'
sites = [5, 6]
spin = 1.0
sd_exchange = [0.5, 0.4]
exchange = -0.1
exchange_z = 0.1
anisotropy = 0.02
field = 0.01
[[device.layer]]
name = 'FM_a'
sites = [8, 8]
"""
KINDS = {
    "plain": TINY + "hopping = 1.0\nsd_exchange = 0.5\nexchange = 0.1\nexchange_z = 0.1005\n" + WIDE + TIMES,
    "layers": LAYERS + WIDE + "[spins]\nkind = 'product'\nFM_p = [0.3, 0.0]\n[record]\nbetween = ['FM_p', 'FM_a']\n"
    "currents = true\ntorque = true\nmomenta = [0.1, 0.5]\nobservables = { zz = 'Z1 Z3' }\n" + TIMES,
    "gibbs": TINY + WIDE + "[spins]\nkind = 'gibbs'\ntemperature = 100.0\npinning = 0.02\n" + TIMES,
    "bath": TINY + WIDE + BATH + TIMES + "engine = 'low-rank'\n[evolution.low-rank]\ntime_step = 0.5\n",
    "trajectories": TINY + WIDE + BATH + TIMES + "engine = 'trajectories'\n[evolution.trajectories]\nntraj = 8\n",
    "two electrons": TINY + "[source]\nkind = 'confined'\nelectrons = 2\nconfined_sites = 3\nwell = 2.0\nfield = 10.0\n"
    "allow_leak = true\n" + TIMES + "engine = 'fock'\n",
    "train": "[device]\nsites = 60\npolarizer = [30, 30]\nanalyzer = [33, 33]\n[source]\nkind = 'train'\n"
    "center = 10.0\nmomentum_spread = 1.2\npulses = 2\ninterval = 50.0\n",
    "rk4": TINY + WIDE + TIMES + "engine = 'rk4'\n[evolution.rk4]\ntime_step = 0.1\n",
}  # fmt: skip
"""One file of each kind; none takes more than a second."""
ENGINES = {
    "chebyshev": LONG,
    "rk4": LONG + "engine = 'rk4'\n",
    "low-rank": TINY + WIDE + BATH + "[evolution]\nstop = 40.0\nstep = 2.0\nengine = 'low-rank'\n",
    "trajectories": TINY + WIDE + BATH + "[evolution]\nstop = 40.0\nstep = 2.0\nengine = 'trajectories'\n"
    "[evolution.trajectories]\nntraj = 16\n",
}  # fmt: skip
"""Runs of about a second, on engines whose states differ."""


def written(folder: Path, text: str, name: str = "run.toml") -> Path:
    """An experiment file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def empty(folder: Path, number: int) -> Path:
    """An empty folder for one case."""
    path = folder / f"{number:04d}"
    path.mkdir()
    return path
