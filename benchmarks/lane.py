"""A peer's process, seen from the process that runs the race: started, asked one thing at a time, stopped."""

import json
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.environments import ROOT, python_of

PATIENCE = 120.0  # seconds until a process that does not answer is ended


class Lane:
    """One process; `hello` is its first answer: ready, not installed, or broken."""

    def __init__(self, workload: str, peer: str, folder: Path) -> None:
        self.peer = peer
        self.log, self.cache = folder / f"{workload}.{peer}.log", folder / f"{workload}.{peer}.cache"
        self.command = [python_of(peer), "-m", "benchmarks", "--child", "--workload", workload, "--peer", peer]
        self.process = self._start()
        self.hello = self._answer()

    def revive(self) -> None:
        """A new process for the next case, if the last one ended it."""
        if "versions" in self.hello and self.process.poll() is not None:
            self.process = self._start()
            self.hello = self._answer()

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # the answer will say how it ended
            print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        return self._answer()

    def stop(self) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _start(self) -> subprocess.Popen[str]:
        with self.log.open("a") as log:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=machine.child_environment(self.cache),
            )

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        if line:
            return dict(json.loads(line))
        code = self.process.wait()
        if code == -signal.SIGKILL:
            return {"error": f"no answer in {PATIENCE:.0f} s, or out of memory"}
        tail = " ".join(self.log.read_text(errors="replace").split())[-200:]
        return {"error": f"process ended ({code}): {tail}"}
