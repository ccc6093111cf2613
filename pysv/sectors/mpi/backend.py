"""The backend ``mpi``: rank 0 leads, and every rank holds its sections of all states."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pysv.compute import ranks
from pysv.errors import RanksError
from pysv.model.basis import Basis, Spins
from pysv.sectors.backend import Backend, Evolution, Shape, StateSpace, Steps, in_turn
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.sectors.mpi.sections import deal
from pysv.sectors.mpi.share import Buffer, Share, Stored

if TYPE_CHECKING:
    from pysv.experiment.device import ChainDevice
    from pysv.sectors.layout import Cut

_INSTALL = ", after pip install 'pysv-spinvalve[mpi]'"
_shares: dict[int, Share] = {}
_stored: dict[int, Stored] = {}
_numbers = itertools.count()
_unused: list[int] = []
"""Numbers of what rank 0 does not need any more; the next call frees it on all ranks."""

_given: list[np.ndarray] = []
"""On rank 0, a state that it is about to send."""


@dataclass(frozen=True)
class State:
    """A state on all ranks: its number among those that are stored together."""

    stored: int
    index: int


class States(Sequence[State]):
    """States that are stored together; freed on all ranks some time after it is gone."""

    def __init__(self, stored: int, count: int, owner: States | None = None) -> None:
        self.stored, self._count = stored, count
        self._owner = owner
        if owner is None:
            weakref.finalize(self, _unused.append, stored)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            count = len(range(self._count)[index])
            if range(self._count)[index] != range(count):
                raise IndexError(f"{index} must take the first states")
            return States(self.stored, count, self._owner or self)
        return State(self.stored, range(self._count)[index])

    def __iter__(self) -> Iterator[State]:
        return (State(self.stored, index) for index in range(self._count))


def _make_share(
    number: int, device: ChainDevice, levels: tuple[int, ...], sectors: tuple[int, ...], cut: Cut, real: type
) -> None:
    hamiltonian = Hamiltonian.of_device(device, Basis.of_sectors(Spins(levels), sectors), cut)
    dtype = np.result_type(real, np.complex64).type
    _shares[number] = Share(hamiltonian.laid_out(dtype), real, ranks.data())


def _store(numbers: Sequence[int], rows: Sequence[int], dtype: type, count: int, shared: bool) -> None:
    common = Buffer(dtype)
    for number, each in zip(numbers, rows, strict=True):
        _stored[number] = Stored(common if shared else Buffer(dtype), count, each)


def _do(unused: Sequence[int], share: int, method: str, arguments: tuple[Any, ...]) -> Any:
    """Call a method of a share with its states looked up."""
    for number in unused:
        _stored.pop(number, None)
        _shares.pop(number, None)
    found = ((_stored[a.stored], a.index) if isinstance(a, State) else a for a in arguments)
    return getattr(_shares[share], method)(*found)


def _load(share: int, state: State) -> None:
    _shares[share].load((_stored[state.stored], state.index), _given.pop() if _given else None)


def _sent(number: int) -> int:
    return int(ranks.data().allreduce(_shares[number].sent))


class MpiSpace(StateSpace):
    """States over all ranks; see `StateSpace`."""

    def __init__(self, hamiltonian: Hamiltonian, real: type) -> None:
        super().__init__(hamiltonian, real)
        hamiltonian.table(real)  # refuses what the kernels cannot hold, before the others try
        deal(hamiltonian, np.result_type(real, np.complex64).type, hamiltonian.everywhere, ranks.led())
        self._number = next(_numbers)
        basis = hamiltonian.basis
        ranks.together(
            _make_share, self._number, hamiltonian.device, basis.spins.levels, basis.sectors, hamiltonian.cut, real
        )
        weakref.finalize(self, _unused.append, self._number)

    def _do(self, method: str, *arguments: Any) -> Any:
        unused = tuple(_unused)
        del _unused[: len(unused)]
        return ranks.together(_do, unused, self._number, method, arguments)

    @property
    def sent(self) -> int:
        """Bytes of edges that all ranks have sent in recursions."""
        return int(ranks.together(_sent, self._number))

    def recursion(self, steps: Steps) -> None:
        """Take the steps; the states are dealt as the last `follow` asked for."""
        totals = None if steps.totals is None else State(steps.totals.stored, len(steps.totals))
        self._do("recursion", steps.psi, steps.previous, totals, steps.factors, steps.mixes)

    def copy(self, source: State, target: State) -> None:
        """target ← source."""
        self._do("copy", source, target)

    def follow(self, window: tuple[int, int]) -> None:
        """Deal the sites of the window to the ranks in equal shares."""
        self._do("follow", window)

    def clear_outside(self, state: State, window: tuple[int, int]) -> None:
        """Set to zero everything outside the window."""
        self._do("clear_outside", state, window)

    def write_product(self, state: State, amplitude: np.ndarray, packet: np.ndarray) -> None:
        """See `StateSpace.write_product`."""
        self._do("write_product", state, amplitude, packet)

    def write_random(self, state: State, seed: int) -> None:
        """See `StateSpace.write_random`."""
        self._do("write_random", state, seed)

    def load(self, state: State, psi: np.ndarray) -> None:
        """Send each rank its section of a NumPy array (tiles, rows, width)."""
        _given.append(psi)
        ranks.together(_load, self._number, state)

    def product(self, one: State, other: State) -> float:
        """Scalar product of two states as real vectors."""
        return float(self._do("product", one, other))

    def combine(self, state: State, other: State, shift: float, scale: float) -> None:
        """state ← scale·(state − shift·other)."""
        self._do("combine", state, other, shift, scale)

    def weight(self, state: State, window: tuple[int, int]) -> float:
        """Σ |ψ|² on the sites of the window."""
        return float(self._do("weight", state, window))

    def marginals(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """See `StateSpace.marginals`."""
        rows, sites = self._do("marginals", state)
        return rows, sites

    def expectation(self, state: State) -> float:
        """⟨ψ|H|ψ⟩, eV."""
        return float(self._do("expectation", state))

    def host(self, state: State) -> np.ndarray:
        """The whole state on rank 0; a new array."""
        return np.asarray(self._do("gather", state))


class MpiBackend(Backend):
    """Memory of all processes that mpirun started, and the kernels of `pysv.sectors.numba`."""

    name: ClassVar[str] = "mpi"
    recorded: ClassVar[str] = "auto"
    automatic: ClassVar[bool] = False
    divides: ClassVar[bool] = True
    numba: ClassVar[bool] = True

    def lacking(self) -> str | None:
        """None where this process leads others."""
        if ranks.led() > 1:
            return None
        missing = find_spec("mpi4py") is None
        return "start it with mpirun -n RANKS pysv run FILE.toml" + (_INSTALL if missing else "")

    def check(self) -> None:
        """Refuse to go on without other processes.

        Raises
        ------
        RanksError
        """
        reason = self.lacking()
        if reason:
            raise RanksError(f"backend 'mpi' needs several processes: {reason}")

    def space(self, hamiltonian: Hamiltonian, dtype: type) -> StateSpace:
        """States of a Hamiltonian; every rank builds its tables."""
        return MpiSpace(hamiltonian, np.finfo(dtype).dtype.type)

    def allocate(self, shapes: Sequence[Shape], dtype: type, count: int, *, shared: bool = False) -> list[States]:
        """Memory for the states on all ranks, taken when they are first written."""
        numbers = [next(_numbers) for _ in shapes]
        ranks.together(_store, numbers, [rows for _, rows, _ in shapes], dtype, count, shared)
        return [States(number, count) for number in numbers]

    def side_by_side(self, evolutions: Sequence[tuple[StateSpace, Evolution]]) -> list[list[float]]:
        """Evolve the states one after the other: each is on all ranks."""
        return [in_turn(*evolution) for evolution in evolutions]


BACKEND = MpiBackend()
