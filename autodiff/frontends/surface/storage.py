"""What an array holds now: how `a[0] = 1` and views work where nothing is ever written.

The IR is pure, so a write makes a new value, and the array object is told that this is what
it holds from now on. `x.storage` says what an array is:

* None: it was never written to and is no view. It is its own value; this is all that most
  arrays ever see of this file;
* `Owned`: it was written to; what it holds is `value`;
* `View`: it shares its elements with `base`. A write through it makes a new value of the base
  (the view's elements put in their places), up to the array that owns the elements. A view
  whose base has changed since is read from the base again when it is next needed.

Which functions give views, of which elements, and whether they may be written to is asked of
NumPy itself, on a dummy array of the same shape, and only once something is written.

The *recorded* value of an array, that of the instruction that made it, is the array object
itself. Once the object holds something else, `recorded_value` stands for that first value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, DTypeError
from autodiff.frontends.surface.fitting import fitted
from autodiff.frontends.surface.layout import in_c_order
from autodiff.frontends.surface.placing import put_at, put_strided
from autodiff.ir.build import emitter, emitting_to
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import identity
from autodiff.ops.families import reshape


class Owned:
    """The storage of an array that was written to."""

    __slots__ = ("first", "origin", "value")

    def __init__(self, value: Any, origin: Any = None) -> None:
        self.value = value
        self.origin = origin  # of a copy: the array whose order of elements in memory it keeps
        self.first: Any = None  # stands for the recorded value, once asked for

    def now(self, x: Any) -> Any:
        return recorded_value(self.value)


class View:
    """The storage of an array that shares its elements with another one."""

    __slots__ = ("base", "call", "first", "pick", "source", "value", "viewer")

    def __init__(self, base: Any, source: Any, viewer: Any, call: tuple[Any, dict[str, Any]], pick: int | None) -> None:
        self.base = base  # the array it is a view of
        self.source = source  # the value of the base that it was read from
        self.value: Any = None  # None: its recorded value is the present one
        self.viewer = viewer
        self.call = call
        self.pick = pick
        self.first: Any = None

    def now(self, x: Any) -> Any:
        base = self.base
        source = base if base.storage is None else base.storage.now(base)
        if source is not self.source:
            if self.is_view() is not True:
                return self._parted(x)
            with emitting_to(x.home):
                self.value, self.source = self.get(source), source
        return x if self.value is None else recorded_value(self.value)

    def unchanged(self) -> bool:
        """Whether nothing it shares was written to: it still holds its recorded value."""
        view = self
        while view.value is None:
            base = view.base
            if base.storage is None or view.source is not base:
                return view.source is base
            if type(base.storage) is not View:
                return False
            view = base.storage
        return False

    def _parted(self, x: Any) -> Any:
        """The value of what turns out to be no view, or may be none."""
        if self.is_view() is None:
            raise doubtful(x)
        x.storage = None if self.value is None else Owned(self.value)
        return held(x)

    def is_view(self) -> bool | None:
        """Whether NumPy would have shared the elements; None when that cannot be known."""
        return self.viewer.is_view(self)

    def get(self, source: Any) -> Any:
        """Its elements, from a value of the base."""
        args, kwargs = self.call
        found = self.viewer.ours(source, *args, **kwargs)
        return found if self.pick is None else found[self.pick]

    def of_plain(self, array: np.ndarray) -> np.ndarray:
        """What NumPy makes of a plain array in the place of the base."""
        args, kwargs = self.call
        found = self.viewer.numpy(array, *args, **kwargs)
        return found if self.pick is None else found[self.pick]


class Doubtful:
    """The storage of an array that was perhaps written to: through what may be a view of it."""

    __slots__ = ("first",)

    def __init__(self) -> None:
        self.first: Any = None

    def now(self, x: Any) -> Any:
        raise doubtful(x)


def doubtful(x: Any) -> ArgumentError:
    return ArgumentError(
        f"an array of shape {x.aval.shape} and a reshaped form of it: one of them was written to, and whether the "
        "other one changes depends on the order of its elements in memory, which is not known here",
        "say which is meant: reshape a copy, x.copy().reshape(...), or write with an index of x itself",
    )


def recorded_value(x: Any) -> Any:
    """The value of the instruction that made `x`, whatever the array `x` holds by now."""
    storage = x.storage
    if storage is None or (type(storage) is View and storage.unchanged()):
        return x
    if storage.first is None:
        (storage.first,) = x.home.emit(identity, (x,), {})
    return storage.first


def held(x: Any) -> Any:
    """What an array holds now."""
    return x if x.storage is None else x.storage.now(x)


def freeze(x: Any) -> None:
    """Nobody writes to what a tape watches: its source would be another one than the user means."""
    while isinstance(x.storage, View):
        x = x.storage.base
    if hasattr(x, "home"):
        x.frozen = "watched by a tape"


class AsRecorded:
    """An emitter for rules that read the operands of instructions: values, not what arrays hold by now."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def lift(self, x: object) -> Any:
        return self.target.lift(recorded_value(x) if isinstance(x, Operand) else x)

    def known(self, op: Any, args: tuple[Any, ...], params: Any) -> None:
        """No short cut: it would read what the arrays hold."""

    def emit(self, op: Any, operands: tuple[Any, ...], params: Any) -> Any:
        return self.target.emit(op, operands, params)


