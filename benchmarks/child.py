"""The process of one peer on one workload. It answers requests, one JSON line each, and rests between them.

`open` prepares a case (first call, check), `round` times it, `close` checks it again: a version that changes its way
of computing once it is hot must be right in both. What the peer prints goes to the log, never into the answers.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import check, clock, machine
from benchmarks.catalog import load_peer, load_workload
from benchmarks.peer import LIMIT, Call, Peer
from benchmarks.workload import Argument, Case, Workload

Answer = dict[str, Any]


class Session:
    """A peer, a workload, and the case that is open."""

    case: Case
    call: Call
    argument: Argument

    def __init__(self, workload: Workload, peer: Peer, is_limit: bool) -> None:
        self.workload, self.peer, self.is_limit = workload, peer, is_limit

    def open(self, case: str, reference: str) -> Answer:
        self.case = next(each for each in self.workload.CASES if each.name == case)
        self.argument = self.workload.argument(self.case, check.SEEDS[0])
        machine.forget_peak()
        base = machine.peak_megabytes()
        start = time.perf_counter()
        self.call = self.peer.prepare(self.workload, self.case)
        self.call(self.argument)
        first_call = time.perf_counter() - start
        peak = machine.peak_megabytes()
        if self.is_limit:
            problem = check.write_reference(self.call, self.workload, self.case, Path(reference))
        else:
            problem = self._check(reference)
        clock.warm_until_steady(self.call, self.argument)
        return {"first_call": first_call, "base_mb": base, "peak_mb": peak, "problem": problem}

    def round(self, seconds: float) -> Answer:
        machine.forget_peak()
        samples = clock.samples(self.call, self.argument, seconds)
        return {"samples": samples, "peak_mb": machine.peak_megabytes()}

    def close(self, reference: str) -> Answer:
        problem = self._check(reference)
        del self.call, self.argument
        return {"problem": problem}

    def _check(self, reference: str) -> str:
        return check.agrees(self.call, self.workload, self.case, Path(reference), self.peer.GRADIENT)


def serve(workload: str, peer: str, core: int | None) -> None:
    """Answer until the requests end."""
    reply = _channel()
    machine.pin(core)
    try:
        session = Session(load_workload(workload), load_peer(peer), peer == LIMIT)
        start = time.perf_counter()
        session.peer.warm_up()
        versions = {name: machine.version(name) for name in session.peer.DISTRIBUTIONS}
        reply({"warm_up": time.perf_counter() - start, "versions": versions, "gradient": session.peer.GRADIENT})
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
        except Exception as error:
            reply({"error": _last_line(error)})


def _channel() -> Callable[[Answer], None]:
    """Keep standard output for answers, and give everybody else the log in its place."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return lambda answer: print(json.dumps(answer), file=answers, flush=True)


def _last_line(error: Exception) -> str:
    traceback.print_exc()
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
