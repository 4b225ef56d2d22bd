"""What an environment said to the workbench, in the order it said it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.model.container import Figures, Interrupted, LogStream, RuntimeExit

PATIENCE_S = 30.0
"""A claim that is not met within this is not kept. No test asserts how long anything takes."""


@dataclass(frozen=True, slots=True)
class Logged:
    """Bytes of a log pipe."""

    stream: LogStream
    at_us: int
    chunk: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the Runtime API that is complete."""

    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ApiBytes:
    """Bytes of a request, as they came."""

    count: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection to the Runtime API."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The same connection's end."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The container is gone."""

    why: str


Happening = Logged | Asked | ApiBytes | Opened | Closed | Lost | Figures | Interrupted | RuntimeExit


@dataclass(slots=True)
class Witness:
    """A `ContainerListener` that writes everything down, and a Runtime API that answers anything."""

    answers: dict[str, bytes] = field(default_factory=dict)
    """What a path is answered with; an unknown one with nothing."""
    closes: set[str] = field(default_factory=set)
    """Paths after whose answer the workbench closes the connection."""
    holds: set[str] = field(default_factory=set)
    """Paths after which the workbench reads no more from the connection, until it is `released`."""
    keep_chunks: bool = True
    """False: log bytes are counted, not kept."""
    happened: list[Happening] = field(default_factory=list)
    log_bytes: int = 0
    created: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _held: list[asyncio.Transport] = field(default_factory=list)

    # --- ContainerListener --------------------------------------------------------------------------

    def on_created(self) -> None:
        assert self.happened == [], "a container that is not there says nothing"
        self.created += 1

    def on_log(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        self.log_bytes += len(chunk)
        self._note(Logged(stream, at_us, chunk if self.keep_chunks else b""))

    def on_figures(self, figures: Figures) -> None:
        self._note(figures)

    def on_interrupted(self, work: Interrupted) -> None:
        self._note(work)

    def on_exit(self, ended: RuntimeExit) -> None:
        self._note(ended)

    def on_lost(self, why: str) -> None:
        self._note(Lost(why))

    # --- its Runtime API ------------------------------------------------------------------------------

    def connections(self) -> asyncio.Protocol:
        """See `ports.ConnectionFactory`."""
        return _Connection(self)

    def hold(self, transport: asyncio.Transport) -> None:
        """Read no more from a connection."""
        transport.pause_reading()
        self._held.append(transport)

    def release(self) -> None:
        """Read again from those that are held."""
        for transport in self._held:
            transport.resume_reading()
        self._held.clear()

    # --- what tests ask ---------------------------------------------------------------------------------

    @property
    def exits(self) -> list[RuntimeExit]:
        return [each for each in self.happened if isinstance(each, RuntimeExit)]

    @property
    def losses(self) -> list[Lost]:
        return [each for each in self.happened if isinstance(each, Lost)]

    @property
    def asked(self) -> list[str]:
        """Paths, in order."""
        return [each.path for each in self.happened if isinstance(each, Asked)]

    @property
    def interrupted(self) -> list[Interrupted]:
        return [each for each in self.happened if isinstance(each, Interrupted)]

    @property
    def figures(self) -> list[Figures]:
        return [each for each in self.happened if isinstance(each, Figures)]

    def body(self, path: str) -> bytes:
        """Of the newest request to `path`."""
        return next(
            each.body
            for each in reversed(self.happened)
            if isinstance(each, Asked) and each.path == path
        )

    def log(self, stream: LogStream, *, before: str | None = None) -> bytes:
        """What was written, all of it or what came before the first request to a path."""
        chunks: list[bytes] = []
        for each in self.happened:
            if isinstance(each, Asked) and each.path == before:
                break
            if isinstance(each, Logged) and each.stream is stream:
                chunks.append(each.chunk)
        return b"".join(chunks)

    async def until(self, claim: Callable[[Witness], bool]) -> None:
        """Wait for it to become true."""
        async with asyncio.timeout(PATIENCE_S):
            while not claim(self):
                self._news.clear()
                await self._news.wait()

    async def until_asked(self, path: str, count: int = 1) -> bytes:
        """Wait for a request, the `count`th to its path; its body."""
        await self.until(lambda witness: witness.asked.count(path) >= count)
        return self.body(path)

    async def until_exit(self, count: int = 1) -> RuntimeExit:
        """Wait for the runtime's end, the `count`th there was."""
        await self.until(lambda witness: len(witness.exits) >= count)
        return self.exits[count - 1]

    async def until_lost(self) -> str:
        """Wait until the container is gone; why."""
        await self.until(lambda witness: any(isinstance(h, Lost) for h in witness.happened))
        return next(each.why for each in self.happened if isinstance(each, Lost))

    def _note(self, happening: Happening) -> None:
        self.happened.append(happening)
        self._news.set()


class _Connection(asyncio.Protocol):
    """Just enough HTTP to be asked and to answer."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._witness._note(Opened())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._witness._note(Closed())

    def data_received(self, data: bytes) -> None:
        self._witness._note(ApiBytes(len(data)))
        self._received += data
        while (request := self._take()) is not None:
            self._witness._note(request)
            answer = self._witness.answers.get(request.path, b"")
            assert self._transport is not None
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n"
            self._transport.write(head.encode() + answer)
            if request.path in self._witness.holds:
                self._witness.hold(self._transport)
            if request.path in self._witness.closes:
                self._transport.close()
                return

    def _take(self) -> Asked | None:
        head, end, _ = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = head.decode("latin-1").split("\r\n")
        length = next(
            (int(line.split(":")[1]) for line in lines if line.lower().startswith("content-len")),
            0,
        )
        body_at = len(head) + len(end)
        if len(self._received) < body_at + length:
            return None
        body = bytes(self._received[body_at : body_at + length])
        del self._received[: body_at + length]
        return Asked(lines[0].split(" ")[1], body)
