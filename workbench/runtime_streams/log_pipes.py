"""The ends of a runtime's log pipes that are read."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import struct
import termios
from collections.abc import Callable

from workbench.clock import Clock
from workbench.model.container import LogStream

PIECE = 64 * 1024


class LogPipes:
    """They must not block. Closed by whoever made this, or one by one when nobody writes any more."""

    def __init__(self, take: Callable[[LogStream, int, bytes], None], *, clock: Clock) -> None:
        """`take` is `ports.ContainerListener.on_log`."""
        self._take = take
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._pipes: dict[LogStream, int] = {}
        self._streams: dict[int, LogStream] = {}
        self._poll = select.poll()

    def add(self, stream: LogStream, descriptor: int) -> None:
        """One more, which is ours from here on."""
        self._pipes[stream] = descriptor
        self._streams[descriptor] = stream
        self._poll.register(descriptor, select.POLLIN)
        if self._reading:
            self._loop.add_reader(descriptor, self._readable, stream)

    def pause(self) -> None:
        """Take nothing by itself."""
        if self._reading:
            self._reading = False
            for descriptor in self._streams:
                self._loop.remove_reader(descriptor)

    def resume(self) -> None:
        """Take what comes, when it comes."""
        if not self._reading:
            self._reading = True
            for stream, descriptor in self._pipes.items():
                self._loop.add_reader(descriptor, self._readable, stream)

    def catch_up(self) -> None:
        """Take what stands in them now, and no more: who never stops writing must not keep its own
        answer from getting through.
        """
        for descriptor, _ in self._poll.poll(0):
            self._readable(self._streams[descriptor])

    def take_the_rest(self) -> None:
        """Nobody writes any more: take all that is left."""
        for stream in list(self._pipes):
            while self._standing(stream):
                self._readable(stream)

    def close(self) -> None:
        """Take nothing more."""
        for stream in list(self._pipes):
            self._close(stream)

    def _readable(self, stream: LogStream) -> None:
        left = self._standing(stream)
        while stream in self._pipes:
            try:
                chunk = os.read(self._pipes[stream], PIECE)
            except BlockingIOError:
                return
            if not chunk:
                self._close(stream)
                return
            self._take(stream, int(self._clock.now().timestamp() * 1_000_000), chunk)
            left -= len(chunk)
            if left <= 0:
                return

    def _standing(self, stream: LogStream) -> int:
        descriptor = self._pipes.get(stream)
        if descriptor is None:
            return 0
        answer = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0")
        return int(struct.unpack("i", answer)[0])

    def _close(self, stream: LogStream) -> None:
        descriptor = self._pipes.pop(stream)
        del self._streams[descriptor]
        self._poll.unregister(descriptor)
        if self._reading:
            self._loop.remove_reader(descriptor)
        os.close(descriptor)
