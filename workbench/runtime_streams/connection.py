"""One connection, served by a protocol: a transport of our own, where asyncio has one.

For the promise of `ports.ContainerListener`: bytes of a request may be handed over only after the log
lines that were written before them, and the end of a runtime only after the last bytes of all its
connections.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

from workbench.runtime_streams.turns import TURNS, after_turns

PIECE = 120 * 1024
"""Read at once: much, because figures are read before each piece of a large answer; but a buffer above
the allocator's 128 KiB may be mapped and unmapped for each read. Measured: 22 µs instead of 3.
"""
HIGH_WATER = 64 * 1024
"""Bytes waiting to be written above which the writer is asked to wait."""


def asks_for_work(data: bytes) -> bool:
    """Bytes of a request may be a runtime's question for work: what it worked on has ended, and is to be
    measured. Measuring ahead of every answer too would cost a thirtieth of a call.
    """
    return not data.startswith(b"POST ") or b"GET /" in data


class Connection(asyncio.Transport):
    """One connection. Reads only while it is told to and its protocol keeps up."""

    def __init__(
        self,
        connected: socket.socket,
        *,
        before: Callable[[bytes], None],
        closed: Callable[[Connection], None],
    ) -> None:
        """`before` is called with bytes that were read, before they are handed over; `closed` right before
        the protocol is told of the end, after which nothing is. The socket must not block.
        """
        super().__init__({"socket": connected, "sockname": connected.getsockname()})
        self._socket = connected
        self._fileno = connected.fileno()
        self._before = before
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._untold: asyncio.Protocol | None = None
        """The socket is closed, and this is yet to be told."""
        self._waiting = bytearray()
        self._closing = False
        self._wanted = False
        """It is to read."""
        self._reading_paused = False
        self._writing_paused = False
        self._watched = False

    def begin(self, protocol: asyncio.Protocol, *, reading: bool) -> None:
        """Serve it with `protocol`."""
        self._protocol = protocol
        protocol.connection_made(self)
        self.watch(reading=reading)

    # --- reading ------------------------------------------------------------------------------------

    def watch(self, *, reading: bool) -> None:
        """Read, or do not, when the protocol keeps up."""
        self._wanted = reading
        watch = reading and not self._reading_paused and not self._closing
        if watch and not self._watched:
            self._loop.add_reader(self._fileno, self._readable)
        elif self._watched and not watch:
            self._loop.remove_reader(self._fileno)
        self._watched = watch

    def take_the_rest(self) -> None:
        """Read to the end, which is there."""
        while self._protocol is not None and not self._closing:
            if not self._readable():
                self.abort()

    def _readable(self) -> bool:
        """Read once. False: there was nothing to read."""
        try:
            data = self._receive()
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        self._before(data)
        if self._protocol is None:
            return True
        if data:
            self._protocol.data_received(data)
        elif not self._protocol.eof_received():
            self.close()
        return True

    def _receive(self) -> bytes:
        return self._socket.recv(PIECE)

    def pause_reading(self) -> None:
        self._reading_paused = True
        self.watch(reading=self._wanted)

    def resume_reading(self) -> None:
        self._reading_paused = False
        self.watch(reading=self._wanted)

    def is_reading(self) -> bool:
        return not self._reading_paused and not self._closing

    # --- writing ------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self._closing or not data:
            return
        if self._waiting:
            self._waiting += data
        else:
            sent = self._send(data)
            if sent < len(data) and not self._closing:
                self._waiting += memoryview(data)[sent:]
                self._loop.add_writer(self._fileno, self._writable)
        if len(self._waiting) > HIGH_WATER and not self._writing_paused and self._protocol:
            self._writing_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def _writable(self) -> None:
        del self._waiting[: self._send(self._waiting)]
        if self._waiting:
            return
        self._loop.remove_writer(self._fileno)
        if self._writing_paused and self._protocol is not None:
            self._writing_paused = False
            self._protocol.resume_writing()
        if self._closing:
            self._lose()

    def _send(self, data: Any) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:  # nobody reads any more
            self.abort()
            return 0

    def get_write_buffer_size(self) -> int:
        return len(self._waiting)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """They are fixed."""

    # --- ending -------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.watch(reading=False)
            if not self._waiting:
                self._lose()

    def abort(self) -> None:
        self._stop()
        self._lose()

    def drop(self) -> None:
        """End it at once: nobody will ask for anything over it any more. What has ended is told now."""
        self._stop()
        self._lose(turns=0)
        self._tell_end()

    def _stop(self) -> None:
        if self._waiting:
            self._waiting.clear()
            self._loop.remove_writer(self._fileno)
        self._closing = True
        self.watch(reading=False)

    def _lose(self, *, turns: int | None = None) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is None:
            return
        self._socket.close()
        self._untold = protocol
        after_turns(TURNS if turns is None else turns, self._tell_end)

    def _tell_end(self) -> None:
        protocol, self._untold = self._untold, None
        if protocol is not None:
            self._closed(self)
            protocol.connection_lost(None)

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol
