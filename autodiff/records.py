"""Records: classes that are their fields, as `dataclasses` makes them, without writing and compiling code for each.

A dataclass takes 0.3 to 2 ms to make, since its methods are printed as source and compiled; the 25 that
`import autodiff` once needed were a quarter of its time. Reading a field costs the same here, making an object a few
times more: this is for what is made once, such as ops.
"""

from __future__ import annotations

from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_FIELDS = "__record_fields__"  # by name, what a field is when nothing is given: `_REQUIRED` means an error
_REQUIRED = object()


@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """Give a class the constructor and the text of a frozen dataclass; two records are equal when they are one.

    Its fields are those of the records it inherits from, then the names that it annotates itself, in order;
    a value in the class is the field's default. `__post_init__` is called when all are set, if there is one.
    """
    names = [name for base in reversed(cls.__mro__[1:]) for name in vars(base).get(_FIELDS, ())]
    names += vars(cls).get("__annotations__", ())
    fields = {name: getattr(cls, name, _REQUIRED) for name in names}
    for name, value in {_FIELDS: fields, **_METHODS}.items():
        if name not in vars(cls):
            setattr(cls, name, value)
    return cls


def _init(self: Any, *args: Any, **given: Any) -> None:
    cls = type(self)
    fields = getattr(cls, _FIELDS)
    if len(args) > len(fields):
        raise TypeError(f"{cls.__name__} has {len(fields)} fields, and was given {len(args)} values")
    values = dict(zip(fields, args, strict=False))
    for name in given:
        if name not in fields or name in values:
            raise TypeError(f"{cls.__name__}: {name!r} is {'given twice' if name in values else 'no field'}")
    values = {**fields, **values, **given}
    missing = [name for name, value in values.items() if value is _REQUIRED]
    if missing:
        raise TypeError(f"{cls.__name__}: no value for {', '.join(missing)}")
    self.__dict__.update(values)
    made = getattr(self, "__post_init__", None)
    if made is not None:
        made()


def _repr(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in getattr(self, _FIELDS))
    return f"{type(self).__qualname__}({shown})"


def _refuse_set(self: Any, name: str, value: Any) -> None:  # noqa: ARG001
    raise AttributeError(f"{type(self).__name__} is frozen: cannot assign to {name!r}")


def _refuse_delete(self: Any, name: str) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name!r}")


_METHODS = {"__init__": _init, "__repr__": _repr, "__setattr__": _refuse_set, "__delattr__": _refuse_delete}
