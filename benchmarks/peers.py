"""Ways to the states of one pure run at given times: pysv's engines, QuTiP, SciPy, QuSpin, and a reference."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import util

import numpy as np
import qutip
from scipy.linalg import eigh_tridiagonal
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import expm_multiply
from threadpoolctl import ThreadpoolController

import pysv
from pysv.engines.base import Engine, Method
from pysv.model.basis import Basis
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.pure_run import PureRun
from pysv.sectors.state import PureMixture
from pysv.units import HBAR

PYSV, ADAMS, KRYLOV, WHOLE = (
    "pysv chebyshev",
    "QuTiP adams 1e-10/1e-8",
    "QuTiP krylov(30) 1e-12",
    "QuTiP adams, all S^z",
)
Evolve = Callable[[np.ndarray], Iterable[np.ndarray | qutip.Qobj]]


@dataclass
class Contender:
    """A way to the states at the output times (t > 0), and what was measured of it."""

    name: str
    evolve: Evolve
    threads: int = 1
    rows: np.ndarray | slice = field(default_factory=lambda: slice(None))
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def error(self, times: np.ndarray, reference: np.ndarray) -> float:
        """Largest ‖ψ − ψ_ref‖₂ of the output times; also the warm-up, which compiles what is to be compiled."""
        found = 0.0
        for state, exact in zip(self.evolve(times), reference, strict=True):
            psi = np.asarray(state.full() if isinstance(state, qutip.Qobj) else state).reshape(-1, exact.shape[1])
            found = max(found, float(np.linalg.norm(psi[self.rows] - exact)))
        return found

    def measure(self, times: np.ndarray) -> None:
        """Go through all output times once against the clock."""
        wall, cpu = time.perf_counter(), time.process_time()
        deque(self.evolve(times), maxlen=0)
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def pysv_engine(method: Method, run: PureRun) -> Evolve:
    """A pysv engine, its start (with the spectral bounds) included; as in `pysv.solve`, the states are not copied."""

    def evolve(times: np.ndarray) -> Iterator[np.ndarray]:
        engine = method.start((run,), "python")
        engine.expect([float(t) for t in times[1:]])
        for t in times[1:]:
            engine.advance(float(t))
            yield run.hamiltonian.layout.flat(state_of(engine))

    return evolve


def state_of(engine: Engine) -> np.ndarray:
    """ψ of the one pure run of an engine, in the layout of its Hamiltonian."""
    state = engine.snapshot().state
    assert isinstance(state, PureMixture)
    return state.parts[0].psi


def sesolve(h: Hamiltonian, psi: np.ndarray, **options: object) -> Evolve:
    """`qutip.sesolve` from the state ψ[row, site]."""
    operator, ket = qutip.Qobj(h.sparse() / HBAR).to("CSR"), qutip.Qobj(psi.reshape(-1, 1))
    options |= {"nsteps": 1_000_000, "progress_bar": ""}
    return lambda times: qutip.sesolve(operator, ket, times, options=options).states[1:]


def qutip_peers(run: PureRun) -> list[Contender]:
    """The paper's RK4, and QuTiP on the occupied S^z sector and on the whole product space."""
    h = run.hamiltonian
    start = h.layout.flat(run.psi)
    spins = h.basis.spins
    everything = Basis.of_sectors(spins, range(spins.lowest + 2))
    rows = everything.rows_of(h.basis.electron, h.basis.configuration)
    whole = np.zeros((everything.rows, h.sites), complex)
    whole[rows] = start
    adams = {"method": "adams", "atol": 1e-10, "rtol": 1e-8}
    return [
        Contender("pysv rk4, 0.1 fs", pysv_engine(pysv.RK4(time_step=0.1, measure_error=False), run)),
        Contender(ADAMS, sesolve(h, start, **adams)),
        Contender(KRYLOV, sesolve(h, start, method="krylov", krylov_dim=30, atol=1e-12)),
        Contender(WHOLE, sesolve(Hamiltonian.of_device(pysv.SpinValve(), everything), whole, **adams), rows=rows),
    ]


def matrix_peers(run: PureRun) -> list[Contender]:
    """SciPy and QuSpin, given H as a CSR matrix on the occupied S^z sector, real or complex as they like best."""
    h, cores = run.hamiltonian, os.cpu_count() or 1
    psi = h.layout.flat(run.psi).ravel()
    matrix = csr_matrix(h.sparse() / HBAR)
    generator, trace = -1j * matrix, -1j * matrix.trace()

    def scipy(times: np.ndarray) -> Iterator[np.ndarray]:
        state = psi  # fs by fs: all times in one call (start, stop, num) takes twice as long
        for _ in times[1:]:
            state = expm_multiply(generator, state, traceA=trace)
            yield state

    def quspin(threads: int) -> Evolve:
        from quspin.tools.evolution import ExpmMultiplyParallel

        def evolve(times: np.ndarray) -> Iterator[np.ndarray]:
            state, work = psi.copy(), np.empty(2 * psi.size, complex)
            with ThreadpoolController().limit(limits=threads, user_api="openmp"):
                exponential = ExpmMultiplyParallel(matrix, a=-1j)
                for _ in times[1:]:
                    yield exponential.dot(state, work_array=work, overwrite_v=True)

        return evolve

    found = [Contender("SciPy expm_multiply", scipy)]
    if util.find_spec("quspin") is None:
        print("QuSpin is not installed (pip install quspin): left out")
        return found
    return found + [Contender("QuSpin ExpmMultiplyParallel", quspin(n), n) for n in sorted({1, cores})]


def reference(run: PureRun, times: np.ndarray, substeps: int, size: int = 30) -> np.ndarray:
    """States (times, rows, sites) by Lanczos propagation on the CSR matrix, every step reorthogonalised in full.

    It shares no code with any contender; 30 vectors for half a femtosecond are far more than rounding can resolve.
    """
    matrix, psi, found = run.hamiltonian.sparse() / HBAR, run.psi.ravel(), []
    for step in np.repeat(np.diff(times) / substeps, substeps):
        basis, alpha, beta = np.empty((size + 1, psi.size), complex), np.empty(size), np.empty(size)
        norm = np.linalg.norm(psi)
        basis[0] = psi / norm
        for k in range(size):
            new = matrix @ basis[k]
            alpha[k] = np.vdot(basis[k], new).real
            for _ in range(2):
                new -= (basis[: k + 1].conj() @ new) @ basis[: k + 1]
            beta[k] = np.linalg.norm(new)
            basis[k + 1] = new / beta[k]
        values, vectors = eigh_tridiagonal(alpha, beta[:-1])
        psi = norm * (vectors @ (np.exp(-1j * step * values) * vectors[0])) @ basis[:-1]
        found.append(psi.reshape(-1, run.hamiltonian.sites))
    return np.array(found[substeps - 1 :: substeps])
