"""One kernel in the process of one library: first call, check, time of a call. `measure` starts that process."""

import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy

from benchmarks import clock, machine
from benchmarks.environments import ROOT, python_of
from benchmarks.npbench import oracle
from benchmarks.npbench.kernel import Arguments, Call, Kernel, has_jax, load, loss, weights

LIBRARIES = {"numpy": "numpy_primal", "ours": "ours", "jax": "jax_library"}
# Kernels without a JAX version, and why.
ABSENT = {"channel_flow": "it runs until it has converged, and JAX has no reverse mode for loops of unknown length"}
SEED = 0
# Of one process on one core: what a clock on the wall would say of an idle machine, and what it cannot say of one that
# is shared, where a call of some milliseconds is interrupted and a shorter one is not.
NOW = time.process_time


@dataclass
class Timing:
    """What one library did with one kernel, and when.

    `problem` says what went wrong, if anything; `absent` why there is nothing to run.
    """

    kernel: str
    library: str
    first_call: float | None = None  # seconds
    median: float | None = None  # seconds per call
    problem: str = ""
    note: str = ""
    absent: str = ""
    date: str = ""
    load: float = 0.0  # of the machine, before


def measure(kernel: str, library: str, seconds: float, limit: float) -> Timing:
    """What a library does with a kernel, if there is something to run."""
    if library == "jax" and not has_jax(kernel):
        found = {"absent": f"not written: {ABSENT[kernel]}"}
    else:
        found = _in_process(kernel, library, seconds, limit)
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    return Timing(kernel, library, date=date, load=round(os.getloadavg()[0], 2), **found)


def _in_process(kernel: str, library: str, seconds: float, limit: float) -> dict[str, Any]:
    """In a process of its own, with a cold disk cache, killed after `limit` seconds."""
    command = [python_of(library), "-m", "benchmarks.npbench", "--child", kernel, library, "--seconds", str(seconds)]
    with tempfile.TemporaryDirectory(prefix="autodiff-npbench-") as cache:
        environment = machine.child_environment(Path(cache))
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            return {"problem": f"not finished after {limit:.0f} s"}
    lines = run.stdout.splitlines()
    if run.returncode or not lines:
        return {"problem": (run.stderr.splitlines() or [f"exit code {run.returncode}"])[-1]}
    return dict(json.loads(lines[-1]))


def child(name: str, library: str, seconds: float) -> None:
    """Print what was measured as a line of JSON."""
    machine.pin(1)
    try:
        found = _measured(name, library, seconds)
    except Exception as error:
        traceback.print_exc()
        found = {"problem": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
    print(json.dumps(found), file=sys.stdout, flush=True)


def _measured(name: str, library: str, seconds: float) -> dict[str, Any]:
    kernel, chosen = load(name), import_module(f"benchmarks.npbench.libraries.{LIBRARIES[library]}")
    arguments = kernel.initialize(kernel.BENCH, numpy.random.default_rng(SEED))
    factors = weights(kernel, arguments)
    chosen.warm_up()
    start = NOW()
    call = chosen.prepare(name, arguments, factors)
    call(*arguments)
    first_call = NOW() - start
    wrong = problem(kernel, call, arguments, factors)
    clock.warm_until_steady(call, arguments, seconds)
    median = statistics.median(clock.samples(call, arguments, seconds, NOW))
    return {"first_call": first_call, "median": median, "problem": wrong, "note": chosen.note(call)}


def problem(kernel: Kernel, call: Call, arguments: Arguments, factors: list[Any]) -> str:
    """What is wrong with value and gradient, if anything; kinks within the step of the differences cost digits."""
    value, gradients = call(*arguments)
    expected = float(loss(kernel, factors)(*oracle.fresh(arguments)))
    if not abs(value - expected) <= 1e-8 * max(1.0, abs(expected)):
        return f"value {value}, by NumPy {expected}"
    if gradients is None:
        return ""
    along = {name: oracle.direction(kernel, arguments, name, SEED) for name in kernel.DIFFERENTIATED}
    terms = [
        numpy.real(numpy.conj(gradient) * along[name])
        for name, gradient in zip(kernel.DIFFERENTIATED, gradients, strict=True)
    ]
    slope, size = sum(term.sum() for term in terms), sum(numpy.abs(term).sum() for term in terms)
    by_numpy = oracle.slope(kernel, arguments, factors, along, size=1e-7)
    return "" if abs(slope - by_numpy) <= 1e-5 * size else f"slope {slope}, by NumPy {by_numpy}"
