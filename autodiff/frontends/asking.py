"""Who asks: what the user's code is doing where a traced array is asked for its value.

Python says `__float__` alike for `float(x)`, `math.sin(x)` and `a[0] = x` of a plain array `a`. Only the first says
that a number is meant; in the others a derivative would get lost that the user expects. The frame that asks
knows which instruction it is at, and where that stands in the source.
"""

from __future__ import annotations

import dis
import itertools
import linecache
import operator
import re
from collections.abc import Callable
from types import FrameType
from typing import Any

from autodiff.errors import user_frame

Kind = Callable[[Any], Any]  # bool, int, float, complex, operator.index: what a value is asked for as
Site = tuple[str, int]  # file and line


def is_being_stored(frame: FrameType) -> bool:
    """Whether a frame is at an assignment such as `a[0] = x`, for which NumPy asks `x` for a float."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] == "STORE_SUBSCR"


def function_called() -> str:
    """The function that the user's line is calling, as it is written: `math.sin`; nothing if that is not known."""
    frame = user_frame()
    if frame is None:
        return ""
    line, _, start, _ = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
    if line is None or start is None:
        return ""
    # Columns are counted in bytes.
    text = linecache.getline(frame.f_code.co_filename, line).encode()[start:].decode(errors="replace")
    found = re.match(r"([\w.]+)\s*\(", text)
    return found[1] if found else ""


def statement(kind: Kind, site: Site) -> str:
    """The statement that asked for a value of this kind, as far as the line tells."""
    if kind is bool:
        word = re.match(r"(if|elif|while|assert)\b", linecache.getline(*site).strip())
        if word:
            return word[1]
    return "an index" if kind is operator.index else f"{getattr(kind, '__name__', '')}()"
