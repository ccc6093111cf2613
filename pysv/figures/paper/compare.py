"""What the paper's text says about each figure, beside what the runs show; every value and verdict is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import comb
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from pysv.figures import style
from pysv.units import to_hopping_times

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.source import WavePacket

    Curves = Sequence[tuple[str, xr.Dataset]]

SHARE = 0.05
"""A quantity has set in when it has made this share of its largest change in the single pass."""
NOTHING = 1e-9
"""What is smaller is rounding noise."""
PASSED = 30.0
"""Time (fs) at which sizes are compared: the packet has passed both layers."""
AGREES, SHAPE, DIFFERS, ABSENT = "yes", "in order, not in fs", "**no**", "not shown"


class Point(NamedTuple):
    """One line of the page: what the text says, what the run shows, and whether they agree."""

    says: str
    shows: str
    agrees: str


def onset(values: xr.DataArray, until: float) -> float:
    """Time (fs) at which a quantity has made `SHARE` of its largest change before `until`; nan if it never changes.

    It is interpolated between snapshots. Of a quantity with a second dimension, such as the spins of a layer, the
    member that has changed most counts at every time.
    """
    seen = values.dropna("time").sel(time=slice(None, until))
    change = abs(seen - seen.isel(time=0)).values
    if change.size == 0 or change.max() < NOTHING:
        return float("nan")
    leader = change if change.ndim == 1 else change.max(axis=1)  # the farthest member of a layer
    after = int((leader > SHARE * change.max()).argmax())  # never 0: nothing has changed there
    times, ends = seen["time"].values[after - 1 : after + 1], leader[after - 1 : after + 1]
    return float(np.interp(SHARE * change.max(), ends, times))


class Pass:
    """A run up to the first wall echo, the single pass that the paper describes."""

    def __init__(self, data: xr.Dataset, experiment: Experiment) -> None:
        self.whole = data
        self.experiment = experiment
        self.end = min([float(data["time"][-1]), *(time for time, _ in experiment.wall_echoes)])
        self.data = data.sel(time=slice(None, self.end))

    @property
    def packet(self) -> WavePacket:
        """The incoming electron; runs of several electrons have none."""
        return self.experiment.source  # type: ignore[return-value]

    @property
    def velocity(self) -> float:
        """Group velocity of the packet, sites/fs."""
        return self.packet.velocity(self.experiment.device.hopping)

    @property
    def together(self) -> float:
        """Times this close (fs) count as one: the packet takes as long to move by its own standard deviation."""
        return 1 / (self.packet.momentum_spread * self.velocity)

    def onset(self, name: str, layer: str | None = None, **at: int) -> float:
        """See `onset`."""
        values = self.whole[name].sel(at) if at else self.whole[name]
        return onset(values[:, (values["layer"] == layer).values] if layer else values, self.end)

    def largest(self, name: str, **at: float) -> float:
        """Largest absolute value."""
        return float(abs(self.data[name].sel(at, method="nearest") if at else self.data[name]).max())

    def when_largest(self, name: str) -> float:
        """Time of the largest absolute value, fs."""
        return float(self.data["time"][int(abs(self.data[name]).argmax("time"))])


def figure2(run: Pass) -> Iterator[Point]:
    """Spins of the electron and of the layers."""
    data = run.data
    start, top = abs(float(data["electron_spin_z"][0])), run.largest("electron_spin_z")
    yield Point(
        "the pulse starts unpolarized and develops a finite z polarization as it passes FM$_p$",
        f"⟨σ^z⟩ of the electron is {start:.0e} at t = 0 and reaches {top:.2f} at "
        f"{run.when_largest('electron_spin_z'):.1f} fs",
        _verdict(start < NOTHING < top),
    )
    first, second = run.onset("spin_z", "polarizer"), run.onset("spin_z", "analyzer")
    yield Point(
        "the spins of FM$_p$ start at t ≃ 10 fs, those of FM$_a$ at t ≃ 20 fs",
        f"they start at {first:.1f} fs and {second:.1f} fs, {second - first:.1f} fs apart",
        _in_order(first, second, 10, 20),
    )
    peak = run.when_largest("electron_spin_z")
    yield Point(
        "the electron's polarization starts to decay exactly when the spins of FM$_a$ start to evolve",
        f"it is largest at {peak:.1f} fs; FM$_a$ starts at {second:.1f} fs",
        _verdict(abs(peak - second) <= run.together),
    )
    transverse = max(run.largest("spin_x"), run.largest("spin_y"))
    yield Point(
        "⟨S^x⟩ = ⟨S^y⟩ ≡ 0: no rotation away from the z axis",
        f"the largest transverse component is {transverse:.0e}",
        _verdict(transverse < NOTHING),
    )
    length = float(np.sqrt(data["spin_x"] ** 2 + data["spin_y"] ** 2 + data["spin_z"] ** 2).min())
    yield Point(
        "the spins' vectors shrink, |⟨S⟩| < Sħ",
        f"the shortest has {length:.2f} of its full length",
        _verdict(length < 1 - 1e-3),
    )


def figure3(run: Pass) -> Iterator[Point]:
    """Entropies, mutual information and negativity."""
    data = run.data
    both = "mutual_information", "log_negativity"
    start, end = (max(abs(float(data[name][at])) for name in both) for at in (0, -1))
    yield Point(
        "mutual information and negativity rise from zero at t = 0 to finite values",
        f"at t = 0 they are below {max(start, 1e-15):.0e}; the largest are {run.largest(both[0]):.3f} and "
        f"{run.largest(both[1]):.3f} nat",
        _verdict(start < NOTHING < end),
    )
    names = {"polarizer": "entropy_polarizer", "analyzer": "entropy_analyzer"}
    first, second = (run.onset(name) for name in names.values())
    yield Point(
        "the entropy of FM$_a$ turns nonzero at t ≳ 20 fs, after that of FM$_p$",
        f"it sets in at {second:.1f} fs, that of FM$_p$ at {first:.1f} fs",
        _in_order(first, second, 10, 20),
    )
    entangled, moving = run.onset("log_negativity"), run.onset("spin_z", "analyzer")
    yield Point(
        "entanglement sets in at the very time (≃ 20 fs) at which the spins of FM$_a$ start to evolve",
        f"the negativity sets in at {entangled:.1f} fs, the spins of FM$_a$ at {moving:.1f} fs, the entropy of FM$_a$ "
        f"at {second:.1f} fs",
        SHAPE if abs(entangled - moving) <= run.together else f"{DIFFERS}: {entangled - moving:.1f} fs apart",
    )
    yield Point("100 K delays and lowers the negativity, a bath at 100 K lets it decay", "T = 0 only", ABSENT)


def figure4(runs: Sequence[tuple[str, Pass]]) -> Iterator[Point]:
    """Negativity against the number of spins."""
    sizes = [(label, _at_pass(run.whole["log_negativity"], run.end)) for label, run in runs]
    grows = all(one <= other for (_, one), (_, other) in pairwise(sizes))
    yield Point(
        "the negativity grows with the number of spins",
        f"at {PASSED:g} fs: " + ", ".join(f"{label} {value:.3f}" for label, value in sizes),
        _verdict(grows and len(sizes) > 1),
    )


def figure5(run: Pass) -> Iterator[Point]:
    """Probabilities of m flipped spins."""
    flips = run.data["flips"].values
    begun = {m: run.onset("magnon_probability", flips=int(m)) for m in flips if m in (1, 2, 3)}
    spread = max(begun.values()) - min(begun.values())
    yield Point(
        "m = 0 stays close to one until m = 1, 2, 3 are concurrently excited around t ≃ 20 fs",
        "they set in at " + ", ".join(f"{time:.1f} fs (m = {m})" for m, time in begun.items()),
        SHAPE if spread <= run.together else f"{DIFFERS}: one after the other, over {spread:.1f} fs",
    )
    largest = [run.largest("magnon_probability", flips=m) for m in flips]
    yield Point(
        f"at later times even the state with all {flips[-1]} spins flipped is excited",
        f"its probability reaches {largest[-1]:.1e}",
        _verdict(largest[-1] > NOTHING),
    )
    falls = all(one > other for one, other in pairwise(largest[2:]))
    yield Point(
        "the probabilities of m ≥ 3 are progressively smaller than those of m = 1, 2",
        "the largest are " + ", ".join(f"{value:.1e} (m = {m})" for m, value in zip(flips, largest, strict=True) if m),
        _verdict(falls),
    )
    w = run.largest("w_fidelity")
    yield Point("the one-magnon W state has a nonzero probability", f"it reaches {w:.3f}", _verdict(w > NOTHING))
    total = float(abs(run.whole["spin_z_total"]).max())
    yield Point("⟨S^z_tot⟩ = 0 at all times", f"the largest |⟨σ^z_tot⟩| is {total:.0e}", _verdict(total < 1e-8))
    device = run.experiment.device
    reached = sum(comb(device.n_spins, device.n_analyzer + change) for change in (-1, 0, 1))
    yield Point(
        "182 of the 256 configurations can be excited",
        f"the sectors of the two pure runs hold {reached} of {2**device.n_spins}",
        _verdict((reached, device.n_spins) == (182, 8)),
    )


def figure6(runs: Sequence[tuple[str, Pass]]) -> Iterator[Point]:
    """Several electrons: how much the spins shrink, and how much the halves of the chain are entangled."""
    shrunk = [(label, 1 - float(abs(run.whole["spin_z"]).min())) for label, run in runs]
    yield Point(
        "the localized spins shrink the more, the more electrons",
        "1 − |⟨σ^z⟩| reaches " + ", ".join(f"{value:.3f} ({label})" for label, value in shrunk),
        _verdict(all(one < other for (_, one), (_, other) in pairwise(shrunk))),
    )
    halves = [(label, float(run.whole["entropy_half"].max())) for label, run in runs]
    yield Point(
        "S_half grows larger with more electrons",
        "it reaches " + ", ".join(f"{value:.2f} nats ({label})" for label, value in halves),
        _verdict(all(one < other for (_, one), (_, other) in pairwise(halves))),
    )


def figure7(runs: Sequence[tuple[str, Pass]]) -> Iterator[Point]:
    """Fisher informations."""
    for label, run in runs:
        printed, true = (
            [(style.momentum_label(k), run.largest(name, momentum=k)) for k in run.data["momentum"].values]
            for name in ("qfi_paper", "qfi")
        )
        yield Point(
            f"f$_Q$, Eq. (29), becomes nonzero ({label})",
            "it reaches " + ", ".join(f"{value:.2f} ({k})" for k, value in printed),
            _verdict(min(value for _, value in printed) > NOTHING),
        )
        witness = max(value for _, value in true)
        yield Point(
            f"f$_Q$ witnesses entanglement of the mixed state ({label})",
            f"Eq. (29) is 4 Var/N in Pauli units, which bounds the QFI from above and witnesses nothing; the QFI per "
            f"spin reaches {witness:.2f}, and a witness needs more than 1",
            _verdict(witness > 1),
        )


def page(made: dict[int, tuple[Curves, Experiment]], *, quick: bool) -> str:
    """The page beside the pictures, in Markdown.

    Parameters
    ----------
    made : dict of int to (curves, Experiment)
        For each figure drawn: its labelled runs, and the experiment of the first.
    quick : bool
        Whether the runs are the shorter ones.

    Returns
    -------
    str
    """
    writers: dict[int, Callable[[list[tuple[str, Pass]]], Iterator[Point]]] = {
        2: lambda runs: figure2(runs[0][1]),
        3: lambda runs: figure3(runs[0][1]),
        4: figure4,
        5: lambda runs: figure5(runs[0][1]),
        6: figure6,
        7: figure7,
    }
    lines = [
        "# The figures of the paper, and what its text says about them",
        "",
        f"Onsets are the times at which a quantity has made {SHARE:.0%} of its largest change before the first wall "
        "echo. Two times count as one if the packet moves by less than its standard deviation (5 sites, 1.6 fs for "
        "the paper's) in between. Sizes are those of this single pass."
        + (" These are the short runs of `--quick`." if quick else ""),
        "",
    ]
    for number, (curves, experiment) in made.items():
        runs = [(label, Pass(data, experiment)) for label, data in curves]
        lines += [f"## Figure {number}", "", f"![Figure {number}](figure{number}.png)", ""]
        lines += ["| the paper's text | this run | agrees? |", "|---|---|---|"]
        lines += [
            f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in point)} |" for point in writers[number](runs)
        ]
        lines.append("")
        if number == 2:
            lines += [*_time_axis(runs[0][1]), ""]
    return "\n".join(lines)


def _time_axis(run: Pass) -> list[str]:
    """Why times are not compared."""
    device = run.experiment.device
    velocity = run.velocity
    apart = device.analyzer[0] - device.polarizer[0]
    first, second = run.onset("spin_z", "polarizer"), run.onset("spin_z", "analyzer")
    return [
        f"**The time axis.** A packet of this momentum runs {velocity:.2f} sites/fs, so that the {apart} sites from "
        f"the first site of FM$_p$ to that of FM$_a$ take {apart / velocity:.1f} fs. The paper's γ = 1 eV and its "
        f"onsets at 10 fs and 20 fs cannot both hold: its axis is probably not in fs. In ħ/γ the onsets here are "
        f"{to_hopping_times(first, device.hopping):.1f} and {to_hopping_times(second, device.hopping):.1f}; they move "
        "with the initial position of the packet, which the text does not give. Compare order, shape and size.",
    ]


def _in_order(first: float, second: float, paper_first: float, paper_second: float) -> str:
    if not first < second:
        return DIFFERS
    near = abs(first - paper_first) <= 1 and abs(second - paper_second) <= 1
    return AGREES if near else SHAPE


def _at_pass(values: xr.DataArray, end: float) -> float:
    return float(values.dropna("time").sel(time=min(PASSED, end), method="nearest"))


def _verdict(holds: bool) -> str:
    return AGREES if holds else DIFFERS
