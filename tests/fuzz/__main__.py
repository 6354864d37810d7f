"""`make fuzz`: random programs until the first wrong result, which is printed as a minimal program.

    PYTHONPATH=tests python -m fuzz --interpreted 100000 --compiled 10000 --jax 200 --seed 0

Seeds count up from `--seed`, a range per kind of check, so a run can be continued where another one ended. The kinds
are mixed all along: an early stop has seen some of each.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import sys
import time

os.environ["AUTODIFF_CACHE"] = "0"  # no kernels of earlier runs

from fuzz.jobs import jobs, work
from tqdm import tqdm


def fuzz(counts: dict[str, int], seed: int, processes: int) -> int:
    """Run everything; the exit status."""
    passed, began, failed = dict.fromkeys(counts, 0), time.perf_counter(), ""
    # spawn: threads of the compiler do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        with tqdm(total=sum(counts.values()), unit=" programs", smoothing=0.05) as bar:
            for kind, count, report in pool.imap_unordered(work, jobs(counts, seed)):
                passed[kind] += count
                bar.update(count)
                bar.set_postfix(passed)
                if report:
                    failed = report
                    break
        pool.terminate()
    summary = ", ".join(f"{count} {kind}" for kind, count in passed.items())
    print(f"Without a wrong result: {summary}, in {time.perf_counter() - began:.0f} s.")
    if failed:
        print(f"\nWRONG: {failed}", file=sys.stderr)
    return bool(failed)


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description="random programs against independent derivatives")
    parser.add_argument("--interpreted", type=int, default=100_000, help="programs for the interpreter and transforms")
    parser.add_argument("--compiled", type=int, default=10_000, help="programs for the compiler")
    parser.add_argument("--jax", type=int, default=200, help="programs compared with JAX, where it is installed")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    counts = {"interpreted": given.interpreted, "compiled": given.compiled, "jax": given.jax}
    if importlib.util.find_spec("jax") is None:
        print("jax is not installed: only the dual numbers are the oracle.")
        del counts["jax"]
    return fuzz(counts, given.seed, given.processes)


if __name__ == "__main__":
    sys.exit(main())
