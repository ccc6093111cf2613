"""The Julia that the tests use, if there is one."""

from __future__ import annotations

import os

import pytest

from pysv.julia.setup import not_ready


def why_not(*, tdmrg: bool = False) -> str | None:
    """Why the Julia tests, or those of `tdmrg`, cannot run here; None if they can. Sets up a Julia that is named."""
    reason = not_ready(tdmrg=tdmrg)
    if reason is None or "PYTHON_JULIACALL_EXE" not in os.environ:
        return reason
    from pysv.errors import JuliaUnavailableError
    from pysv.julia import session

    try:
        session.start(tdmrg=tdmrg)
    except JuliaUnavailableError as error:
        return str(error)
    return not_ready(tdmrg=tdmrg)


REASON = why_not()
NO_TDMRG = REASON or why_not(tdmrg=True)
if NO_TDMRG is not None and os.environ.get("PYSV_TEST_JULIA") == "required":
    raise RuntimeError(f"the Julia tests are asked for, but {NO_TDMRG}")

needs_julia = pytest.mark.skipif(REASON is not None, reason=f"no Julia: {REASON}")
needs_tdmrg = pytest.mark.skipif(NO_TDMRG is not None, reason=f"no tdmrg in Julia: {NO_TDMRG}")
