"""The CUDA device: whether there is one that numba can use, and its memory. Nothing here starts CUDA at import."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from importlib.util import find_spec

from pysv.errors import CudaUnavailableError
from pysv.units import size

INSTALL = '`pip install "pysv-spinvalve[cuda]"`'
"""What installs numba's CUDA support and the compiler libraries that it needs."""
_DRIVERS = ("libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1", "nvcuda.dll")
"""Names of the library that comes with NVIDIA's driver."""


def simulated() -> bool:
    """Whether numba runs the kernels in Python, thread by thread, as NUMBA_ENABLE_CUDASIM = 1 asks."""
    from numba import config

    return bool(config.ENABLE_CUDASIM)


@cache
def lacking() -> str | None:
    """Why no device can be used and what to do; None if one can. Known within a second.

    The driver is looked for before numba's CUDA support is loaded, which takes longer.
    """
    if simulated():
        return None
    if not _driver_found(os.environ.get("NUMBA_CUDA_DRIVER", "")):
        return "no NVIDIA driver is found (libcuda.so.1); go to a machine with a GPU, or use backend 'python'"
    if find_spec("numba_cuda") is None and find_spec("numba.cuda") is None:
        return f"numba-cuda is not installed; {INSTALL}, or use backend 'python'"
    return _failure()


def _driver_found(named: str) -> bool:
    """Whether the library of the driver loads; numba's variable NUMBA_CUDA_DRIVER may name another file."""
    for name in (named,) if named else _DRIVERS:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def _failure() -> str | None:
    """What CUDA itself says against its use."""
    try:
        from numba import cuda

        available, refusal = cuda.is_available(), cuda.cuda_error()
        if available and len(cuda.gpus):
            return None
    except Exception as error:  # versions that do not suit each other fail in any way
        return f"numba's CUDA support fails ({_first_line(error)}); {INSTALL}, or use backend 'python'"
    if available or refusal is not None:
        said = _first_line(refusal or "it lists none")
        return f"the NVIDIA driver finds no usable device ({said}); use backend 'python'"
    return f"CUDA's compiler (libNVVM) is not found; {INSTALL}, or use backend 'python'"


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".:") if lines else type(error).__name__


def check() -> None:
    """Refuse to go on without a device.

    Raises
    ------
    CudaUnavailableError
    """
    reason = lacking()
    if reason is not None:
        raise CudaUnavailableError(f"backend 'cuda': {reason}")


def memory() -> tuple[float, float]:
    """Free and total bytes of the device; infinite in numba's simulator."""
    from numba import cuda

    context = cuda.current_context()
    pending = None if simulated() else getattr(context.memory_manager, "deallocations", None)
    if pending is not None:  # what Python has given up, and numba has kept to free it later with more
        pending.clear()
    free, total = context.get_memory_info()
    return free, total


def report() -> str:
    """The device in words: its name, its compute capability, its memory; or why there is none."""
    reason = lacking()
    if reason is not None:
        return f"not ready: {reason}"
    if simulated():
        return "numba's simulator (NUMBA_ENABLE_CUDASIM = 1)"
    from numba import cuda

    device, (free, total) = cuda.get_current_device(), memory()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    capability = ".".join(map(str, device.compute_capability))
    return f"{name}, compute capability {capability}, {size(int(free))} free of {size(int(total))}"
