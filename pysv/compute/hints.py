"""Hints to compiler and processor about the memory of a loop: prefetch and no-alias. No hint changes a result."""

from __future__ import annotations

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pysv.compute.compiler import CACHE_LINE, FAST, compiled

_READ, _SECOND_LEVEL, _DATA = 0, 2, 1
"""Arguments of LLVM's prefetch: for reading, into the second-level cache, data."""
_KNOWS_SEPARATE_STORAGE = llvmlite.binding.llvm_version_info >= (18,)
"""Whether this LLVM makes use of a no-alias assumption on two arrays."""


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Pointer to the data of an array."""
    return context.make_array(kind)(context, builder, array).data


@intrinsic  # type: ignore[untyped-decorator]
def _fetch_line(typing_context: Any, array: Any, place: Any) -> Any:
    del typing_context

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        data = _data(context, builder, signature.args[0], arguments[0])
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        instruction = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(instruction, [address, *(ir.Constant(number, word) for word in (_READ, _SECOND_LEVEL, _DATA))])
        return context.get_dummy_value()

    return types.void(array, types.intp), code


@compiled(inline="always", **FAST)
def fetch(array, place, count):
    """Prefetch ``array[place : place + count]`` of a one-dimensional array; indices beyond its end are harmless."""
    for n in range(place, place + count, CACHE_LINE // array.itemsize):
        _fetch_line(array, n)


class _AssumeApart(ir.instructions.Instruction):  # type: ignore[misc]
    """A call of LLVM's `assume` with an operand bundle, which llvmlite itself cannot write."""

    def __init__(self, block: Any, assume: Any, one: Any, other: Any) -> None:
        super().__init__(block, ir.VoidType(), "call", [assume, one, other])

    def descr(self, buf: list[str]) -> None:
        """Append the instruction as text."""
        assume, *arrays = (operand.get_reference() for operand in self.operands)
        one, other = (f"{operand.type} {name}" for operand, name in zip(self.operands[1:], arrays, strict=True))
        buf.append(f'call void {assume}(i1 true) ["separate_storage"({one}, {other})]\n')


@intrinsic  # type: ignore[untyped-decorator]
def apart(typing_context: Any, one: Any, other: Any) -> Any:
    """Promise that two arrays share no memory (no-alias), so that a loop over both needs no check at run time."""
    del typing_context

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _KNOWS_SEPARATE_STORAGE:
            places = (_data(context, builder, *pair) for pair in zip(signature.args, arguments, strict=True))
            kind = ir.FunctionType(ir.VoidType(), [ir.IntType(1)])
            assume = cgutils.get_or_insert_function(builder.module, kind, "llvm.assume")
            builder._insert(_AssumeApart(builder.block, assume, *places))
        return context.get_dummy_value()

    return types.void(one, other), code
