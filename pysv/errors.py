"""Errors and warnings of pysv: one class for each kind of failure. Each message is one sentence with the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class PysvError(Exception):
    """Base of all errors that pysv raises on purpose."""


class InvalidInputError(PysvError, ValueError):
    """A value is outside its allowed range.

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


class UnknownKeywordError(InvalidInputError, TypeError):
    """A class of pysv has no such keyword."""


class ExperimentFileError(InvalidInputError):
    """An experiment file cannot be read, or one of its entries is not allowed."""


class NotReadyError(PysvError, NotImplementedError):
    """Something is not available yet: a later version will serve it, or a program must be installed first."""


class EngineError(PysvError, ValueError):
    """An engine or backend does not exist, or cannot run the experiment."""


class JuliaUnavailableError(PysvError, RuntimeError):
    """A run needs the Julia backend, which is not available."""


class CudaUnavailableError(PysvError, RuntimeError):
    """A run needs a CUDA device, and there is none that can be used."""


class DaskUnavailableError(PysvError, RuntimeError):
    """A run needs a Dask cluster whose scheduler or workers are not available."""


class RanksError(PysvError, RuntimeError):
    """The processes that mpirun started cannot work together."""


class MemoryLimitError(PysvError, MemoryError):
    """A run does not fit in memory; raised before anything is allocated."""


class SpectralBoundsError(PysvError, ArithmeticError):
    """An eigenvalue of H lies outside the spectral bounds of the Chebyshev expansion."""


class EngineFailureError(PysvError, ArithmeticError):
    """An engine failed during a run."""


class SweepFailureError(EngineFailureError):
    """Some points of a sweep failed; the others are computed.

    Parameters
    ----------
    sentences : sequence of str
        Why, one for each point that failed.
    points : sequence of pysv.run.sweep.Point
        Those that are computed.
    """

    def __init__(self, sentences: Sequence[str], points: Sequence[object] = ()) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = tuple(sentences)
        self.points = tuple(points)

    def __reduce__(self) -> tuple[type, tuple[tuple[str, ...], tuple[object, ...]]]:
        return type(self), (self.sentences, self.points)


class BondLimitError(PysvError, ArithmeticError):
    """A matrix-product state needs a larger bond dimension than the run allows."""


class GroundStateError(PysvError, ArithmeticError):
    """The ground state is not in the sector in which the run must start."""


class InvariantError(PysvError, ArithmeticError):
    """A conserved quantity drifted beyond its tolerance, or a state is not finite."""


class ResultFileError(PysvError, OSError):
    """A result file cannot be read or written, or does not come from pysv."""


class ResultExistsError(ResultFileError, FileExistsError):
    """A result file exists and may not be replaced."""


class UnsavedResultError(ResultFileError):
    """A run is finished, and its result could be written nowhere.

    Parameters
    ----------
    message : str
        One sentence.
    data : xarray.Dataset, optional
        The result.
    """

    def __init__(self, message: str, data: object = None) -> None:
        super().__init__(message)
        self.data = data

    def __reduce__(self) -> tuple[type, tuple[str, object]]:
        return type(self), (str(self), self.data)


class ResumeError(PysvError, ValueError):
    """A run cannot be continued from its result file."""


class PysvWarning(UserWarning):
    """Base of the warnings of pysv."""


class PacketTruncationWarning(PysvWarning):
    """Part of the wave packet lies beyond an end of the chain and is cut off."""


class PacketDirectionWarning(PysvWarning):
    """The wave packet runs away from the localized spins."""


class LeftOutWarning(PysvWarning):
    """A measure that the experiment asks for by name is not recorded."""


class BathValidityWarning(PysvWarning):
    """The universal Lindblad equation, or the power series of its jump operators, is doubtful for this bath."""


class TargetErrorWarning(PysvWarning):
    """Random trajectories did not reach the target error."""


class KernelCacheWarning(PysvWarning):
    """Compiled functions cannot be kept for the next command."""


LONGEST = 80
"""Characters of a quoted value in a sentence."""


def quoted(value: object) -> str:
    """A value as Python writes it, cut at 80 characters.

    >>> quoted("up")
    "'up'"
    >>> len(quoted("up" * 1000))
    80
    """
    return cut(repr(value[: 2 * LONGEST] if isinstance(value, str) else value))


def cut(text: str, longest: int = LONGEST) -> str:
    """A text of at most `longest` characters; an ellipsis stands for what is left out."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def reason(error: BaseException) -> str:
    """What an error says; for one without words of its own, what it means.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
        One line.
    """
    said = " ".join(str(error).split())
    if isinstance(error, KeyboardInterrupt):
        return said or "a second Ctrl-C ended it at once"
    if isinstance(error, MemoryError) and not said:
        return "the memory is exhausted"
    return said or f"an error of the kind {type(error).__name__}"


def arithmetic(error: ArithmeticError | ValueError) -> str:
    """What arithmetic that failed means, with the remedy: the end of a sentence about a run."""
    remedy = "look for a value at the end of its range, which `pysv keys` lists"
    if isinstance(error, ArithmeticError):
        return f"a number is beyond what the arithmetic can do ({reason(error)}); {remedy}"
    return f"a matrix cannot be diagonalised or inverted ({reason(error)}); {remedy}, or take another engine"


class OtherPlaceWarning(PysvWarning):
    """A result is in another file than was asked for."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Sentence for an unknown name; it suggests the closest known one.

    Parameters
    ----------
    what : str
        Kind of name, e.g. ``"key"``.
    name : str
        The unknown name.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        ``unknown key 'sits'; did you mean 'sites'? known: …``
    """
    names = sorted(known)
    near = nearest(name, names)
    hint = f" did you mean {near!r}?" if near else ""
    return f"unknown {what} {quoted(name)};{hint} known: {', '.join(names)}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that an unknown one most likely means; None if none is near.

    Upper and lower case, and underscores, count as alike; symbols of the paper mean the names of their quantities.

    >>> nearest("Up", ["up", "down", "unpolarized"])
    'up'
    >>> nearest("J_sd", ["exchange", "sd_exchange"])
    'sd_exchange'
    """
    names = list(known)
    meant = [other for other in _SYMBOLS.get(_bare(name), ()) if other in names]
    if meant:
        return meant[0]
    bare: dict[str, str] = {}
    for other in names:
        bare.setdefault(_bare(other), other)
    near = difflib.get_close_matches(_bare(name[:LONGEST]), bare, n=1)
    return bare[near[0]] if near else None


def _bare(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


_SYMBOLS = {
    "jsd": ("sd_exchange",),
    "j": ("exchange",),
    "jz": ("exchange_z",),
    "gamma": ("hopping", "strength"),
    "γ": ("hopping",),
    "t": ("hopping", "temperature", "stop"),
    "lx": ("sites",),
    "l": ("sites",),
    "x0": ("center",),
    "centre": ("center",),
    "k": ("momentum",),
    "kx": ("momentum",),
    "deltak": ("momentum_spread",),
    "dk": ("momentum_spread",),
    "δk": ("momentum_spread",),
    "width": ("momentum_spread",),
    "ne": ("electrons",),
    "v": ("well",),
    "b": ("field",),
    "dt": ("time_step", "step"),
    "tmax": ("stop",),
}
"""Symbols of the paper and other common names, in lower case, and the names that they may mean, the likeliest first."""
