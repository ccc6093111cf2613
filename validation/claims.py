"""What the paper states without showing it, and what it gets wrong, in numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import xarray as xr
from rows import Row, difference, number, table
from scipy.integrate import simpson

import pysv
from pysv.figures import catalog
from pysv.figures.planned import Version
from pysv.measures import negativity_bound
from pysv.model.basis import Spins
from pysv.model.conservation import down_spins

SHORT = pysv.times(stop=30, step=1)
AXES = "xyz"


def rows(reduced: bool) -> Iterator[Row]:
    yield from thermal()
    yield from one_flip(reduced)
    yield from three_flips(reduced)
    yield passed_charge()
    yield from long_chain(reduced)
    yield from no_torque()
    yield from below_the_bound(reduced)


def thermal() -> Iterator[Row]:
    """ρ = ρ_p ⊗ ρ_a before the pulse."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve.with_layers(2), spins=pysv.Gibbs(temperature=100), times=pysv.times(stop=1)
    )
    start = pysv.solve(experiment, progress=False).isel(time=0)
    against, cases = "0: ρ = ρ_p ⊗ ρ_a", "Gibbs state at 100 K, 2+2 spins"
    for name in ("mutual_information", "log_negativity"):
        label = start[name].attrs["long_name"]
        yield Row(f"before the pulse: {label} (nat)", against, cases, abs(float(start[name])), 1e-12)
    parts = float(start.entropy_polarizer) + float(start.entropy_analyzer)
    yield Row(
        "before the pulse: entropy (nat)", "sum over the layers", cases, difference(start.entropy_total, parts), 1e-12
    )


def one_flip(reduced: bool) -> Iterator[Row]:
    """S^z lets an electron flip one spin of layers that are all up, and no more."""
    electron = pysv.Experiment(
        device=pysv.SpinValve.with_layers(2 if reduced else 4),
        source=pysv.WavePacket(spin="down"),
        spins=pysv.Parallel(),
        times=SHORT,
    )
    data = pysv.solve(electron, progress=False)
    yield Row(
        "one electron, spin down: probability of two magnons or more", "0: S^z", "all layers up, 30 fs",
        float(data.magnon_probability.sel(flips=slice(2, None)).sum("flips").max()), 1e-12,
    )  # fmt: skip


def three_flips(reduced: bool) -> Iterator[Row]:
    """Two electrons: two flips of layers that are all up, three and more of antiparallel ones."""
    layers, stop = ((53, 54), (59, 60)) if reduced else ((52, 54), (59, 61)), 80
    found = {}
    for spin, spins in (("down", pysv.Parallel()), ("unpolarized", pysv.Antiparallel())):
        experiment = pysv.Experiment(
            device=pysv.SpinValve.for_several_electrons(polarizer=layers[0], analyzer=layers[1]),
            source=pysv.ConfinedElectrons(spin=spin),
            spins=spins,
            times=pysv.times(stop=stop, step=20),
        )
        data = pysv.solve(experiment, engine="fock", progress=False)
        found[spin] = data.magnon_probability.sel(flips=slice(3, None)).sum("flips")
    size = layers[0][1] - layers[0][0] + 1
    yield Row(
        "two electrons, spin down: probability of three magnons or more", "0: S^z",
        f"all layers up, {size}+{size} spins, {stop} fs", float(found["down"].max()), 1e-12,
    )  # fmt: skip
    yield Row(
        "two electrons: smallest probability of at most two magnons", "below 1: P_{m≥3} > 0",
        f"antiparallel, {size}+{size} spins, {stop} fs", float(1 - found["unpolarized"].max()), 0.999,
    )  # fmt: skip


def passed_charge() -> Row:
    """∫ j dt through a bond that the whole packet passes."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve.with_layers(1, sites=160, sd_exchange=0.0),
        source=pysv.WavePacket(center=40),
        times=pysv.times(stop=20, step=0.05),
        record=pysv.Record(currents=True),
    )
    data = pysv.solve(experiment, progress=False)
    charge = simpson(data.current.sel(bond_site=70), x=data.time)
    return Row("∫ j dt through a bond beyond the packet", "N_e = 1", "J_sd = 0, 20 fs", abs(charge - 1), 1e-6)


def long_chain(reduced: bool) -> Iterator[Row]:
    """Longer leads on both sides change nothing before the first echo."""
    spins = 2 if reduced else 4
    runs = []
    for sites, shift in ((201, 0), (401, 100)):
        experiment = pysv.Experiment(
            device=pysv.SpinValve.with_layers(spins, sites=sites, first=54 + shift),
            source=pysv.WavePacket(center=30 + shift),
            times=SHORT,
        )
        runs.append(pysv.solve(experiment, progress=False))
    short, long = runs
    for name in ("mutual_information", "log_negativity", "spin_z"):
        label = short[name].attrs["long_name"]
        yield Row(
            f"201 sites, before the first echo: {label}", "401 sites", f"{spins}+{spins} spins, 30 fs",
            difference(short[name], long[name]), 1e-5,
        )  # fmt: skip


@lru_cache
def collinear() -> dict[str, xr.Dataset]:
    """The valve beside classical vectors, and with its quantum spins."""
    experiment = pysv.Experiment(times=SHORT, record=pysv.Record(torque=True))
    return {engine: pysv.solve(experiment, engine=engine, progress=False) for engine in ("llg", "chebyshev")}


def motion(data: xr.Dataset) -> float:
    """Largest change of a component of a localized spin."""
    return max(float(abs(data[f"spin_{axis}"] - data[f"spin_{axis}"][0]).max()) for axis in AXES)


def torque(data: xr.Dataset) -> float:
    """Largest component of the torque on a localized spin, 1/fs."""
    return max(float(abs(data[f"torque_{axis}"]).max()) for axis in AXES)


def no_torque() -> Iterator[Row]:
    """A classical vector feels no torque of an electron that is polarised along it."""
    vectors = collinear()["llg"]
    against, cases = "0: the vectors are collinear", "4+4 spins, 30 fs"
    yield Row("classical layers, `llg`: largest torque (1/fs)", against, cases, torque(vectors), 1e-12)
    yield Row("classical layers, `llg`: largest change of a spin", against, cases, motion(vectors), 1e-12)


def beside_the_quantum_spins() -> str:
    """The same two numbers for quantum spins."""
    runs = collinear()
    return table(
        ("the same valve", "classical (`llg`)", "quantum (`chebyshev`)"),
        (
            (label, *(number(measure(data)) for data in runs.values()))
            for label, measure in (("largest torque (1/fs)", torque), ("largest change of a spin", motion))
        ),
    )


def below_the_bound(reduced: bool) -> Iterator[Row]:
    """How far the negativity gets, in units of what S^z allows."""
    for label, run in catalog.runs(4, Version(quick=reduced)).items():
        experiment, spins = run.experiment, run.experiment.device.n_spins // 2
        if spins > 4:
            break
        bound = negativity_bound(Spins.of(spins), Spins.of(spins), down_spins(experiment))
        assert np.isclose(bound, spins * math.log(2))
        largest = float(pysv.solve(experiment, progress=False).log_negativity.max())
        yield Row(
            f"{label} spins: largest negativity / bound by S^z", f"1, where it is {spins} ln 2",
            f"Fig. 4, {experiment.times.stop:g} fs", largest / bound, 1.0,
        )  # fmt: skip
