"""`pysv.convergence`: what is finer for which engine, and what a comparison says."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from extending import imported
from juliahome import needs_julia

import pysv
from pysv import engines
from pysv.cli import main
from pysv.errors import EngineError
from pysv.experiment.checks import checked, real_number

VALVE = pysv.SpinValve(sites=14, polarizer=(6, 7), analyzer=(9, 10))
CLOSED = pysv.Experiment(
    device=VALVE, source=pysv.WavePacket(center=4, momentum_spread=1.5), times=pysv.times(stop=2, step=1)
)
OPEN = dataclasses.replace(CLOSED, bath=pysv.BosonicBath(temperature=300, strength=0.1))
TRAIN = dataclasses.replace(
    CLOSED, source=pysv.Train(center=4, momentum_spread=0.5, interval=80, pulses=2), times=pysv.times(160, 80)
)
PAIR = pysv.Experiment(
    device=pysv.SpinValve(sites=9, polarizer=(5, 5), analyzer=(7, 7)),
    source=pysv.ConfinedElectrons(confined_sites=2, well=40),
    times=pysv.times(stop=1, step=0.5),
)
TENTH, HALF = "a tenth of the tolerance", "half the time step"
COMPARED = {
    "chebyshev": (CLOSED, pysv.Chebyshev(tolerance=1e-4), {TENTH}),
    "rk4": (CLOSED, pysv.RK4(), {HALF}),
    "qutip": (CLOSED, pysv.QuTiP(), {"a tenth of atol and rtol"}),
    "llg": (dataclasses.replace(CLOSED, spins=pysv.ProductState(polarizer=(0.4, 0.0))), pysv.LLG(tolerance=1e-5), {TENTH}),
    "low-rank": (OPEN, pysv.LowRank(time_step=0.5), {TENTH, HALF}),
    "trajectories": (OPEN, pysv.Trajectories(ntraj=8), {TENTH}),
    "mesolve": (OPEN, pysv.QuTiP(solver="mesolve", rtol=1e-5), {"a tenth of atol and rtol"}),
    "train": (TRAIN, pysv.TrainMap(tolerance=1e-8, residual=0.1), {TENTH, "a tenth of the residual"}),
    "krylov": (CLOSED, pysv.Krylov(tolerance=1e-4, krylov_dimension=10), {TENTH}),
    "fock": (PAIR, pysv.Fock(tolerance=1e-4), {TENTH}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_julia if name == "krylov" else ()) for name in COMPARED]
)
def test_every_engine_with_a_step_or_a_tolerance(name):
    experiment, method, labels = COMPARED[name]
    found = pysv.convergence(experiment, method, progress=False)
    assert set(found.variants) == labels
    for label, data in found.variants.items():
        own = found.changes["electron_spin_z"][label]
        assert own == float(np.nanmax(abs(data.electron_spin_z - found.reference.electron_spin_z)))
        assert data.attrs["engine"] == method.name
        assert data.attrs["experiment"] != found.reference.attrs["experiment"]  # another option of the engine
        assert any(own[label] > 0 for own in found.changes.values())


def test_every_engine_is_compared_here():
    able = {name for name, own in engines.methods().items() if own().finer()}
    here = {method.name for _, method, _ in COMPARED.values()}
    assert able == here | {"tdmrg"}  # in test_several_runs.py


def test_changes_are_as_large_as_the_error_that_the_engine_states():
    """Runge–Kutta of order 4: half the step takes away 15/16 of the error."""
    exact = pysv.solve(CLOSED, progress=False)
    found = pysv.convergence(CLOSED, pysv.RK4(time_step=0.1), progress=False)
    off = float(abs(found.reference.electron_density - exact.electron_density).max())
    assert found.changes["electron_density"][HALF] == pytest.approx(15 / 16 * off, rel=0.05)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_a_sampled_run_is_shown_with_its_errors():
    found = pysv.convergence(OPEN, pysv.Trajectories(ntraj=8), progress=False)
    assert found.errors["spin_z"] == float(found.reference.spin_z_error.max())
    assert not [name for name in found.changes if name.endswith(("_error", "_bias"))]
    first, *rows = str(found).splitlines()
    assert first.endswith(f"{TENTH}  standard error")
    row = next(row for row in rows if row.startswith("spin_z "))
    assert row.split()[-1] == f"{found.errors['spin_z']:.1e}"
    assert "standard error" not in str(pysv.convergence(CLOSED, progress=False))


def test_options_that_stay():
    assert pysv.RK4(measure_error=False).finer() == {HALF: pysv.RK4(time_step=0.05, measure_error=False)}
    assert pysv.Chebyshev(precision="single").finer()["double precision"] == pysv.Chebyshev()
    assert pysv.LowRank().finer() == {TENTH: pysv.LowRank(tolerance=1e-5)}
    assert pysv.Trajectories().finer() == {TENTH: pysv.Trajectories(tolerance=1e-5)}
    assert pysv.Trajectories(time_step=0.5).finer() == {HALF: pysv.Trajectories(time_step=0.25)}
    assert list(pysv.TDMRG(max_bond=80_000).finer()) == [HALF, "a tenth of the discarded weight"]
    assert list(pysv.TDMRG(time_step=1e-6).finer()) == ["twice the bond dimension", "a tenth of the discarded weight"]


def test_a_setting_that_does_not_act_is_named():
    """A step of 0.1 fs is shortened to the 0.05 fs between snapshots, and half of it is no shorter."""
    short = dataclasses.replace(CLOSED, times=pysv.times(stop=0.1, step=0.05))
    found = pysv.convergence(short, pysv.RK4(time_step=0.1, measure_error=False), progress=False)
    assert str(found).splitlines()[-1] == f"{HALF}: the same numbers, so that this setting does not matter here"


def test_what_cannot_be_finer_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "_registered", {})
    expm = imported("expm", tmp_path, monkeypatch)
    able = "chebyshev, fock, krylov, llg, low-rank, qutip, rk4, tdmrg, train, trajectories"
    sentence = f"engine 'expm' has neither a step nor a tolerance that could be finer; use {able}"
    with pytest.raises(EngineError, match=sentence):
        pysv.convergence(CLOSED, "expm", progress=False)
    with pytest.raises(
        EngineError, match="of engine 'chebyshev' is at the end of its range, and none can be finer; take"
    ):
        pysv.convergence(CLOSED, pysv.Chebyshev(tolerance=1e-15), progress=False)

    @engines.register
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Accurate(expm.Expm):
        """An engine of one's own whose field says how it becomes finer."""

        name = "accurate"
        accuracy: float = checked(1e-3, real_number, low=0.0, finer=0.25)

    found = pysv.convergence(CLOSED, "accurate", progress=False)
    assert list(found.variants) == ["0.25 times the accuracy"]


def test_the_command_line(experiment_file, capsys):
    assert main(["convergence", str(experiment_file), "--engine", "rk4", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("largest change           half the time step\n")
