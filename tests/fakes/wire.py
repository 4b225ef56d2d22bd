"""HTTP between a fake runtime and the real Runtime API server, over memory instead of a socket.

The bytes are real on both sides: what the server writes is parsed here as any client would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.ports import ConnectionFactory

Say = Callable[[Callable[[], None]], None]
"""Hands something to the workbench in the container's own order; see `FakeContainer.say`."""


class HungUp(Exception):
    """The server closed the connection before its answer was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Connection:
    """One connection of a runtime to its Runtime API: requests one after the other."""

    def __init__(self, connections: ConnectionFactory, say: Say) -> None:
        self._say = say
        self._answers = asyncio.StreamReader(limit=16 * 1024 * 1024)
        self._open = True
        self.lost = False
        """The server was told that it is closed."""
        self._protocol: asyncio.Protocol | None = None

        def opened() -> None:
            protocol = self._protocol = connections()
            protocol.connection_made(_ServerSide(self._receive, self.close))

        say(opened)

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask, and wait for the whole answer. Raises `HungUp`."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1:9001"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)
        return await self.answer()

    def send(self, data: bytes) -> None:
        """Bytes as they are, for those who ask badly."""

        def arrive() -> None:
            if self._open and self._protocol is not None:
                self._protocol.data_received(data)

        self._say(arrive)

    async def answer(self) -> Answer:
        """The next answer. Raises `HungUp`."""
        try:
            head = (await self._answers.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.split("\r\n")[:-2]
            headers = {}
            for line in lines:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = await self._answers.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError as error:
            raise HungUp from error
        return Answer(status=int(status_line.split()[1]), headers=headers, body=body)

    def _receive(self, data: bytes) -> None:
        if self._open:
            self._answers.feed_data(data)

    def close(self) -> None:
        """End it, from either side."""
        if self._open:
            self._open = False
            self._answers.feed_eof()
            self._say(self.drop)

    def drop(self) -> None:
        """It is gone, at this very moment."""
        if self.lost:
            return
        self.lost = True
        self._open = False
        self._answers.feed_eof()
        if self._protocol is not None:
            self._protocol.connection_lost(None)


class _ServerSide(asyncio.Transport):
    """What the server writes to."""

    def __init__(self, deliver: Callable[[bytes], None], hang_up: Callable[[], None]) -> None:
        super().__init__({"peername": ("127.0.0.1", 0)})
        self._deliver = deliver
        self._hang_up = hang_up
        self._closing = False

    def write(self, data: Any) -> None:
        if not self._closing:
            self._deliver(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._hang_up)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        """A container is paused as a whole."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Memory is wide enough."""
