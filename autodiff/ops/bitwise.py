"""The bits of integers: `& | ^ ~ << >>`, as NumPy has them. Integers have no derivative, so there is none.

Of bools `& | ^ ~` are logic, and ops of their own (`logical_and` and so on), which simplification knows. A shift by
fewer than 0 places, or by as many as there are bits or more, leaves none of the bits: 0, and -1 where a negative number
is shifted to the right. That is NumPy's result, whatever a machine's instruction makes of such a shift.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.errors import DTypeError
from autodiff.ir.core import OPERATORS, Operand
from autodiff.ops.arithmetic import logical_xor
from autodiff.ops.families import Elementwise, logical_and, logical_not, logical_or
from autodiff.ops.promotion import Kinds, Types, ufunc_types

BITS = ((-100.0, 100.0),)
PLACES = ((-100.0, 100.0), (-2.0, 70.0))


def _integer_types(ufunc: np.ufunc) -> Types:
    """NumPy's own promotion; what has no bits is refused with another remedy."""
    promoted = ufunc_types(ufunc)

    @lru_cache(maxsize=4096)
    def types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
        try:
            return promoted(kinds)
        except DTypeError as error:
            raise DTypeError(error.what, "compare first, (x > 0) & ..., or convert: x.astype(int)") from None

    return types


bitwise_and = Elementwise(
    "bitwise_and",
    np.bitwise_and,
    "({0} & {1})",
    (None, None),
    domain=BITS,
    types=_integer_types(np.bitwise_and),
    blocked=(0, 1),
)
bitwise_or = Elementwise(
    "bitwise_or",
    np.bitwise_or,
    "({0} | {1})",
    (None, None),
    domain=BITS,
    types=_integer_types(np.bitwise_or),
    blocked=(0, 1),
)
bitwise_xor = Elementwise(
    "bitwise_xor",
    np.bitwise_xor,
    "({0} ^ {1})",
    (None, None),
    domain=BITS,
    types=_integer_types(np.bitwise_xor),
    blocked=(0, 1),
)
invert = Elementwise(
    "invert",
    np.invert,
    "(~{0})",
    (None,),
    domain=BITS,
    types=_integer_types(np.invert),
    variants={"b": "(not {0})"},
    blocked=(0,),
)
left_shift = Elementwise(
    "left_shift",
    np.left_shift,
    "left_shift({0}, {1})",
    (None, None),
    domain=PLACES,
    types=_integer_types(np.left_shift),
    blocked=(0, 1),
)
right_shift = Elementwise(
    "right_shift",
    np.right_shift,
    "right_shift({0}, {1})",
    (None, None),
    domain=PLACES,
    types=_integer_types(np.right_shift),
    blocked=(0, 1),
)


def _on_bits(logic: Elementwise, bits: Elementwise) -> Callable[..., Any]:
    """An operator: logic where all operands are bools, else arithmetic of bits."""

    def operator(*args: Any) -> Any:
        kinds = {(a.aval.dtype if isinstance(a, Operand) else np.asarray(a).dtype).kind for a in args}
        return (logic if kinds == {"b"} else bits)(*args)

    return operator


OPERATORS.update(
    {
        "and": _on_bits(logical_and, bitwise_and),
        "or": _on_bits(logical_or, bitwise_or),
        "xor": _on_bits(logical_xor, bitwise_xor),
        "invert": _on_bits(logical_not, invert),
        "left_shift": left_shift,
        "right_shift": right_shift,
    }
)
