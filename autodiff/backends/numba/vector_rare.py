"""A library call for the few operands a formula cannot serve, without losing the vector loop.

A call in a loop normally stops LLVM's loop vectoriser, and a `select` would make the call for every element. LLVM
accepts one kind of conditional call: of a function whose attribute `vector-function-abi-variant` names vector
versions of it that take a mask (LLVM Language Reference, "Call Site Attributes"; names as in its VFABI demangler).
So each library function is defined here as a scalar wrapper and, for every vector width, a version that returns at
once when its mask is empty and otherwise goes through the lanes. In a loop where no operand is out of range this
costs one call and one test per vector, too little to be seen beside the formula.

If an LLVM version ignores the attribute, the loop is not vectorised and the results are the same.

The functions have linkage `weak_odr`: any number of modules may define them, and none drops the vector versions
before the vectoriser, which alone refers to them, has run.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from .vector_value import DOUBLE, Bits, Value

WIDTHS = (2, 4, 8, 16)
LIBRARY: dict[str, Callable[[Value], Value]] = {
    "sin": lambda x: x.intrinsic("sin"),
    "cos": lambda x: x.intrinsic("cos"),
    "tan": lambda x: x.intrinsic("sin") / x.intrinsic("cos"),  # llvm.tan is too new
}
INT32, CONDITION = ir.IntType(32), ir.IntType(1)


def where_rare(condition: Bits, rare: Callable[[], Value], usual: Value) -> Value:
    """`usual`, or what `rare` computes, in a branch of its own, where the condition holds."""
    builder = usual.builder
    start = builder.block
    with builder.if_then(condition.ir, likely=False):
        computed = rare()
        end = builder.block
    merged = builder.phi(usual.ir.type)
    merged.add_incoming(usual.ir, start)
    merged.add_incoming(computed.ir, end)
    return Value(builder, merged)


def library_call(name: str, x: Value) -> Value:
    """The entry of `LIBRARY`, for a float64, to be called inside `where_rare`."""
    return Value(x.builder, x.builder.call(_wrapper(x.builder.module, name), [x.ir]))


def _wrapper(module: ir.Module, name: str) -> ir.Function:
    symbol = f"autodiff_rare_{name}"
    if symbol in module.globals:
        return module.globals[symbol]
    wrapper = ir.Function(module, ir.FunctionType(DOUBLE.float_type, [DOUBLE.float_type]), symbol)
    builder = ir.IRBuilder(wrapper.append_basic_block())
    builder.ret(LIBRARY[name](Value(builder, wrapper.args[0])).ir)
    variants = {width: _masked_version(module, wrapper, width) for width in WIDTHS}
    names = ",".join(f"_ZGV_LLVM_M{width}v_{symbol}({version.name})" for width, version in variants.items())
    _describe(wrapper, f'"vector-function-abi-variant"="{names}"')
    return wrapper


def _describe(function: ir.Function, *attributes: str) -> None:
    """Pure, and never inlined. Past llvmlite's own check, which knows no attributes with a value, nor `willreturn`."""
    function.linkage = "weak_odr"
    for attribute in ("nounwind", "noinline", "readnone", "willreturn", *attributes):
        set.add(function.attributes, attribute)


def _masked_version(module: ir.Module, wrapper: ir.Function, width: int) -> ir.Function:
    vector, mask = ir.VectorType(DOUBLE.float_type, width), ir.VectorType(CONDITION, width)
    function = ir.Function(module, ir.FunctionType(vector, [vector, mask]), f"{wrapper.name}_{width}")
    _describe(function)
    builder = ir.IRBuilder(function.append_basic_block())
    operands, wanted = function.args
    any_wanted = builder.icmp_unsigned("!=", builder.bitcast(wanted, ir.IntType(width)), ir.IntType(width)(0))
    results = operands
    start = builder.block
    with builder.if_then(any_wanted, likely=False):
        for lane in map(INT32, range(width)):
            x = builder.extract_element(operands, lane)
            x = builder.select(builder.extract_element(wanted, lane), x, DOUBLE.float_type(0.0))
            results = builder.insert_element(results, builder.call(wrapper, [x]), lane)
        end = builder.block
    merged = builder.phi(vector)
    merged.add_incoming(operands, start)
    merged.add_incoming(results, end)
    builder.ret(merged)
    return function
