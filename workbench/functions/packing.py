"""Trees as zip files: the same bytes for the same content.

Entries in the order of their paths, one fixed time, no owner, and deflate at its quickest. A library
is not asked because it compresses one file after the other; here two threads do.
Measured: 5 MB of Python in 55 ms instead of 110 ms (zipfile, same level).

Invariant: what is written says nothing about when, where or by whom.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from workbench.functions.trees import BLOCK, Listing, TreeFile, blob_name
from workbench.values import dataclass

_LEVEL = 1
_THREADS = 2
_BATCH_BYTES = 256 * 1024
_BATCH_FILES = 100
_AHEAD = 4
"""Batches compressed and not yet written."""
_SAMPLE_BYTES = 64 * 1024
_WORTH = 0.97
"""A file whose beginning shrinks less is stored as it is."""
_DATE = 0x21
"""1980-01-01, the first there is."""
_UTF8 = 0x800
_UNIX = 3 << 8
_STORED, _DEFLATED = 0, 8
_MANY = 0xFFFF
"""As many entries, and more, are counted in the larger records only (APPNOTE 4.4.1.4)."""
_FULL = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Packed:
    """One file, ready to be written."""

    blob: str
    crc: int
    method: int
    size: int
    data: bytes


class TooLong(Exception):
    """The zip file became longer than asked for."""


def pack(
    files: Sequence[TreeFile], empty: Sequence[str], target: BinaryIO, *, limit_bytes: int
) -> tuple[Listing, dict[str, int]]:
    """Write a zip of files; what is in it, and the size of each file by path, as they were read.

    limit_bytes: what the zip has to be shorter than, or `TooLong` is raised.
    """
    blobs: dict[str, str] = {}
    sizes: dict[str, int] = {}
    entries: list[bytes] = []
    offset = 0
    for path, mode, packed in _ordered(files, empty, limit_bytes):
        name = path.encode("utf-8")
        shared = struct.pack(
            "<HHHHHIIIHH",
            20,
            0 if name.isascii() else _UTF8,
            packed.method,
            0,
            _DATE,
            packed.crc,
            len(packed.data),
            packed.size,
            len(name),
            0,
        )
        target.write(b"PK\3\4" + shared + name)
        target.write(packed.data)
        entries.append(
            b"PK\1\2"
            + struct.pack("<H", _UNIX | 20)
            + shared
            + struct.pack("<HHHII", 0, 0, 0, mode << 16, offset)
            + name
        )
        offset += 30 + len(name) + len(packed.data)
        if packed.blob:
            blobs[path] = packed.blob
            sizes[path] = packed.size
        if offset >= limit_bytes:
            raise TooLong
    directory = b"".join(entries)
    target.write(directory + _end(len(entries), len(directory), offset))
    if target.tell() >= limit_bytes:
        raise TooLong
    return Listing(blobs, tuple(empty)), sizes


def _end(count: int, size: int, offset: int) -> bytes:
    """The records after the directory."""
    wide = b""
    if count >= _MANY:
        wide = struct.pack(
            "<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset
        ) + struct.pack("<4sIQI", b"PK\6\7", 0, offset + size, 1)
    few = min(count, _MANY)
    return wide + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, few, few, size, offset, 0)


def _ordered(
    files: Sequence[TreeFile], empty: Sequence[str], limit_bytes: int
) -> Iterator[tuple[str, int, _Packed]]:
    """Path, mode and content of each entry, folders first."""
    for folder in empty:
        yield f"{folder}/", 0o040755, _Packed("", 0, _STORED, 0, b"")
    with ThreadPoolExecutor(_THREADS) as threads:
        ahead: deque[tuple[list[TreeFile], Future[list[_Packed]]]] = deque()
        waiting = _batches(files)
        try:
            while True:
                while len(ahead) < _AHEAD and (batch := next(waiting, None)) is not None:
                    ahead.append((batch, threads.submit(_compress_all, batch, limit_bytes)))
                if not ahead:
                    return
                batch, result = ahead.popleft()
                for file, packed in zip(batch, result.result(), strict=True):
                    yield file.path, 0o100755 if file.executable else 0o100644, packed
        finally:
            for _, unwanted in ahead:
                unwanted.cancel()


def _batches(files: Sequence[TreeFile]) -> Iterator[list[TreeFile]]:
    """Enough for one thread to do that handing it over costs nothing beside it."""
    batch: list[TreeFile] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size_bytes
        if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _compress_all(files: Sequence[TreeFile], limit_bytes: int) -> list[_Packed]:
    return [_compress(file, limit_bytes) for file in files]


def _compress(file: TreeFile, limit_bytes: int) -> _Packed:
    sha, crc, size, held = hashlib.sha256(), 0, 0, 0
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    data: list[bytes] = []
    worth = True
    with file.place.open("rb", buffering=0) as content:
        while block := content.read(BLOCK):
            if not size and len(block) > 4 * _SAMPLE_BYTES:
                sample = block[:_SAMPLE_BYTES]
                worth = len(zlib.compress(sample, _LEVEL)) < _WORTH * len(sample)
            sha.update(block)
            crc = zlib.crc32(block, crc)
            size += len(block)
            data.append(squeeze.compress(block) if worth else block)
            held += len(data[-1])
            if held >= limit_bytes:
                raise TooLong
    if worth:
        data.append(squeeze.flush())
    return _Packed(
        blob=blob_name(sha.hexdigest(), executable=file.executable),
        crc=crc,
        method=_DEFLATED if worth else _STORED,
        size=size,
        data=b"".join(data),
    )
