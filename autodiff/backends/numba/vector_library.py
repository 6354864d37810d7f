"""The formulas as functions of their own: compiled once per process, called by kernels that use many.

A formula written out costs 10 to 30 ms of compilation at every use, a call costs what an addition costs. So that
loops around calls still become vector code, each function exists for one number and for vectors, and its declaration
says so: LLVM's vectoriser puts `autodiff_formula_exp_f64_8`, a function of eight numbers, in place of eight calls of
`autodiff_formula_exp_f64` (attribute `vector-function-abi-variant`, LLVM Language Reference, "Call Site Attributes").

All versions of a formula are one piece of code, of the width of the CPU's vectors: fewer lanes, or one, are computed
with the others idle, which takes the time of one. float32 formulas that are computed in float64 call that version.
What a formula gives for a number is thus the same everywhere, as it is when the formula is written out
(`vector_value` has the rules that make it so).

`declared` is what printers use; `formula_code.py` has the code made, and loads it before a kernel that calls it.
"""

from __future__ import annotations

from collections.abc import Iterable

from llvmlite import ir

from autodiff.backends.numba.formula_code import PREFIX, lanes
from autodiff.backends.numba.vector_formulas import BINARY, FORMULAS
from autodiff.backends.numba.vector_value import DOUBLE, SINGLE, Format, Value, element

PURE = ("nounwind", "readnone", "willreturn")
INT32 = ir.IntType(32)
KEPT = "llvm.compiler.used"


# ---- declarations -------------------------------------------------------------------------------


def symbol(name: str, form: Format) -> str:
    return f"{PREFIX}{name}_f{form.bits_type.width}"


def declared(module: ir.Module, name: str, kind: ir.Type) -> ir.Function:
    """The formula as a function that a kernel may call, in loops too; of a vector, the version for it."""
    form = DOUBLE if element(kind) == DOUBLE.float_type else SINGLE
    plain = symbol(name, form)
    if isinstance(kind, ir.VectorType):
        version = f"{plain}_{kind.count}"
        return module.globals.get(version) or _function(module, version, name, kind)
    if plain in module.globals:
        return module.globals[plain]
    function = _function(module, plain, name, kind)
    versions = {n: declared(module, name, ir.VectorType(kind, n)) for n in lanes(form.bits_type.width)}
    arguments = "v" * len(function.args)
    variants = ",".join(f"_ZGV_LLVM_N{n}{arguments}_{plain}({version.name})" for n, version in versions.items())
    set.add(function.attributes, f'"vector-function-abi-variant"="{variants}"')
    kept = module.globals.get(KEPT) or Kept(module)
    kept.functions += versions.values()
    return function


def _function(module: ir.Module, symbol: str, name: str, kind: ir.Type) -> ir.Function:
    """Past llvmlite's own check, which does not know `willreturn`."""
    function = ir.Function(module, ir.FunctionType(kind, [kind] * (2 if name in BINARY else 1)), symbol)
    for attribute in PURE:
        set.add(function.attributes, attribute)
    return function


class Kept(ir.GlobalVariable):
    """The vector versions: used by nothing before the vectoriser runs, they would be dropped."""

    def __init__(self, module: ir.Module) -> None:
        super().__init__(module, ir.IntType(8), KEPT)
        self.functions: list[ir.Function] = []

    def descr(self, buf: list[str]) -> None:
        members = ", ".join(f"ptr {f.get_reference()}" for f in self.functions)
        kind = f"[{len(self.functions)} x ptr]"
        buf.append(f'appending global {kind} [{members}], section "llvm.metadata"\n')


# ---- code ----------------------------------------------------------------------------------------


def text_of(symbol: str) -> str:
    """The functions of a formula as LLVM IR, by the name of the one for one number."""
    name, _, bits = symbol.removeprefix(PREFIX).rpartition("_f")
    return library_text(name, DOUBLE if bits == "64" else SINGLE)


def widened(name: str) -> bool:
    """Whether float32 is computed as float64."""
    return getattr(FORMULAS[name], "in_double", False)


def library_text(name: str, form: Format) -> str:
    """The functions of a formula as LLVM IR."""
    module = ir.Module(symbol(name, form))
    full, *others = lanes(form.bits_type.width)
    vector = _function(module, f"{symbol(name, form)}_{full}", name, ir.VectorType(form.float_type, full))
    b = ir.IRBuilder(vector.append_basic_block())
    if form is SINGLE and widened(name):
        wide = ir.VectorType(DOUBLE.float_type, full // 2)
        half = _function(module, f"{symbol(name, DOUBLE)}_{full // 2}", name, wide)
        parts = [_half_width(b, half, vector.args, first) for first in (0, full // 2)]
        b.ret(_shuffled(b, *parts, range(full)))
    else:
        half = None
        b.ret(FORMULAS[name](*(Value(b, x) for x in vector.args)).ir)
    for n in others:
        kind = ir.VectorType(form.float_type, n)
        function = _function(module, f"{symbol(name, form)}_{n}", name, kind)
        b = ir.IRBuilder(function.append_basic_block())
        if half is not None:
            b.ret(_half_width(b, half, function.args, 0))
        else:  # the other lanes repeat these
            repeated = [_shuffled(b, x, x, [k % n for k in range(full)]) for x in function.args]
            found = b.call(vector, repeated)
            b.ret(_shuffled(b, found, found, range(n)))
    _one_number(module, name, form, None if half is not None else vector)
    return str(module).replace("define ", filling(module.name, list(FORMULAS).index(name)) + "define ", 1)


def filling(owner: str, number: int) -> str:
    """What stands before a formula's code and constants, of another length for each.

    Formulas that are loaded one by one begin a page each. More of them than the first cache has ways, all at the same
    place in their pages, drive each other out of it: a loop over ten took three times as long.
    """
    code, constants = (number * 704) % 4096, (number * 320) % 4096  # odd multiples of a line of the cache: all differ
    return (
        f'@"{owner}_filling" = constant [{constants + 1} x i8] zeroinitializer\n'
        f'define void @"{owner}_filled"() prefix [{code} x i8] zeroinitializer {{\n  ret void\n}}\n'
    )


def _half_width(b: ir.IRBuilder, half: ir.Function, operands: Iterable[ir.Value], first: int) -> ir.Value:
    """Lanes from `first` on, through the float64 version."""
    wide = half.function_type.return_type
    chosen = [_shuffled(b, x, x, range(first, first + wide.count)) for x in operands]
    found = b.call(half, [b.fpext(x, wide) for x in chosen])
    return b.fptrunc(found, ir.VectorType(SINGLE.float_type, wide.count))


def _shuffled(b: ir.IRBuilder, x: ir.Value, y: ir.Value, places: Iterable[int]) -> ir.Value:
    places = list(places)
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT32, len(places)), places))


def _one_number(module: ir.Module, name: str, form: Format, vector: ir.Function | None) -> None:
    """As the first lane of a vector; or, without one, through float64."""
    function = _function(module, symbol(name, form), name, form.float_type)
    b = ir.IRBuilder(function.append_basic_block())
    if vector is None:
        wide = _function(module, symbol(name, DOUBLE), name, DOUBLE.float_type)
        found = b.call(wide, [b.fpext(x, DOUBLE.float_type) for x in function.args])
        b.ret(b.fptrunc(found, form.float_type))
        return
    kind, filled = vector.function_type.return_type, []
    for x in function.args:
        first = b.insert_element(ir.Constant(kind, ir.Undefined), x, INT32(0))
        filled.append(_shuffled(b, first, first, [0] * kind.count))
    b.ret(b.extract_element(b.call(vector, filled), INT32(0)))
