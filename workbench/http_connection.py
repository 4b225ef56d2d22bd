"""The server side of one HTTP/1.1 connection, over whatever carries its bytes.

Requests are read by llhttp (`httptools`); what they ask for is decided by a `Service`, in the very
call that brought their last byte: no task, no queue, no turn of the loop in between.

Invariants: requests of a connection are answered one at a time, in order; what comes while one is
being worked on waits unread; whatever arrives, memory is bounded and nobody else notices.
Source: RFC 9110, RFC 9112.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from workbench.repeated_heads import RepeatedHeads

DISCARD_BYTES = 64 * 1024 * 1024
"""A body that nobody keeps is read to its end, so that its sender sees the answer; up to this."""

_JOINED_BYTES = 64 * 1024
"""Bodies up to this are copied behind their head: one write instead of two."""

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_GARBAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CLOSE = "Connection: close\r\n"
_KEEP = "Connection: keep-alive\r\n"
_CONTROLS = dict.fromkeys((*range(32), 127), " ")
_NAMES = {
    name.encode(): name.lower()
    for name in (
        *("Host", "Accept", "Accept-Encoding", "Connection", "User-Agent", "Expect"),
        *("Content-Length", "Content-Type", "Transfer-Encoding", "Authorization"),
        *("X-Amz-Date", "X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amzn-Trace-Id"),
    )
}
"""Those nearly every request has, as nearly every client writes them."""
_FRAMING = ("content-length", "transfer-encoding")


def field(name: str, value: str) -> str:
    """A header line; a control character in `value` becomes a space, so that it stays one line."""
    if not value.isprintable():
        value = value.translate(_CONTROLS)
    return f"{name}: {value}\r\n"


def fields(headers: Mapping[str, str]) -> str:
    """Header lines, likewise."""
    if "".join(headers.values()).isprintable():
        return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return "".join([field(name, value) for name, value in headers.items()])


class Exchange:
    """A request, and the one answer it gets."""

    __slots__ = (
        "_connection",
        "answered",
        "begun",
        "completed",
        "continues",
        "ended",
        "headers",
        "keeps",
        "last",
        "method",
        "pieces",
        "size_bytes",
        "target",
        "then",
    )

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.method = ""
        self.target = ""
        """As the request line has it, still percent-encoded."""
        self.headers: dict[str, str] = {}
        """Names in lower case; of several with one name the first."""
        self.answered = False
        self.then: Callable[[Exchange], None] | None = None
        """The service's own: what it does when the body is here."""
        # The connection's own:
        self.begun = False
        """The service has seen its head."""
        self.ended = False
        """All of it is here."""
        self.completed = False
        """The service has seen all of it."""
        self.pieces: list[bytes] = []
        self.size_bytes = 0
        self.continues = False
        """Its sender waits to be told that it may send the body."""
        self.last = False
        """Nothing comes after it: the connection is closed when it was answered."""
        self.keeps = False
        """Its sender must be told that the connection stays: HTTP/1.0."""

    @property
    def too_large(self) -> bool:
        """The body is over the connection's limit, and is not kept."""
        return self.size_bytes > self._connection.body_bytes

    @property
    def body(self) -> bytes:
        """All of it, once it is here."""
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    def respond(self, status: int, fields: str, body: bytes) -> None:
        """Answer it. `fields`: header lines (see `field`); the length is added.

        Does nothing for a client that is gone, or was answered.
        """
        self._connection.answer(self, status, fields, body)


