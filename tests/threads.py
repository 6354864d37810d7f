"""Run one function in several threads at once."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def wrong_in_threads(f: Callable[..., Any], inputs: Sequence[Any], repeat: int) -> list[int]:
    """Each thread calls `f`, a value and gradient, on its own input; the numbers of those that got another answer."""
    expected = [f(x) for x in inputs]
    wrong = []

    def work(k: int) -> None:
        for _ in range(repeat):
            value, gradient = f(inputs[k])
            if value != expected[k][0] or not np.array_equal(gradient, expected[k][1]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(inputs))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return wrong
