"""Helpers for tests of the cache on disk: programs, and processes that have a cache."""

import os
import subprocess
import sys

import numpy as np

import autodiff as ad
from autodiff.runtime.kernels import KERNELS

rng = np.random.default_rng(0)
X, SQUARE = rng.uniform(0.5, 1.5, 7), rng.normal(size=(4, 4)) + 4 * np.eye(4)
PLACES = np.array([3, 0, 3, 5])


def bump(x):
    return np.sum(np.tanh(x) * np.exp(-0.3 * x**2))


def fresh(f, *args):
    """The value and gradient by a function that has run nothing, in a process that has no kernels; what it took."""
    KERNELS.clear()
    program = ad.value_and_grad(lambda *xs: f(*xs))
    found = program(*args)
    return found, program.cache_info()


def same_bits(a, b):
    return all(np.asarray(x).tobytes() == np.asarray(y).tobytes() for x, y in zip(a, b, strict=True))


def entry_file(disk):
    fresh(bump, X)
    return max((path for path, _ in disk.files()), key=lambda path: "recipe" in disk.read(path.stem).header)


def environment_of(folder, key, **more):
    own = {"AUTODIFF_CACHE": "1", "AUTODIFF_CACHE_DIR": str(folder), "AUTODIFF_CACHE_KEY": str(key)}
    return {**os.environ, **own, **more}


def run_python(code, folder, key, **more):
    environment = environment_of(folder, key, **more)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout.strip()
