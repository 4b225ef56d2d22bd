"""A runtime's connections to its Runtime API: a listener on loopback, and what it accepts.

A transport of our own, where asyncio has one, for the promise of `ports.ContainerListener`: bytes of a
request may be handed over only after the log lines that were written before them, and the end of a
runtime only after the last bytes of all its connections, those not accepted yet included.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any

from workbench.ports import ConnectionFactory

PIECE = 256 * 1024
"""Read at once; also what the kernel keeps of a connection that is not read."""
HIGH_WATER = 64 * 1024
"""Bytes waiting to be written above which the writer is asked to wait."""
QUEUE = 128


class RuntimeListener:
    """127.0.0.1, a port of its own, for one runtime process."""

    def __init__(self, connections: ConnectionFactory, *, before: Callable[[], None]) -> None:
        """`before` is called when bytes were read, before they are handed over."""
        self._factory = connections
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._reading = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(QUEUE)
        host, port = self._socket.getsockname()
        self.address = f"{host}:{port}"

    def pause(self) -> None:
        """Take nothing more, from any connection."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._socket.fileno())
            for connection in self._open:
                connection.watch(reading=False)

    def resume(self) -> None:
        """Take again."""
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._socket.fileno(), self._accept)
            for connection in self._open:
                connection.watch(reading=True)

    def take_the_rest(self) -> None:
        """Everybody at the other ends is dead: hand over what they sent, accepted or not."""
        self._accept()
        for connection in list(self._open):
            connection.take_the_rest()

    def close(self) -> None:
        """Serve nobody any more."""
        self.pause()
        self._socket.close()
        for connection in list(self._open):
            connection.drop()

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._open.discard(connection)

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                return  # nobody else is there
            accepted.settimeout(0)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, accepted, before=self._before)
            self._open.add(connection)
            connection.begin(self._factory(), reading=self._reading)


class Connection(asyncio.Transport):
    """One connection. Reads only while its listener does and its protocol keeps up."""

    def __init__(
        self, listener: RuntimeListener, accepted: socket.socket, *, before: Callable[[], None]
    ) -> None:
        super().__init__({"socket": accepted, "sockname": accepted.getsockname()})
        self._listener = listener
        self._socket = accepted
        self._fileno = accepted.fileno()
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._protocol: asyncio.Protocol | None = None
        self._waiting = bytearray()
        self._closing = False
        self._wanted = False
        """The listener reads."""
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
            data = self._socket.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        self._before()
        if self._protocol is None:
            return True
        if data:
            self._protocol.data_received(data)
        elif not self._protocol.eof_received():
            self.close()
        return True

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
        """End it at once: nobody will ask for anything over it any more."""
        self._stop()
        self._lose(turns=0)

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
        self._listener.forget(self)
        self._socket.close()
        after_turns(TURNS if turns is None else turns, lambda: protocol.connection_lost(None))

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol


TURNS = 8
"""Turns of the loop that an HTTP server needs, at most, to act upon a request whose last byte it was
given. It drops a request whose connection ends before that."""


def after_turns(turns: int, action: Callable[[], None]) -> None:
    """Call `action` when the loop has gone round `turns` times."""
    loop = asyncio.get_running_loop()
    if turns == 0:
        action()
    else:
        loop.call_soon(after_turns, turns - 1, action)
