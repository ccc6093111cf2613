"""What mpirun starts in test_ranks.py: ``ranks_script.py FOLDER TASK``; rank 0 writes results to the folder."""

from __future__ import annotations

import dataclasses
import os
import pickle
import signal
import sys
import weakref
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "engines")]

from conftest import NARROW, random_experiment, resume_within, solve_within  # noqa: E402
from test_any_device import random_experiment as random_device_experiment  # noqa: E402

import pysv  # noqa: E402
from pysv.compute import ranks, thread_pool  # noqa: E402
from pysv.errors import PysvError  # noqa: E402
from pysv.measures.sizes import LIMITS  # noqa: E402
from pysv.sectors.layout import CUT  # noqa: E402
from pysv.sectors.mpi.backend import MpiSpace  # noqa: E402
from pysv.sectors.pure_run import pure_runs  # noqa: E402

LONG = pysv.Experiment(
    device=pysv.SpinValve(sites=60, polarizer=(20, 21), analyzer=(26, 27)),
    source=pysv.WavePacket(center=9, momentum_spread=0.5),
    times=pysv.times(stop=10, step=1),
)
"""The light cone of its packet leaves out sites on either side, others at every step."""


def experiments():
    """The compared runs: name, experiment, engine, cut."""
    for seed in range(10):
        for kind, make in (("valve", random_experiment), ("device", random_device_experiment)):
            cut = NARROW if seed % 3 else CUT
            yield f"{kind}-{seed}", make(seed), pysv.Chebyshev(), cut
    yield "single", random_experiment(4), pysv.Chebyshev(precision="single"), NARROW
    yield "long", LONG, pysv.Chebyshev(), NARROW
    yield "long-single", LONG, pysv.Chebyshev(precision="single", tolerance=1e-7), NARROW


def compare(folder: Path) -> int:
    """Run everything that does not end the ranks."""
    for name, experiment, engine, cut in experiments():
        solve_within(LIMITS, experiment, engine, cut=cut).to_netcdf(folder / f"{name}.nc", engine="h5netcdf")
    begun = pysv.Chebyshev().start(pure_runs(LONG, NARROW), "mpi")
    begun.advance(3.0)
    rows = [run.hamiltonian.basis.rows for run in begun.runs]
    found = {"sent": [space.sent for space in begun.spaces], "rows": rows, "applications": begun._applications}
    (folder / "sent.pickle").write_bytes(pickle.dumps(found))
    short = dataclasses.replace(LONG, times=pysv.times(stop=4, step=1))
    solve_within(LIMITS, short, pysv.Chebyshev(), out=folder / "stopped.nc", cut=NARROW)
    if (folder / "begun.nc").exists():
        resume_within(LIMITS, folder / "begun.nc", stop=10.0, cut=NARROW)
    said = []
    for engine, backend in (("rk4", "auto"), ("chebyshev", "python")):
        try:
            pysv.solve(LONG, engine=engine, backend=backend)
        except PysvError as error:
            said.append(str(error))
    tiny = dataclasses.replace(
        random_experiment(0), device=pysv.SpinValve(sites=2, polarizer=(1, 1), analyzer=(2, 2)),
        source=pysv.Amplitudes(values=(1.0, 0.0), spin="up"),
    )  # fmt: skip
    try:
        pysv.solve(tiny, progress=False)
    except PysvError as error:
        said.append(str(error))
    (folder / "said.txt").write_text("\n".join(said), "utf-8")
    return 0


def use_threads() -> None:
    """All states are worked on by as many threads as the rank's number says."""
    thread_pool._ALONE = -1
    thread_pool.limit(1 + ranks.world().rank)


def unequal(folder: Path) -> int:
    """A run whose ranks have different numbers of threads, with a checkpoint at every snapshot."""
    ranks.together(use_threads)
    held: list[weakref.ref[np.ndarray]] = []
    most, host = [0], MpiSpace.host

    def counted(space: MpiSpace, state: object) -> np.ndarray:
        whole = host(space, state)
        held.append(weakref.ref(whole))
        most[0] = max(most[0], sum(one() is not None for one in held))
        return whole

    MpiSpace.host = counted
    path = folder / "unequal.nc"
    solve_within(LIMITS, LONG, pysv.Chebyshev(), out=path, checkpoint_every=0.0, cut=NARROW)
    (folder / "held.txt").write_text(f"{most[0]} {len(held)}", "utf-8")
    return 0


def fail(how: str) -> None:
    """A task in which the last rank ends, or rank 0: by an error, or killed."""
    if ranks.world().rank == (0 if how == "zero" else ranks.world().size - 1):
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise MemoryError("no memory for 1.00 TB")
    ranks.world().barrier()


def end(folder: Path, how: str) -> int:
    """A run with a checkpoint, after which a rank ends."""
    solve_within(LIMITS, LONG, out=folder / "whole.nc", cut=NARROW)
    ranks.together(fail, how)
    return 0


if __name__ == "__main__":
    sys.modules["ranks_script"] = sys.modules["__main__"]
    own, task = Path(sys.argv[1]), sys.argv[2]
    if task == "alone":  # a script that divides its work by itself
        number = os.environ["PMI_RANK"]
        data = pysv.solve(random_experiment(int(number)), progress=False)
        (own / f"{number}.txt").write_text(f"{data.attrs['backend']} {float(data.spin_z[-1, 0])!r}", "utf-8")
        sys.exit(0)
    for function in (fail, use_threads):
        function.__module__ = "ranks_script"
    tasks = {"compare": compare, "unequal": unequal}
    if task == "twice":
        codes = [ranks.lead(lambda number=number: print(number, ranks.led(), flush=True) or 0) for number in range(2)]
        sys.exit(sum(codes))
    sys.exit(ranks.lead(lambda: tasks[task](own) if task in tasks else end(own, task)))
