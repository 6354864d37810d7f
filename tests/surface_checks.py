"""What a NumPy function must do on recorded values: NumPy's value, and the derivative of that value.

A case is `(function, arrays)`; the function is called on plain arrays, where it is NumPy's own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optree

import autodiff as ad
from autodiff.config import config
from autodiff.testing import check_grads

Arrays = Sequence[Any]


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    """Same containers, shapes and dtypes, same numbers up to rounding."""
    found, expected = optree.tree_leaves(found), optree.tree_leaves(expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def plain(result: Any) -> Any:
    return optree.tree_map(lambda y: y.numpy() if isinstance(y, ad.Tensor) else y, result)


def loss_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """A number that depends on every element of every result, on each in another way."""

    def loss(*args: Any) -> Any:
        results = optree.tree_leaves(function(*args))
        return sum(np.sum(y * np.cos(1.0 + k + np.arange(y.size)).reshape(y.shape)) for k, y in enumerate(results))

    return loss


def check_value(function: Callable[..., Any], arrays: Arrays) -> None:
    """On tensors, on watched tensors and traced, the result is NumPy's on arrays."""
    with np.errstate(all="ignore"):
        expected = function(*arrays)
    close(plain(function(*map(ad.constant, arrays))), expected)
    with ad.GradientTape() as tape:
        tensors = [ad.constant(a) for a in arrays]
        for x in tensors:
            if x.dtype.kind == "f":
                tape.watch(x)
        result = function(*tensors)
    close(plain(result), expected)
    close(ad.jit(function)(*arrays), expected)


def gradients(function: Callable[..., Any], arrays: Arrays) -> list[Any]:
    """The gradients of `loss_of`, from a decorator."""
    return list(ad.grad(loss_of(function), argnums=tuple(range(len(arrays))))(*arrays))


def check_gradient(function: Callable[..., Any], arrays: Arrays, order: int = 1) -> None:
    """Both modes agree with differences; the tape agrees with the decorator."""
    check_grads(function, arrays, order=order, verbose=False)
    tensors = [ad.constant(a) for a in arrays]
    with ad.GradientTape() as tape:
        for x in tensors:
            tape.watch(x)
        loss = loss_of(function)(*tensors)
    close(plain(tape.gradient(loss, tensors, unconnected_gradients="zero")), gradients(function, arrays))


def check_compiled(table: Sequence[tuple[Callable[..., Any], Arrays]], monkeypatch: Any) -> None:
    """One kernel of a few functions and their gradients agrees with the interpreter."""
    arrays = [a for _, own in table for a in own]

    def every(*args: Any) -> Any:
        rest = iter(args)
        return [function(*[next(rest) for _ in own]) for function, own in table]

    def run() -> tuple[Any, Any]:
        program = ad.value_and_grad(loss_of(every), argnums=tuple(range(len(arrays))))
        return program(*arrays), program.cache_info()

    compiled, info = run()
    assert info.interpreted == 0
    monkeypatch.setattr(config, "jit", False)
    close(compiled, run()[0])
