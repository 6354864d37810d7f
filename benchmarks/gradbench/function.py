"""What an eval asks for by name: how its input is prepared, what is timed, and how the result becomes JSON."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Input = Any  # decoded JSON: a dict for every eval but `hello`


def plain(result: Any) -> Any:
    """Arrays and NumPy's scalars, in containers, as numbers and lists, which is all that JSON knows."""
    if isinstance(result, dict):
        return {name: plain(value) for name, value in result.items()}
    if isinstance(result, list | tuple):
        return [plain(value) for value in result]
    if isinstance(result, np.ndarray | np.generic):
        return result.tolist()
    return result


@dataclass(frozen=True)
class Function:
    """`finish(run(*prepare(input)))` is the answer; only `run` is timed as "evaluate"."""

    run: Callable[..., Any]
    prepare: Callable[[Input], tuple[Any, ...]]
    finish: Callable[[Any], Any] = plain
