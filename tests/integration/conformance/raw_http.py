"""A client that says exactly what it is told to, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tests.integration.conformance.witness import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        """Bytes, as they are."""
        self._writer.write(data)

    async def sent(self) -> None:
        """Wait until the other end has room for all of it."""
        async with asyncio.timeout(PATIENCE_S):
            await self._writer.drain()

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a request. Without a length of their own, bodies get theirs."""
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        known = {name.lower() for name in headers or {}}
        if method == "POST" and not known & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and wait for its answer."""
        self.ask(method, path, body, headers)
        return await self.answer()

    async def answer(self) -> Answer:
        """The next response."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status_line, *lines = head.decode("utf-8").split("\r\n")[:-2]
            pairs = (line.split(":", 1) for line in lines)
            headers = {name.lower(): value.strip() for name, value in pairs}
            status = int(status_line.split()[1])
            length = 0 if status < 200 else int(headers["content-length"])
            return Answer(status, headers, await self._reader.readexactly(length))

    async def hung_up(self) -> bytes:
        """Wait until the other end has closed it; what it said until then."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    def hang_up(self) -> None:
        """Close it."""
        self._writer.close()

    def reset(self) -> None:
        """Close it rudely."""
        self._writer.transport.abort()


@asynccontextmanager
async def raw_client(address: str) -> AsyncIterator[RawClient]:
    """A connection to `host:port`."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=16 * 1024 * 1024)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
