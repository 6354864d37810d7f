"""Uses of ops seen before: the short cut of recording.

What `ops.op.promoted` and `ir.build.infer` find depends on avals and parameters alone. Recorders
look it up by the avals' identity (they are interned), which is one look-up for the two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import infer, literal
from autodiff.ir.core import Params

LIMIT = 65536

# The aval of the result, the dtype of a number among the operands, and what must stay alive: an identity
# is one only as long as its object lives. No aval: operands are converted, or there are several results.
Use = tuple[ArrayAval | None, np.dtype | None, list[ArrayAval]]
USES: dict[tuple[Any, ...], Use] = {}


def remember(key: tuple[Any, ...], op: Any, args: tuple[Any, ...], params: Params) -> Use:
    """Work out one use: of arrays that are not weak, and perhaps a Python float as the second operand."""
    if len(USES) > LIMIT:
        USES.clear()
    found = USES[key] = _use(op, args, params)
    return found


def _use(op: Any, args: tuple[Any, ...], params: Params) -> Use:
    kept = [a.aval for a in args if type(a) is not float]
    kinds = tuple([float if type(a) is float else a.aval.dtype for a in args])
    wanted = kinds if op.types is None else op.types(kinds)[0]
    number = wanted[-1] if kinds[-1] is float else None
    if number is float or any(k is not float and k is not d for k, d in zip(kinds, wanted, strict=True)):
        return None, None, kept
    avals = infer(op, args if number is None else (args[0], literal(args[1], number)), params)
    return avals[0] if len(avals) == 1 else None, number, kept
