"""Whether a dataset has a variable; where it has not, why, and how a run would record it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError, nearest, quoted, unknown_name
from pysv.measures.registry import find, measures

if TYPE_CHECKING:
    import xarray as xr


def check_recorded(data: xr.Dataset, name: str) -> None:
    """Refuse a variable that a run or a sweep does not have.

    Parameters
    ----------
    data : xarray.Dataset
    name : str

    Raises
    ------
    InvalidInputError
        Says why a measure of pysv was not recorded, or which name may be meant.
    """
    if name in data.data_vars:
        return
    reason = _why_not(data, name)
    if reason is not None:
        raise InvalidInputError(reason, "variable")
    known = list(map(str, data.data_vars))
    lacking = [measure.name for measure in measures() if measure.option and measure.name not in known]
    near = nearest(name, [*known, *lacking])
    if near in lacking:
        raise InvalidInputError(
            f"unknown variable {quoted(name)}; did you mean {near!r}? {_why_not(data, str(near))}", "variable"
        )
    raise InvalidInputError(unknown_name("variable", name, known), "variable")


def _why_not(data: xr.Dataset, name: str) -> str | None:
    """Why a measure is not in a dataset, and the remedy; None for a name of no measure."""
    measure = find(name)
    if measure is None:
        return None
    for line in str(data.attrs.get("left_out", "")).splitlines():
        left, _, why = line.partition(": ")
        if left == name:
            return f"{name} is left out ({why}); take another variable"
    if measure.option is not None:
        return f"{name} was not recorded; set [record] {measure.option} = true, and run again"
    return f"{name} was not recorded, because a run of this kind does not have it; take another variable"