class Service(Protocol):
    """What is done with requests. Synchronous; never raises."""

    def begin(self, exchange: Exchange) -> None:
        """Its head is here. May answer: the body is then read away."""

    def complete(self, exchange: Exchange) -> None:
        """Its body is here too, or is too large. Answers it now or later."""

    def hung_up(self, exchange: Exchange) -> None:
        """After `begin`: the connection ended before it was answered."""


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, service: Service, *, head_bytes: int, body_bytes: int) -> None:
        """`head_bytes`: of a request line and its headers together; beyond it is garbage."""
        self.body_bytes = body_bytes
        self._service = service
        self._head_limit = head_bytes
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._queue: deque[Exchange] = deque()
        """Their heads are read. The first is being worked on."""
        self._next: Exchange | None = None
        """Its head is not all here."""
        self._reading: Exchange | None = None
        """Its body is not all here."""
        self._resumed: Exchange | None = None
        """Its body is to be read by another parser than its head was."""
        self._head_bytes = 0
        self._raw_bytes = 0
        """Of a request that came in several pieces."""
        self._held = bytearray()
        """Came while it was not wanted."""
        self._heads = RepeatedHeads()
        self._advancing = False
        self._deaf = False
        """Nothing more is read."""
        self._broken = False
        """What came is not HTTP."""
        self._stalled = False
        """The client does not take its answers."""
        self._paused = False

    @property
    def idle(self) -> bool:
        """No request is being worked on."""
        return not self._queue

    def close(self) -> None:
        """End it; what was answered by now is still written."""
        self._deaf = True
        self._queue.clear()
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    # --- what the transport says (asyncio.Protocol) -------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._stalled or (self._queue and self._queue[0].ended):
            self._hold(data)
        else:
            if not self._recognise(data):
                self._feed(data)
            self._advance()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._deaf = True
        self._held.clear()
        while self._queue:
            self._hang_up(self._queue.popleft())

    def pause_writing(self) -> None:
        self._stalled = True

    def resume_writing(self) -> None:
        self._stalled = False
        self._advance()

    # --- what the parser says -------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._next = Exchange(self)
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        if self._next is not None:
            self._head_bytes += len(url)
            self._next.target += url.decode("utf-8", "surrogateescape")

    def on_header(self, name: bytes, value: bytes) -> None:
        exchange = self._next
        if exchange is not None:  # else a trailer: nobody has asked for any
            self._head_bytes += len(name) + len(value)
            known = _NAMES.get(name) or name.decode("latin-1").lower()
            exchange.headers.setdefault(known, value.decode("utf-8", "surrogateescape"))

    def on_headers_complete(self) -> None:
        exchange, self._next = self._next, None
        if self._resumed is not None:
            self._reading, self._resumed = self._resumed, None
            return
        assert exchange is not None, "the parser begins before it goes on"
        exchange.method = self._parser.get_method().decode("ascii")
        exchange.last = not self._parser.should_keep_alive()
        exchange.continues = "expect" in exchange.headers
        if "connection" in exchange.headers and not exchange.last:
            exchange.keeps = self._parser.get_http_version() == "1.0"
        self._reading = exchange
        self._queue.append(exchange)

    def on_body(self, piece: bytes) -> None:
        exchange = self._reading
        assert exchange is not None, "the parser begins before it goes on"
        exchange.continues = False  # it did not wait
        exchange.size_bytes += len(piece)
        if exchange.answered or exchange.too_large:
            exchange.pieces.clear()
        else:
            exchange.pieces.append(piece)

    def on_message_complete(self) -> None:
        exchange, self._reading = self._reading, None
        assert exchange is not None, "the parser begins before it goes on"
        exchange.ended = True

    # --- reading --------------------------------------------------------------------------------------

    def _recognise(self, data: bytes) -> bool:
        """Take `data` for a request that needs no parser, between two others."""
        if self._next is not None or self._reading is not None:
            return False
        found = self._heads.recognise(data, head_bytes=self._head_limit)
        if found is None:
            return False
        exchange = Exchange(self)
        exchange.method, exchange.target, exchange.headers, body = found
        if body:
            exchange.pieces.append(body)
            exchange.size_bytes = len(body)
        exchange.ended = True
        self._queue.append(exchange)
        return True

    def _learn(self, data: bytes, exchange: Exchange) -> None:
        if exchange.ended and not exchange.last and not exchange.too_large:
            self._heads.learn(
                data, exchange.target, exchange.headers, body_bytes=exchange.size_bytes
            )

    def _feed(self, data: bytes) -> None:
        before = self._next or self._reading
        queued = len(self._queue)
        while not self._deaf:
            try:
                self._parser.feed_data(data)
            except HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._decline_upgrade(self._queue[-1])
                continue
            except HttpParserError:
                self._give_up()
            break
        after = self._next or self._reading
        if before is None and after is None and len(self._queue) == queued + 1 and not self._deaf:
            self._learn(data, self._queue[-1])
        self._raw_bytes = self._raw_bytes + len(data) if after is before else 0
        if after is not None or self._head_bytes > self._head_limit:
            self._bound()

    def _decline_upgrade(self, exchange: Exchange) -> None:
        """Nothing but HTTP/1.1 is spoken here: it is answered as if it had not asked.

        The parser takes what follows for another protocol, so another one reads on, the body too.
        Java's client asks for HTTP/2 like this with every request.
        """
        self._parser = HttpRequestParser(self)
        framing = [
            field(name, exchange.headers[name]) for name in _FRAMING if name in exchange.headers
        ]
        if framing:
            exchange.ended = False
            self._resumed = exchange
            self._parser.feed_data("".join(["POST / HTTP/1.1\r\n", *framing, "\r\n"]).encode())

    def _bound(self) -> None:
        """Whoever never comes to an end is given up."""
        head_bytes = max(self._head_bytes, 0 if self._next is None else self._raw_bytes)
        if head_bytes > self._head_limit:
            self._give_up()
        elif self._reading is not None and self._raw_bytes > self.body_bytes + DISCARD_BYTES:
            self._reading.size_bytes = max(self._reading.size_bytes, self._raw_bytes)
            self._reading.ended = self._reading.last = True
            self._deaf = True

    def _give_up(self) -> None:
        """What comes is not HTTP: say so when what was understood is answered."""
        self._deaf = self._broken = True
        if self._reading is not None:  # nobody knows what it was to be
            exchange, self._reading = self._reading, None
            self._queue.remove(exchange)
            self._hang_up(exchange)

    def _hang_up(self, exchange: Exchange) -> None:
        if exchange.begun and not exchange.answered:
            exchange.answered = True
            self._service.hung_up(exchange)

    def _hold(self, data: bytes) -> None:
        self._held += data
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    # --- answering --------------------------------------------------------------------------------------

    def answer(self, exchange: Exchange, status: int, fields: str, body: bytes) -> None:
        """See `Exchange.respond`."""
        if exchange.answered or self._transport is None:
            return
        exchange.answered = True
        if exchange.continues:
            exchange.last = True  # nobody knows whether the body will come
        length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
        stay = _CLOSE if exchange.last else _KEEP if exchange.keeps else ""
        head = f"{_STATUS_LINES[status]}{fields}{length}{stay}\r\n".encode("utf-8", "replace")
        if exchange.method == "HEAD" or not body:
            self._transport.write(head)
        elif len(body) <= _JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        self._advance()

    def _advance(self) -> None:
        """Work on what is there, as far as that goes."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._transport is not None and not self._stalled:
                if self._queue and self._work_on(self._queue[0]):
                    continue
                if self._queue and self._queue[0].ended:
                    return
                if not self._held or self._deaf:
                    self._await_more()
                    return
                data = bytes(self._held)
                self._held.clear()
                self._feed(data)
        finally:
            self._advancing = False

    def _work_on(self, exchange: Exchange) -> bool:
        """True: it is over, and the next one may come."""
        if not exchange.begun:
            exchange.begun = True
            self._service.begin(exchange)
            if exchange.continues and not exchange.answered and self._transport is not None:
                # curl asks before it sends a megabyte, and waits a second when nobody answers
                exchange.continues = False
                self._transport.write(_CONTINUE)
        if exchange.ended and not exchange.completed:
            exchange.completed = True
            if not exchange.answered:
                self._service.complete(exchange)
        if exchange.answered and exchange.last and (exchange.ended or exchange.continues):
            self.close()
            return False
        if exchange.answered and exchange.ended:
            self._queue.popleft()
            return True
        return False

    def _await_more(self) -> None:
        if self._transport is None:
            return
        if self._broken and not self._queue:
            self._transport.write(_GARBAGE)
            self.close()
        elif self._paused and not self._deaf:
            self._paused = False
            self._transport.resume_reading()
