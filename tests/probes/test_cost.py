"""What a probe is said to need, against what it takes."""

from __future__ import annotations

import dataclasses

import pytest

import pysv
from pysv.cli import main
from pysv.engines import methods
from pysv.errors import EngineError, MemoryLimitError
from pysv.probes import companions
from pysv.probes.cost import check_history, companion_cost
from pysv.probes.probe import estimate_probe
from pysv.units import size

VALVE = pysv.Experiment(
    device=pysv.SpinValve(sites=40, polarizer=(19, 20), analyzer=(24, 24)),
    source=pysv.WavePacket(center=8, momentum_spread=0.7),
    times=pysv.times(16, 0.5),
)


def test_applications_against_those_of_a_run(monkeypatch):
    """Columns × start times × mean length, counted by the engine itself."""
    counted = []
    usual = companions.StateCompanions.follow

    def counting(self, second, operator, times):
        before = self.engine.work().applications
        yield from usual(self, second, operator, times)
        counted.append(self.engine.work().applications - before)

    monkeypatch.setattr(companions.StateCompanions, "follow", counting)
    found = estimate_probe(VALVE, pysv.Probe(sigma=1.0, omega=(-3, 3)))
    pysv.correlator(VALVE, momenta=(0.5, 1.5), reach=8.0, progress=False)
    assert len(counted) == found.operators * found.starts == 2 * 33
    assert 2 / 3 < found.applications / sum(counted) < 3 / 2


def test_the_length_of_companions():
    """Intervals in (t₂, t₂ + reach]: 16 of them from each of the first 17 of 33 times, and one less from each later one."""
    method = pysv.Chebyshev()
    near, whole = (companion_cost(VALVE, method, 2, reach) for reach in (8.0, None))
    own = method.cost(VALVE)
    assert whole.applications == round(own.applications * 2 * (33 * 32 / 2) / 32)
    assert near.applications == round(own.applications * 2 * (17 * 16 + 16 * 15 / 2) / 32)
    assert near.seconds / near.applications == pytest.approx(own.seconds / own.applications, rel=1e-3)


@pytest.mark.parametrize("name", [name for name, own in methods().items() if own.correlators == "states"])
def test_the_history(name, monkeypatch):
    """Its bytes are those that are kept, to the places of a tile beyond the chain."""
    method = methods()[name]()
    if "python" not in method.backends:
        pytest.skip("an engine of Julia has the same arrays")
    two = pysv.ConfinedElectrons(electrons=2, confined_sites=2, well=30.0, allow_leak=True)
    packet = pysv.WavePacket(center=2, momentum_spread=2.0, allow_truncation=True)
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=7, polarizer=(3, 4), analyzer=(6, 6)),
        source=two if method.refused(VALVE) else packet,
        times=pysv.times(1.0, 0.5),
    )
    held = []
    usual = companions.Companions.grow
    monkeypatch.setattr(companions.Companions, "grow", lambda self, more: (held.append(more), usual(self, more)))
    pysv.correlator(experiment, engine=method, momenta=(0.5,), progress=False)
    said = companion_cost(experiment, method, 1, None).history
    assert 0.9 * sum(held) <= said <= sum(held)


def test_the_refusal_says_the_same(monkeypatch):
    """A correlator is refused before it runs, by the bytes of the estimate."""
    needed = estimate_probe(VALVE, pysv.Probe(sigma=1.0, omega=(-3, 3)))
    assert needed.fits
    room = needed.history - 1
    monkeypatch.setattr("pysv.probes.cost.available_memory", lambda: room)
    assert not estimate_probe(VALVE, pysv.Probe(sigma=1.0, omega=(-3, 3))).fits
    monkeypatch.setattr(companions.StateCompanions, "remember", lambda self: pytest.fail("it runs"))
    said = rf"the states at all 33 times need {size(needed.history)}; the limit is .*; take fewer times or spins"
    with pytest.raises(MemoryLimitError, match=said):
        pysv.correlator(VALVE, momenta=(0.5, 1.5), progress=False)
    check_history(33, room // 33, held=room)
    with pytest.raises(MemoryLimitError):
        check_history(33, room // 33)


def test_engines_of_baths_say_a_bound():
    open_ = dataclasses.replace(VALVE, bath=pysv.BosonicBath(temperature=300.0))
    low = companion_cost(open_, pysv.LowRank(), 3, None)
    own = pysv.LowRank().cost(open_)
    assert low.bound
    assert "at most" in str(low)
    assert low.applications == round(own.applications * 3 * 3 * 33 / 2)
    with pytest.raises(EngineError, match="engine 'llg' offers no correlators"):
        companion_cost(VALVE, pysv.LLG(), 3, None)
    with pytest.raises(
        EngineError, match="engine 'qutip' offers no correlators: .*; use chebyshev, fock, krylov, low-rank, rk4"
    ):
        companion_cost(open_, pysv.QuTiP(), 3, None)


TEXT = """\
[device]
sites = 40
polarizer = [19, 20]
analyzer = [24, 24]
[source]
center = 8
momentum_spread = 0.7
[evolution]
stop = 16
step = 0.5
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(TEXT + "[probe]\nsigma = 1.0\nomega = [-3, 3]\n")
    return path


def test_the_command(capsys, file, monkeypatch):
    assert main(["estimate", "small.toml"]) == 0
    shown = capsys.readouterr().out
    assert "companions   66: 2 from each of 33 times\n" in shown
    assert shown.endswith("for the states of all times\n")
    file.write_text(TEXT)
    assert main(["estimate", "small.toml"]) == 0
    assert "companions" not in capsys.readouterr().out
    file.write_text(TEXT + "[probe]\nsigma = 5.0\n")
    assert main(["estimate", "small.toml"]) == 0
    assert "no probe     sigma = 5 fs must be at most 2 fs" in capsys.readouterr().out
    file.write_text(TEXT + "[probe]\nsigma = 1.0\nomega = [-3, 3]\n")
    monkeypatch.setattr("pysv.probes.cost.available_memory", lambda: 1000)
    assert main(["estimate", "small.toml"]) == 2
    found = capsys.readouterr()
    assert "for the states of all times: does not fit" in found.out
    assert "small.toml: the probe does not fit in memory" in found.err
