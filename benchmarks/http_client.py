"""A bare keep-alive HTTP client on a socket: the least that can be between a stopwatch and a server."""

from __future__ import annotations

import socket
import time
from types import TracebackType
from typing import Self


class Client:
    """One connection."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"{host}:{port}"
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._socket.close()

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        return self._answer()

    def timed_post(self, path: str, body: bytes) -> float:
        """Milliseconds of one request. Raises unless it was answered with 200."""
        began = time.perf_counter()
        status, answer = self.post(path, body)
        took = (time.perf_counter() - began) * 1000
        if status != 200:
            raise RuntimeError(f"{path} answered {status}: {answer[:300]!r}")
        return took

    def _answer(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, rest = self._rest.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = int(headers.get("content-length", "0"))
        self._rest = rest
        while len(self._rest) < length:
            self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(lines[0].split()[1]), body

    def _more(self) -> None:
        data = self._socket.recv(256 * 1024)
        if not data:
            raise ConnectionError("the server hung up")
        self._rest += data


def function_path(name: str) -> str:
    """Where a function is invoked."""
    return f"/2015-03-31/functions/{name}/invocations"
