"""Which function answers for which of NumPy's: the tables behind NumPy's dispatch protocols.

An elementwise op whose NumPy function is a ufunc is in `UFUNCS` by itself; everything else is
listed here or, when few programs call it, in `rare.py`. Functions that are not listed raise by name, when they are
called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import NotDifferentiableError
from autodiff.frontends import surface
from autodiff.frontends.surface import (
    assembly,
    complex_parts,
    creation,
    elementwise,
    indexing,
    ordering,
    products,
    queries,
    reductions,
    shapes,
    ufunc_methods,
    views,
    writes,
)
from autodiff.frontends.surface.common import as_dtype, lift, unsupported, valued
from autodiff.frontends.surface.refused import REFUSED
from autodiff.frontends.surface.storage import copied
from autodiff.ir.core import OPERATORS
from autodiff.ops.families import Elementwise
from autodiff.ops.op import OPS

UFUNCS: dict[Any, Callable[..., Any]] = {
    op.numpy: op for op in OPS.values() if isinstance(op, Elementwise) and isinstance(op.numpy, np.ufunc)
}


UFUNCS.update(
    {
        np.matmul: products.matmul,
        np.bitwise_and: OPERATORS["and"],
        np.bitwise_or: OPERATORS["or"],
        np.bitwise_xor: OPERATORS["xor"],
        np.invert: OPERATORS["invert"],
        **complex_parts.UFUNCS,
        **elementwise.UFUNCS,
        np.vecdot: products.vecdot,
        np.matvec: products.matvec,
        np.vecmat: products.vecmat,
    }
)

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: reductions.sum,
    np.prod: reductions.prod,
    np.max: reductions.max,
    np.amax: reductions.max,
    np.min: reductions.min,
    np.amin: reductions.min,
    np.any: reductions.any,
    np.all: reductions.all,
    np.mean: reductions.mean,
    np.average: reductions.average,
    np.var: reductions.var,
    np.std: reductions.std,
    np.ptp: reductions.ptp,
    np.count_nonzero: reductions.count_nonzero,
    np.argmax: reductions.argmax,
    np.argmin: reductions.argmin,
    np.cumsum: reductions.cumsum,
    np.cumprod: reductions.cumprod,
    np.cumulative_sum: reductions.cumulative_sum,
    np.cumulative_prod: reductions.cumulative_prod,
    np.reshape: shapes.reshape,
    np.ravel: shapes.ravel,
    np.transpose: shapes.transpose,
    np.swapaxes: shapes.swapaxes,
    np.moveaxis: shapes.moveaxis,
    np.rollaxis: shapes.rollaxis,
    np.matrix_transpose: shapes.matrix_transpose,
    np.resize: shapes.resize,
    np.expand_dims: shapes.expand_dims,
    np.squeeze: shapes.squeeze,
    np.broadcast_to: shapes.broadcast_to,
    np.broadcast_arrays: shapes.broadcast_arrays,
    np.atleast_1d: shapes.atleast_1d,
    np.atleast_2d: shapes.atleast_2d,
    np.atleast_3d: shapes.atleast_3d,
    np.concatenate: shapes.concatenate,
    np.stack: shapes.stack,
    np.vstack: shapes.vstack,
    np.hstack: shapes.hstack,
    np.dstack: shapes.dstack,
    np.column_stack: shapes.column_stack,
    np.unstack: shapes.unstack,
    np.split: shapes.split,
    np.array_split: shapes.array_split,
    np.hsplit: shapes.hsplit,
    np.vsplit: shapes.vsplit,
    np.dsplit: shapes.dsplit,
    np.flip: shapes.flip,
    np.flipud: shapes.flipud,
    np.fliplr: shapes.fliplr,
    np.roll: shapes.roll,
    np.tile: shapes.tile,
    np.repeat: shapes.repeat,
    np.triu: shapes.triu,
    np.tril: shapes.tril,
    np.diagonal: shapes.diagonal,
    np.diag: shapes.diag,
    np.diagflat: shapes.diagflat,
    np.trace: shapes.trace,
    np.take: indexing.take,
    np.compress: indexing.compress,
    np.extract: indexing.extract,
    np.take_along_axis: indexing.take_along_axis,
    np.dot: products.dot,
    np.vdot: products.vdot,
    np.inner: products.inner,
    np.outer: products.outer,
    np.kron: products.kron,
    np.tensordot: products.tensordot,
    np.einsum: products.einsum,
    np.einsum_path: products.einsum_path,
    np.sort: ordering.sort,
    np.argsort: ordering.argsort,
    np.partition: ordering.partition,
    np.argpartition: ordering.argpartition,
    np.searchsorted: ordering.searchsorted,
    np.append: assembly.append,
    np.insert: assembly.insert,
    np.delete: assembly.delete,
    np.block: assembly.block,
    np.rot90: assembly.rot90,
    np.meshgrid: assembly.meshgrid,
    np.select: assembly.select_first,
    np.choose: assembly.choose,
    **complex_parts.FUNCTIONS,
    **creation.FUNCTIONS,
    **elementwise.FUNCTIONS,
    **queries.FUNCTIONS,
}


# Those whose results share elements with the argument, told so, and those that write into it.
SHARING = views.sharing(FUNCTIONS)
FUNCTIONS.update(SHARING)
FUNCTIONS.update(writes.FUNCTIONS)
FUNCTIONS[np.nan_to_num] = writes.nan_to_num(FUNCTIONS[np.nan_to_num])


def complete() -> None:
    """Have the rare functions in the table as well."""
    if np.linalg.norm not in FUNCTIONS:
        shared = views.viewing(surface.rare.FUNCTIONS)
        SHARING.update(shared)
        FUNCTIONS.update({**surface.rare.FUNCTIONS, **shared})


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer `__array_ufunc__`."""
    if method == "__call__" and not kwargs and ufunc in UFUNCS:
        return valued(UFUNCS[ufunc](*inputs))
    if method in ufunc_methods.METHODS and ufunc_methods.answers(ufunc, method):
        return ufunc_methods.METHODS[method](ufunc, *inputs, **kwargs)
    if method == "outer" and ufunc in UFUNCS:
        return ufunc_methods.outer(UFUNCS[ufunc], *inputs)
    if ufunc in REFUSED:
        REFUSED[ufunc]()
    function = UFUNCS.get(ufunc) or surface.rare.SCIPY.get(ufunc.__name__)
    if method != "__call__" or function is None:
        where = "np" if hasattr(np, ufunc.__name__) else "scipy.special"
        raise missing(f"{where}.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}"))
    dtype = kwargs.pop("dtype", None)
    axis = {"axis": kwargs.pop("axis")} if ufunc is np.vecdot and "axis" in kwargs else {}
    unsupported(f"np.{ufunc.__name__}", **{k: (v, None) for k, v in kwargs.items() if k != "casting"})
    return function(*(inputs if dtype is None else [as_dtype(lift(x), dtype) for x in inputs]), **axis)


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer `__array_function__`."""
    ours = FUNCTIONS.get(function) or REFUSED.get(function)
    if ours is None:
        complete()
        ours = FUNCTIONS.get(function)
    if ours is None:
        raise missing(f"{function.__module__}.{function.__name__}".replace("numpy", "np"))
    y = valued(ours(*args, **kwargs))
    # What comes back as it went in is a copy in NumPy, unless it is a view.
    for a in args:
        if y is a and function not in SHARING:
            return copied(y)
    return y


def missing(name: str) -> NotDifferentiableError:
    """The error for a function autodiff has no rule for, with the nearest one it has."""
    import difflib

    complete()
    known = {f.__name__: f"np.{f.__name__}" for f in (*UFUNCS, *FUNCTIONS)}
    known |= {f: f"scipy.special.{f}" for f in surface.rare.SCIPY if f not in known}
    near = difflib.get_close_matches(name.rpartition(".")[2], known, 1, cutoff=0.8)
    hint = f"the nearest that has one is {known[near[0]]}" if near else "write it with functions that have one"
    return NotDifferentiableError(f"{name} has no rule in autodiff", f"{hint}, or compute it before, on plain arrays")
