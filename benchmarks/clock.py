"""How a call is timed."""

import gc
import time
from collections.abc import Callable

from benchmarks.workload import Argument, Call

# A batch this long makes the clock's own 0.05 us, and its resolution, invisible.
SHORTEST_BATCH = 5e-4
MOST_SAMPLES = 400


def warm_until_steady(call: Call, arguments: tuple[Argument, ...], seconds: float) -> None:
    """Enough calls for a version that compiles only what is hot; a slow one gets at least three."""
    end = time.perf_counter() + seconds
    for count in range(20):
        call(*arguments)
        if count >= 2 and time.perf_counter() > end:
            break


Now = Callable[[], float]


def samples(call: Call, arguments: tuple[Argument, ...], seconds: float, now: Now = time.perf_counter) -> list[float]:
    """Seconds per call, by the clock `now`, one number per batch of calls; at least two."""
    batch = _batch_size(call, arguments)  # untimed, and it clears the caches of another process's data
    found: list[float] = []
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        while len(found) < 2 or (time.perf_counter() < end and len(found) < MOST_SAMPLES):
            found.append(_run(call, arguments, batch, now) / batch)
    finally:
        gc.enable()
    return found


def _batch_size(call: Call, arguments: tuple[Argument, ...]) -> int:
    batch = 1
    while _run(call, arguments, batch, time.perf_counter) < SHORTEST_BATCH:
        batch *= 2
    return batch


def _run(call: Call, arguments: tuple[Argument, ...], batch: int, now: Now) -> float:
    if len(arguments) == 1:  # as a user calls it: unpacking costs 0.03 us
        (argument,) = arguments
        start = now()
        for _ in range(batch):
            call(argument)
        return now() - start
    start = now()
    for _ in range(batch):
        call(*arguments)
    return now() - start
