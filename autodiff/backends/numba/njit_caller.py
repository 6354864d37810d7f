"""A kernel as a function for Numba's compiled code.

The function is written as Python source, with as many arguments and results as the kernel has, and
compiled by Numba for two layouts: arrays that are all C-contiguous, and any arrays, which are copied.
It looks the record for the arguments' sizes up, allocates the results, and calls (`caller.py`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np

from autodiff.backends.numba.caller import Records, functions
from autodiff.ir.aval import ArrayAval

_FIND = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_CALL = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
NO_RECORD = "{}: cannot be traced for arguments of these shapes; call it with them from Python to see why"
FAILED = "{}: the kernel was interrupted, or found no memory"


def njit_caller(
    name: str, records: Records, params: Sequence[ArrayAval], results: Sequence[ArrayAval], structure: Any
) -> Callable[..., Any]:
    """The function, compiled. `structure` is a number of a result, or a tuple of structures."""
    source = _source(params, results, structure)
    scope: dict[str, Any] = {
        "np": np,
        "find": _FIND(functions()["find"]),
        "call": _CALL(functions()["call"]),
        "records": records.address,
        "NO_RECORD": NO_RECORD.format(name),
        "FAILED": FAILED.format(name),
        "alive": records,
        **{f"result{k}": numba.from_dtype(aval.dtype) for k, aval in enumerate(results)},
    }
    exec(compile(source, f"<{name}, for Numba>", "exec"), scope)  # printed from avals only, never from user text
    signatures = [_signature(params, "C", False), _signature(params, "A", True)]
    compiled = numba.njit(signatures if any(p.shape for p in params) else signatures[:1], nogil=True)(scope["caller"])
    compiled.records = records
    return compiled  # type: ignore[no-any-return]


def _signature(params: Sequence[ArrayAval], layout: str, readonly: bool) -> Any:
    kinds = [numba.from_dtype(p.dtype) for p in params]
    return tuple(
        numba.types.Array(kind, p.ndim, layout, readonly=readonly) if p.shape else kind
        for p, kind in zip(params, kinds, strict=True)
    )


def _source(params: Sequence[ArrayAval], results: Sequence[ArrayAval], structure: Any) -> str:
    arguments = [f"x{k}" for k in range(len(params))]
    lines = [f"def caller({', '.join(arguments)}):"]
    lines += [f"    x{k} = np.ascontiguousarray(x{k})" for k, p in enumerate(params) if p.shape]
    sizes = [f"x{k}.shape[{axis}]" for k, p in enumerate(params) for axis in range(p.ndim)]
    count, total = len(params) + len(results), sum(r.ndim for r in results)
    lines += [f"    shape, sizes = np.empty({len(sizes) + 1}, np.int64), np.empty({total + 1}, np.int64)"]
    lines += [f"    shape[{k}] = {size}" for k, size in enumerate(sizes)]
    lines += ["    record = find(records, shape.ctypes.data, sizes.ctypes.data)"]
    lines += ["    if record == 0:", "        raise ValueError(NO_RECORD)"]
    lines += [f"    values = np.empty({count}, np.int64)", "    bits = values.view(np.float64)"]
    for k, p in enumerate(params):
        kind = f"values[{k}] = x{k}.ctypes.data" if p.shape else _number(k, p)
        lines.append(f"    {kind}")
    position = 0
    for k, r in enumerate(results):
        shape = ", ".join(f"sizes[{position + axis}]" for axis in range(r.ndim))
        position += r.ndim
        lines.append(f"    y{k} = np.empty(({shape},), result{k})" if shape else f"    y{k} = np.empty(1, result{k})")
        lines.append(f"    values[{len(params) + k}] = y{k}.ctypes.data")
    lines += ["    if call(record, values.ctypes.data) != 0:", "        raise RuntimeError(FAILED)"]
    # Numba frees an array after the last line that names it, which must not be before the call.
    arrays = ["shape", "sizes", "values", *(f"x{k}" for k, p in enumerate(params) if p.shape)]
    lines += [f"    if {' + '.join(f'{a}.size' for a in arrays)} < 0:", "        raise RuntimeError(FAILED)"]
    return "\n".join([*lines, f"    return {_result(structure, results)}"]) + "\n"


def _number(k: int, p: ArrayAval) -> str:
    return f"bits[{k}] = x{k}" if p.dtype.kind == "f" else f"values[{k}] = x{k}"


def _result(structure: Any, results: Sequence[ArrayAval]) -> str:
    if isinstance(structure, tuple):
        return "(" + "".join(f"{_result(s, results)}, " for s in structure) + ")"
    return f"y{structure}" if results[structure].shape else f"y{structure}[0]"
