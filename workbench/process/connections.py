"""A runtime's connections to its Runtime API: a listener on loopback, and what it accepts.

The end of a runtime is told only after the last bytes of all its connections, those not accepted yet
included.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from workbench.ports import ConnectionFactory
from workbench.runtime_streams.connection import Connection

RECEIVED = 256 * 1024
"""What the kernel keeps of a connection that is not read."""
QUEUE = 128


class RuntimeListener:
    """127.0.0.1, a port of its own, for one runtime process."""

    def __init__(self, connections: ConnectionFactory, *, before: Callable[[bytes], None]) -> None:
        """`before` is called with bytes that were read, before they are handed over."""
        self._factory = connections
        self._before = before
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        self._reading = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
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

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                return  # nobody else is there
            accepted.settimeout(0)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(accepted, before=self._before, closed=self._open.discard)
            self._open.add(connection)
            connection.begin(self._factory(), reading=self._reading)
