"""One connection of a runtime whose bytes are carried through the channel, in frames."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from workbench.docker.frames import BadFrame, data_frame, pause_frame

WINDOW = 256 * 1024
"""Bytes on their way to one connection; more wait here, not in the container's memory."""
PIECE = 64 * 1024
HELD = 4 * 1024 * 1024
"""What may still come of a connection after it was paused. The supervisor has at most a quarter of
it on the way."""


class Carrier(Protocol):
    """The channel, as a connection needs it."""

    def send(self, data: bytes) -> None:
        """Bytes for the supervisor."""

    def drop(self, connection: int) -> None:
        """Close one connection of the runtime."""


class RelayedConnection(asyncio.Transport):
    """What the Runtime API server writes to: one connection of the runtime, inside the channel."""

    def __init__(self, channel: Carrier, connection: int) -> None:
        super().__init__()
        self._channel = channel
        self._connection = connection
        self._protocol: asyncio.Protocol | None = None
        self._waiting = bytearray()
        self._on_the_way = 0
        self._closing = False
        self._writing_paused = False
        self._reading_paused = False
        self._held = bytearray()
        """Came while reading was paused; before it is handed over, nothing newer is."""

    def attach(self, protocol: asyncio.Protocol) -> None:
        """Begin."""
        self._protocol = protocol
        protocol.connection_made(self)

    def received(self, data: bytes) -> None:
        """The runtime sent bytes."""
        if self._protocol is None or self._closing:
            return
        if not self._reading_paused and not self._held:
            self._protocol.data_received(data)
            return
        if len(self._held) + len(data) > HELD:
            raise BadFrame("more than a paused connection may send")
        self._held += data

    def gone(self) -> None:
        """It is closed, by whichever side."""
        self._closing = True
        self._waiting.clear()
        self._held.clear()
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(None)

    def acknowledge(self, count: int) -> None:
        """The runtime has taken `count` more bytes."""
        self._on_the_way = max(0, self._on_the_way - count)
        self._send_waiting()

    def write(self, data: Any) -> None:
        if self._closing or not data:
            return
        if not self._waiting and self._on_the_way + len(data) <= WINDOW:
            self._on_the_way += len(data)
            self._channel.send(data_frame(self._connection, data))
            return
        self._waiting += data
        self._send_waiting()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def _send_waiting(self) -> None:
        while self._waiting and self._on_the_way < WINDOW:
            piece = bytes(self._waiting[: min(PIECE, WINDOW - self._on_the_way)])
            del self._waiting[: len(piece)]
            self._on_the_way += len(piece)
            self._channel.send(data_frame(self._connection, piece))
        if self._protocol is None:
            return
        if self._waiting and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()
        elif not self._waiting and self._writing_paused:
            self._writing_paused = False
            self._protocol.resume_writing()
        if self._closing and not self._waiting:
            self._channel.drop(self._connection)

    def get_write_buffer_size(self) -> int:
        return len(self._waiting)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The window is fixed."""

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            if not self._waiting:
                self._channel.drop(self._connection)

    def abort(self) -> None:
        self._waiting.clear()
        self._closing = True
        self._channel.drop(self._connection)

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def is_reading(self) -> bool:
        return not self._closing and not self._reading_paused

    def pause_reading(self) -> None:
        """Stop taking: whoever serves the connection does not keep up with its runtime."""
        if not self._closing and not self._reading_paused:
            self._reading_paused = True
            self._channel.send(pause_frame(self._connection, pause=True))

    def resume_reading(self) -> None:
        """Take again. What came meanwhile is handed over soon, not inside this call."""
        if not self._closing and self._reading_paused:
            self._reading_paused = False
            self._channel.send(pause_frame(self._connection, pause=False))
            asyncio.get_running_loop().call_soon(self._hand_over_held)

    def _hand_over_held(self) -> None:
        if self._held and not self._reading_paused and self._protocol is not None:
            held = bytes(self._held)
            self._held.clear()
            self._protocol.data_received(held)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", self._connection) if name == "peername" else default
