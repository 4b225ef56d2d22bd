"""The channel: one stream between an environment's supervisor and the workbench.

Everything an environment says comes through it, in order: its logs, its figures, the bytes of its
Runtime API connections, its runtime's end; or their descriptors, which are then read in that order
here (`passed.py`). That order is why log boundaries are exact, and why no environment can reach
another's Runtime API: there is no address to reach.
"""

from __future__ import annotations

import asyncio
import signal
from typing import cast

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
    figures,
    frame,
    interrupted,
    log_chunk,
    run_frame,
    runtime_exit,
)
from workbench.docker.passed import Passed
from workbench.docker.relayed import RelayedConnection
from workbench.model.container import RuntimeExit, RuntimeStart
from workbench.ports import ConnectionFactory, ContainerListener
from workbench.runtime_streams.turns import TURNS, after_turns

CONNECTIONS = 64
"""Open at once. The supervisor serves 32; those it still closes are counted here, not there."""


_MEASURED, _DATA = FrameType.MEASURED.value, FrameType.DATA.value
_OF_A_CONNECTION = frozenset({_DATA, FrameType.CLOSE.value, FrameType.ACKNOWLEDGED.value})
"""Plain numbers: an enumeration's are compared in Python."""


class Channel(asyncio.Protocol):
    """The workbench's end."""

    def __init__(self, listener: ContainerListener, connections: ConnectionFactory) -> None:
        self._listener = listener
        self._connections = connections
        self._open: dict[int, RelayedConnection] = {}
        self.passed = Passed(lambda: self._listener, closed=self._tell_closed)
        """What of it is not carried, but read here."""
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
            self.passed.pause()
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take again."""
        if self._transport is not None and not self._ended:
            self.passed.resume()
            self._transport.resume_reading()

    def end(self) -> None:
        """Close it on purpose: the supervisor then kills all and exits. Nothing is told after it."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()
        for transport in list(self._open.values()):
            transport.gone()
        self._open.clear()
        self.passed.close()

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
            if transport is not None:
                self._take_for(transport, read)
            elif kind == FrameType.CLOSE:
                self.passed.finish(read.connection)
            # else we closed it, and that is still on its way
        elif kind == FrameType.OPEN:
            self._take_open(read)
        else:
            self._take_news(read)

    def _tell_closed(self, connection: int) -> None:
        """It was passed to us and closed here: the supervisor closes it too."""
        self.send(frame(FrameType.CLOSE, connection=connection))

    def _take_open(self, read: Frame) -> None:
        if read.connection in self._open or read.connection in self.passed.connections:
            raise BadFrame("a connection that is open already")
        if len(self._open) + len(self.passed.connections) >= CONNECTIONS:
            raise BadFrame("more connections than it serves")
        if read.detail:
            self.passed.open(read.connection, self._connections)
            return
        transport = self._open[read.connection] = RelayedConnection(self, read.connection)
        transport.attach(self._connections())

    def _take_for(self, transport: RelayedConnection, read: Frame) -> None:
        if read.kind == _DATA:
            self.passed.catch_up()
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
            case FrameType.GAUGES:
                self.passed.take_gauges(read.detail)
            case FrameType.TAPS:
                self.passed.take_taps(read.detail)
            case FrameType.READY:
                self._waits = True
                self.preloaded.set()
            case _:
                raise BadFrame(f"a frame of type {read.kind}")

    def _take_exit(self, ended: RuntimeExit) -> None:
        self.passed.end_runtime()
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
