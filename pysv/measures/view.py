"""What a measure sees of one snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pysv.errors import InvalidInputError
from pysv.measures.factor import SpinFactor
from pysv.measures.frame import in_initial_frame
from pysv.model.basis import Spins
from pysv.model.density import SpinDensity
from pysv.model.initial import collinear_configuration, packet
from pysv.sectors.state import PureMixture

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.checks import Angles
    from pysv.snapshot import State

Due = Callable[[str], bool]
"""Whether a schedule, a field of `pysv.Every`, is due now."""
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Setting:
    """What is the same at every snapshot of a run.

    Parameters
    ----------
    experiment : Experiment
    way : str
        How its snapshots are measured, see `pysv.measures.ways`.
    """

    experiment: Experiment
    way: str

    @cached_property
    def directions(self) -> tuple[Angles, ...]:
        """Initial [θ, φ] of every localized spin."""
        return self.experiment.spins.directions(self.experiment.device)

    @cached_property
    def density_at_start(self) -> np.ndarray:
        """Probability of the electron on each site at t = 0, float64 (sites,)."""
        return np.asarray(np.abs(packet(self.experiment)) ** 2)

    @cached_property
    def spins(self) -> Spins:
        """The localized spins."""
        return Spins(self.experiment.device.levels)

    @cached_property
    def sides(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Spins, from 0, on the two sides of mutual information and negativity; None where there is one layer."""
        return self.experiment.record.sides(self.experiment.device)

    @cached_property
    def pairs(self) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
        """The same for all pairs of layers, where there are more than two."""
        layers = [tuple(n - 1 for n in spins) for spins in self.experiment.device.layer_spins]
        return tuple(combinations(layers, 2)) if len(layers) > 2 else ()

    @cached_property
    def initial(self) -> int | None:
        """Initial configuration of the localized spins, None where any of them is tilted."""
        return collinear_configuration(self.directions, self.spins)

    @cached_property
    def positions(self) -> np.ndarray:
        """Sites of the localized spins, float64 (N,)."""
        return np.array(self.experiment.device.spin_sites, dtype=float)

    @cached_property
    def momenta(self) -> np.ndarray:
        """Momentum transfers asked for, rad per site, float64 (K,)."""
        return np.array(self.experiment.record.momenta)


@dataclass(frozen=True, eq=False)
class View:
    """One snapshot, or an average over random trajectories of which only ρ is known.

    What is expensive is found when it is first asked for, and kept.

    Parameters
    ----------
    setting : Setting
    due : callable
        Which schedules of `pysv.Every` are due.
    whole : State, optional
        State of the whole system, electrons included.
    deviation : float, optional
        Its error, as far as the engine states one; see `pysv.snapshot.Snapshot`.
    density : SpinDensity, optional
        ρ of the localized spins, where it is not that of `whole`.
    """

    setting: Setting
    due: Due
    whole: State | None = None
    deviation: float | None = None
    density: SpinDensity | None = None
    _kept: dict[Callable[[View], Any], Any] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """State of the whole system.

        Raises
        ------
        InvalidInputError
            If the measure has not said that it needs it.
        """
        if self.whole is None:
            raise InvalidInputError("only ρ is known; a measure of `state` must have needs = 'state'")
        return self.whole

    @cached_property
    def directions(self) -> np.ndarray | None:
        """⟨S⟩/S of each localized spin, float64 (3, N), where the state knows it without ρ; None elsewhere."""
        return None if self.whole is None else self.whole.spin_directions()

    @cached_property
    def rho(self) -> SpinDensity | SpinFactor:
        """ρ of the localized spins, or the factor that stands for it in large systems.

        Both have `eigenvalues`, `layer_eigenvalues` and `spins`, and both go into the functions of `pysv.measures`.

        Raises
        ------
        InvalidInputError
            If only the diagonal of ρ is known.
        """
        if self.density is not None:
            return self.density
        if self.setting.way == "dense":
            return self.state.spin_density()
        if self.setting.way == "factor":
            return SpinFactor.of_mixture(self.mixture)
        raise InvalidInputError("only the diagonal of ρ is known; a measure of `rho` must have needs = 'eigenstates'")

    @cached_property
    def parted(self) -> SpinDensity | SpinFactor | None:
        """ρ of the two sides of mutual information and negativity, all else traced out; None without two sides."""
        return None if self.setting.sides is None else self.between(*self.setting.sides)

    def between(self, one: tuple[int, ...], other: tuple[int, ...]) -> SpinDensity | SpinFactor:
        """ρ of some spins, counted from 0, in two parts; all other spins are traced out."""
        if isinstance(self.rho, SpinFactor):  # `pysv.measures.ways` sees that these are all spins, in their order
            return self.rho
        return self.rho.between(one, other)

    @cached_property
    def probabilities(self) -> tuple[np.ndarray, np.ndarray]:
        """The diagonal of ρ: configurations of the localized spins, int64 (n,), and their probabilities, (n,)."""
        if self.density is not None or self.setting.way == "dense":
            assert isinstance(self.rho, SpinDensity)
            return self.rho.probabilities
        return self.mixture.probabilities()

    @cached_property
    def initial_frame(self) -> tuple[SpinDensity | SpinFactor, int]:
        """ρ in the basis of the initial spins and their opposites, and the initial configuration there."""
        if self.setting.initial is not None:
            return self.rho, self.setting.initial
        assert isinstance(self.rho, SpinDensity)  # a factor has collinear spins
        return in_initial_frame(self.rho, self.setting.directions), 0

    @property
    def mixture(self) -> PureMixture:
        """The pure states of one electron, for a measure that has said that it needs amplitudes."""
        assert isinstance(self.state, PureMixture)  # several electrons are measured through their ρ
        return self.state

    def once(self, function: Callable[[View], T]) -> T:
        """What a function gives for this view, computed once."""
        if function not in self._kept:
            self._kept[function] = function(self)
        return self._kept[function]  # type: ignore[no-any-return]
