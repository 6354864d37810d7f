"""The tool's side of GradBench's protocol: one JSON message a line in, one answer a line out.

An exception must not end the process, for that would end the whole run: every failure is an answer. An answer has an
output or an error, never both, and its numbers are plain JSON, without NaN.
"""

import json
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from benchmarks.gradbench.function import Function, Input

Message = dict[str, Any]
Find = Callable[[str], Mapping[str, Function]]  # the functions of an eval; LookupError for one that is not known

TOOL = "autodiff"


def serve(lines: Iterable[str], out: TextIO, find: Find) -> None:
    """Answer messages until the input ends."""
    for line in lines:
        if line.strip():
            print(answer(line, find), file=out, flush=True)


def answer(line: str, find: Find) -> str:
    message = json.loads(line)
    reply = {"id": message["id"], **_content(message, find)}
    try:
        return json.dumps(reply, allow_nan=False)
    except (ValueError, TypeError) as error:
        return json.dumps({"id": message["id"], "success": False, "error": f"the output is no plain JSON: {error}"})


def _content(message: Message, find: Find) -> Message:
    match message["kind"]:
        case "start":
            return {"tool": TOOL}
        case "define":
            return _attempt(lambda: _define(message, find))
        case "evaluate":
            return _attempt(lambda: _evaluate(message, find))
        case _:  # "analysis": the verdict on an answer, to be acknowledged
            return {}


def _attempt(work: Callable[[], Message]) -> Message:
    try:
        return {"success": True, **work()}
    except Exception as error:
        traceback.print_exc()
        return {"success": False, "error": f"{type(error).__name__}: {error}"}


def _define(message: Message, find: Find) -> Message:
    start = time.perf_counter_ns()
    find(message["module"])
    return {"timings": [_timing("import", start)]}


def _evaluate(message: Message, find: Find) -> Message:
    functions, name = find(message["module"]), message["function"]
    if name not in functions:
        raise LookupError(f"eval {message['module']!r} has no function {name!r}, only {', '.join(functions)}")
    return evaluate(functions[name], message["input"])


def evaluate(function: Function, given: Input) -> Message:
    """Prepare once, then run as often and as long as the input says; the output is that of the last run."""
    limits = given if isinstance(given, dict) else {}  # the input of `hello` is a bare number: one run
    least, shortest = limits.get("min_runs", 1), limits.get("min_seconds", 0.0) * 1e9
    start = time.perf_counter_ns()
    arguments = function.prepare(given)
    timings, spent = [_timing("prepare", start)], 0
    runs = 0
    while runs < max(1, least) or spent < shortest:
        start = time.perf_counter_ns()
        result = function.run(*arguments)
        timings.append(_timing("evaluate", start))
        spent += timings[-1]["nanoseconds"]
        runs += 1
    return {"output": function.finish(result), "timings": timings}


def _timing(name: str, start: int) -> Message:
    return {"name": name, "nanoseconds": time.perf_counter_ns() - start}
