"""The driver's side of the protocol: a tool process, or a tool in this process, that is asked one thing at a time."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.gradbench import protocol, tool

ROOT = Path(__file__).parents[2]


class ToolError(Exception):
    """The tool refused, or ended; the message is its own."""


class Conversation:
    """Messages with running ids; `exchange` takes a line to the tool and brings its answer."""

    def __init__(self, exchange: Callable[[str], str]) -> None:
        self.exchange = exchange
        self.ids = itertools.count()
        self.last = -1  # the id of the last message

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        number = self.last = next(self.ids)
        reply: dict[str, Any] = json.loads(self.exchange(json.dumps({"id": number, "kind": kind, **fields})))
        if reply.get("id") != number:
            raise ToolError(f"message {number} was answered with id {reply.get('id')!r}")
        if not reply.get("success", True):
            raise ToolError(reply.get("error", "no reason given"))
        return reply


def in_process() -> Conversation:
    return Conversation(lambda line: protocol.answer(line, tool.find))


class ToolProcess:
    """A tool started as a program; a context manager, which gives the conversation and ends the process.

    Our own tool has no disk cache there, so that its first runs are those of a new machine.
    """

    def __init__(self, command: list[str] | None = None) -> None:
        self.command = command or [sys.executable, "-m", "benchmarks.gradbench.tool"]

    def __enter__(self) -> Conversation:
        pipe = subprocess.PIPE
        environment = {**os.environ, "AUTODIFF_CACHE": "0"}
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment)
        return Conversation(self._exchange)

    def _exchange(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # how it ended is said below
            print(line, file=self.process.stdin, flush=True)
        reply = self.process.stdout.readline()
        if not reply:
            raise ToolError(f"the tool ended with code {self.process.wait()}")
        return reply

    def __exit__(self, *raised: object) -> None:
        if raised[0] is not None:  # it may still be at work
            self.process.kill()
        self.process.communicate()
