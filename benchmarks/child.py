"""The process of one peer on one workload. It answers requests, one JSON line each, and rests between them.

`open` prepares a case (first call, check), `round` times it, `close` checks it again: a version that changes its way
of computing once it is hot must be right in both. `start` is the first call alone, for a second process with a filled
disk cache. What the peer prints goes to the log, never into the answers.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from benchmarks import check, clock, machine
from benchmarks.catalog import load_peer, load_workload
from benchmarks.peer import LIMIT, NotAttempted, Peer
from benchmarks.workload import Argument, Call, Case, Minimising, Task, Workload

Answer = dict[str, Any]


class Session:
    """A peer, a workload, and the case that is open."""

    case: Case
    call: Call
    arguments: tuple[Argument, ...]

    def __init__(self, workload: Workload, peer: Peer, is_limit: bool) -> None:
        self.workload, self.peer, self.is_limit = workload, peer, is_limit

    def start(self, case: str) -> Answer:
        self.case = next(each for each in self.workload.CASES if each.name == case)
        self.arguments = self.workload.arguments(self.case, check.SEEDS[0])
        machine.forget_peak()
        base = machine.peak_megabytes()
        begin = time.perf_counter()
        call = self.peer.prepare(self.workload, self.case)
        if self.case.task is Task.MINIMISE:
            call = cast("Minimising", self.workload).minimise(self.case, call)
        call(*self.arguments)
        first_call = time.perf_counter() - begin
        self.call = call
        return {"first_call": first_call, "base_mb": base, "peak_mb": machine.peak_megabytes()}

    def open(self, case: str, reference: str, seconds: float) -> Answer:
        answer = self.start(case)
        if self.is_limit:
            problem = check.write_reference(self.call, self.workload, self.case, Path(reference))
        else:
            problem = self._check(reference)
        clock.warm_until_steady(self.call, self.arguments, seconds)
        return {**answer, "problem": problem}

    def round(self, seconds: float) -> Answer:
        machine.forget_peak()
        samples = clock.samples(self.call, self.arguments, seconds)
        return {"samples": samples, "peak_mb": machine.peak_megabytes()}

    def close(self, reference: str) -> Answer:
        problem = self._check(reference)
        del self.call, self.arguments
        return {"problem": problem, "note": self.peer.note()}

    def _check(self, reference: str) -> str:
        return check.agrees(self.call, self.workload, self.case, Path(reference), self.peer.GRADIENT)


def serve(workload: str, peer: str) -> None:
    """Answer until the requests end."""
    reply = _channel()
    try:
        session = Session(load_workload(workload), load_peer(peer), peer == LIMIT)
        machine.pin(session.peer.CORES)
        start = time.perf_counter()
        session.peer.warm_up()
        reply(_hello(session.peer, time.perf_counter() - start))
    except ModuleNotFoundError as error:
        # A dotted name is a broken package, not an absent one.
        absent = error.name is not None and "." not in error.name
        reply({"absent": error.name} if absent else {"error": _last_line(error)})
        return
    except Exception as error:
        reply({"error": _last_line(error)})
        return
    for line in sys.stdin:
        request = json.loads(line)
        handler: Callable[..., Answer] = getattr(session, request.pop("do"))
        try:
            reply(handler(**request))
        except NotAttempted as reason:
            reply({"not_attempted": str(reason)})
        except session.peer.REFUSALS as error:
            reply({"refused": _last_line(error)})
        except Exception as error:
            reply({"error": _last_line(error)})


def _hello(peer: Peer, warm_up: float) -> Answer:
    return {
        "warm_up": warm_up,
        "versions": {name: machine.version(name) for name in peer.DISTRIBUTIONS},
        "gradient": peer.GRADIENT,
        "disk_cache": peer.DISK_CACHE,
    }


def _channel() -> Callable[[Answer], None]:
    """Keep standard output for answers, and give everybody else the log in its place."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return lambda answer: print(json.dumps(answer), file=answers, flush=True)


def _last_line(error: Exception) -> str:
    traceback.print_exc()
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
