"""The Julia that the tests use, if there is one."""

from __future__ import annotations

import os

import pytest

from pysv.julia.setup import not_ready


def why_not() -> str | None:
    """Why the Julia tests cannot run here; None where they can. Sets up a Julia that the environment names."""
    reason = not_ready()
    if reason is None or "PYTHON_JULIACALL_EXE" not in os.environ:
        return reason
    from pysv.errors import JuliaUnavailableError
    from pysv.julia import session

    try:
        session.start()
    except JuliaUnavailableError as error:
        return str(error)
    return not_ready()


REASON = why_not()
if REASON is not None and os.environ.get("PYSV_TEST_JULIA") == "required":
    raise RuntimeError(f"the Julia tests are asked for, but {REASON}")

needs_julia = pytest.mark.skipif(REASON is not None, reason=f"no Julia: {REASON}")
