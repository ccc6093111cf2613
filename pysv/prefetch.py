"""Ask for memory before it is needed: the processor fetches it into its cache while it works on something else."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pysv.jit import FAST, compiled

_LINE = 64
"""Bytes of a cache line."""
_READ, _SECOND_LEVEL, _DATA = 0, 2, 1
"""LLVM's words for: to be read, into the second cache, no instructions."""


@intrinsic  # type: ignore[untyped-decorator]
def _fetch_line(typing_context: Any, array: Any, place: Any) -> Any:
    del typing_context

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        instruction = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(instruction, [address, *(ir.Constant(number, word) for word in (_READ, _SECOND_LEVEL, _DATA))])
        return context.get_dummy_value()

    return types.void(array, types.intp), code


@compiled(inline="always", **FAST)
def fetch(array, place, count):
    """Fetch ``array[place : place + count]``, one-dimensional; places beyond the array do no harm."""
    for n in range(place, place + count, _LINE // array.itemsize):
        _fetch_line(array, n)
