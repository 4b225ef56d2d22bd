"""The frames that an environment's supervisor and the workbench exchange. No I/O.

A frame: u8 type, u8 detail, u16 connection, u32 length, then the payload; big-endian. Both ends are
ours, but the function runs as the supervisor's user: whatever comes from it is hostile until parsed.
Its other half is runtimes/_supervisor/supervisor.c.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from workbench.model.container import (
    Figures,
    Interrupted,
    LogStream,
    RuntimeExit,
    RuntimeStart,
)

HEADER = struct.Struct(">BBHI")
MAX_PAYLOAD = 1024 * 1024
"""The supervisor reads in pieces of 64 KiB; nothing it sends is larger than this."""
PROTOCOL = 1
"""What the supervisor's hello must name."""

_STAMP = struct.Struct(">Q")
_COUNT = struct.Struct(">I")
_FIGURES = struct.Struct(">4q")
_HEADER_BYTES = HEADER.size
_STREAMS = (LogStream.STDOUT, LogStream.STDERR, LogStream.FRAMED)


class FrameType(IntEnum):
    """What a frame says; D, C, F and M go both ways."""

    HELLO = ord("H")
    STARTED = ord("S")
    EXITED = ord("X")
    LOG = ord("L")
    OPEN = ord("O")
    DATA = ord("D")
    CLOSE = ord("C")
    MEASURED = ord("M")
    ACKNOWLEDGED = ord("A")
    READY = ord("Y")
    RUN = ord("R")
    BIND = ord("B")
    SIGNAL = ord("K")
    PAUSE = ord("P")
    FROZEN = ord("F")
    GAUGES = ord("G")
    TAPS = ord("T")


_DATA = FrameType.DATA.value


class BadFrame(Exception):
    """The other end does not keep to the protocol; nothing after this can be trusted."""


class Frame(NamedTuple):
    """One frame."""

    kind: int
    detail: int
    connection: int
    payload: bytes


class FrameReader:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Complete frames. Raises `BadFrame` for a length that no supervisor sends."""
        rest = self._rest + data if self._rest else data
        at, end = 0, len(rest)
        try:
            while end - at >= _HEADER_BYTES:
                kind, detail, connection, length = HEADER.unpack_from(rest, at)
                if length > MAX_PAYLOAD:
                    raise BadFrame(f"a frame of {length} bytes")
                body = at + _HEADER_BYTES
                if end - body < length:
                    break
                at = body + length
                yield Frame(kind, detail, connection, rest[body:at])
        finally:
            self._rest = rest[at:]


def frame(kind: FrameType, payload: bytes = b"", *, detail: int = 0, connection: int = 0) -> bytes:
    """One frame as bytes."""
    return HEADER.pack(kind, detail, connection, len(payload)) + payload


def data_frame(connection: int, data: bytes | bytearray | memoryview) -> bytes:
    """Bytes for a connection."""
    return HEADER.pack(_DATA, 0, connection, len(data)) + data


def run_frame(start: RuntimeStart, *, cwd: str, preload: bool = False) -> bytes:
    """The order to start a runtime: words, each ended by NUL.

    preload: it is given a descriptor, and waits there for a `bind_frame`.
    """
    flags = ("f" if start.log_frames else "-") + ("p" if preload else "")
    words = (cwd, flags, str(len(start.command)), *start.command, *_assignments(start))
    return frame(FrameType.RUN, _terminated(words))


def bind_frame(start: RuntimeStart) -> bytes:
    """What a preloaded runtime waits for: its variables, each ended by NUL."""
    return frame(FrameType.BIND, _terminated(_assignments(start)))


def _assignments(start: RuntimeStart) -> Iterator[str]:
    return (f"{name}={value}" for name, value in start.variables)


def _terminated(words: Iterable[str]) -> bytes:
    encoded = [word.encode("utf-8", errors="surrogateescape") for word in words]
    if any(b"\0" in word for word in encoded):
        raise ValueError("a NUL byte in a command or a variable")
    return b"".join(word + b"\0" for word in encoded)


def pause_frame(connection: int, *, pause: bool) -> bytes:
    """The order to stop taking bytes from a connection, or to go on."""
    return frame(FrameType.PAUSE, detail=int(pause), connection=connection)


FREEZE = frame(FrameType.FROZEN, detail=1)
"""The order to stop everything but the supervisor."""
THAW = frame(FrameType.FROZEN)
"""The order to let it go on."""


def interrupted(read: Frame) -> Interrupted:
    """A FROZEN frame: `computing=… waiting=…`."""
    numbers = _numbers(read)
    return Interrupted(
        computing=max(0, numbers.get("computing", 0)), waiting=max(0, numbers.get("waiting", 0))
    )


def check_hello(read: Frame) -> None:
    """A HELLO frame: `protocol=1`."""
    if _numbers(read).get("protocol") != PROTOCOL:
        raise BadFrame("a hello of another protocol")


def log_chunk(read: Frame) -> tuple[LogStream, int, bytes]:
    """A LOG frame's stream, microseconds since the epoch, and bytes."""
    if read.detail >= len(_STREAMS) or len(read.payload) < _STAMP.size:
        raise BadFrame("a log frame without its stamp or stream")
    (at_us,) = _STAMP.unpack_from(read.payload)
    if at_us > 1 << 52:
        raise BadFrame("a log frame from the far future")
    return _STREAMS[read.detail], at_us, read.payload[_STAMP.size :]


def figures(read: Frame) -> Figures:
    """A MEASURED frame: peak, now, oom, cpu; -1 where the kernel does not say."""
    if len(read.payload) != _FIGURES.size:
        raise BadFrame("figures that are none")
    peak, now, oom, cpu = _FIGURES.unpack(read.payload)
    return Figures(
        peak_bytes=None if peak < 0 else peak,
        current_bytes=None if now < 0 else now,
        oom_kills=None if oom < 0 else oom,
        cpu_ns=None if cpu < 0 else cpu,
    )


def runtime_exit(read: Frame) -> RuntimeExit:
    """An EXITED frame: `code=… signal=… core=… error=…`."""
    numbers = _numbers(read)
    error, signal = numbers.get("error", 0), numbers.get("signal", 0)
    if not (0 <= error < _ERRNO_END and 0 <= signal < _SIGNAL_END):
        raise BadFrame("an end that no process can have")
    if error:
        return RuntimeExit(code=None, start_error=os.strerror(error))
    return RuntimeExit(
        code=None if signal else numbers.get("code", 0),
        signal=signal or None,
        core_dumped=bool(numbers.get("core", 0)),
    )


def acknowledged(read: Frame) -> int:
    """An ACKNOWLEDGED frame: bytes written to the connection since the last one."""
    if len(read.payload) != _COUNT.size:
        raise BadFrame("an acknowledgement without its count")
    (count,) = _COUNT.unpack(read.payload)
    return int(count)


_ERRNO_END = 4096
_SIGNAL_END = 65
_NUMBER_END = 1 << 63
"""Beyond the kernel's own counters: what is larger would overflow whoever reckons with it."""


def _numbers(read: Frame) -> dict[str, int]:
    try:
        pairs = (word.split("=") for word in read.payload.decode("ascii").split())
        numbers = {name: int(value) for name, value in pairs}
    except ValueError as error:
        raise BadFrame("figures that are none") from error
    if any(abs(value) >= _NUMBER_END for value in numbers.values()):
        raise BadFrame("figures that nothing can have")
    return numbers
