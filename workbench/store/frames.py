"""How a record stands in a journal: length, checksum, sequence number, metadata, payload.

Bytes in, frames out, no I/O. Invariant: what is not whole is not read. A process killed in the
middle of a write leaves a frame cut short; a machine that lost power may leave zeros.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum

from workbench.values import dataclass

MAGIC = b"workbench journal 1\n"
"""What a segment begins with. Another number is another format, which we leave alone."""

_CHECKSUM = struct.Struct(">I")
_REST = struct.Struct(">BQII")
OVERHEAD_BYTES = _CHECKSUM.size + _REST.size
_JOINED_BYTES = 16 * 1024
"""Up to this, copying is quicker than three buffers."""


class FrameKind(IntEnum):
    """What a frame says. Never 0, so that zeros are no frame."""

    ACCEPTED = 1
    ENDED = 2
    REPORTED = 3
    LOGGED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One record."""

    kind: FrameKind
    sequence: int
    """From 1; every frame of an instance has the next one."""
    metadata: bytes
    payload: bytes
    """As it was given, uninterpreted."""

    @property
    def size_bytes(self) -> int:
        """What it takes in the journal."""
        return OVERHEAD_BYTES + len(self.metadata) + len(self.payload)


def buffers(kind: FrameKind, sequence: int, metadata: bytes, payload: bytes) -> tuple[bytes, ...]:
    """A frame to be written with one `writev`: a payload of megabytes is not copied for it.

    Measured: the checksum of 6 MB takes 0.8 ms, of 300 bytes 0.2 µs.
    """
    rest = _REST.pack(kind, sequence, len(metadata), len(payload))
    if len(payload) <= _JOINED_BYTES:
        told = rest + metadata + payload
        return (_CHECKSUM.pack(zlib.crc32(told)) + told,)
    checksum = zlib.crc32(payload, zlib.crc32(metadata, zlib.crc32(rest)))
    return _CHECKSUM.pack(checksum) + rest, metadata, payload


def frames(segment: bytes) -> Iterator[Frame]:
    """The whole frames of a segment, up to the first that is not."""
    if not segment.startswith(MAGIC):
        return
    view = memoryview(segment)
    at = len(MAGIC)
    while at + OVERHEAD_BYTES <= len(view):
        (checksum,) = _CHECKSUM.unpack_from(view, at)
        number, sequence, metadata_bytes, payload_bytes = _REST.unpack_from(
            view, at + _CHECKSUM.size
        )
        metadata_at = at + OVERHEAD_BYTES
        payload_at = metadata_at + metadata_bytes
        end = payload_at + payload_bytes
        if end > len(view) or zlib.crc32(view[at + _CHECKSUM.size : end]) != checksum:
            return
        try:
            kind = FrameKind(number)
        except ValueError:
            return
        yield Frame(
            kind=kind,
            sequence=sequence,
            metadata=bytes(view[metadata_at:payload_at]),
            payload=bytes(view[payload_at:end]),
        )
        at = end
