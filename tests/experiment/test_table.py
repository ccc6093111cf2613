"""An experiment as a table, with the chain drawn to scale."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import pysv
from pysv.experiment.table import WIDTH, Chain, as_svg, drawing

LAYERS = (pysv.Layer(name="A<b>", sites=[19, 20]), pysv.Layer(sites=[34, 36, 40], spin=1.0))
DEVICE = pysv.Device(sites=60, layers=LAYERS, potential=[pysv.Potential(sites=[25, 26], energy=0.3)])
LEFTWARD = pysv.WavePacket(center=50, momentum=-1.5, momentum_spread=0.9, spin=(1, 0.5))


def test_the_table_of_the_paper():
    lines = str(pysv.Experiment()).splitlines()
    assert lines[0] == "device       201 sites, hopping 1 eV, convention pauli"
    assert lines[1].startswith("layer        polarizer: 4 spins 1/2 on 44–47; sd_exchange 0.5 eV, exchange 0.1 eV")
    source = "source       WavePacket, center 20, momentum 1.5708 rad per site, momentum_spread 0.2 rad per site"
    assert f"{source}, spin unpolarized" in lines
    assert "times        0 … 60 fs, every 1 fs, 61 snapshots" in lines
    assert max(map(len, lines)) < 120


def test_what_is_asked_beyond_the_defaults():
    shown = str(
        pysv.Experiment(
            device=DEVICE,
            source=LEFTWARD,
            bath=pysv.BosonicBath(temperature=30.0),
            times=pysv.times(at=[0, 1, 5]),
            record=pysv.Record(density_matrix=True, every={"qfi": 3}),
        )
    )
    for words in (
        "A<b>: 2 spins 1/2 on 19–20; ",
        "L2: 3 spins 1 on 34, 36, 40; ",
        "potential    0.3 eV on 25–26",
        "spin [1, 0.5]",
        "temperature 30 K, coupling x",
        "0 … 5 fs, at times of a list, 3 snapshots",
        "density_matrix true, every (qfi 3)",
    ):
        assert words in shown


def test_one_column_is_one_site_where_there_is_room():
    electrons, chain, sites = drawing(Chain.of(DEVICE, LEFTWARD))
    assert len(chain) == 60
    assert [site for site, sign in enumerate(chain, start=1) if sign == "█"] == [19, 20, 34, 36, 40]
    assert [site for site, sign in enumerate(chain, start=1) if sign == "≡"] == [25, 26]
    weight = np.exp(-(0.9**2) * (np.arange(1, 61) - 50) ** 2 / 2)
    bars = [site for site, sign in enumerate(electrons, start=1) if sign not in " ←"]
    assert bars == (np.flatnonzero(weight >= 0.02) + 1).tolist()
    assert electrons[bars[0] - 2] == "←"
    assert electrons[49] == "█"
    assert sites.split() == ["1", "19", "34", "60"]
    assert sites.index("34") == 33


def test_a_long_chain_is_drawn_to_scale():
    long = pysv.SpinValve(sites=7200, polarizer=(3601, 3604), analyzer=(7101, 7104))
    electrons, chain, sites = drawing(Chain.of(long, pysv.WavePacket(center=720, momentum_spread=0.05)))
    assert [column for column, sign in enumerate(chain) if sign == "█"] == [36, 71]
    assert len(chain) == 72
    assert set(electrons[6:9]) <= set(" ▁▂▃▄▅▆▇█→")
    assert electrons[7] == "█"
    assert sites.endswith(" 7200")


@pytest.mark.parametrize(
    "source", [pysv.ConfinedElectrons(electrons=2, confined_sites=7), pysv.Orbital(confined_sites=7)]
)
def test_electrons_in_a_well(source):
    chain = Chain.of(pysv.SpinValve(sites=60, polarizer=(20, 21), analyzer=(30, 31)), source)
    assert drawing(chain)[0].rstrip() == "█" * 7


def test_the_drawing_for_notebooks():
    experiment = pysv.Experiment(device=DEVICE, source=LEFTWARD)
    shown = experiment._repr_html_()
    assert "A&lt;b&gt;: 2 spins" in shown
    assert "<b>:" not in shown
    svg = ET.fromstring(as_svg(Chain.of(DEVICE, LEFTWARD)))
    boxes = [box for box in svg.iter("{http://www.w3.org/2000/svg}rect") if box.get("height") == "24"]
    scale = WIDTH / 60
    assert [float(box.get("x")) for box in boxes] == pytest.approx([18 * scale, 33 * scale, 35 * scale, 39 * scale])
    assert [float(box.get("width")) for box in boxes] == pytest.approx([2 * scale, scale, scale, scale])
    curve = next(svg.iter("{http://www.w3.org/2000/svg}polygon")).get("points").split()
    highest = min(curve, key=lambda point: float(point.split(",")[1]))
    assert float(highest.split(",")[0]) == pytest.approx(49.5 * scale, abs=0.1)