def copied(x: Any) -> Any:
    """A copy that costs no instruction: another array that holds the same value."""
    value = emitter().lift(x)
    if not hasattr(value, "another"):
        return value
    y = value.another()
    y.storage = Owned(value, x)
    return y


# ---- views -----------------------------------------------------------------------------------


class OutsideView(str):
    """Why a view is not written to; `base` is what it is a view of."""

    base: Any = None


class Viewer:
    """A function whose result shares its elements with its argument: NumPy's and ours."""

    def __init__(self, numpy: Any, ours: Any) -> None:
        self.numpy = numpy
        self.ours = ours

    def __call__(self, a: Any, *args: Any, **kwargs: Any) -> Any:
        found = self.ours(a, *args, **kwargs)
        if type(found) in (list, tuple):
            parts = [self.shared(a, y, (args, kwargs), k) for k, y in enumerate(found)]
            return type(found)(parts)
        return self.shared(a, found, (args, kwargs))

    def shared(self, a: Any, y: Any, call: tuple[Any, dict[str, Any]], pick: int | None = None) -> Any:
        """`y` as a view of `a`; `a` itself when nothing had to be done."""
        home = getattr(y, "home", None)
        if home is None or not isinstance(a, Operand):
            return y
        if getattr(a, "home", None) is not home:
            y.frozen = OutsideView("a view of an array from outside of the function, or of a variable")
            y.frozen.base = a
            return y
        source = a if a.storage is None else a.storage.now(a)
        if y is source:
            return self.unmoved(a, source, call)
        y.storage = View(a, source, self, call, pick)
        return y

    def unmoved(self, a: Any, source: Any, call: tuple[Any, dict[str, Any]]) -> Any:
        """The view when the function had nothing to do."""
        return a

    def is_view(self, view: View) -> bool | None:
        return True

    def put(self, view: View, source: Any, part: Any) -> Any:
        """The value of the base with `part` in place of the view's elements."""
        dummy = np.empty(source.aval.shape, np.int8)
        return put_strided(source, part, dummy, view.of_plain(dummy))

    def writeable(self, view: View) -> bool:
        return view.of_plain(np.empty(view.base.aval.shape, np.int8)).flags.writeable


class ReadOnly(Viewer):
    """A view that NumPy would let the user write to, and we do not; for some arguments it is a copy."""

    def is_view(self, view: View) -> bool:
        dummy = np.empty(view.base.aval.shape, np.complex64 if view.base.aval.dtype.kind == "c" else np.int8)
        return bool(np.may_share_memory(dummy, view.of_plain(dummy)))

    def writeable(self, view: View) -> bool:
        return not self.is_view(view)


