"""An experiment as a table with a drawing of the chain to scale: as text, and as HTML with SVG."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pysv.errors import cut
from pysv.experiment.bath import BosonicBath
from pysv.experiment.device import ChainDevice
from pysv.experiment.record import Record
from pysv.experiment.source import Amplitudes, ConfinedElectrons, OneElectron, WavePacket
from pysv.experiment.spins import SpinSetting
from pysv.experiment.times import Times

COLUMNS = 72
"""Largest width of the drawing in letters; a longer chain has several sites in a column."""
WIDTH = 720
"""Width of the drawing in HTML, pixels."""
_BARS = " ▁▂▃▄▅▆▇█"
_LEAST = 0.02
"""Density, in units of its largest value, below which nothing is drawn."""
_LONGEST = 160
_COLORS = ("#3f6fa8", "#c8702a", "#2f8f5b", "#7b4fa3", "#5a5a5a")
Rows = list[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Chain:
    """What is drawn of a chain.

    Parameters
    ----------
    sites : int
    layers : tuple of (str, tuple of int)
        Name and sites of each layer.
    potential : tuple of int
        Sites with a potential.
    density : tuple of float
        Density of the electrons at t = 0 on each site, in units of its largest value.
    arrow : str
        Where a packet runs: "→", "←" or "".
    """

    sites: int
    layers: tuple[tuple[str, tuple[int, ...]], ...]
    potential: tuple[int, ...]
    density: tuple[float, ...]
    arrow: str

    @classmethod
    def of(cls, device: ChainDevice, source: OneElectron | ConfinedElectrons) -> Chain:
        """The chain of a device, with the electrons where they start."""
        density, arrow = _density(source, device.sites), ""
        if isinstance(source, WavePacket):
            speed = source.velocity(device.hoppings[0])
            arrow = "" if abs(speed) < 1e-12 else "→" if speed > 0 else "←"
        layers = tuple((layer.name, tuple(layer.spin_sites)) for layer in device.layers)
        potential = tuple(sorted(site for site, energy in device.potentials.items() if energy))
        return cls(device.sites, layers, potential, density, arrow)


def _density(source: OneElectron | ConfinedElectrons, sites: int) -> tuple[float, ...]:
    """Density at t = 0; of orbitals of a well the sites of the well alone."""
    if isinstance(source, WavePacket | Amplitudes):
        weight = abs(source.amplitudes(sites)) ** 2
        return tuple((weight / weight.max()).tolist())
    well = int(getattr(source, "confined_sites", 0))
    return (1.0,) * well + (0.0,) * (sites - well)


def rows(
    device: ChainDevice,
    source: OneElectron | ConfinedElectrons,
    spins: SpinSetting,
    bath: BosonicBath | None,
    times: Times,
    record: Record,
) -> Rows:
    """Name and content of each line of the table."""
    hoppings = device.hoppings
    gamma = f"{hoppings[0]:g}" if len(hoppings) == 1 else cut(str(list(hoppings)), 40)
    found: Rows = [("device", f"{device.sites:,} sites, hopping {gamma} eV, convention {device.convention}")]
    for layer in device.layers:
        own = _entries(layer, leave=("name", "sites", "spin"), usual=("anisotropy", "field"))
        number = f"{layer.count} spin{'s' if layer.count > 1 else ''} {_spin(layer.spin)} on {_sites(layer.spin_sites)}"
        found.append(("layer", f"{layer.name}: {number}; {', '.join(own)}"))
    if device.potentials:
        energies = [energy for energy in device.potentials.values() if energy] or [0.0]
        where = _sites([site for site, energy in device.potentials.items() if energy])
        low, high = min(energies), max(energies)
        span = f"{low:g}" if low == high else f"{low:g} … {high:g}"
        found.append(("potential", f"{span} eV on {where or 'no site'}"))
    found.append(("source", _part(source)))
    found.append(("spins", _part(spins)))
    found.append(("bath", "none, a closed system" if bath is None else ", ".join(_entries(bath))))
    many = f"{times.count:,} snapshots"
    every = "at times of a list" if times.at else f"every {times.step:g} fs"
    found.append(("times", f"{float(times.values[0]):g} … {times.stop:g} fs, {every}, {many}"))
    changed = _entries(record, usual=tuple(entry.name for entry in dataclasses.fields(record)))
    found.append(("record", ", ".join(changed) or "the usual measures at every snapshot"))
    return [(name, cut(text, _LONGEST)) for name, text in found]


def as_text(table: Rows, chain: Chain) -> str:
    """The table with the drawing below it."""
    lines = [f"{name:<12} {text}" for name, text in table]
    names = ["electrons", "chain", "sites"]
    lines += [f"{name:<12} {line}".rstrip() for name, line in zip(names, drawing(chain), strict=True)]
    return "\n".join(lines)


def drawing(chain: Chain) -> tuple[str, str, str]:
    """Electrons, chain and numbers of sites, each as a line of at most 72 letters.

    Bars show the density of the electrons, an arrow where they run. A column is ``█`` where it holds a localized spin,
    ``≡`` where it holds a potential, and ``─`` elsewhere.
    """
    columns = min(COLUMNS, chain.sites)

    def column(site: int) -> int:
        return (site - 1) * columns // chain.sites

    bars, track = [0.0] * columns, ["─"] * columns
    for site, value in enumerate(chain.density, start=1):
        bars[column(site)] = max(bars[column(site)], value)
    for site in chain.potential:
        track[column(site)] = "≡"
    for _, sites in chain.layers:
        for site in sites:
            track[column(site)] = "█"
    electrons = "".join(_BARS[math.ceil(value * 8)] if value >= _LEAST else " " for value in bars)
    if chain.arrow == "→" and len(electrons.rstrip()) < columns:
        electrons = electrons.rstrip() + "→"
    elif chain.arrow == "←" and electrons[:1] == " ":
        start = len(electrons) - len(electrons.lstrip())
        electrons = electrons[: start - 1] + "←" + electrons[start:]
    wanted = [1, *(sites[0] for _, sites in chain.layers), chain.sites]
    return electrons, "".join(track), _numbers([(column(site), str(site)) for site in wanted], columns)


def _numbers(places: Iterable[tuple[int, str]], columns: int) -> str:
    """Numbers below their columns; one without room is left out, the last one ends with the chain."""
    listed = list(places)
    last = listed.pop()[1]
    end = max(0, columns - len(last))
    line = ""
    for place, number in listed:
        if (not line or place > len(line)) and place + len(number) < end:
            line = line.ljust(place) + number
    return line.ljust(end) + last


def as_html(table: Rows, chain: Chain) -> str:
    """The table and the drawing for a notebook."""
    cells = "".join(
        f'<tr><td style="text-align:left"><b>{html.escape(name)}</b></td>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in table
    )
    return f"<table>{cells}</table>{as_svg(chain)}"


def as_svg(chain: Chain) -> str:
    """The chain to scale: the line of sites, layers as boxes, potentials as bars below, electrons as a filled curve."""
    scale, base, height = WIDTH / chain.sites, 70, 104
    shapes = [f'<line x1="0" y1="{base}" x2="{WIDTH}" y2="{base}" stroke="#444"/>']
    drawn = [(site, value) for site, value in enumerate(chain.density, start=1) if value >= _LEAST / 4]
    if drawn:
        step = max(1, len(drawn) // 400)
        points = [((site - 0.5) * scale, base - 50 * value) for site, value in drawn[::step]]
        curve = " ".join(f"{x:.1f},{y:.1f}" for x, y in [(points[0][0], base), *points, (points[-1][0], base)])
        shapes.append(f'<polygon points="{curve}" fill="#9bb8d3" stroke="#3f6fa8"/>')
        place = points[-1][0] + 6 if chain.arrow == "→" else points[0][0] - 20
        shapes.append(f'<text x="{place:.1f}" y="{base - 8}" font-size="16">{chain.arrow}</text>')
    for site in chain.potential[:2000]:
        shapes.append(_box(site - 1, 1, scale, base + 2, 8, "#999"))
    for (name, sites), color in zip(chain.layers, _cycle(_COLORS), strict=False):
        shapes += [_box(first - 1, last - first + 1, scale, base - 12, 24, color) for first, last in _runs(sites)]
        x = (sites[0] - 1) * scale
        label = f"{html.escape(name)} {_sites(sites)}"
        shapes.append(f'<text x="{x:.1f}" y="{base - 18 - 12 * (len(shapes) % 2)}" font-size="10">{label}</text>')
    shapes.append(f'<text x="0" y="{base + 26}" font-size="10">1</text>')
    shapes.append(f'<text x="{WIDTH}" y="{base + 26}" font-size="10" text-anchor="end">{chain.sites}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
    return f"{head}<title>the chain, to scale</title>{''.join(shapes)}</svg>"


def _box(start: float, count: float, scale: float, top: float, height: float, color: str) -> str:
    place = f'x="{start * scale:.2f}" y="{top}" width="{count * scale:.2f}" height="{height}"'
    return f'<rect {place} fill="{color}"/>'


def _cycle(colors: Sequence[str]) -> Iterator[str]:
    while True:
        yield from colors


def _runs(sites: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each series of neighbouring sites."""
    found: list[tuple[int, int]] = []
    for site in sorted(sites):
        if found and site == found[-1][1] + 1:
            found[-1] = found[-1][0], site
        else:
            found.append((site, site))
    return found


def _sites(sites: Sequence[int]) -> str:
    """Sites in words.

    >>> _sites([3, 4, 5, 9])
    '3–5, 9'
    """
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in _runs(sites))


def _spin(length: float) -> str:
    return f"{round(2 * length)}/2" if round(2 * length) % 2 else f"{length:g}"


def _part(part: Any) -> str:
    """Class and fields of a part."""
    return ", ".join([type(part).__name__, *_entries(part, usual=("allow_truncation", "polarization", "layers"))])


def _entries(part: Any, *, leave: Sequence[str] = (), usual: Sequence[str] = ()) -> list[str]:
    """Fields of a part with their units, but those of `leave`, and those of `usual` that have their defaults."""
    found = []
    for entry in dataclasses.fields(part):
        value = getattr(part, entry.name)
        default = value == entry.default or (
            entry.default_factory is not dataclasses.MISSING and value == entry.default_factory()
        )
        if value is None or entry.name in leave or (entry.name in usual and default):
            continue
        unit = str(entry.metadata.get("unit", "")) if isinstance(value, int | float) else ""
        shown = f" {unit}" if unit and " " not in unit.replace("rad per site", "") and unit != "site" else ""
        found.append(f"{entry.name} {_word(value)}{shown}")
    return found


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, list | tuple):
        return cut(f"[{', '.join(map(_word, value[:20]))}{', …' if len(value) > 20 else ''}]", 60)
    if dataclasses.is_dataclass(value):
        changed = _entries(value, usual=tuple(entry.name for entry in dataclasses.fields(value)))
        return f"({', '.join(changed)})"
    return str(value)
