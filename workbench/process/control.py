"""The workbench's end of a launcher: orders out, reports in. See `launcher.py`.

The function runs as the same user as the launcher and could take its place: what comes from there is
checked, and anything odd means that the environment is lost.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from workbench.model.container import RuntimeExit
from workbench.process import launcher

_MAX_REPORT = 64 * 1024
_ENDED = "The process that looks after the runtime ended."
_ODD = "The process that looks after the runtime said something odd."


class LauncherEvents(Protocol):
    """What a launcher says. Synchronous, on the event loop."""

    def on_ended(
        self, ended: RuntimeExit, *, cpu_ns: int, peak_bytes: int | None, out_of_memory: bool
    ) -> None:
        """The runtime ended, and everything it left behind is dead.

        out_of_memory: the launcher killed it, for holding more than it may.
        """

    def on_launcher_gone(self, why: str) -> None:
        """It is no more, without having been told to go."""


class Control:
    """One launcher."""

    def __init__(self, events: LauncherEvents) -> None:
        """Starts it. Raises `OSError` where that cannot be done."""
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._closed = False
        self.up = asyncio.Event()
        """It serves, or it ended before it did."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-S", launcher.__file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        self._loop.add_reader(ours.fileno(), self._readable)

    @property
    def pid(self) -> int:
        """The launcher's."""
        return self._process.pid

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        variables: Mapping[str, str],
        descriptors: Sequence[int],
        memory_bytes: int | None,
    ) -> None:
        """Start a runtime.

        descriptors: its stdout, stderr and, maybe, its framed log pipe. memory_bytes: what it and all
        that it makes may hold; `None`: as much as there is.
        """
        order = {
            "order": "start",
            "argv": list(argv),
            "cwd": str(cwd),
            "variables": dict(variables),
            "memory_bytes": memory_bytes,
        }
        self._send(order, descriptors)

    def kill(self) -> None:
        """SIGKILL to the runtime and everything it made."""
        self._send({"order": "kill"})

    def freeze(self) -> None:
        """SIGSTOP to the same."""
        self._send({"order": "freeze"})

    def thaw(self) -> None:
        """SIGCONT to the same."""
        self._send({"order": "thaw"})

    def close(self) -> None:
        """Let it go: it kills everything and ends."""
        if not self._closed:
            self._closed = True
            self.up.set()
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def wait(self, timeout_s: float) -> None:
        """Block until it has ended, for a thread; after `timeout_s` it is made to."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, order: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
        if self._closed:
            return
        data = json.dumps(order).encode() + b"\n"
        try:
            sent = socket.send_fds(self._socket, [data], list(descriptors))
            self._socket.sendall(data[sent:])
        except OSError:
            self._gone(_ENDED)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_MAX_REPORT, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._gone(_ENDED)
            return
        self._received += data
        *lines, self._received = self._received.split(b"\n")
        try:
            for line in lines:
                self._take(line)
        except (ValueError, TypeError, KeyError, RecursionError):
            self._gone(_ODD)
        if len(self._received) > _MAX_REPORT:
            self._gone(_ODD)

    def _take(self, line: bytes) -> None:
        report = json.loads(line)
        if report["report"] == "up":
            self.up.set()
        elif report["report"] == "ended" and not self._closed:
            self._events.on_ended(
                _runtime_exit(report),
                cpu_ns=round(_number(report.get("cpu_s"), limit=1e9) * 1e9),
                peak_bytes=round(_number(report.get("peak_kib"), limit=1e12)) * 1024 or None,
                out_of_memory=report.get("out_of_memory") is True,
            )

    def _gone(self, why: str) -> None:
        if not self._closed:
            self.close()
            self._events.on_launcher_gone(why)


def _runtime_exit(report: Mapping[str, Any]) -> RuntimeExit:
    error = report.get("error")
    if error is not None:
        return RuntimeExit(code=None, start_error=os.strerror(round(_number(error, limit=4096))))
    signal = round(_number(report["signal"], limit=65))
    return RuntimeExit(
        code=None if signal else round(_number(report["code"], limit=256)),
        signal=signal or None,
        core_dumped=report["core"] is True,
    )


def _number(value: object, *, limit: float) -> float:
    """A number from 0 up to, not including, `limit`; `None` is 0."""
    if value is None:
        return 0
    if not isinstance(value, int | float) or not 0 <= value < limit:
        raise ValueError("a number that cannot be")
    return value
