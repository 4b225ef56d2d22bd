"""File changes below the project, as they happen.

On Linux the kernel's queue is read on the event loop itself: no thread, and an invocation that comes
a millisecond after a save already knows that the code is about to change. Folders full of other
people's files, and our own, are not watched at all, but for layers, which are made of such files and
may be anywhere. Elsewhere watchdog's observers do it.
"""

from __future__ import annotations

import array
import asyncio
import errno
import fcntl
import os
import sys
import termios
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from workbench.model.telemetry import Fault
from workbench.telemetry import Bus

Noticed = Callable[[Path], None]

UNWATCHED = frozenset(
    {
        ".git",
        ".hg",
        ".idea",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".venv",
        ".vscode",
        ".workbench",
        "__pycache__",
        "node_modules",
        "venv",
    }
)
"""Folders whose files are nobody's to edit. What installs into node_modules changes a lock beside it."""

UNWATCHED_IN_LAYERS = UNWATCHED - {"node_modules", "venv"}
"""What a layer has in node_modules is what it is there for."""

MANY_BYTES = 32 * 1024
"""So much in the queue that the kernel may have dropped some, or soon will: everything is looked at
again. (1,000 events of files with short names. It drops them at 16,384, of at least 16 bytes.)"""

MOST_FOLDERS = 20_000
"""Whoever opens their home folder by mistake gets an answer all the same."""


class Watched(Protocol):
    """What is watched. `also` may be called in any thread, and blocks."""

    def also(self, path: Path) -> None:
        """A folder and all below it, or a file, whether it exists or not. Raises `OSError`."""
        ...


class Watching:
    """What is watched by now."""

    def __init__(self, watched: Watched, bus: Bus) -> None:
        self._watched = watched
        self._bus = bus
        self._known: set[Path] = set()
        self._one_at_a_time = asyncio.Lock()

    async def also(self, paths: Iterable[Path]) -> None:
        """These too, from now on: folders with all below them, and files, whether they exist or not.
        What the system cannot watch is said.
        """
        new = [path for path in dict.fromkeys(paths) if path not in self._known]
        if not new and not self._one_at_a_time.locked():
            return
        async with self._one_at_a_time:
            for path in new:
                if path not in self._known:
                    self._known.add(path)
                    await self._add(path)

    async def _add(self, path: Path) -> None:
        try:
            await asyncio.to_thread(self._watched.also, path)
        except OSError as error:
            message = f"{path} cannot be watched: {error.strerror or error}"
            self._bus.publish(Fault(where="watching files", message=message))


@asynccontextmanager
async def watch(root: Path, noticed: Noticed, bus: Bus) -> AsyncIterator[Watching]:
    """Call `noticed` on the loop for every path below `root` that changes, while the context is open;
    with `root` itself when more changed than can be said.

    Where the system cannot watch so many folders, it is looked at once a second instead, and said.
    """
    try:
        opened = _inotify(root, noticed) if sys.platform == "linux" else _observed(root, noticed)
        async with opened as watched:
            yield Watching(watched, bus)
    except _CannotWatch as error:
        bus.publish(
            Fault(
                where="watching files",
                message=f"{error}: changes are looked for once a second instead. "
                "On Linux, raise fs.inotify.max_user_watches.",
            )
        )
        async with _observed(root, noticed, polling=True) as watched:
            yield Watching(watched, bus)


class _CannotWatch(Exception):
    """The system's own means are exhausted."""


# --- Linux --------------------------------------------------------------------------------------------


@asynccontextmanager
async def _inotify(root: Path, noticed: Noticed) -> AsyncIterator[Watched]:
    loop = asyncio.get_running_loop()
    try:
        watched = await asyncio.to_thread(_Inotify, root, noticed)
    except OSError as error:
        raise _CannotWatch(error.strerror or str(error)) from error
    loop.add_reader(watched.descriptor, watched.take)
    try:
        yield watched
    finally:
        loop.remove_reader(watched.descriptor)
        watched.close()


