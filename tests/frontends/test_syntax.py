"""Rewritten functions do what they did before: run by Python, without anything traced.

Every construct once, as a function that is compared with its rewritten form on several arguments; then what a
function is besides its code: closures, defaults, names, lines, and what cannot be rewritten.
"""

# ruff: noqa: B007, B905, RET503, RET504, RUF021, RUF034, UP028 (functions as users write them)

import functools
import linecache
import sys
import traceback
import types

import numpy as np
import pytest

import autodiff  # noqa: F401
from autodiff.frontends import control  # noqa: F401
from autodiff.frontends.codes import original
from autodiff.frontends.syntax import rewritten, why_not
from autodiff.frontends.syntax_jumps import CONTROL

CASES = []


def case(*arguments):
    """A function to compare on each of some arguments."""

    def keep(function):
        CASES.append(pytest.param(function, arguments, id=function.__name__))
        return function

    return keep


@case(0, 3, 12)
def for_range(n):
    total = 0
    for k in range(n):
        total += k
    return total


@case(0, 5)
def loop_variable_afterwards(n):
    k = "untouched"
    for k in range(n):
        pass
    return k


@case(3, 30)
def for_else_with_break(n):
    for k in range(20):
        if k == n:
            found = k
            break
    else:
        found = "none"
    return found


@case(2, 5, 50)
def nested_jumps(n):
    out = []
    for i in range(6):
        if i % 2:
            continue
        for j in range(i, 6):
            if j == n:
                break
            if i * j > 14:
                return out, "early"
            out.append((i, j))
        else:
            out.append("whole")
    return out


@case(-1, 0, 1)
def early_returns(x):
    if x < 0:
        return "negative"
    if x > 0:
        return "positive"
    y = x + 1
    return y


@case(-2, 5, 7)
def falls_through(x):
    if x == 5:
        return "five"
    for k in range(x):
        if k == 6:
            return k


@case(1, 9, 1000)
def while_with_everything(n):
    steps = 0
    while n > 1 and steps < 50:
        steps += 1
        if n % 2:
            n = 3 * n + 1
            continue
        n //= 2
        if n == 5:
            break
    else:
        return steps, "one"
    return steps, n


@case([3, 1, 2], [])
def while_with_walrus(items):
    seen, rest = [], list(items)
    while (n := len(rest)) and (x := rest.pop()):
        seen.append((n, x))
    return seen


@case(0, 1, 2)
def continue_on_some_paths(x):
    out = []
    for k in range(6):
        if k > 1:
            if k == 2 + x:
                continue
            out.append("high")
        out.append(k)
    return out


@case((1, 2), (2, 1), (0, 0))
def conditional_expressions(pair):
    a, b = pair
    return a if a > b else b if b > a else "same"


@case((0, 0), (0, 2), (3, 0), (3, 2))
def logic_keeps_values(pair):
    a, b = pair
    return a and b, a or b, not a, a and not b or "none", (a or b) and [a, b]


@case(1, 5, 9)
def chained_comparisons(x):
    calls = []

    def seen(v):
        calls.append(v)
        return v

    return seen(2) < seen(x) <= seen(8) != seen(5), calls


@case(0, 1)
def short_circuits(x):
    return x == 0 or 1 / x > 0.5, x != 0 and 1 / x


@case(0, 2)
def assertions(x):
    try:
        assert x, f"x is {x}"
        for k in range(3):
            assert k < x, (k, x)
    except AssertionError as error:
        return str(error).split("\n")[0]
    return "fine"


@case(3, 8)
def raises_within_loops(n):
    def inner():
        for i in range(5):
            for j in range(5):
                if i * j == n:
                    raise ValueError(f"{i} {j}")
        return "none"

    try:
        return inner()
    except ValueError as error:
        return str(error)


@case(0, 4)
def unbound_as_before(n):
    try:
        for k in range(n):
            y = k
        return y
    except NameError as error:
        return type(error)


@case(3)
def deleted_names(n):
    for k in range(n):
        y = k
        del y
    try:
        return y
    except NameError:
        return "gone"


