"""The files of a journal: `<state>/journal/<instance>-<n>`, appended to, then deleted whole.

Invariant: a file holds whole frames only; a write that fell short is cut off again. Nothing is
synced: what a `write` took is in the system's page cache and survives the death of this process.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.expression import expression
from workbench.store.changes import Change, decode
from workbench.store.frames import MAGIC, frames
from workbench.values import dataclass

SEGMENT_BYTES = 4 * 1024 * 1024
"""A file is left for the next one when it is this large."""
IDLE_SEGMENT_BYTES = 64 * 1024
"""Or this large, when all of it is in the database: what waits for deletion stays small."""

_NAME = expression(r"(?P<instance>[0-9a-f]{1,32})-(?P<number>[0-9]{1,12})")


@dataclass(frozen=True, slots=True)
class FinishedSegment:
    """A file nothing is written to any more."""

    path: Path
    last: int
    """The number of its last frame."""


class SegmentWriter:
    """Appends frames of one instance. Calls never wait for a disk."""

    def __init__(self, folder: Path, instance: str) -> None:
        """Opens nothing yet."""
        self._folder = folder
        self._instance = instance
        self._number = 0
        self._file: int | None = None
        self._path = folder
        self._size = 0
        self.last = 0
        """The number of the last frame that is in a file."""
        self.finished: deque[FinishedSegment] = deque()
        """Oldest first. Taken from its left end by whoever deletes the files."""

    def append(self, buffers: Sequence[bytes], last: int) -> None:
        """Write whole frames with one system call; `last` is the number of the last one.

        Raises `OSError`: none of them is in the file then.
        Measured: 1.1 µs for 300 bytes, 2-14 ms for 6 MB.
        """
        file = self._open() if self._file is None else self._file
        try:
            self._size += _write_whole(file, buffers)
        except OSError:
            self._cut(file)
            raise
        self.last = last
        if self._size >= SEGMENT_BYTES:
            self.finish()

    def all_taken(self, taken: int) -> None:
        """Frames up to `taken` are in the database: leave the file if it is worth leaving."""
        if taken >= self.last and self._size >= IDLE_SEGMENT_BYTES:
            self.finish()

    def finish(self) -> None:
        """Write to a new file from now on."""
        if self._file is not None:
            os.close(self._file)
            self.finished.append(FinishedSegment(self._path, self.last))
            self._file = None
            self._size = 0

    def _open(self) -> int:
        self._number += 1
        path = self._folder / f"{self._instance}-{self._number}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        file = os.open(path, flags, 0o600)
        try:
            _write_whole(file, (MAGIC,))
        except OSError:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        self._file, self._path, self._size = file, path, len(MAGIC)
        return file

    def _cut(self, file: int) -> None:
        """Take a half-written frame off again; a file that refuses even that is left."""
        try:
            os.ftruncate(file, self._size)
        except OSError:
            self.finish()


def delete_taken(finished: deque[FinishedSegment], taken: int) -> None:
    """Delete the files whose frames are all in the database, up to number `taken`."""
    while finished and finished[0].last <= taken:
        with contextlib.suppress(OSError):  # it is read again at the next start, and then deleted
            finished[0].path.unlink(missing_ok=True)
        finished.popleft()


def instances_with_segments(folder: Path) -> set[str]:
    """Every instance that has a journal here."""
    return {instance for instance, _, _ in _listed(folder)}


def paths_of(folder: Path, instance: str) -> list[Path]:
    """The files of an instance, oldest first."""
    found = [(number, path) for owner, number, path in _listed(folder) if owner == instance]
    return [path for _, path in sorted(found)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """A stretch of a journal."""

    changes: list[Change]
    last: int
    """The number of its last frame; that of the question where there is none."""
    size_bytes: int
    """What it takes in the journal."""


def read_backlog(paths: Sequence[Path], after: int, *, limit: int, limit_bytes: int) -> Backlog:
    """The first changes whose number is above `after`: at least one, where there is one.

    A frame that says nothing we know is passed over. Raises `OSError`.
    """
    changes: list[Change] = []
    last, size_bytes = after, 0
    for path in paths:
        for frame in frames(_read(path)):
            if frame.sequence <= last:
                continue
            full = len(changes) >= limit or size_bytes + frame.size_bytes > limit_bytes
            if changes and full:
                return Backlog(changes=changes, last=last, size_bytes=size_bytes)
            last = frame.sequence
            size_bytes += frame.size_bytes
            with contextlib.suppress(ValueError):
                changes.append(decode(frame))
    return Backlog(changes=changes, last=last, size_bytes=size_bytes)


def is_known_format(path: Path) -> bool:
    """It is empty, cut short at its very beginning, or of the format this workbench writes."""
    with path.open("rb") as file:
        return MAGIC.startswith(file.read(len(MAGIC)))


def _write_whole(file: int, buffers: Sequence[bytes]) -> int:
    """How much that was. A full disk may take a part; the rest is then an error like any other."""
    expected = sum(map(len, buffers))
    if os.writev(file, buffers) != expected:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return expected


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""  # taken and deleted meanwhile


def _listed(folder: Path) -> Iterator[tuple[str, int, Path]]:
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        if match := _NAME.fullmatch(path.name):
            yield match["instance"], int(match["number"]), path
