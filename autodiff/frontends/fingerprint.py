"""Whether the outside world of a traced function is as it was when it was traced.

A trace is only valid while the helpers, globals, closure cells, attributes and defaults it saw
are the same. Names and cells are compared by identity, containers by their items, arrays by
content. Kernels read captured arrays and variables anew at each run, so those need no check
of their content, provided the trace did nothing else with them (`_only_operand`).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autodiff.frontends.world import ABSENT, SCALARS, Attributes, World, cell_content

_BLOCK = 4096  # bytes hashed into one word
_PIECE = 256  # blocks at a time, so that their upper halves stay in the processor's cache
Uses = dict[int, set[Any]]


class Fingerprint:
    """What `World` found, as it was when the function was traced.

    Parameters
    ----------
    world : World
    uses : id of a captured object -> the (code, line) of each use as an operand
    """

    def __init__(self, world: World, uses: Uses) -> None:
        self.names = world.names
        self.cells = world.cells
        self.codes = world.codes
        self.lists = world.lists
        self.arrays = [
            (array, checksum(array))
            for array, names in world.arrays.values()
            if not array.dtype.hasobject and not _only_operand(names, uses.get(id(array), set()), world)
        ]
        # A variable that is no operand was turned into numbers, which stay what they are.
        frozen = [v for v in world.variables if id(v) not in uses]
        self.names += [(Attributes(v), "_tensor", v.peek()) for v in frozen]

    def empty(self) -> bool:
        """Whether there is nothing that could change."""
        return not (self.names or self.cells or self.codes or self.lists or self.arrays)

    def holds(self) -> bool:
        """Whether everything is as it was."""
        for place, key, value in self.names:
            now = place.get(key, ABSENT)
            if now is not value and not _same(now, value):
                return False
        for cell, value in self.cells:
            now = cell_content(cell)
            if now is not value and not _same(now, value):
                return False
        for function, code, defaults in self.codes:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return False
        return not (self.lists or self.arrays) or self._contents_hold()

    def _contents_hold(self) -> bool:
        for container, items in self.lists:
            if len(container) != len(items):
                return False
            for now, value in zip(container, items, strict=True):
                if now is not value and not _same(now, value):
                    return False
        return all(checksum(array) == known for array, known in self.arrays)


def _only_operand(names: set[str], uses: set[Any], world: World) -> bool:
    """Whether every read of a captured array in the code became an operand.

    A read is known to have become one when it is the only read of that name on its line, and
    an operand was taken from the same line of the same code. `X @ w` qualifies;
    `X @ w + X.mean()` does not, for the mean is a constant of the trace.
    """
    reads = [world.loads.get(name) for name in names]
    return all(read and all(n == 1 and place in uses for place, n in read.items()) for read in reads)


def _same(a: Any, b: Any) -> bool:
    """Equal numbers or strings of one type; anything else is compared by identity."""
    return type(a) is type(b) and isinstance(a, SCALARS) and (a == b or (a != a and b != b)) and repr(a) == repr(b)


@functools.cache
def _weights() -> tuple[np.ndarray, np.ndarray]:
    """Odd numbers for the words of a block, and for their upper halves; made when first needed."""
    import random  # Python's: numpy.random takes 10 ms to import

    generator = random.Random(0)
    first, second = (np.array([generator.getrandbits(64) | 1 for _ in range(_BLOCK // 8)], np.uint64) for _ in range(2))
    return first, second


def checksum(array: np.ndarray) -> tuple[Any, ...]:
    """Shape, dtype and a hash of the content, by 4 KiB blocks.

    Two words per block, sums of weight * word modulo 2**64 over its words and over their upper halves: no
    single word can change unnoticed, for the weights are odd. The upper halves are there because a product
    modulo 2**64 knows little of a word's upper bits, and nothing of the signs of an even number of floats.
    Lemire and Kaser, "Strongly universal string hashing is fast", 2014, section 3. 8 MB take 3 ms.
    """
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    whole = data.size // _BLOCK * _BLOCK
    words = data[:whole].view(np.uint64).reshape(-1, _BLOCK // 8)
    pieces = [words[k : k + _PIECE] for k in range(0, len(words), _PIECE)]
    weights, upper_weights = _weights()
    hashed = [np.einsum("ij,j->i", piece, weights).tobytes() for piece in pieces]
    hashed += [np.einsum("ij,j->i", piece >> np.uint64(32), upper_weights).tobytes() for piece in pieces]
    return array.shape, array.dtype, hash((*hashed, data[whole:].tobytes()))
