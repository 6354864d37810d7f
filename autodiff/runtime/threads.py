"""How many threads kernels use: `set_num_threads`, `get_num_threads`."""

from __future__ import annotations

import operator

from autodiff.config import MOST_THREADS, config
from autodiff.errors import ArgumentError


def set_num_threads(n: int) -> None:
    """Let kernels use `n` threads, the calling one included, from the next call on.

    The default is the number of CPUs this process may use (affinity and container quotas taken into
    account), or the environment's `AUTODIFF_NUM_THREADS`. Results have the same bits for any `n`. Work
    of less than about 0.2 ms runs in the calling thread in any case.

    Parameters
    ----------
    n : int
        1 to 1024. With 1 no thread is ever started.

    Raises
    ------
    ArgumentError
        When `n` is no integer, or outside that range.

    Examples
    --------
    >>> import autodiff as ad
    >>> before = ad.get_num_threads()
    >>> ad.set_num_threads(1)
    >>> ad.get_num_threads()
    1
    >>> ad.set_num_threads(before)
    """
    try:
        count = operator.index(n)
    except TypeError:
        count = 0
    if isinstance(n, bool) or not 1 <= count <= MOST_THREADS:
        raise ArgumentError(
            f"set_num_threads({n!r}): the number of threads is an integer from 1 to {MOST_THREADS}",
            "ad.set_num_threads(1) keeps kernels in the calling thread",
        )
    config.num_threads = count


def get_num_threads() -> int:
    """The number of threads kernels may use, the calling one included.

    Examples
    --------
    >>> import autodiff as ad
    >>> ad.get_num_threads() >= 1
    True
    """
    return config.num_threads
