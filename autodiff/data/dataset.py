"""`Dataset`: arrays in memory, cut into elements and batches, in the manner of `tf.data`.

A dataset is a recipe. Each method returns a new one and nothing runs until it is iterated. Two ideas carry the file:

* **Rows or stream.** As long as a pipeline only selects and orders rows of whole arrays (`from_arrays`, `shuffle`,
  `repeat`, `take`), it is kept as `_Rows`: the arrays, and the order in which rows come, as chunks of indices. `batch`
  then costs one fancy index per array and batch, not one Python step per row. Anything else (`map`, `batch`) is a
  stream of finished elements. So: batch first, map the batches.
* **An epoch is a number.** Iterating a dataset for the k-th time asks its recipe for epoch k, and a shuffled order is a
  function of (seed, epoch) alone. Orders are new in every epoch, the same in every run, and do not depend on what
  else was iterated in between.

An element has the structure given to `from_arrays` or `zip`: tuples, named tuples and dicts are structure, everything
else (lists too, as in `tf.data`) is array data. Start reading at `Dataset`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import optree
from numpy.typing import NDArray

# A tuple, named tuple or dict of arrays, nested as given, or one array. Which one is the caller's choice, at run time.
Element = Any
Order = Callable[[int], Iterator[NDArray[np.intp]]]
Elements = Callable[[int], Iterator[Element]]
T = TypeVar("T")

# Epochs per pass through an endless `repeat()`: more than anybody trains, so that two passes do not share orders.
_ENDLESS = 2**40


@dataclass(frozen=True, slots=True)
class _Rows:
    """Whole arrays with a common first axis, and the order of their rows in each epoch, in chunks of indices."""

    columns: Element
    order: Order
    in_order: bool  # all rows once, first to last, in one chunk

    def select(self, indices: Any) -> Element:
        return optree.tree_map(lambda column: column[indices], self.columns)

    def elements(self, epoch: int) -> Iterator[Element]:
        for chunk in self.order(epoch):
            for index in chunk:
                yield optree.tree_map(_value, self.select(index))


class Dataset:
    """An iterable recipe for elements made of NumPy arrays.

    Made by `from_arrays` (alias `from_tensor_slices`) or `zip`, refined by `shuffle`, `repeat`, `take`, `batch` and
    `map`, each of which returns a new dataset. Iterate it as often as you like; `len` is the number of elements.

    >>> import numpy as np
    >>> from autodiff.data import Dataset
    >>> x, y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 0, 1, 0])
    >>> batches = Dataset.from_arrays((x, y)).shuffle(seed=0).batch(2)
    >>> len(batches)
    3
    >>> [features.shape for features, labels in batches]
    [(2, 2), (2, 2), (1, 2)]
    """

    __slots__ = ("_elements", "_epoch", "_length", "_rows")

    def __init__(self, source: _Rows | Elements, length: int | None) -> None:
        """For the methods of this class; use `from_arrays` or `zip`. A `length` of None means endless."""
        self._rows = source if isinstance(source, _Rows) else None
        self._elements: Elements = source.elements if isinstance(source, _Rows) else source
        self._length = length
        self._epoch = 0

    # ----- Making one -----

    @classmethod
    def from_arrays(cls, structure: Element) -> Dataset:
        """Return the dataset whose elements are the rows of one or several arrays.

        `structure` is an array (or nested lists), or a tuple, named tuple or dict of them, nested as you like. All
        arrays need the same first length n; the dataset has n elements of the same structure, each leaf of shape
        `array.shape[1:]` (a NumPy scalar when that is `()`) and the array's dtype. Elements and batches are copies,
        but the arrays themselves are not copied: editing them edits the dataset.

        Raises ValueError when lengths differ, when there is no array or one has no first axis, and TypeError for
        arrays of Python objects.

        >>> next(iter(Dataset.from_arrays({"x": [[1.0, 2.0], [3.0, 4.0]], "y": [0, 1]})))
        {'x': array([1., 2.]), 'y': np.int64(0)}
        """
        paths, leaves, spec = optree.tree_flatten_with_path(structure, is_leaf=_is_list)
        names = [f"array{''.join(f'[{key!r}]' for key in path)}" for path in paths]
        columns = [_column(leaf, name) for leaf, name in zip(leaves, names, strict=True)]
        if not columns:
            raise ValueError("from_arrays was given no array; pass one, or a tuple or dict of arrays")
        length = len(columns[0])
        for name, column in zip(names, columns, strict=True):
            if len(column) != length:
                raise ValueError(
                    f"all arrays need the same first length, but {names[0]} has {length} rows and {name} has "
                    f"{len(column)}"
                )
        return cls(_Rows(optree.tree_unflatten(spec, columns), lambda _: iter([np.arange(length)]), True), length)

    @classmethod
    def from_tensor_slices(cls, structure: Element) -> Dataset:
        """The name `from_arrays` has in `tf.data`."""
        return cls.from_arrays(structure)

    @classmethod
    def zip(cls, *parts: Any) -> Dataset:
        """Return the dataset of tuples that takes one element from each part: `zip((a, b))` or `zip(a, b)`.

        A part is a Dataset, an array or nested lists (meaning their rows), or a tuple of such parts. Parts must have
        the same number of elements; endless ones (`repeat()`) last as long as the others.

        Raises ValueError when lengths differ or there are no parts.

        >>> a, b = Dataset.from_arrays([1, 2, 3]), [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
        >>> len(Dataset.zip((a, b)))
        3
        """
        if len(parts) == 1 and isinstance(parts[0], tuple):
            parts = parts[0]
        datasets = [_as_dataset(part) for part in parts]
        if not datasets:
            raise ValueError("zip was given nothing to zip; pass datasets or arrays")
        length = _common_length(datasets)
        rows = [dataset._rows for dataset in datasets]
        if all(part is not None and part.in_order for part in rows):
            columns = tuple(part.columns for part in rows if part is not None)
            return cls(_Rows(columns, lambda _: iter([np.arange(length or 0)]), True), length)
        sources = [dataset._elements for dataset in datasets]
        return cls(lambda epoch: zip(*(source(epoch) for source in sources), strict=False), length)

    # ----- Refining it -----

    def shuffle(self, buffer_size: int | None = None, *, seed: int | None = None) -> Dataset:
        """Return the elements in random order: a full permutation, a new one in every epoch.

        With a `seed` all orders are the same in every run; without one they differ. `buffer_size` is accepted for
        code written for `tf.data` and not used: the data is in memory, so the permutation is always over all of it.

        Raises ValueError for an endless dataset: call `shuffle` before `repeat`.

        >>> list(map(int, Dataset.from_arrays([1, 2, 3, 4]).shuffle(seed=2)))
        [4, 3, 1, 2]
        """
        del buffer_size
        length, source = self._length, self._elements
        if length is None:
            raise ValueError("cannot shuffle an endless dataset; call shuffle before repeat")
        permutation = _permutations(length, seed)
        if self._rows is not None:
            order = self._rows.order
            rows = _Rows(self._rows.columns, lambda epoch: iter([_joined(order(epoch))[permutation(epoch)]]), False)
            return Dataset(rows, length)

        def elements(epoch: int) -> Iterator[Element]:
            everything = list(source(epoch))
            return (everything[index] for index in permutation(epoch))

        return Dataset(elements, length)

    def repeat(self, n: int | None = None) -> Dataset:
        """Return the dataset `n` times over, or for ever when `n` is None; each time counts as an epoch of its own.

        One pass over `d.repeat(3)` gives the same elements as three passes over `d`, shuffled orders included.
        Raises ValueError when `n` is negative.

        >>> len(Dataset.from_arrays([1, 2, 3]).repeat(2))
        6
        """
        if n is not None and n < 0:
            raise ValueError(f"repeat needs n >= 0 or None, got {n}")
        times = _ENDLESS if n is None else n
        length = 0 if n == 0 or self._length == 0 else None if n is None or self._length is None else n * self._length

        def again(source: Callable[[int], Iterator[T]]) -> Callable[[int], Iterator[T]]:
            if length == 0:  # otherwise repeating an empty dataset for ever would search for its first element
                return lambda _: iter(())
            return lambda epoch: itertools.chain.from_iterable(
                source(inner) for inner in range(epoch * times, (epoch + 1) * times)
            )

        if self._rows is None:
            return Dataset(again(self._elements), length)
        return Dataset(_Rows(self._rows.columns, again(self._rows.order), False), length)

    def take(self, n: int) -> Dataset:
        """Return the first `n` elements of each epoch, or all of them when there are fewer.

        Raises ValueError when `n` is negative.

        >>> list(map(int, Dataset.from_arrays([1, 2, 3]).take(2)))
        [1, 2]
        """
        if n < 0:
            raise ValueError(f"take needs n >= 0, got {n}")
        length = n if self._length is None else min(n, self._length)
        if self._rows is None:
            source = self._elements
            return Dataset(lambda epoch: itertools.islice(source(epoch), n), length)
        order = self._rows.order
        return Dataset(_Rows(self._rows.columns, lambda epoch: _first(order(epoch), length), False), length)

    def batch(self, n: int, drop_remainder: bool = False) -> Dataset:
        """Return batches of `n` consecutive elements, stacked along a new first axis.

        The last batch is smaller when `n` does not divide the number of elements, or left out with
        `drop_remainder=True`. After `repeat`, batches run across the end of an epoch.

        Raises ValueError when `n` < 1 and, on iteration, when elements to be stacked differ in shape.

        >>> Dataset.from_arrays(np.zeros((5, 3))).batch(2, drop_remainder=True)
        <Dataset of 2 elements>
        """
        if n < 1:
            raise ValueError(f"batch needs n >= 1, got {n}")
        length = None if self._length is None else self._length // n if drop_remainder else -(-self._length // n)
        rows, source = self._rows, self._elements
        if rows is not None:
            order, select = rows.order, rows.select
            return Dataset(lambda epoch: map(select, _groups(order(epoch), n, drop_remainder)), length)

        def batches(epoch: int) -> Iterator[Element]:
            elements = source(epoch)
            while group := list(itertools.islice(elements, n)):
                if len(group) == n or not drop_remainder:
                    yield _stack(group)

        return Dataset(batches, length)

    def map(self, f: Callable[..., Any]) -> Dataset:
        """Return the dataset of `f(element)`, or of `f(a, b, ...)` when an element is the tuple `(a, b, ...)`.

        What `f` returns may have any structure; its leaves are turned into NumPy arrays. After `batch`, `f` sees
        whole batches and is called once for each, which is much faster than once per row.

        >>> pairs = Dataset.from_arrays((np.arange(4), np.ones(4))).batch(2).map(lambda a, b: a + b)
        >>> [batch.tolist() for batch in pairs]
        [[1.0, 2.0], [3.0, 4.0]]
        """
        source = self._elements

        def apply(element: Element) -> Element:
            # A named tuple has fields that f can read by name, so it is handed over whole.
            unpack = type(element) is tuple
            result = f(*element) if unpack else f(element)
            return optree.tree_map(_value, result, is_leaf=_is_list)

        return Dataset(lambda epoch: map(apply, source(epoch)), self._length)

    # ----- Reading it -----

    def __iter__(self) -> Iterator[Element]:
        """Iterate over the next epoch."""
        epoch, self._epoch = self._epoch, self._epoch + 1
        return iter(self._elements(epoch))

    def __len__(self) -> int:
        """Return the number of elements in an epoch; TypeError for an endless dataset."""
        if self._length is None:
            raise TypeError("an endless dataset has no length; limit it with take(n) or repeat(n)")
        return self._length

    def __repr__(self) -> str:
        return f"<Dataset of {'endless' if self._length is None else self._length} elements>"


# ----- Arrays -----


def _is_list(node: Any) -> bool:
    return isinstance(node, list)


def _value(leaf: Any) -> Any:
    """Return a leaf as an array, or as a NumPy scalar when it has no axes; a copy, so that editing it is safe."""
    return np.array(leaf)[()]


def _column(leaf: Any, name: str) -> NDArray[Any]:
    try:
        column = np.asarray(leaf)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from error
    if column.dtype == object:
        raise TypeError(f"{name} holds Python objects ({type(leaf).__name__}); give it a numeric or string dtype")
    if column.ndim == 0:
        raise ValueError(f"{name} is the scalar {column}, which has no rows; pass an array with at least one axis")
    return column


def _as_dataset(part: Any) -> Dataset:
    if isinstance(part, Dataset):
        return part
    return Dataset.zip(part) if isinstance(part, tuple) else Dataset.from_arrays(part)


def _common_length(datasets: list[Dataset]) -> int | None:
    lengths = [(k, dataset._length) for k, dataset in enumerate(datasets) if dataset._length is not None]
    for k, length in lengths:
        if length != lengths[0][1]:
            raise ValueError(
                f"zip needs parts of the same length, but part {lengths[0][0]} has {lengths[0][1]} elements and part "
                f"{k} has {length}; shorten one with take(n), or repeat() the shorter one"
            )
    return lengths[0][1] if lengths else None


def _stack(group: list[Element]) -> Element:
    def stack(*leaves: Any) -> NDArray[Any]:
        shapes = {np.shape(leaf): None for leaf in leaves}
        if len(shapes) > 1:
            raise ValueError(f"cannot batch elements of different shapes: {' and '.join(map(str, shapes))}")
        return np.stack(leaves)

    return optree.tree_map(stack, *group)


# ----- Orders: iterators of index chunks -----


def _permutations(n: int, seed: int | None) -> Callable[[int], NDArray[np.intp]]:
    entropy = np.random.SeedSequence(seed).entropy
    words = [entropy] if isinstance(entropy, int) else list(entropy or ())
    return lambda epoch: np.random.default_rng([*words, epoch]).permutation(n)


def _joined(chunks: Iterator[NDArray[np.intp]]) -> NDArray[np.intp]:
    return np.concatenate([np.empty(0, np.intp), *chunks])


def _first(chunks: Iterator[NDArray[np.intp]], n: int) -> Iterator[NDArray[np.intp]]:
    """Cut a stream of chunks off after n indices, without asking for a chunk that is not needed."""
    while n > 0 and (chunk := next(chunks, None)) is not None:
        yield chunk[:n]
        n -= len(chunk)


def _groups(chunks: Iterator[NDArray[np.intp]], n: int, drop_remainder: bool) -> Iterator[NDArray[np.intp]]:
    """Cut a stream of chunks of any size into groups of n indices."""
    rest = np.empty(0, np.intp)
    for chunk in chunks:
        indices = np.concatenate([rest, chunk]) if len(rest) else chunk
        whole = len(indices) - len(indices) % n
        for start in range(0, whole, n):
            yield indices[start : start + n]
        rest = indices[whole:]
    if len(rest) and not drop_remainder:
        yield rest
