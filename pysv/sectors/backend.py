"""Backends of one electron: they hold its states and apply H to them.

A backend is one module with an object ``BACKEND`` and one line in `_HOMES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from pysv.sectors.hamiltonian import Hamiltonian

_HOMES = {
    "python": "pysv.sectors.host",
    "julia": "pysv.sectors.julia",
    "mpi": "pysv.sectors.mpi.backend",
    "cuda": "pysv.sectors.cuda.backend",
}

Shape = tuple[int, int, int]
"""Tiles, rows, width."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Steps of a polynomial recursion in H, done in place.

    Step n makes φ_{n+1} = scale·(H − shift) φ_n − beta·φ_{n−1} in the memory of φ_{n−1}. For every output whose `add`
    is not 0 it then sets total ← keep·total + c·φ_{n+1} + c'·φ_n.

    Parameters
    ----------
    psi, previous : states (tiles, rows, width)
        φ_0 and φ_{−1}. They swap roles after each step and share no memory.
    totals : states (outputs, tiles, rows, width), or None
        None without outputs.
    window : tuple of int
        Range (begin, end) of active sites, see `pysv.sectors.layout`.
    factors : real ndarray (steps, 3)
        scale, shift, beta.
    mixes : real ndarray (steps, outputs, 6)
        Re c, Im c, Re c', Im c', keep, add.
    """

    psi: Any
    previous: Any
    totals: Any
    window: tuple[int, int]
    factors: np.ndarray
    mixes: np.ndarray


class StateSpace(ABC):
    """States of one Hamiltonian in the memory of a backend: complex (tiles, rows, width).

    Parameters
    ----------
    hamiltonian : Hamiltonian
    real : type
        Precision: numpy.float64 or numpy.float32. `Steps` have it, too.
    """

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        self.hamiltonian = hamiltonian
        self.real = real

    @abstractmethod
    def recursion(self, steps: Steps) -> None:
        """Take the steps."""

    @abstractmethod
    def copy(self, source: Any, target: Any) -> None:
        """target ← source."""

    def follow(self, window: tuple[int, int]) -> None:  # noqa: B027 - optional
        """Learn the window of the recursions to come: states that are written from now on may lie as suits it.

        A recursion that leaves sites out must be announced.

        States written before can still be read, and copied; they are overwritten as a whole.
        """

    @abstractmethod
    def clear_outside(self, state: Any, window: tuple[int, int]) -> None:
        """Set to zero everything outside the window and in the places beyond L_x."""

    @abstractmethod
    def write_product(self, state: Any, amplitude: np.ndarray, packet: np.ndarray) -> None:
        """Write the product of a spin part, complex (rows,), and an orbital, complex (sites,)."""

    @abstractmethod
    def write_random(self, state: Any, seed: int) -> None:
        """Write a random vector of norm 1; the seed decides it, but for rounding, on every backend."""

    @abstractmethod
    def load(self, state: Any, psi: np.ndarray) -> None:
        """Write a NumPy array (tiles, rows, width), such as `host` returns."""

    @abstractmethod
    def product(self, one: Any, other: Any) -> float:
        """Scalar product of two states as real vectors."""

    @abstractmethod
    def combine(self, state: Any, other: Any, shift: float, scale: float) -> None:
        """state ← scale·(state − shift·other)."""

    @abstractmethod
    def weight(self, state: Any, window: tuple[int, int]) -> float:
        """Σ |ψ|² on the sites of the window."""

    @abstractmethod
    def marginals(self, state: Any) -> tuple[np.ndarray, np.ndarray]:
        """Probability of each row, float64 (rows,), and of each site with each electron spin, float64 (2, sites)."""

    @abstractmethod
    def expectation(self, state: Any) -> float:
        """⟨ψ|H|ψ⟩, eV."""

    @abstractmethod
    def host(self, state: Any) -> np.ndarray:
        """The state as a NumPy array, without a copy if it is in NumPy's memory."""


Evolution = Generator[Steps, None, list[float]]
"""Yields the steps of one state, one after the other, and returns its deviations."""


class Backend(ABC):
    """Memory and kernels for states of one electron."""

    name: ClassVar[str]
    """Name in the experiment file."""
    recorded: ClassVar[str] = ""
    """Name that a result file asks for, if another than `name`; its state is the same on all backends."""
    cites: ClassVar[tuple[str, ...]] = ()
    """Keys of its references; see `pysv.results.citations`."""
    automatic: ClassVar[bool] = True
    """Whether ``backend = "auto"`` may choose it. One that has not been measured is taken by name only."""

    own_memory: ClassVar[bool] = False
    """Whether its states lie in a memory of its own, apart from the machine's."""

    numba: ClassVar[bool] = False
    """Whether numba compiles its loops and keeps them; see `pysv.compute.compiling`."""

    installs: ClassVar[bool] = False
    """Whether a run sets it up where it is not ready, from the network; a file alone must not make it do so."""

    divides: ClassVar[bool] = False
    """Whether it divides each state among all processes that mpirun started, which only such a backend uses."""

    def lacking(self) -> str | None:
        """Why the backend is not ready and what to do; None if it is ready."""
        return None

    def lacking_itensors(self) -> str | None:
        """The same for an engine that needs ITensors where the backend is Julia's; see `Method.needs_itensors`."""
        return self.lacking()

    def check(self) -> None:  # noqa: B027 - optional
        """Refuse, before anything is computed, what no set-up by pysv itself can make ready."""

    @abstractmethod
    def space(self, hamiltonian: Hamiltonian, dtype: type) -> StateSpace:
        """The states of a Hamiltonian, with the given complex type."""

    def fitting(self, most: int, shapes: Sequence[Shape], dtype: type, spare: int, *, shared: bool) -> int:
        """How many states of each shape, `most` or fewer, a memory of the backend's own holds beside the `spare` ones.

        At least 1: `allocate` refuses what does not fit. If `shared`, all shapes use the same spare states.
        """
        del shapes, dtype, spare, shared
        return most

    @abstractmethod
    def allocate(self, shapes: Sequence[Shape], dtype: type, count: int, *, shared: bool = False) -> list[Any]:
        """Zeros for `count` states of each shape, (count, tiles, rows, width).

        If `shared`, all entries use the same memory, and only one may be in use at a time.
        """

    @abstractmethod
    def side_by_side(self, evolutions: Sequence[tuple[StateSpace, Evolution]]) -> list[list[float]]:
        """Evolve several small states in parallel, one thread each; returns the result of each evolution."""


def in_turn(space: StateSpace, evolution: Evolution) -> list[float]:
    """Evolve one state; returns the result of the evolution."""
    while True:
        try:
            space.recursion(next(evolution))
        except StopIteration as ended:
            return list(ended.value)


def names() -> tuple[str, ...]:
    """Names of all backends."""
    return tuple(_HOMES)


def recorded(name: str) -> str:
    """The backend that a result file asks for, whose run this one has made; see `Backend.recorded`."""
    return backend(name).recorded or name


@cache
def dividing() -> str:
    """Name of the backend that divides states among ranks; see `Backend.divides`."""
    return next(name for name in names() if backend(name).divides)


@cache
def backend(name: str) -> Backend:
    """A backend by its name."""
    found: Backend = import_module(_HOMES[name]).BACKEND
    return found
