"""Random programs: typed, with shared subexpressions, and well conditioned by construction.

`program(seed)` is the same for the same seed. Each step picks a maker, which writes an expression of values made
before; the oracle evaluates it at once, and the step is kept only if its value lies away from kinks and its value and
derivatives are moderate. What remains may be compared with tight tolerances: a difference is a bug.

Guards, with `GAP` = 1e-3 (the rounding of float32 cannot cross it):

* compared numbers, tops of a maximum, neighbours in an order and integers under a `floor` are GAP apart;
* logarithms, roots and denominators stay away from zero, by the maker's choice of operand;
* values are below 30, derivatives below 1000, arrays have at most 200 elements and three axes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz.dual import real
from fuzz.guards import Rejected, broadcasts, moderate
from fuzz.makers import MAKERS, as_float32
from fuzz.programs import Program, Step

SHAPES = ((), (1,), (3,), (4,), (2, 3), (3, 4), (4, 3), (3, 3), (1, 3), (2, 1), (2, 3, 4), (12,), (10, 4))


class Generator:
    """Writes steps; `values` holds what the oracle makes of them, `arrays` what NumPy does."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        count = int(self.rng.integers(1, 5))
        half = self.rng.uniform() < 0.25  # one program in four mixes float32 in
        self.program = Program(self._arguments(count, half), (), (), seed)
        self.values: dict[str, Any] = self.program.duals()
        self.arrays: dict[str, Any] = dict(self.program.arguments)
        self.steps: list[Step] = []
        self.makers = [maker for maker, weight in MAKERS.items() for _ in range(weight)] + (
            [as_float32] * 4 if half else []
        )

    def _arguments(self, count: int, half: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for k in range(count):
            x = np.asarray(self.rng.uniform(-1.5, 1.5, self.choice(SHAPES)))
            # Rounded in both precisions: the oracle computes in double precision with the numbers the program has.
            x = x.astype(np.float32).astype(np.float32 if half and self.rng.uniform() < 0.5 else np.float64)
            found["abcd"[k]] = x[()]
        found["i"] = self.rng.integers(-3, 4, size=3)
        return found

    # ---- choosing ----------------------------------------------------------------------------

    def choice(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def pick(self, accept: Callable[[Any], Any] = lambda x: True, kind: str = "f") -> str:
        """The name of an acceptable value of a kind of dtype, later ones more likely."""
        names = [n for n, x in self.arrays.items() if x.dtype.kind in kind]
        # Some draws instead of a search: the check costs more than a name that is passed over.
        for place in self.rng.beta(2, 1, 10) if names else ():
            name = names[int(len(names) * place)]
            if accept(self.real(name)):
                return name
        raise Rejected

    def real(self, name: str) -> np.ndarray:
        return np.asarray(real(self.values[name]))

    def ndim(self, name: str) -> int:
        return np.ndim(self.arrays[name])

    def axis(self, name: str) -> int:
        return int(self.rng.integers(-self.ndim(name), self.ndim(name)))

    def array(self, least: int = 1) -> str:
        return self.pick(lambda x: x.ndim >= least)

    def fitting(self, x: str, kind: str = "f") -> str:
        """Something that broadcasts with x."""
        return self.pick(lambda y: broadcasts(self.real(x).shape, y.shape), kind)

    def same_shape(self, x: str, kind: str = "f") -> str:
        return self.pick(lambda y: y.shape == self.real(x).shape, kind)

    def where(self, x: str) -> str:
        """`axis=..., keepdims=...` of a reduction."""
        n = self.ndim(x)
        axes = tuple(k for k in range(n) if self.rng.uniform() < 0.6)
        axis: Any = self.choice([None, axes or None, self.axis(x) if n else None])
        return f"axis={axis}" + (", keepdims=True" if self.rng.uniform() < 0.3 else "")

    # ---- writing -----------------------------------------------------------------------------

    def step(self) -> None:
        """One more step, or none if the maker finds no operands."""
        try:
            expression, *reads = self.choice(self.makers)(self)
            self.keep(expression, tuple(reads))
        except Rejected:
            pass

    def keep(self, expression: str, reads: tuple[str, ...]) -> None:
        name = f"v{len(self.steps)}"
        code = compile(expression, "<step>", "eval")
        with np.errstate(all="ignore"):
            array = np.asarray(eval(code, {"np": np}, self.arrays))[()]
            if array.size > 200 or array.ndim > 3 or array.size == 0:
                raise Rejected
            value = eval(code, {"np": np}, self.values)
        if not moderate(value) or np.shape(real(value)) != array.shape:
            raise Rejected
        self.steps.append(Step(name, expression, reads))
        self.values[name], self.arrays[name] = value, array


def program(seed: int, size: int | None = None) -> Program:
    """A random program of 5 to 60 steps, or of `size`."""
    g = Generator(seed)
    # Small ones more often (19 steps on average): a bug shows in few steps, and time is better spent on more programs.
    wanted = size or 5 + int(56 * g.rng.beta(1, 3))
    for _ in range(4 * wanted):
        if len(g.steps) == wanted:
            break
        g.step()
    # Results are what no step reads, so nothing was made in vain; and perhaps others: one twice, or an argument.
    floats = [n for n, x in g.arrays.items() if x.dtype.kind == "f"]
    read = {n for step in g.steps for n in step.reads}
    unread = [n for n in floats if n not in read] or floats[-1:]
    others = [g.choice(floats) for _ in range(int(g.rng.integers(3)))]
    return Program(g.program.arguments, tuple(g.steps), (*unread, *others), seed).pruned()
