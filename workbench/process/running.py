"""One runtime process as the workbench sees it: its log pipes and its Runtime API listener."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable

from workbench.clock import Clock
from workbench.model.container import LogStream
from workbench.ports import ConnectionFactory, ContainerListener
from workbench.process.connections import RuntimeListener

PIECE = 64 * 1024


class RunningRuntime:
    """Opened before the process is started, closed when its end was told."""

    def __init__(
        self,
        listener: ContainerListener,
        connections: ConnectionFactory,
        *,
        framed: bool,
        clock: Clock,
        measure: Callable[[], None],
    ) -> None:
        """`measure` tells the figures; it is called before bytes of a request are handed over."""
        self._listener = listener
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._measure = measure
        self._reading = False
        self._pipes: dict[LogStream, int] = {}
        self.theirs: list[int] = []
        """The ends the process writes to, in the order it wants them."""
        streams = (LogStream.STDOUT, LogStream.STDERR, LogStream.FRAMED)
        try:
            self._api = RuntimeListener(connections, before=self._before_request)
            for stream in streams if framed else streams[:2]:
                ours, theirs = os.pipe()
                os.set_blocking(ours, False)
                self._pipes[stream] = ours
                self.theirs.append(theirs)
        except OSError:
            self.started()
            for ours in self._pipes.values():
                os.close(ours)
            raise
        self.address = self._api.address

    def started(self) -> None:
        """The process has its ends; ours are not needed any more."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self.theirs.clear()

    def pause(self) -> None:
        """Take nothing more."""
        if self._reading:
            self._reading = False
            self._api.pause()
            for descriptor in self._pipes.values():
                self._loop.remove_reader(descriptor)

    def resume(self) -> None:
        """Take."""
        if not self._reading:
            self._reading = True
            for stream, descriptor in self._pipes.items():
                self._loop.add_reader(descriptor, self._take_log, stream)
            self._api.resume()

    def take_the_rest(self) -> None:
        """Everything of it is dead: hand over all that it left."""
        self._api.take_the_rest()
        for stream in list(self._pipes):
            while self._standing(stream):
                self._take_log(stream)

    def close(self) -> None:
        """Serve it no more."""
        self.pause()
        self._api.close()
        self.started()
        for descriptor in self._pipes.values():
            os.close(descriptor)
        self._pipes.clear()

    # --- order ------------------------------------------------------------------------------------------

    def _before_request(self) -> None:
        """What was written to the pipes before the bytes just read goes first."""
        for stream in list(self._pipes):
            self._take_log(stream)
        self._measure()

    def _take_log(self, stream: LogStream) -> None:
        """Take what stands in a pipe now, and no more: who never stops writing must not keep its
        own answer from getting through.
        """
        left = self._standing(stream)
        while stream in self._pipes:
            try:
                chunk = os.read(self._pipes[stream], PIECE)
            except BlockingIOError:
                return
            if not chunk:
                self._close_pipe(stream)
                return
            at_us = int(self._clock.now().timestamp() * 1_000_000)
            self._listener.on_log(stream, at_us, chunk)
            left -= len(chunk)
            if left <= 0:
                return

    def _standing(self, stream: LogStream) -> int:
        descriptor = self._pipes.get(stream)
        if descriptor is None:
            return 0
        answer = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0")
        return int(struct.unpack("i", answer)[0])

    def _close_pipe(self, stream: LogStream) -> None:
        descriptor = self._pipes.pop(stream)
        if self._reading:
            self._loop.remove_reader(descriptor)
        os.close(descriptor)
