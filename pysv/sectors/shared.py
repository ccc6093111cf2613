"""Numbers of H that are the same everywhere, of which the kernels take one in place of an array.

numba compiles a version of a kernel for each combination of numbers and arrays, and for each precision.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pysv.model.basis import Spins
from pysv.model.couplings import Couplings
from pysv.model.layer import spin_groups
from pysv.model.terms import hamiltonian_terms
from pysv.sectors.table import GroupTable, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pysv.experiment.device import ChainDevice


class Shared(NamedTuple):
    """Numbers of H that are the same everywhere, eV; None where they are not.

    Parameters
    ----------
    hopping : float or None
        γ of all bonds, where there is no potential either.
    exchange : float or None
        Matrix element of the exchange of two spins in one group; 0 where there is none.
    sd : float or None
        J_sd of all spins, where they are spins 1/2.
    """

    hopping: float | None
    exchange: float | None
    sd: float | None

    @classmethod
    def of_device(cls, device: ChainDevice, couplings: Couplings | None = None) -> Shared:
        """Those of a device; no table is made for it.

        Parameters
        ----------
        device : ChainDevice
        couplings : Couplings, optional
            Its H, where it is sorted already.
        """
        own = Couplings.of_terms(hamiltonian_terms(device)) if couplings is None else couplings
        spins = Spins(device.levels)
        bonds = {own.hopping.get((x, x + 1), 0.0) for x in range(1, device.sites)}
        if any(own.potential.values()):
            bonds = set()
        sd = {own.sd.get((site, number), 0.0) for number, site in enumerate(device.spin_sites, start=1)}
        weights = _weights(own.transverse, spin_groups(device), device.levels) or {0.0}
        return cls(_one(bonds), _one(weights), _one(sd) if spins.halves else None)

    def version(self, types: Sequence[Any], real: type) -> bool:
        """Whether the version of a kernel for arguments of these types is the one for this H.

        The first array of reals is the state, of whose precision it must be. What takes no `Table` is the same for
        every H.

        Parameters
        ----------
        types : sequence of numba types
        real : type
            numpy.float64 or numpy.float32.
        """
        from numba import types as numba_types

        state = next((own for own in types if _of_reals(own)), None)
        if state is not None and str(state.dtype) != np.dtype(real).name:
            return False
        table = next((own for own in types if getattr(own, "instance_class", None) is Table), None)
        if table is None:
            return True
        parts = dict(zip(Table._fields, table.types, strict=True))
        group = dict(zip(GroupTable._fields, parts["one"].types, strict=True))
        taken = parts["chain"], group["exchange_weight"], group["sd_diagonal"]
        return all(
            isinstance(own, numba_types.Float) == (value is not None) for own, value in zip(taken, self, strict=True)
        )


def _of_reals(own: Any) -> bool:
    from numba import types as numba_types

    return isinstance(own, numba_types.Array) and isinstance(own.dtype, numba_types.Float)


def _one(values: set[float]) -> float | None:
    return next(iter(values)) if len(values) == 1 else None


def _weights(transverse: Mapping[tuple[int, int], float], groups: Sequence[range], levels: Sequence[int]) -> set[float]:
    """Matrix elements of the exchange of two spins in one group, as in `pysv.sectors.blocks`."""
    found = set()
    for (i, j), coupling in transverse.items():
        if coupling and any(i in group and j in group for group in groups):
            for up, low in product(_steps(levels[i - 1]), _steps(levels[j - 1])):
                found |= {-2 * coupling * up * low, -2 * coupling * low * up}
    return found


def _steps(levels: int) -> list[float]:
    """√(k (2S − k + 1)): between the neighbouring levels of a spin."""
    return [float(np.sqrt(k * (levels - k))) for k in range(1, levels)]
