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

from .vector_value import DOUBLE, Bits, Value, rounded, select

WIDTHS = (2, 4, 8, 16)
LIBRARY: dict[str, Callable[[Value], Value]] = {
    "sin": lambda x: x.intrinsic("sin"),
    "cos": lambda x: x.intrinsic("cos"),
    "tan": lambda x: x.intrinsic("sin") / x.intrinsic("cos"),  # llvm.tan is too new
}
INT32, CONDITION = ir.IntType(32), ir.IntType(1)


def where_rare(condition: Bits, name: str, x: Value, usual: Value) -> Value:
    """`usual`, or the entry of `LIBRARY` for x, a float64, where the condition holds."""
    builder, usual = usual.builder, rounded(usual)
    wrapper = _wrapper(builder.module, name)
    if isinstance(x.kind, ir.VectorType):
        version = _masked_version(builder.module, wrapper, x.kind.count)
        computed = Value(builder, builder.call(version, [x.ir, condition.ir]))
        return select(condition, computed, usual)
    start = builder.block
    with builder.if_then(condition.ir, likely=False):
        rare = builder.call(wrapper, [x.ir])
        end = builder.block
    merged = builder.phi(usual.kind)
    merged.add_incoming(usual.ir, start)
    merged.add_incoming(rare, end)
    variants = ",".join(f"_ZGV_LLVM_M{n}v_{wrapper.name}({wrapper.name}_{n})" for n in WIDTHS)
    for width in WIDTHS:
        _masked_version(builder.module, wrapper, width)
    set.add(wrapper.attributes, f'"vector-function-abi-variant"="{variants}"')
    return Value(builder, merged)


def _wrapper(module: ir.Module, name: str) -> ir.Function:
    symbol = f"autodiff_rare_{name}"
    if symbol in module.globals:
        return module.globals[symbol]
    wrapper = ir.Function(module, ir.FunctionType(DOUBLE.float_type, [DOUBLE.float_type]), symbol)
    builder = ir.IRBuilder(wrapper.append_basic_block())
    builder.ret(LIBRARY[name](Value(builder, wrapper.args[0])).ir)
    _describe(wrapper)
    return wrapper


def _describe(function: ir.Function) -> None:
    """Pure, and never inlined. Past llvmlite's own check, which does not know `willreturn`."""
    function.linkage = "weak_odr"
    for attribute in ("nounwind", "noinline", "readnone", "willreturn"):
        set.add(function.attributes, attribute)


def _masked_version(module: ir.Module, wrapper: ir.Function, width: int) -> ir.Function:
    name = f"{wrapper.name}_{width}"
    if name in module.globals:
        return module.globals[name]
    vector, mask = ir.VectorType(DOUBLE.float_type, width), ir.VectorType(CONDITION, width)
    function = ir.Function(module, ir.FunctionType(vector, [vector, mask]), name)
    _describe(function)
    builder = ir.IRBuilder(function.append_basic_block())
    operands, wanted = function.args
    wanted = builder.zext(builder.bitcast(wanted, ir.IntType(width)), INT32)
    place = builder.alloca(vector)
    with builder.if_then(builder.icmp_unsigned("==", wanted, INT32(0)), likely=True):
        builder.ret(operands)
    builder.store(operands, place)
    lanes = builder.bitcast(place, DOUBLE.float_type.as_pointer())
    before, loop, done = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    lane = builder.phi(INT32)
    lane.add_incoming(INT32(0), before)
    with builder.if_then(builder.trunc(builder.lshr(wanted, lane), CONDITION)):
        address = builder.gep(lanes, [lane])
        builder.store(builder.call(wrapper, [builder.load(address)]), address)
    following = builder.add(lane, INT32(1))
    lane.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_unsigned("<", following, INT32(width)), loop, done)
    builder.position_at_end(done)
    builder.ret(builder.load(place))
    return function
