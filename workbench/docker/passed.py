"""What a supervisor has passed to the workbench through the channel: descriptors, read here directly.

Files with the container's figures, the log pipes of its runtime, its connections to the Runtime API.
An invocation then wakes nobody but the runtime and the workbench. Invariant: before bytes of a request
are handed over, the pipes are looked at: a line written before them is in one.

The function runs as the supervisor's user: what is passed is looked at before it is used.
"""

from __future__ import annotations

import os
import socket
import stat
from collections import deque
from collections.abc import Callable

from workbench.clock import SystemClock
from workbench.docker.frames import BadFrame
from workbench.docker.gauges import Gauges
from workbench.model.container import LogStream
from workbench.ports import ConnectionFactory, ContainerListener
from workbench.runtime_streams.connection import Connection, asks_for_work
from workbench.runtime_streams.log_pipes import LogPipes

_STREAMS = (LogStream.STDOUT, LogStream.STDERR, LogStream.FRAMED)
_AT_ONCE = 8
"""Descriptors that wait for their frame: a supervisor sends at most four with one."""


class Passed:
    """All that was passed through one channel. Raises `BadFrame` for what no supervisor passes."""

    def __init__(
        self, listener: Callable[[], ContainerListener], *, closed: Callable[[int], None]
    ) -> None:
        """`listener` answers who is told; `closed` is called when a connection was closed here."""
        self._listener = listener
        self._tell_closed = closed
        self._clock = SystemClock()
        self._received: deque[int] = deque()
        self._gauges: Gauges | None = None
        self._pipes: LogPipes | None = None
        self._paused = False
        self._closed = False
        self.connections: dict[int, Connection] = {}
        self._ending: set[Connection] = set()
        """Nobody is at the other end; that is yet to be told."""

    # --- what comes -----------------------------------------------------------------------------------

    def receive(self, descriptors: list[int]) -> None:
        """They are ours from here on; the frame that says what they are begins with the next byte."""
        self._received += descriptors
        if self._closed or len(self._received) > _AT_ONCE:
            self._drop_received()

    def take_gauges(self, which: int) -> None:
        """Files with figures: bit by bit of `which`, peak, now, oom, cpu."""
        present = [number for number in range(4) if which >> number & 1]
        files = self._take(len(present), stat.S_ISREG)
        if self._gauges is not None:
            self._gauges.close()
        self._gauges = Gauges(dict(zip(present, files, strict=True)))

    def take_taps(self, count: int) -> None:
        """The log pipes of the runtime that is being started."""
        if count != len(_STREAMS):
            raise BadFrame("log pipes that are none")
        pipes = self._take(count, stat.S_ISFIFO)
        self.end_runtime()
        self._pipes = LogPipes(self._take_log, clock=self._clock)
        for stream, descriptor in zip(_STREAMS, pipes, strict=True):
            os.set_blocking(descriptor, False)
            self._pipes.add(stream, descriptor)
        if not self._paused:
            self._pipes.resume()

    def open(self, number: int, serve: ConnectionFactory) -> None:
        """A connection of the runtime."""
        (descriptor,) = self._take(1, stat.S_ISSOCK)
        connected = socket.socket(fileno=descriptor)
        if (connected.family, connected.type) != (socket.AF_INET, socket.SOCK_STREAM):
            connected.close()
            raise BadFrame("a connection that is none")
        connected.settimeout(0)

        def closed(ended: Connection) -> None:
            self._ending.discard(ended)
            if self.connections.get(number) is ended:
                del self.connections[number]
                self._tell_closed(number)

        connection = self.connections[number] = Connection(
            connected, before=self._before_request, closed=closed
        )
        connection.begin(serve(), reading=not self._paused)

    def finish(self, number: int) -> None:
        """Everybody at the other end of a connection is dead: hand over what they sent."""
        connection = self.connections.pop(number, None)
        if connection is not None:
            self._ending.add(connection)
            connection.take_the_rest()

    def end_runtime(self) -> None:
        """Everything of it is dead: hand over the last of its log."""
        pipes, self._pipes = self._pipes, None
        if pipes is not None:
            pipes.take_the_rest()
            pipes.close()

    # --- order ----------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Hand over what stands in the log pipes."""
        if self._pipes is not None:
            self._pipes.catch_up()

    def pause(self) -> None:
        """Take nothing more."""
        self._paused = True
        if self._pipes is not None:
            self._pipes.pause()
        for connection in self.connections.values():
            connection.watch(reading=False)

    def resume(self) -> None:
        """Take again."""
        self._paused = False
        if self._pipes is not None:
            self._pipes.resume()
        for connection in self.connections.values():
            connection.watch(reading=True)

    def close(self) -> None:
        """Hand over nothing more, and keep nothing."""
        self._closed = True
        connections, self.connections = {*self.connections.values(), *self._ending}, {}
        for connection in connections:
            connection.drop()
        if self._pipes is not None:
            self._pipes.close()
            self._pipes = None
        if self._gauges is not None:
            self._gauges.close()
            self._gauges = None
        self._drop_received()

    # --- inside ---------------------------------------------------------------------------------------

    def _before_request(self, data: bytes) -> None:
        if self._pipes is not None:
            self._pipes.catch_up()
        if self._gauges is not None and asks_for_work(data):
            self._listener().on_figures(self._gauges.read())

    def _take_log(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        self._listener().on_log(stream, at_us, chunk)

    def _take(self, count: int, is_kind: Callable[[int], bool]) -> list[int]:
        """The next ones that were received, all of them of this kind."""
        taken = [self._received.popleft() for _ in range(min(count, len(self._received)))]
        if len(taken) == count and all(is_kind(os.fstat(one).st_mode) for one in taken):
            return taken
        for one in taken:
            os.close(one)
        raise BadFrame("something else than it says, or nothing")

    def _drop_received(self) -> None:
        while self._received:
            os.close(self._received.popleft())