@case([1, 2, 3])
def subscripts(x):
    x = list(x)
    x[0], x[-1] = x[-1], x[0]
    x[1] += 10
    x[1:] = [y * 2 for y in x[1:] if y]
    grid = np.zeros((2, 3))
    grid[1, 1:] += 4.0
    grid[0][2] = 7.0
    a = b = grid[0, 2]
    d = {"k": {"n": 1}}
    d["k"]["n"] *= 5
    return x, grid.tolist(), a, b, d


@case(2)
def unpacking(n):
    (a, *b), c = (n, 2, 3), [4]
    for i, (j, k) in enumerate(zip(b, c * 2, strict=True)):
        a += i * j + k
    for box in [[0], [1]]:
        box[0] += n
        (box[0], d), *_ = [(box[0] + 1, 9)]
        c.append(box[0])
    return a, b, c, d


@case(3)
def augmented_everything(x):
    x += 2
    x -= 1
    x *= 6
    x //= 5
    x **= 2
    x %= 7
    x <<= 3
    x |= 1
    x ^= 2
    x &= 29
    y = float(x)
    y /= 4
    return x, y


@case(4)
def nested_functions(n):
    total = 0

    def add(k, *, by=1):
        nonlocal total
        for _ in range(k):
            total += by
            if total > 100:
                return "enough"
        return total

    return [add(k, by=k) for k in range(n)], total, (lambda v, w=n: v if v > w else w)(2)


@case(5, 0)
def with_and_try(n):
    log = []
    for k in range(n):
        try:
            if k == 2:
                continue
            if k == 4:
                raise KeyError(k)
            log.append(10 / (k - 1))
        except ZeroDivisionError:
            log.append("zero")
        except KeyError as error:
            log.append(error.args)
            break
        else:
            log.append("else")
        finally:
            log.append(k)
    return log


@case(0, 7)
def return_from_try(n):
    try:
        if n:
            return "try"
    finally:
        n += 1
    return n


@case(1, "a", (1, 2), {"x": 3})
def matching(value):
    match value:
        case int(n) if n > 0:
            kind = n
        case (a, b):
            for _ in range(2):
                a += b
            return a
        case {"x": x}:
            kind = x
        case _:
            kind = "other"
    return kind


@case(3)
def comprehensions(n):
    y = [k * j for k in range(n) for j in range(k) if k != j]
    z = {k: (k if k % 2 else -k) for k in y}
    return y, z, sum(v for v in z.values() if v not in (2,)), {*y}, [w := 3, w + 1]


@case(4)
def generators_within(n):
    def count():
        for k in range(n):
            yield k

    return list(count()), max(count()), [*zip(count(), range(9))]


@case(3)
def imports_within(n):
    for _ in range(n):
        import math as m
    return m.floor(n + 0.5)


@case(3)
def class_within(n):
    class Counter:
        start = n

        def up(self):
            for _ in range(2):
                self.start += 1
            return self.start

    c = Counter()
    return c.up(), c.up()


@pytest.mark.parametrize("function, arguments", CASES)
def test_the_same_as_before(function, arguments):
    made = rewritten(function)
    assert made is not function
    for x in arguments:
        assert made(x) == function(x), x


# ---- what a function is besides its code ------------------------------------------------------------


def test_closures_are_live_and_shared():
    scale = 2

    def f(x, y=10, *rest, k=5, **more):
        nonlocal scale
        for _ in range(2):
            scale += 1
        return x + y + k + scale, rest, more

    g = rewritten(f)
    assert g.__closure__[list(g.__code__.co_freevars).index("scale")] is f.__closure__[0]
    assert g(1, 2, 3, k=4, z=6) == (1 + 2 + 4 + 4, (3,), {"z": 6})
    scale = 100
    assert g(1)[0] == 1 + 10 + 5 + 102
    assert scale == 102


def test_names_modules_and_defaults():
    def f(x, box=[1], *, k=(2,)):  # noqa: B006
        return len(x) if x else box

    g = rewritten(f)
    assert (g.__name__, g.__qualname__, g.__module__) == (f.__name__, f.__qualname__, f.__module__)
    assert g.__defaults__ is f.__defaults__ and g.__kwdefaults__ is f.__kwdefaults__
    assert g.__globals__ is f.__globals__
    assert g([]) is f.__defaults__[0]


