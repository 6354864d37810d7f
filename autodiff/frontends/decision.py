"""What became of a loop or a branch of the user's code while it was traced, and why: what `f.explain()` tells."""

from __future__ import annotations

from typing import Literal

from autodiff.records import record

Kind = Literal["region", "guard", "unrolled", "python"]


@record
class Decision:
    """One loop, branch or question of the user's code.

    Parameters
    ----------
    kind : "region" (a structured op of the IR: `loop`, `while`, `cond`), "guard" (Python decided on the
        actual value, and the kernel checks that the decision holds), "unrolled" (every trip was traced), or
        "python" (nothing traced is involved)
    location : file and line of the user's code
    what : the statement: "for", "while", "if", "float()", ...
    why : the reason, in the user's words: "the test `x > 0` is a traced number, both branches agree"
    """

    kind: Kind
    location: tuple[str, int]
    what: str
    why: str
