"""Which code the user wrote, given what runs in its place: functions are rewritten to be traced (`syntax.py`)."""

from __future__ import annotations

import types

ORIGINALS: dict[types.CodeType, types.CodeType] = {}


def original(code: types.CodeType) -> types.CodeType:
    """The code that the user wrote, given what runs in its place."""
    return ORIGINALS.get(code, code)
