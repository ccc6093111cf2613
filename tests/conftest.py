"""Shared devices, experiments and a hypothesis profile."""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import pysv
from pysv import config
from pysv.engines import going_on
from pysv.measures.sizes import Limits
from pysv.results import files
from pysv.results.destination import OwnFile
from pysv.run.one_run import Run
from pysv.run.restored import Earlier
from pysv.sectors.layout import CUT, Cut

threadpool_limits(1, "blas")  # small matrices: a second thread only waits

hypothesis.settings.register_profile("pysv", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("pysv")


def pytest_configure(config: pytest.Config) -> None:
    """The packet of most small test devices reaches a little beyond the chain, which is not what the tests are about.

    Some run away from the layers.
    """
    config.addinivalue_line("filterwarnings", "ignore::pysv.errors.PacketTruncationWarning")
    config.addinivalue_line("filterwarnings", "ignore::pysv.errors.PacketDirectionWarning")


SMALL_DEVICE = {"sites": 30, "polarizer": (8, 9), "analyzer": (12, 14)}


@pytest.fixture
def small() -> pysv.Experiment:
    """2+3 spins on 30 sites, 6 fs: milliseconds."""
    return pysv.Experiment(
        device=pysv.SpinValve(**SMALL_DEVICE),
        source=pysv.WavePacket(center=5, momentum_spread=0.9),
        times=pysv.times(stop=6, step=0.5),
    )


@pytest.fixture
def experiment_file(tmp_path: Path) -> Path:
    """The `small` experiment as a file."""
    path = tmp_path / "small.toml"
    path.write_text(
        "[device]\nsites = 30\npolarizer = [8, 9]\nanalyzer = [12, 14]\n"
        "[source]\ncenter = 5\nmomentum_spread = 0.9\n[evolution]\nstop = 6\nstep = 0.5\n"
    )
    return path


def random_experiment(seed: int, times: pysv.Times | None = None) -> pysv.Experiment:
    """A random small device with random couplings, spins (tilted for odd seeds) and electron; reproducible."""
    rng = np.random.default_rng(seed)
    n_p, n_a = (int(n) for n in rng.integers(1, 4, 2))
    if n_p + n_a > 4:
        n_a = 4 - n_p
    first = int(rng.integers(1, 4))
    gap = first + n_p + int(rng.integers(0, 3))
    sites = gap + n_a + int(rng.integers(0, 3))
    layers = (first, first + n_p - 1), (gap, gap + n_a - 1)
    polarizer, analyzer = layers[::-1] if seed % 5 == 3 else layers  # now and then FM_a is on the left
    n_p, n_a = polarizer[1] - polarizer[0] + 1, analyzer[1] - analyzer[0] + 1
    device = pysv.SpinValve(
        sites=max(sites, 5),
        polarizer=polarizer,
        analyzer=analyzer,
        hopping=float(rng.uniform(0.5, 1.5)),
        sd_exchange=float(rng.uniform(-0.8, 0.8)),
        exchange=float(rng.uniform(-0.3, 0.3)),
        exchange_z=float(rng.uniform(-0.3, 0.3)),
        convention=("pauli", "half", "mixed")[seed % 3],
    )

    def direction() -> tuple[float, float]:
        return float(rng.uniform(0, math.pi)), float(rng.uniform(-math.pi, math.pi))

    spins: pysv.Antiparallel | pysv.ProductState = pysv.Antiparallel()
    if seed % 2:
        spins = pysv.ProductState(
            polarizer=tuple(direction() for _ in range(n_p)), analyzer=tuple(direction() for _ in range(n_a))
        )
    electron = ("unpolarized", "up", "down", direction())[int(rng.integers(0, 4))]
    source = pysv.WavePacket(
        center=(1 + device.sites) / 2, momentum=float(rng.uniform(-3, 3)), momentum_spread=2.5, spin=electron
    )
    return pysv.Experiment(
        device=device, source=source, spins=spins, times=times or pysv.times(stop=4.0, step=2.0),
        record=pysv.Record(momenta=(0.3, math.pi / 2), density_matrix=True),
    )  # fmt: skip


FACTOR = Limits(block=1)
"""Every system counts as large: ρ is not formed."""


def narrow(width):
    """Every state is large, in tiles of `width` sites, or of two more in single precision."""
    return Cut(0, functools.partial(_narrow_width, width))


def _narrow_width(width, sites, dtype):
    return min(sites, width + 2 * (dtype == np.complex64))


NARROW = narrow(3)


def solve_within(limits, experiment, engine="auto", backend="auto", out=None, checkpoint_every=30.0, cut=CUT):
    """`pysv.solve` with other limits of how snapshots are measured, or with states cut into other tiles."""
    return Run.prepare(experiment, engine, backend, limits=limits, cut=cut).go(
        None if out is None else OwnFile(out), False, checkpoint_every
    )


def resume_within(limits, path, stop=None, cut=CUT):
    """`pysv.resume` with other limits of how snapshots are measured, or with states cut into other tiles."""
    data, state = files.load(path), files.load_state(path)
    asked = config.loads(data.attrs["experiment"])
    times = asked.experiment.times if stop is None else dataclasses.replace(asked.experiment.times, stop=stop)
    longer = dataclasses.replace(asked.experiment, times=times)
    earlier = Earlier(data.isel(time=data.time.values <= state.time + 1e-9), state)
    run = Run.prepare(longer, asked.engine, going_on(asked.backend), limits=limits, cut=cut)
    return run.go(OwnFile(path), False, 30.0, earlier)


class StopAfter:
    """Stands in for Ctrl-C: asks for a stop from some snapshot on, of however many runs."""

    def __init__(self, snapshots):
        self.left = snapshots

    def __call__(self, notice):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    @property
    def requested(self):
        self.left -= 1
        return self.left <= 0
