"""Which axes of a program have the same size, and not by accident.

Every axis of every value belongs to a class. Ops join classes that they force to be equal: the
axes that an addition lines up, the inner axes of a matrix product. A kernel is written for the
classes, so a batch of 64 on a layer of width 64 shares its kernel with a batch of 48, and the
two 64s are passed apart.

Joining two classes is always sound: the classes are part of the signature, and a program only
has them joined when its sizes are equal. Joining too many costs sharing, too few costs fusion.
Sizes 0 and 1 are written into the program (1 broadcasts), they are never passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autodiff.errors import InternalError
from autodiff.ir.aval import Shape

SMALL = 1  # sizes up to this one are part of the program text


class Dim:
    """One axis; `root` of two joined axes is the same object."""

    __slots__ = ("_parent", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._parent: Dim | None = None

    @property
    def root(self) -> Dim:
        dim = self
        while dim._parent is not None:
            if dim._parent._parent is not None:
                dim._parent = dim._parent._parent  # half the way next time: a long chain of joins stays linear
            dim = dim._parent
        return dim


DimShape = tuple[Dim, ...]


class Dims:
    """The classes of one program, in order of first appearance."""

    def __init__(self) -> None:
        self._roots: dict[int, dict[Dim, None]] = {}  # by size

    def fresh(self, size: int) -> Dim:
        """An axis of a class of its own."""
        dim = Dim(size)
        self._roots.setdefault(size, {})[dim] = None
        return dim

    def shape(self, shape: Shape) -> DimShape:
        return tuple(map(self.fresh, shape))

    def join(self, a: Dim, b: Dim) -> Dim:
        """Put two axes into one class; the older one leads."""
        a, b = a.root, b.root
        if a is b:
            return a
        if a.size != b.size:
            raise InternalError(f"axes of sizes {a.size} and {b.size} cannot be one class")
        b._parent = a
        del self._roots[b.size][b]
        return a

    def join_all(self, shapes: Sequence[DimShape]) -> DimShape:
        """Shapes of one size, axis by axis."""
        first, *rest = shapes
        for other in rest:
            for a, b in zip(first, other, strict=True):
                self.join(a, b)
        return first

    def broadcast(self, shapes: Iterable[DimShape], result: Shape) -> DimShape:
        """The axes of a broadcast: aligned at the end, axes of length 1 stretched."""
        found: list[Dim | None] = [None] * len(result)
        for shape in shapes:
            offset = len(result) - len(shape)
            for k, dim in enumerate(shape, offset):
                if dim.size != 1 or result[k] == 1:
                    before = found[k]
                    found[k] = dim if before is None else self.join(before, dim)
        return tuple(self.fresh(n) if d is None else d for d, n in zip(found, result, strict=True))

    def probably(self, size: int) -> Dim:
        """The only class of this size, else a fresh axis.

        For results whose sizes come from a parameter, where the size most likely is that of
        the array the program started from (the transpose of a slice restores its operand).
        """
        known = self._roots.get(size, {})
        return next(iter(known)) if len(known) == 1 else self.fresh(size)

    def regrouped(self, old: DimShape, new: Shape) -> DimShape:
        """The axes of a reshape: those that it leaves as they are keep their class.

        Axes of length 1 come and go freely. Of the others, the shortest runs with equal
        products correspond; a run of one axis on both sides is an axis left as it is.
        """
        before = [d for d in old if d.size != 1]
        wanted = [n for n in new if n != 1]
        found: list[Dim] = []
        while wanted:
            j, k = _shortest_runs([d.size for d in before], wanted)
            found += before[:1] if j == k == 1 else map(self.fresh, wanted[:k])
            before, wanted = before[j:], wanted[k:]
        axes = iter(found)
        return tuple(self.fresh(1) if n == 1 else next(axes) for n in new)


def _shortest_runs(old: list[int], new: list[int]) -> tuple[int, int]:
    """How many leading axes on either side have one product; everything when none have."""
    j, k = 1, 1
    left, right = (old[0] if old else 1), new[0]
    while left != right:
        if left < right and j < len(old):
            left, j = left * old[j], j + 1
        elif right < left and k < len(new):
            right, k = right * new[k], k + 1
        else:
            return len(old), len(new)
    return min(j, len(old)), k
