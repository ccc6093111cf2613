"""Remarks on an experiment that the user must read: in the dataset, in estimates, and as warnings."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from pysv.engines._trajectories import Sampling
from pysv.errors import BathValidityWarning, LeftOutWarning, PacketDirectionWarning, PacketTruncationWarning
from pysv.measures.registry import measures
from pysv.measures.ways import NOT_ASKED, left_out
from pysv.model.baths import jumps

if TYPE_CHECKING:
    from pysv.engines.base import Method
    from pysv.experiment import Experiment


def remarks(experiment: Experiment) -> tuple[str, ...]:
    """Remarks on the direction and the truncation of the packet, and on doubtful baths."""
    return *experiment.remarks(), *_bath_remarks(experiment)


def warn(experiment: Experiment, method: Method | None = None, *, averaged: bool = False) -> None:
    """Emit `remarks` as `PacketDirectionWarning`, `PacketTruncationWarning` and `BathValidityWarning`.

    Where a method is given, measures that are asked for by name and not recorded are a `LeftOutWarning`.

    Parameters
    ----------
    experiment : Experiment
    method : Method, optional
        The engine that runs it.
    averaged : bool
        Whether it is run in batches.
    """
    for remark in () if method is None else _left_out_remarks(experiment, method, averaged):
        tell(remark, LeftOutWarning)
    for remark in experiment.direction_remarks():
        tell(remark, PacketDirectionWarning)
    for remark in experiment.truncation_remarks():
        tell(remark, PacketTruncationWarning)
    for remark in _bath_remarks(experiment):
        tell(remark, BathValidityWarning)


def tell(sentence: str, category: type[Warning]) -> None:
    """Emit a warning that points at the line outside pysv from which the call comes, however deep it is here.

    Parameters
    ----------
    sentence : str
    category : type of Warning
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).split(".")[0] == "pysv":
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, category, stacklevel=level)


def _left_out_remarks(experiment: Experiment, method: Method, averaged: bool) -> tuple[str, ...]:
    asked = {measure.name: measure.option for measure in measures() if measure.option}
    omitted = left_out(experiment, averaged=averaged or isinstance(method, Sampling), lacks=method.lacks)
    return tuple(
        f"[record] {asked[name]} = true: {name} is left out, because it {reason}"
        for name, reason in omitted.items()
        if name in asked and not reason.startswith(NOT_ASKED)
    )


def _bath_remarks(experiment: Experiment) -> tuple[str, ...]:
    return () if experiment.bath is None else jumps.report(experiment.device, experiment.bath)[1]
