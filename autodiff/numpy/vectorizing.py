"""`np.vectorize` for recorded arrays: one call of the function an element, the results put together."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.array import ArrayMethods, holds_arrays
from autodiff.frontends.surface.common import as_dtype, lift
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.shapes import broadcast_arrays, ravel, reshape, stack
from autodiff.numpy.lists import as_one


class vectorize(np.vectorize):
    """`numpy.vectorize`; with recorded arguments a Python loop is recorded, element by element.

    Write functions on whole arrays where speed matters: the loop has one call for each element.

    >>> import autodiff as ad
    >>> import autodiff.numpy as np
    >>> ad.grad(lambda x: np.sum(np.vectorize(lambda a, b: a * b)(x, 3.0)))(np.ones(2)).tolist()
    [3.0, 3.0]
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(a, ArrayMethods) or holds_arrays(a) for a in (*args, *kwargs.values())):
            return super().__call__(*args, **kwargs)
        if self.signature is not None:
            raise ArgumentError(
                f"vectorize: signature={self.signature!r} is not supported for recorded arrays",
                "call the function on each row and np.stack the results",
            )
        fixed = {k: v for k, v in kwargs.items() if k in self.excluded}
        fixed_places = {k: a for k, a in enumerate(args) if k in self.excluded}
        varying = {k: as_one(a) for k, a in (*enumerate(args), *kwargs.items()) if k not in self.excluded}
        return self._looped(varying, fixed, fixed_places, len(args))

    def _looped(self, varying: Any, fixed: Any, fixed_places: Any, count: int) -> Any:
        arrays = broadcast_arrays(*varying.values())
        shape = arrays[0].aval.shape
        if 0 in shape:
            raise ShapeError(f"vectorize: there are no elements to call the function on, the shape is {shape}")
        flat = [ravel(a) for a in arrays]
        results = []
        for j in range(flat[0].aval.size):
            given = {**fixed_places, **dict(zip(varying, (getitem(a, j) for a in flat), strict=True))}
            named = {k: v for k, v in given.items() if isinstance(k, str)}
            results.append(self.pyfunc(*(given[k] for k in range(count)), **fixed, **named))
        if isinstance(results[0], tuple):
            return tuple(self._together(column, shape, k) for k, column in enumerate(zip(*results, strict=True)))
        return self._together(results, shape, 0)

    def _together(self, results: Any, shape: tuple[int, ...], k: int) -> Any:
        whole = reshape(stack([lift(r) for r in results]), shape)
        return whole if self.otypes is None else as_dtype(whole, self.otypes[k])
