"""The channel: one byte stream between an environment's supervisor and the workbench.

Everything an environment says comes through it, in order: its logs, its figures, the bytes of its
Runtime API connections, its runtime's end. That order is why log boundaries are exact, and why no
environment can reach another's Runtime API: there is no address to reach.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from typing import Any, cast

from workbench.docker.frames import (
    FREEZE,
    THAW,
    BadFrame,
    Frame,
    FrameReader,
    FrameType,
    acknowledged,
    bind_frame,
    check_hello,
    data_frame,
    figures,
    frame,
    interrupted,
    log_chunk,
    pause_frame,
    run_frame,
    runtime_exit,
)
from workbench.model.container import RuntimeExit, RuntimeStart
from workbench.ports import ConnectionFactory, ContainerListener

WINDOW = 256 * 1024
"""Bytes on their way to one connection; more wait here, not in the container's memory."""
PIECE = 64 * 1024
HELD = 4 * 1024 * 1024
"""What may still come of a connection after it was paused. The supervisor has at most a quarter of
it on the way."""
CONNECTIONS = 64
"""Open at once. The supervisor serves 32; those it still closes are counted here, not there."""


_MEASURED, _DATA = FrameType.MEASURED.value, FrameType.DATA.value
_OF_A_CONNECTION = frozenset({_DATA, FrameType.CLOSE.value, FrameType.ACKNOWLEDGED.value})
"""Plain numbers: an enumeration's are compared in Python."""


class ConnectionTransport(asyncio.Transport):
    """What the Runtime API server writes to: one connection of the runtime, inside the channel."""

    def __init__(self, channel: Channel, connection: int) -> None:
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


