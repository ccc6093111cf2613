"""The options of the bosonic baths."""

from __future__ import annotations

from dataclasses import dataclass

from pysv.errors import InvalidInputError
from pysv.experiment.checks import Checked, checked, choice, real_number, truth, whole_number
from pysv.experiment.ranges import COUPLING, CUTOFF, TEMPERATURE


@dataclass(frozen=True, kw_only=True)
class BosonicBath(Checked):
    """One bosonic bath per localized spin, in the universal Lindblad equation (Eqs. 14–20).

    Parameters
    ----------
    temperature : float
        Temperature T > 0 of the baths, K.
    coupling : {"x", "y", "z", "xyz"}
        Pauli matrix that couples a spin to its bath; "xyz" gives each spin three baths.
    strength : float
        Coupling strength Γ/ω_m ≥ 0.
    cutoff : float
        Cutoff ω_m > 0 of the spectral density, eV.
    cutoff_shape : {"gaussian", "exponential", "hard"}
        How the spectral density ends above ω_m: with exp(−ω²/2ω_m²), with exp(−|ω|/ω_m), or abruptly.
    lamb_shift : bool
        Whether the Hamiltonian includes the Lamb shift.
    series_terms : int
        N_L of the paper's power series for the jump operators (Eq. 18), 0 … 60; 0 means the exact operators.

    Raises
    ------
    InvalidInputError
        If a value is outside its range, or the power series does not exist for the cutoff.
    """

    temperature: float = checked(100.0, real_number, **TEMPERATURE)
    coupling: str = checked("x", choice, ("x", "y", "z", "xyz"))
    strength: float = checked(0.0144, real_number, **COUPLING)
    cutoff: float = checked(0.1, real_number, **CUTOFF)
    cutoff_shape: str = checked("gaussian", choice, ("gaussian", "exponential", "hard"))
    lamb_shift: bool = checked(False, truth)
    series_terms: int = checked(0, whole_number, low=0, high=60)

    def check(self) -> None:
        """The power series exists for the Gaussian cutoff only."""
        if self.series_terms and self.cutoff_shape != "gaussian":
            reason = "a jump in √J" if self.cutoff_shape == "hard" else "a cusp of √J at ω = 0"
            raise InvalidInputError(
                f"series_terms = {self.series_terms} with cutoff_shape = {self.cutoff_shape!r}: the moments ∫g(t)tⁿdt "
                f"of Eq. 18 diverge because of {reason}; use the exact operators (series_terms = 0) or the gaussian "
                "cutoff",
                "series_terms",
            )
