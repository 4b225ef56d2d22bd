"""Builds and installations, announced from their beginning to their end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workbench.clock import Clock
from workbench.docker.room import tells_full
from workbench.errors import BuildFailed, DiskFull, DriverError, WorkbenchError
from workbench.model.names import FunctionName
from workbench.model.telemetry import BuildBroke, BuildFinished, BuildProgress, BuildStarted
from workbench.model.terminal_text import plain, safe
from workbench.telemetry import Bus

TAIL_LINES = 60
"""Of a failed tool's output, kept for the error."""
LONGEST_LINE = 2000
"""Characters; a tool that writes more on one line is cut."""


class Progress:
    """Tells how far one piece of work is. Lines come raw from tools and leave safe for a terminal."""

    def __init__(self, bus: Bus, subject: str) -> None:
        self.subject = subject
        self.image: str | None = None
        """What came of it, for the announcement of its end."""
        self._bus = bus
        self._step = 1
        self._steps = 0
        self.doing = "preparing"
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._unended = b""

    @property
    def tail(self) -> str:
        """The last lines of the present step."""
        return "\n".join(self._tail)

    def step(self, number: int, steps: int, doing: str) -> None:
        """A step begins. `steps` 0: their number is not known."""
        self._step, self._steps = number, steps
        self.doing = plain(safe(doing))[:LONGEST_LINE]
        self._tail.clear()
        self._publish(self.doing)

    def text(self, raw: str) -> None:
        """Lines of a tool's output."""
        for line in plain(safe(raw)).split("\n"):
            if kept := line.rstrip()[:LONGEST_LINE]:
                self._tail.append(kept)
                self._publish(kept)

    def output(self, raw: bytes) -> None:
        """Bytes of a tool's output, cut anywhere."""
        lines, newline, self._unended = (self._unended + raw).rpartition(b"\n")
        if newline:
            self.text(lines.decode("utf-8", errors="replace"))

    def flush(self) -> None:
        """No more output: what stands without a line end is a line too."""
        self.output(b"\n" if self._unended else b"")

    def failure(self, why: str = "", *, step: str | None = None) -> DriverError:
        """The error to raise: which step failed, and the tail of what was said. `DiskFull` where that
        says so, which is nobody's fault and passes.
        """
        self.flush()
        if why and why not in self._tail:
            self._tail.append(plain(safe(why)).strip())
        full = [line for line in self._tail if tells_full(line)]
        if full:
            return DiskFull(f"{self.subject}: {full[-1].strip()}")
        counted = f"step {self._step}/{self._steps}: {self.doing}" if self._steps else self.doing
        return BuildFailed(self.subject, step=step or counted, output=self.tail)

    def _publish(self, line: str) -> None:
        self._bus.publish(
            BuildProgress(subject=self.subject, step=self._step, steps=self._steps, line=line)
        )


@asynccontextmanager
async def announced(
    bus: Bus, clock: Clock, subject: str, functions: tuple[FunctionName, ...] = ()
) -> AsyncIterator[Progress]:
    """Announce that work on `subject` has begun, and on leaving how it ended."""
    progress = Progress(bus, subject)
    started_s = clock.monotonic()
    bus.publish(BuildStarted(subject=subject, functions=functions))
    try:
        yield progress
    except BuildFailed as error:
        bus.publish(BuildBroke(subject=subject, step=error.step, output=error.output))
        raise
    except WorkbenchError as error:
        bus.publish(BuildBroke(subject=subject, step=progress.doing, output=str(error)))
        raise
    except asyncio.CancelledError:
        bus.publish(BuildBroke(subject=subject, step="stopped", output="Nobody waits for it."))
        raise
    bus.publish(
        BuildFinished(subject=subject, took_s=clock.monotonic() - started_s, image=progress.image)
    )
