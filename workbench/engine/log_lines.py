"""From the bytes of log pipes to log entries: one entry per line, each safe for a terminal.

Invariant: nothing is dropped here. A line longer than the limit becomes several entries.
"""

from __future__ import annotations

import struct

from workbench.model.terminal_text import decode
from workbench.values import dataclass


class LineSplitter:
    """The lines of one pipe. However its bytes are cut into chunks, the lines are the same."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[str]:
        """Complete lines, without their ends."""
        self._rest += chunk
        texts: list[str] = []
        if b"\n" in chunk:
            *lines, rest = bytes(self._rest).split(b"\n")
            self._rest = bytearray(rest)
            for line in lines:
                texts += cut(line.removesuffix(b"\r"), self._limit)
        while len(self._rest) > self._limit + 1:  # one more: a \r there may belong to the line end
            at = _boundary(self._rest, self._limit)
            texts.append(decode(bytes(self._rest[:at])))
            del self._rest[:at]
        return texts

    @property
    def pending(self) -> bool:
        """Something stands without a line end."""
        return bool(self._rest)

    def flush(self) -> list[str]:
        """What stands without a line end yet."""
        rest = bytes(self._rest)
        self._rest.clear()
        return cut(rest.removesuffix(b"\r"), self._limit) if rest else []


def cut(line: bytes, limit: int) -> list[str]:
    """`line` as one text, or as several when it is longer than `limit` bytes."""
    if len(line) <= limit:
        return [decode(line)]
    texts: list[str] = []
    while line:
        at = _boundary(line, limit)
        texts.append(decode(line[:at]))
        line = line[at:]
    return texts


def _boundary(data: bytes | bytearray, limit: int) -> int:
    """The largest cut of at most `limit` bytes that does not split a UTF-8 character."""
    if len(data) <= limit:
        return len(data)
    for at in range(limit, max(limit - 4, 0), -1):
        if data[at] & 0xC0 != 0x80:
            return at
    return limit


_FRAME = struct.Struct(">IIQ")
_FRAME_MAGIC = 0xA55A0000
_FRAME_HEADER = 16
_MARK = 0xA55A8000
"""The type of a frame without text: no client's log records have that bit. Ours say with it that
they are up, right before they import the function's module (runtimes/_python, runtimes/_node)."""
_TIMERS = 0xA55A8001
"""The same; its stamp is how many timers of the function's wait, while its client asks for an event.
Sent when that has changed."""
_MOST_TIMERS = 1_000_000
_FRAME_LIMIT = 4 * 1024 * 1024
"""A frame that claims to be longer is not one: its writer would have us wait for ever."""
_LEVELS = {1: "TRACE", 2: "DEBUG", 3: "INFO", 4: "WARN", 5: "ERROR", 6: "FATAL"}


@dataclass(frozen=True, slots=True)
class FramedText:
    """One record of a runtime client."""

    text: str
    level: str | None = None
    at_us: int | None = None
    """Microseconds since the epoch, where the client said."""


class FrameSplitter:
    """The records a runtime client writes to `_LAMBDA_TELEMETRY_LOG_FD`: one entry per frame.

    A frame: u32 type (0xA55A0000, level in bits 2-4, low two bits 3 for text and 2 for JSON),
    u32 length, u64 microseconds, the message; big-endian. What is not a frame is taken as a line,
    after which there may be frames again. Source: the Python and Node runtime interface clients.
    """

    def __init__(self, *, limit_bytes: int) -> None:
        self._lines = LineSplitter(limit_bytes=limit_bytes)
        self._limit = limit_bytes
        self._rest = bytearray()
        self._in_line = False
        """What comes is no frame until the next line end."""
        self.marked = False
        """A mark has come. Whoever looks takes it back."""
        self.timers = 0
        """How many timers of the function's wait, as its client last said."""

    def feed(self, chunk: bytes) -> list[FramedText]:
        """Complete records."""
        self._rest += chunk
        found: list[FramedText] = []
        while self._rest:
            if self._in_line:
                found += self._line()
            elif len(self._rest) < _FRAME_HEADER:
                break
            else:
                kind, size, stamp = _FRAME.unpack_from(self._rest)
                if kind & 0xFFFF0000 != _FRAME_MAGIC or size > _FRAME_LIMIT:
                    self._in_line = True
                elif len(self._rest) < _FRAME_HEADER + size:
                    break
                else:
                    message = bytes(self._rest[_FRAME_HEADER : _FRAME_HEADER + size])
                    del self._rest[: _FRAME_HEADER + size]
                    found += self._record(kind, stamp, message)
        return found

    @property
    def pending(self) -> bool:
        """Something that is no record stands without a line end."""
        return self._lines.pending

    def flush(self, *, ended: bool) -> list[FramedText]:
        """What stands without a line end; when its writer has `ended`, also half a record."""
        found: list[FramedText] = []
        if ended:
            rest, self._rest = bytes(self._rest), bytearray()
            self.timers = 0
            if not self._in_line and len(rest) >= _FRAME_HEADER:  # or `feed` would have taken it
                kind, _, stamp = _FRAME.unpack_from(rest)
                found = self._record(kind, stamp, rest[_FRAME_HEADER:])
            else:
                found = [FramedText(text) for text in self._lines.feed(rest)]
            self._in_line = False
        return found + [FramedText(text) for text in self._lines.flush()]

    def _record(self, kind: int, stamp: int, message: bytes) -> list[FramedText]:
        if kind == _MARK and not message:
            self.marked = True
            return []
        if kind == _TIMERS and not message:
            self.timers = min(stamp, _MOST_TIMERS)
            return []
        level = _LEVELS.get((kind >> 2) & 7)
        texts = cut(message.removesuffix(b"\n"), self._limit)
        return [FramedText(text, level, stamp) for text in texts]

    def _line(self) -> list[FramedText]:
        end = self._rest.find(b"\n") + 1
        self._in_line = end == 0
        line = bytes(self._rest[: end or len(self._rest)])
        del self._rest[: len(line)]
        return [FramedText(text) for text in self._lines.feed(line)]