def test_globals_are_looked_up_when_used(monkeypatch):
    monkeypatch.setitem(globals(), "LATE", 1)
    g = rewritten(lambda x: x + LATE if x else LATE)  # noqa: F821
    assert g(1) == 2
    monkeypatch.setitem(globals(), "LATE", 5)
    assert g(1) == 6


def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)


def test_recursion_means_the_global_name():
    assert rewritten(factorial)(5) == 120


def test_done_once_per_code():
    def made(n):
        return lambda x: [x for _ in range(n)] or n

    f, g = made(1), made(2)
    assert rewritten(f).__code__ is rewritten(g).__code__
    assert (rewritten(f)(3), rewritten(g)(3)) == ([3], [3, 3])


def test_lambdas_of_one_line_are_told_apart():
    f, g, h = (lambda x: x or 1), (lambda x: x or 2), (lambda x: (lambda y: y or x)(0))
    assert [rewritten(k)(0) for k in (f, g)] == [1, 2]
    assert rewritten(h)(7) == 7


def test_decorators_are_left_out():
    calls = []

    def noted(f):
        @functools.wraps(f)
        def call(*args):
            calls.append(args)
            return f(*args)

        return call

    @noted
    def f(x):
        return max(x, 3)

    assert rewritten(f.__wrapped__)(1) == 3
    assert calls == []


class Base:
    def value(self, n):
        return n


class Derived(Base):
    __secret = 7

    def value(self, n):
        for _ in range(2):
            n += super().value(n) + self.__secret
        return n


def test_super_and_private_names():
    assert rewritten(Derived.value)(Derived(), 1) == Derived().value(1)


def test_lines_are_the_users():
    def f(x):
        for k in range(3):
            if k == 1:
                y = 1
                y += x / 0
        return y

    first = f.__code__.co_firstlineno
    with pytest.raises(ZeroDivisionError) as caught:
        rewritten(f)(1)
    frames = [s for s in traceback.extract_tb(caught.tb) if s.filename == __file__]
    assert [s.lineno - first for s in frames[1:]] == [1, 2, 4]
    assert frames[-1].line == "y += x / 0"


def test_statements_over_several_lines_stand_where_they_begin():
    # fmt: off
    def f(x):
        for _ in range(
            2,
        ):
            x = (
                x
                + undefined  # noqa: F821
            )
        return x
    # fmt: on

    with pytest.raises(NameError) as caught:
        rewritten(f)(1)
    lines = [s.lineno - f.__code__.co_firstlineno for s in traceback.extract_tb(caught.tb) if s.filename == __file__]
    assert lines[1:] == [1, 6]


def test_the_users_code_is_known():
    def f(x):
        def g(y):
            return y or x

        return g if x else g

    made = rewritten(f)
    assert original(made.__code__) is f.__code__
    inner = next(c for c in f.__code__.co_consts if isinstance(c, types.CodeType))
    assert original(made(1).__code__) == inner
    assert rewritten(made(1)).__code__ is made(1).__code__


def test_nothing_new_is_visible_to_the_user():
    def f(x):
        for k in range(2):
            y = k
        return sorted(n for n in locals() if not n.startswith(CONTROL)), y + x

    assert rewritten(f)(0) == (["k", "x", "y"], 1)


# ---- what cannot be rewritten -----------------------------------------------------------------------


def test_without_source_the_function_itself():
    namespace = {}
    exec("def f(x):\n    return x if x else 1", namespace)
    f = namespace["f"]
    assert rewritten(f) is f
    assert "source" in why_not(f.__code__)


def test_generators_stay():
    def f():
        yield 1

    assert rewritten(f) is f
    assert "generator" in why_not(f.__code__)


def test_a_file_that_was_edited_is_not_taken_for_the_function(tmp_path, monkeypatch):
    path = tmp_path / "edited_module.py"
    path.write_text("def f(x):\n    return x if x else 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import edited_module

    path.write_text("def f(a, b):\n    return 0\n")
    linecache.checkcache()
    assert rewritten(edited_module.f) is edited_module.f
    sys.modules.pop("edited_module")


def test_builtins_and_objects_stay():
    assert rewritten(len) is len
    partial = functools.partial(factorial)
    assert rewritten(partial) is partial