class Channel(asyncio.Protocol):
    """The workbench's end."""

    def __init__(self, listener: ContainerListener, connections: ConnectionFactory) -> None:
        self._listener = listener
        self._connections = connections
        self._open: dict[int, ConnectionTransport] = {}
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._ended = False
        self.greeted = asyncio.Event()
        """The supervisor is up, or the channel has ended without it."""
        self.preloaded = asyncio.Event()
        """A runtime waits to be told whose it is; or, as `greeted`, the channel has ended."""
        self.gone = asyncio.Event()
        """The supervisor is no more."""
        self._waits = False
        self._handing_over: bytes | None = None
        """How to start the runtime if the one that waited turns out to be dead."""

    @property
    def waits(self) -> bool:
        """A preloaded runtime waits to be told whose it is."""
        return self._waits and not self._ended

    @property
    def alive(self) -> bool:
        """The supervisor has spoken and is there."""
        return self.greeted.is_set() and not self._ended

    # --- orders -------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Bytes for the supervisor; dropped when it is gone."""
        if self._transport is not None and not self._ended:
            self._transport.write(data)

    def preload_runtime(self, start: RuntimeStart, *, cwd: str) -> None:
        """Start a runtime that waits for the next `start_runtime`; `preloaded` when it does."""
        self.send(run_frame(start, cwd=cwd, preload=True))

    def start_runtime(self, start: RuntimeStart, *, cwd: str) -> None:
        """Start the runtime, or let the one that waits go on as it."""
        order = run_frame(start, cwd=cwd)
        if self._waits:
            self._waits = False
            self._handing_over = order
            order = bind_frame(start)
        self.send(order)

    def adopt(self, listener: ContainerListener, connections: ConnectionFactory) -> None:
        """From here on everything is told to these."""
        self._listener = listener
        self._connections = connections

    def kill_runtime(self) -> None:
        """SIGKILL to everything in the container but the supervisor."""
        self._handing_over = None  # its end is what was asked for
        self.send(frame(FrameType.SIGNAL, detail=signal.SIGKILL, connection=1))

    def freeze(self) -> None:
        """Stop everything in the container but the supervisor."""
        self.send(FREEZE)

    def thaw(self) -> None:
        """Let it go on: before whatever is sent after this."""
        self.send(THAW)

    def measure(self) -> None:
        """Ask for figures now."""
        self.send(frame(FrameType.MEASURED))

    def drop(self, connection: int) -> None:
        """Close one connection of the runtime."""
        transport = self._open.pop(connection, None)
        if transport is not None:
            self.send(frame(FrameType.CLOSE, connection=connection))
            transport.gone()

    def pause_reading(self) -> None:
        """Take nothing more; the container's pipes fill up and its runtime waits."""
        if self._transport is not None and not self._ended:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take again."""
        if self._transport is not None and not self._ended:
            self._transport.resume_reading()

    def end(self) -> None:
        """Close it on purpose: the supervisor then kills all and exits. Nothing is told after it."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()
        for transport in list(self._open.values()):
            transport.gone()
        self._open.clear()

    # --- what comes (asyncio.Protocol) ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        if self._ended:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for read in self._reader.feed(data):
                if self._ended:
                    return
                self._take(read)
        except BadFrame as error:
            self.lose(f"Its supervisor sent {error}.")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.gone.set()
        self.lose("The container went away.")

    def lose(self, why: str) -> None:
        """It is of no use any more, for this reason: whoever listens is told, unless it was ended."""
        self.greeted.set()
        self.preloaded.set()
        if self._ended:
            return
        self.end()
        self._listener.on_lost(why)

    def _take(self, read: Frame) -> None:
        kind = read.kind
        if kind == _MEASURED:  # before every DATA, so these two are looked for first
            self._listener.on_figures(figures(read))
        elif kind in _OF_A_CONNECTION:
            transport = self._open.get(read.connection)
            if transport is not None:  # else we closed it, and that is still on its way
                self._take_for(transport, read)
        elif kind == FrameType.OPEN:
            self._take_open(read)
        else:
            self._take_news(read)

    def _take_open(self, read: Frame) -> None:
        if read.connection in self._open:
            raise BadFrame("a connection that is open already")
        if len(self._open) >= CONNECTIONS:
            raise BadFrame("more connections than it serves")
        transport = self._open[read.connection] = ConnectionTransport(self, read.connection)
        transport.attach(self._connections())

    def _take_for(self, transport: ConnectionTransport, read: Frame) -> None:
        if read.kind == _DATA:
            transport.received(read.payload)
        elif read.kind == FrameType.ACKNOWLEDGED:
            transport.acknowledge(acknowledged(read))
        else:
            del self._open[read.connection]
            after_turns(TURNS, transport.gone)

    def _take_news(self, read: Frame) -> None:
        match read.kind:
            case FrameType.LOG:
                self._listener.on_log(*log_chunk(read))
            case FrameType.EXITED:
                self._take_exit(runtime_exit(read))
            case FrameType.FROZEN:
                self._listener.on_interrupted(interrupted(read))
            case FrameType.HELLO:
                check_hello(read)
                self.greeted.set()
            case FrameType.STARTED:
                self._handing_over = None
            case FrameType.READY:
                self._waits = True
                self.preloaded.set()
            case _:
                raise BadFrame(f"a frame of type {read.kind}")

    def _take_exit(self, ended: RuntimeExit) -> None:
        again, self._handing_over = self._handing_over, None
        if again is not None:  # it had died before it was anybody's: nobody's affair
            self.send(again)
            return
        self._waits = False
        self.preloaded.set()
        after_turns(TURNS + 1, lambda: self._tell_end(ended))

    def _tell_end(self, ended: RuntimeExit) -> None:
        if not self._ended:
            self._listener.on_exit(ended)


TURNS = 8
"""Turns of the loop that an HTTP server needs, at most, to act upon a request whose last byte it was
given: it drops one whose connection ends before that. A runtime may die with its answer sent."""


def after_turns(turns: int, action: Callable[[], None]) -> None:
    """Call `action` when the loop has gone round `turns` times."""
    if turns == 0:
        action()
    else:
        asyncio.get_running_loop().call_soon(after_turns, turns - 1, action)
