"""Runs of all kinds, whose memory and time are compared with what `pysv estimate` says."""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from dataclasses import replace

import pysv

NEVER = {"entropies": 0, "log_negativity": 0, "w_fidelity": 0, "qfi": 0}
SMALL = pysv.SpinValve(sites=40, polarizer=(15, 16), analyzer=(20, 21))
TINY = pysv.SpinValve(sites=12, polarizer=(5, 5), analyzer=(8, 8))
PACKET = pysv.WavePacket(center=8, momentum_spread=0.5)
NARROW = pysv.WavePacket(center=3, momentum_spread=1.5, allow_truncation=True)
TWO = pysv.ConfinedElectrons(electrons=2, confined_sites=5)
VALVE = pysv.SpinValve.with_layers


def packet_on(device, stop, step, **parts):
    source = pysv.WavePacket() if device.sites > 100 else PACKET
    return pysv.Experiment(device=device, source=parts.pop("source", source), times=pysv.times(stop, step), **parts)


def electrons(number, stop):
    source = pysv.ConfinedElectrons(electrons=number)
    return pysv.Experiment(device=pysv.SpinValve.for_several_electrons(), source=source, times=pysv.times(stop, 2))


RUNS = {
    "the default": (pysv.Experiment(), "auto"),
    "6+6 spins": (packet_on(VALVE(6), 10, 5, record=pysv.Record(every={"log_negativity": 0})), "auto"),
    "6+6 spins, no costly measure": (packet_on(VALVE(6), 20, 2, record=pysv.Record(every=NEVER)), "auto"),
    "density matrix at 401 snapshots": (packet_on(VALVE(4), 20, 0.05, record=pysv.Record(density_matrix=True)), "auto"),
    "8+8 spins, no costly measure": (packet_on(VALVE(8), 2, 1, record=pysv.Record(every=NEVER)), "auto"),
    "7+7 spins in single precision": (
        packet_on(VALVE(7), 10, 5, record=pysv.Record(every=NEVER)), pysv.Chebyshev(precision="single", tolerance=1e-6),
    ),
    "7+7 spins, one snapshot of all": (packet_on(VALVE(7), 1, 1, record=pysv.Record(largest_dense=0)), "auto"),
    "tilted spins": (packet_on(VALVE(4), 20, 2, spins=pysv.ProductState(polarizer=(1.0, 0.0))), "auto"),
    "thermal spins": (packet_on(VALVE(3), 10, 1, spins=pysv.Gibbs(temperature=300)), "auto"),
    "everything recorded": (
        packet_on(VALVE(3), 20, 1, record=pysv.Record(currents=True, torque=True, purity=True, electron_negativity=True)), "auto",
    ),
    "rk4": (packet_on(VALVE(4), 10, 1), "rk4"),
    "sesolve": (packet_on(VALVE(4), 10, 1, record=pysv.Record(every=NEVER)), "qutip"),
    "mesolve": (packet_on(TINY, 4, 1, source=NARROW, bath=pysv.BosonicBath()), pysv.QuTiP(solver="mesolve", atol=1e-13, rtol=1e-11)),
    "mcsolve": (packet_on(SMALL, 4, 1, bath=pysv.BosonicBath()), pysv.QuTiP(solver="mcsolve", ntraj=50)),
    "low-rank": (packet_on(SMALL, 20, 1, bath=pysv.BosonicBath()), "low-rank"),
    "low-rank, 3+3 spins": (packet_on(VALVE(3), 30, 2, bath=pysv.BosonicBath()), "low-rank"),
    "trajectories": (packet_on(SMALL, 20, 1, bath=pysv.BosonicBath()), "trajectories"),
    "fock": (pysv.Experiment(device=SMALL, source=TWO, times=pysv.times(10, 1)), "fock"),
    "tdmrg": (pysv.Experiment(device=SMALL, source=TWO, times=pysv.times(10, 1)), "tdmrg"),
    "tdmrg, packet": (packet_on(SMALL, 10, 1, source=replace(PACKET, spin="up")), "tdmrg"),
    "tdmrg, two electrons, 112 sites": (electrons(2, 40), pysv.TDMRG(max_bond=100)),
    "tdmrg, four electrons, 112 sites": (electrons(4, 26), pysv.TDMRG(max_bond=100)),
    "tdmrg, eight electrons, 112 sites": (electrons(8, 22), pysv.TDMRG(max_bond=200)),
    "llg": (packet_on(VALVE(4), 60, 1), "llg"),
    "train": (pysv.Experiment(device=SMALL, source=pysv.Train(center=8, momentum_spread=0.5, pulses=100)), "auto"),
}  # fmt: skip


def measured(name):
    """MB and seconds that were estimated and measured of one run, in this process."""
    warnings.simplefilter("ignore")
    experiment, engine = RUNS[name]
    needed = pysv.estimate(experiment, engine)
    begun = time.perf_counter(), time.process_time()
    pysv.solve(experiment, engine=engine, progress=False)
    # On a busy machine the time of the processor is nearer to what a free one takes.
    seconds = min(time.perf_counter() - begun[0], time.process_time() - begun[1])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"memory": [needed.memory / 1e6, memory / 1e6], "seconds": [needed.seconds, seconds]}


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1])))