class Reshaper(Viewer):
    """Reshape and ravel: the result is a view when the elements lie in memory in the right order."""

    def is_view(self, view: View) -> bool | None:
        dummy = plain_copy(view.base)
        if dummy is None or _order(view.call) not in ("C", "F"):
            return None
        return bool(np.may_share_memory(dummy, view.of_plain(dummy))) or not dummy.size

    def put(self, view: View, source: Any, part: Any) -> Any:
        if _order(view.call) == "C":
            return reshape(part, shape=source.aval.shape)
        places = view.of_plain(np.arange(source.aval.size).reshape(source.aval.shape))
        return put_at(source, places, part)

    def writeable(self, view: View) -> bool:
        return True

    def unmoved(self, a: Any, source: Any, call: tuple[Any, dict[str, Any]]) -> Any:
        if self.numpy is np.reshape or not isinstance(a.storage, View):
            return a
        y = a.another()  # the ravel of every second element is a copy
        y.storage = View(a, source, self, call, None)
        y.storage.value = source
        return y


def _order(call: tuple[Any, dict[str, Any]]) -> Any:
    args, kwargs = call
    named = [a for a in args if isinstance(a, str)]
    return named[0] if named else kwargs.get("order", "C")


def plain_copy(x: Any) -> np.ndarray | None:
    """A plain array that lies in memory as `x` would in NumPy; None when that is not known.

    Its elements are never looked at, so its memory is never really there.
    """
    storage = x.storage
    if isinstance(storage, View):
        base = plain_copy(storage.base)
        return None if base is None else storage.of_plain(base)
    if isinstance(storage, Owned) and storage.origin is not None:
        source = plain_copy(storage.origin)
        return None if source is None else np.empty_like(source)
    return np.empty(x.aval.shape, np.int8) if in_c_order(x) else None


# ---- writing ---------------------------------------------------------------------------------


def check_writable(x: Any) -> None:
    """Refuse to write into what is not ours to change, or not the user's to write to."""
    if not hasattr(x, "home"):
        raise DTypeError(f"{type(x).__name__} of shape {np.shape(x)} cannot be written in place", "x = x.copy() first")
    root = x
    while isinstance(root.storage, View):
        view = root.storage
        if not view.is_view():
            break
        if not view.viewer.writeable(view):
            raise ArgumentError(
                f"assignment destination is read-only: an array of shape {root.aval.shape} that "
                f"{getattr(view.viewer.numpy, '__name__', 'indexing')} gives is a view that is not written to",
                "write into a copy, x.copy(), or into the array it is a view of",
            )
        root = view.base
    root.check_home()


def write(x: Any, value: Any) -> None:
    """Let `x`, and all arrays that share its elements, hold `value`, an operand of its shape and dtype."""
    check_writable(x)
    _write(x, value)


def _write(x: Any, value: Any) -> None:
    storage = x.storage
    if isinstance(storage, View):
        base = storage.base
        if storage.is_view() is None:
            _part_in_doubt(x)
        elif storage.is_view():
            _write(base, storage.viewer.put(storage, held(base), value))
            storage.source, storage.value = held(base), value
            return
        storage = None
    if isinstance(storage, Owned):
        storage.value = value
        return
    x.storage = Owned(value)


def _part_in_doubt(x: Any) -> None:
    """Write to one of two arrays that share their elements, or do not: nobody may read the other one."""
    root = x.storage.base
    while isinstance(root.storage, View):
        root = root.storage.base
    root.storage = Doubtful()


def assign(x: Any, value: Any, casting: str = "same_kind", name: str = "=") -> None:
    """Broadcast and convert a value, and let `x` hold it.

    Raises
    ------
    ShapeError
        When the value does not broadcast to the array: an array never grows.
    DTypeError
        When NumPy would not convert it, or would and a derivative would get lost.
    """
    check_writable(x)
    _write(x, fitted(x, value, casting, name))
