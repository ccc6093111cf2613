"""The backend ``cuda``: states in the memory of a GPU, kernels compiled by numba."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar

import numpy as np

from pysv.errors import MemoryLimitError
from pysv.sectors.backend import Backend, Evolution, Shape, StateSpace, in_turn
from pysv.sectors.cuda import device, layout
from pysv.sectors.hamiltonian import Hamiltonian
from pysv.units import size

SHARE = 0.95
"""Share of the device's free memory that states may take; the tables of H and the sums take some of the rest."""


class CudaBackend(Backend):
    """The memory of a CUDA device and the kernels of `pysv.sectors.cuda`."""

    name: ClassVar[str] = "cuda"
    automatic: ClassVar[bool] = False
    own_memory: ClassVar[bool] = True

    def lacking(self) -> str | None:
        """Why no device can be used; None if one can."""
        return device.lacking()

    def check(self) -> None:
        """Refuse to go on without a device, before anything is computed.

        Raises
        ------
        CudaUnavailableError
        """
        device.check()

    def space(self, hamiltonian: Hamiltonian, dtype: type) -> StateSpace:
        """States of a Hamiltonian, whose tables go to the device.

        Raises
        ------
        CudaUnavailableError
            If there is no device.
        NotReadyError
            If H has a term that the kernels cannot hold.
        """
        device.check()
        from pysv.sectors.cuda.space import CudaSpace

        return CudaSpace(hamiltonian, np.finfo(dtype).dtype.type)

    def room(self) -> float:
        """Bytes that states may take on the device now."""
        return SHARE * device.memory()[0]

    def bytes_of(self, shapes: Sequence[Shape], dtype: type, count: int, *, shared: bool = False) -> int:
        """Bytes of `count` states of each shape, or of the largest one if they are `shared`."""
        real = np.finfo(dtype).dtype.type
        each = [count * layout.state_bytes(shape, real) for shape in shapes]
        return max(each) if shared else sum(each)

    def fitting(self, most: int, shapes: Sequence[Shape], dtype: type, spare: int, *, shared: bool) -> int:
        """See `Backend.fitting`: the free memory of the device decides."""
        room, each = self.room() - self.bytes_of(shapes, dtype, spare, shared=shared), self.bytes_of(shapes, dtype, 1)
        while most > 1 and most * each > room:
            most -= 1
        return most

    def allocate(self, shapes: Sequence[Shape], dtype: type, count: int, *, shared: bool = False) -> list[Any]:
        """Zeros (count, tiles, rows, reals of a row) on the device for each shape.

        Raises
        ------
        MemoryLimitError
            If they do not fit in the free memory of the device.
        """
        from pysv.sectors.cuda.space import zeros

        needed, room = self.bytes_of(shapes, dtype, count, shared=shared), self.room()
        if needed > room:
            raise MemoryLimitError(
                f"{count} states of each pure run need {size(needed)} on the device, the limit is {size(int(room))} "
                f"({SHARE:.0%} of its free memory); take fewer spins or sites, single precision, or backend 'python'"
            )
        real = np.finfo(dtype).dtype.type
        wanted = [(count, *layout.device_shape(shape, real)) for shape in shapes]
        common = zeros(max(map(prod, wanted)), real) if shared else None
        memory = [zeros(prod(own), real) if common is None else common[: prod(own)] for own in wanted]
        return [part.reshape(own) for part, own in zip(memory, wanted, strict=True)]

    def side_by_side(self, evolutions: Sequence[tuple[StateSpace, Evolution]]) -> list[list[float]]:
        """Evolve the states one after the other: each has all threads of the device."""
        return [in_turn(*evolution) for evolution in evolutions]


BACKEND = CudaBackend()
