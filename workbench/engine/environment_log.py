"""The log of one environment: bytes in, entries on the bus and in the invocation's own log out.

Which invocation an entry belongs to needs no guessing: a driver hands over log bytes before the
request to the Runtime API that its runtime sent after them (`ports.ContainerListener`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from workbench.engine.log_lines import FramedText, FrameSplitter, LineSplitter
from workbench.engine.run import Run
from workbench.model.container import LogStream
from workbench.model.invocation import LogEntry
from workbench.model.names import EnvironmentId, FunctionName
from workbench.model.settings import Limits
from workbench.model.telemetry import LogLine
from workbench.telemetry import Bus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EnvironmentLog:
    """Splits, stamps and attributes what one environment writes."""

    def __init__(
        self,
        *,
        function: FunctionName,
        environment_id: EnvironmentId,
        bus: Bus,
        limits: Limits,
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        self._function = function
        self._environment_id = environment_id
        self._bus = bus
        self._pause = pause
        self._resume = resume
        self.on_mark: Callable[[], None] = _nothing
        """Called when the runtime's client says that it is up."""
        self.paused = False
        """The container is not listened to at the moment, because a listener of ours is behind."""
        self._lines = {
            LogStream.STDOUT: LineSplitter(limit_bytes=limits.log_line_bytes),
            LogStream.STDERR: LineSplitter(limit_bytes=limits.log_line_bytes),
        }
        self._frames = FrameSplitter(limit_bytes=limits.log_line_bytes)
        self._run: Run | None = None
        self._before: list[LogEntry] = []
        """Entries of the init phase, for the first invocation to show."""

    def take(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        """Bytes of a pipe."""
        if stream is LogStream.FRAMED:
            self._add_framed(self._frames.feed(chunk), at_us)
            if self._frames.marked:
                self._frames.marked = False
                self.on_mark()
            return
        at = _EPOCH + timedelta(microseconds=at_us)
        for text in self._lines[stream].feed(chunk):
            self._add(at, stream, text)

    @property
    def timers(self) -> int:
        """How many timers the function's runtime has said to wait."""
        return self._frames.timers

    def flush(self, at: datetime, *, ended: bool = False) -> None:
        """A phase is over: what stands without a line end is an entry too.

        ended: so is the runtime; half a record is all there will be of it.
        """
        for stream, lines in self._lines.items():
            if lines.pending:
                for text in lines.flush():
                    self._add(at, stream, text)
        if ended or self._frames.pending:
            self._add_framed(self._frames.flush(ended=ended), int(at.timestamp() * 1_000_000))

    def platform(self, text: str, at: datetime) -> None:
        """A line of ours."""
        self._add(at, LogStream.PLATFORM, text)

    def begin(self, run: Run) -> None:
        """Entries belong to `run` from now on."""
        self._run = run
        for entry in self._before:
            run.log(entry, in_tail=False)
        self._before.clear()

    def end(self) -> None:
        """They belong to no invocation."""
        self._run = None

    def _add_framed(self, records: list[FramedText], at_us: int) -> None:
        for record in records:
            stamp = at_us if record.at_us is None else min(record.at_us, at_us)
            at = _EPOCH + timedelta(microseconds=stamp)
            self._add(at, LogStream.FRAMED, record.text.rstrip("\n"), record.level)

    def _add(self, at: datetime, stream: LogStream, text: str, level: str | None = None) -> None:
        run = self._run
        entry = LogEntry(
            at=at,
            function=self._function,
            environment_id=self._environment_id,
            request_id=None if run is None else run.acceptance.request_id,
            stream=stream,
            text=text,
            level=level,
        )
        if run is not None:
            run.log(entry)
        elif len(self._before) < _KEPT_BEFORE:
            self._before.append(entry)
        self._bus.publish(LogLine(entry=entry))
        if not self.paused and self._bus.congested:
            self.paused = True
            self._pause()
            self._bus.when_relieved(self._relieved)

    def _relieved(self) -> None:
        self.paused = False
        self._resume()


def _nothing() -> None:
    """Nobody is to be told."""


_KEPT_BEFORE = 1000
"""Entries of an init phase shown with the first invocation; all of them are in the history."""
