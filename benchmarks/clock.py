"""How a call is timed."""

import gc
import time

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


def samples(call: Call, arguments: tuple[Argument, ...], seconds: float) -> list[float]:
    """Seconds per call, one number per batch of calls; at least two."""
    batch = _batch_size(call, arguments)  # untimed, and it clears the caches of another process's data
    found: list[float] = []
    gc.collect()
    gc.disable()
    try:
        end = time.perf_counter() + seconds
        while len(found) < 2 or (time.perf_counter() < end and len(found) < MOST_SAMPLES):
            found.append(_run(call, arguments, batch) / batch)
    finally:
        gc.enable()
    return found


def _batch_size(call: Call, arguments: tuple[Argument, ...]) -> int:
    batch = 1
    while _run(call, arguments, batch) < SHORTEST_BATCH:
        batch *= 2
    return batch


def _run(call: Call, arguments: tuple[Argument, ...], batch: int) -> float:
    if len(arguments) == 1:  # as a user calls it: unpacking costs 0.03 us
        (argument,) = arguments
        start = time.perf_counter()
        for _ in range(batch):
            call(argument)
        return time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(batch):
        call(*arguments)
    return time.perf_counter() - start
