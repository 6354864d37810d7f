"""This library: `ad.value_and_grad` of the kernel as it is."""

from typing import Any

import numpy

import autodiff as ad
from benchmarks.npbench.kernel import Arguments, Call, load, loss, positions, static_positions


def warm_up() -> None:
    ad.value_and_grad(lambda x: numpy.sum(x * x))(numpy.ones(3))


def prepare(name: str, arguments: Arguments, factors: list[Any]) -> Call:
    kernel = load(name)
    return ad.value_and_grad(
        loss(kernel, factors),
        argnums=positions(kernel, kernel.DIFFERENTIATED),
        static_argnums=static_positions(arguments),
    )


def note(call: Call) -> str:
    return "" if call.cache_info().runs else "interpreted, not compiled"