class _Inotify:
    """One queue for the whole project."""

    def __init__(self, root: Path, noticed: Noticed) -> None:
        """Blocks while folders are walked. Raises `OSError`."""
        from watchdog.observers.inotify_c import Inotify, InotifyConstants

        # Not IN_MODIFY: a file that is written is closed in the end, and a database never is.
        mask = (
            InotifyConstants.IN_ATTRIB  # chmod +x
            | InotifyConstants.IN_CLOSE_WRITE
            | InotifyConstants.IN_CREATE
            | InotifyConstants.IN_DELETE
            | InotifyConstants.IN_DELETE_SELF
            | InotifyConstants.IN_MOVE
        )
        self._root = os.fsencode(root)
        self._layers: tuple[bytes, ...] = ()
        self._noticed = noticed
        self._queue = Inotify(self._root, recursive=False, event_mask=mask)
        try:
            for folder in _folders(self._root, _UNWATCHED):
                self._queue.add_watch(folder)
        except BaseException:
            self._queue.close()
            raise

    @property
    def descriptor(self) -> int:
        return self._queue.fd

    def take(self) -> None:
        """Something waits in the queue."""
        try:
            waiting_bytes = _waiting_bytes(self._queue.fd)
            events = self._queue.read_events()
        except KeyError:
            self._everything()  # watchdog lost count of folders that took each other's names
            return
        if waiting_bytes >= MANY_BYTES:
            self._everything()
            return
        for event in events:
            if event.is_directory and (event.is_create or event.is_moved_to):
                self._enter(event.src_path)
            if not event.is_ignored:
                self._noticed(Path(os.fsdecode(event.src_path)))

    def close(self) -> None:
        # watchdog takes it for granted that a thread of its own waits in `read_events`, and leaves
        # three file descriptors, one of which the system has but 128 of, to that
        self._queue._is_reading = False  # noqa: SLF001
        self._queue.close()

    def also(self, path: Path) -> None:
        """See `Watched`."""
        layer = os.fsencode(path)
        self._layers = (*self._layers, layer)
        with suppress(FileNotFoundError, NotADirectoryError):  # then what is above it tells of it
            self._queue.add_watch(os.path.dirname(layer))  # noqa: PTH120 - bytes
        if path.is_dir():
            self._queue.add_watch(layer)
            for folder in _folders(layer, _UNWATCHED_IN_LAYERS):
                with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    self._queue.add_watch(folder)

    def _everything(self) -> None:
        self._watch_all(self._root)
        for layer in self._layers:
            self._watch_all(layer)
        self._noticed(Path(os.fsdecode(self._root)))

    def _enter(self, folder: bytes) -> None:
        """Watch a folder that has come, before its coming is told: what was written into it by now
        is seen by whoever is told, what comes later is an event of its own.
        """
        if folder.rpartition(b"/")[2] in self._unwatched(folder) or not self._ours(folder):
            return
        self._watch_all(folder)
        for layer in self._layers:
            if _is_in(layer, folder):
                self._watch_all(layer)

    def _ours(self, folder: bytes) -> bool:
        """It is in the project, in a layer, or above one."""
        return _is_in(folder, self._root) or any(
            _is_in(folder, layer) or _is_in(layer, folder) for layer in self._layers
        )

    def _unwatched(self, folder: bytes) -> frozenset[bytes]:
        in_layer = any(_is_in(folder, layer) for layer in self._layers)
        return _UNWATCHED_IN_LAYERS if in_layer else _UNWATCHED

    def _watch_all(self, folder: bytes) -> None:
        with suppress(OSError):  # too many folders: their parents still tell of changes
            for inside in (folder, *_folders(folder, self._unwatched(folder))):
                with suppress(OSError):  # gone again
                    self._queue.add_watch(inside)


def _waiting_bytes(descriptor: int) -> int:
    waiting = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, waiting)
    return waiting[0]


_UNWATCHED = frozenset(name.encode() for name in UNWATCHED)
_UNWATCHED_IN_LAYERS = frozenset(name.encode() for name in UNWATCHED_IN_LAYERS)


def _is_in(path: bytes, folder: bytes) -> bool:
    """It is `folder`, or below it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _folders(root: bytes, unwatched: frozenset[bytes]) -> Iterator[bytes]:
    """Every folder below `root` that is to be watched; links to folders are followed, once each."""
    seen = {_identity(root)}
    for parent, folders, _ in os.walk(root, followlinks=True):
        wanted: list[bytes] = []
        for name in folders:
            folder = os.path.join(parent, name)  # noqa: PTH118 - bytes
            identity = _identity(folder)
            if name not in unwatched and identity is not None and identity not in seen:
                seen.add(identity)
                wanted.append(name)
                yield folder
        if len(seen) > MOST_FOLDERS:
            raise OSError(errno.ENOSPC, f"more than {MOST_FOLDERS} folders below one")
        folders[:] = wanted


def _identity(folder: bytes) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)  # noqa: PTH116 - bytes
    except OSError:
        return None
    return found.st_dev, found.st_ino


# --- elsewhere ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _observed(
    root: Path, noticed: Noticed, *, polling: bool = False
) -> AsyncIterator[Watched]:
    from watchdog.events import (
        FileClosedNoWriteEvent,
        FileOpenedEvent,
        FileSystemEvent,
        FileSystemEventHandler,
    )
    from watchdog.observers import Observer
    from watchdog.observers.polling import PollingObserver

    loop = asyncio.get_running_loop()

    class Forward(FileSystemEventHandler):
        """Runs in the observer's thread, and does one thing: hand a path to the loop."""

        def on_any_event(self, event: FileSystemEvent) -> None:
            if isinstance(event, FileOpenedEvent | FileClosedNoWriteEvent):
                return  # our own reading
            for path in {event.src_path, event.dest_path} - {""}:
                try:
                    loop.call_soon_threadsafe(noticed, Path(os.fsdecode(path)))
                except RuntimeError:
                    return  # the loop is closed: we are going down

    observer = PollingObserver(timeout=1) if polling else Observer()
    forward = Forward()

    class Observed:
        """What the observer looks after."""

        def also(self, path: Path) -> None:
            """See `Watched`."""
            if path.is_relative_to(root):
                return  # it is already
            if path.parent.is_dir():
                observer.schedule(forward, str(path.parent), recursive=False)
            if path.is_dir():
                observer.schedule(forward, str(path), recursive=True)

    observer.schedule(forward, str(root), recursive=True)
    await asyncio.to_thread(observer.start)
    try:
        yield Observed()
    finally:
        observer.stop()
        await asyncio.to_thread(observer.join)
