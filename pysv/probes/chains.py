"""Companions B|ψ⟩ as matrix-product states of their own, compressed by the same rules as |ψ⟩."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pysv.errors import BondLimitError
from pysv.mps.backend import Truncation
from pysv.mps.canonical import right_canonical
from pysv.mps.operators import left_canonical, with_sum
from pysv.probes.companions import Companions, Found

if TYPE_CHECKING:
    from pysv.engines.base import Engine
    from pysv.mps.state import MatrixProductState
    from pysv.probes.operators import SpinOperator
    from pysv.run.one_run import Run


class ChainCompanions(Companions):
    """Companions of a matrix-product state.

    O_k, and any other operator of one spin, is a matrix-product operator of bond dimension 2. What it makes of |ψ⟩ is
    compressed into `max_bond` of the engine, and the weight that this discards is in the dataset.
    """

    def __init__(self, run: Run, engine: Engine, operators: Sequence[SpinOperator]) -> None:
        super().__init__(run, engine, operators)
        self._history: list[MatrixProductState] = []
        self._images: list[list[MatrixProductState]] = []
        method = run.method
        self._rules = Truncation(*(getattr(method, key) for key in ("min_bond", "max_bond", "discarded_weight")))
        self._local = [self._of_sites(own) for own in operators]
        self.details["discarded_weight"] = 0.0

    def _of_sites(self, operator: SpinOperator) -> dict[int, np.ndarray]:
        """The operator of each site, from 0, on electron ⊗ spin."""
        sites = self.run.experiment.device.spin_sites
        own = {site - 1: np.kron(np.eye(4), operator.local(spin)) for spin, site in enumerate(sites)}
        return {site: matrix for site, matrix in own.items() if matrix.any()}

    def remember(self) -> Found:
        """Keep the state, and A|ψ⟩ for every A."""
        state = self.engine.matrix_product_state.copy()  # type: ignore[attr-defined]
        images = [with_sum(state, local) for local in self._local]
        self.grow(sum(tensor.nbytes for own in (state, *images) for tensor in own.tensors))
        self._history.append(state)
        self._images.append(images)
        return Found(np.array([image.overlap(state) for image in images]))

    def follow(self, second: int, operator: int, times: Sequence[float]) -> Iterator[Found]:
        """Compress and evolve B|ψ⟩; see `Companions.follow`."""
        image, norm = left_canonical(self._images[second][operator])
        if norm < 1e-14:  # the operator leaves nothing but rounding
            yield from (Found(np.zeros(len(self.operators), dtype=complex)) for _ in times)
            return
        start, lost, limited = right_canonical(image, self._rules)
        self._note(times[0], float(lost.sum()), bool(limited.any()))
        engine, state = self.engine, self.engine.state()
        engine.restore(times[0], state | start.arrays())
        for place, time in enumerate(times):
            engine.advance(time)
            now = engine.matrix_product_state  # type: ignore[attr-defined]
            yield Found(norm * np.array([now.overlap(bra) for bra in self._images[second + place]]))

    def _note(self, time: float, lost: float, limited: bool) -> None:
        """Note what the compression of a companion discards.

        Raises
        ------
        BondLimitError
            If it does not fit and the engine is to stop then.
        """
        self.details["discarded_weight"] = max(self.details["discarded_weight"], lost)
        if not limited:
            return
        sentence = (
            f"max_bond = {self._rules.max_bond} forced the companion at t = {time:g} fs to discard {lost:.1e}, more "
            f"than discarded_weight = {self._rules.discarded_weight:g}"
        )
        if getattr(self.run.method, "bond_limit", "warn") == "stop":
            raise BondLimitError(f"{sentence}; raise max_bond, or set bond_limit = 'warn'")
        if not self.warnings:
            self.warnings.append(f"{sentence}; raise max_bond")
