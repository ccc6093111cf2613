"""Every way in which pysv says no: one class per kind of failure, each message one sentence with the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PysvError(Exception):
    """Base of all errors that pysv raises on purpose."""


class InvalidInputError(PysvError, ValueError):
    """A value outside its allowed range.

    Parameters
    ----------
    message : str
        One sentence: the value, what is allowed, the remedy.
    key : str, optional
        The key (dataclass field, entry of the experiment file) that holds the value.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key

    def __reduce__(self) -> tuple[type, tuple[str, str | None]]:
        return type(self), (str(self), self.key)


class ExperimentFileError(InvalidInputError):
    """An experiment file that cannot be read, or an entry of it that is not allowed."""


class NotReadyError(PysvError, NotImplementedError):
    """A part of the contract that this version of pysv does not serve yet."""


class EngineError(PysvError, ValueError):
    """An engine or backend that does not exist, or that cannot serve the experiment."""


class JuliaUnavailableError(PysvError, RuntimeError):
    """A Julia backend was asked for by name and cannot be had."""


class DaskUnavailableError(PysvError, RuntimeError):
    """A Dask scheduler or its workers were asked for and cannot be had."""


class MemoryLimitError(PysvError, MemoryError):
    """A run that does not fit in memory; raised before anything is allocated."""


class SpectralBoundsError(PysvError, ArithmeticError):
    """The spectrum of H reaches outside the bounds that the Chebyshev expansion assumed."""


class EngineFailureError(PysvError, ArithmeticError):
    """An engine that gave up during a run."""


class BondLimitError(PysvError, ArithmeticError):
    """A matrix-product state that needs a larger bond dimension than the run allows."""


class GroundStateError(PysvError, ArithmeticError):
    """A ground state that is not in the sector where the run is meant to start."""


class InvariantError(PysvError, ArithmeticError):
    """A conserved quantity drifted beyond its tolerance, or a state is not finite."""


class ResultFileError(PysvError, OSError):
    """A result file that cannot be read or written, or that pysv did not write."""


class ResultExistsError(ResultFileError, FileExistsError):
    """A result file that exists and may not be replaced."""


class ResumeError(PysvError, ValueError):
    """A result file from which a run cannot be continued."""


class PysvWarning(UserWarning):
    """Base of the warnings of pysv."""


class PacketTruncationWarning(PysvWarning):
    """Part of the wave packet lies beyond an end of the chain and is cut off."""


class BathValidityWarning(PysvWarning):
    """The universal Lindblad equation, or the power series of its jump operators, is doubtful for a bath."""


class TargetErrorWarning(PysvWarning):
    """Random trajectories did not reach the statistical error that was asked for."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Sentence for a name that is not known, with the nearest known one.

    Parameters
    ----------
    what : str
        What the name is of, e.g. ``"key"``.
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        ``unknown key 'sits'; did you mean 'sites'? known: …``
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {name!r};{hint} known: {', '.join(names)}"
