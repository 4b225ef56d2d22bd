"""Waiting for the history to change, whichever process changes it, without looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from watchdog.events import (
    FileCreatedEvent,
    FileModifiedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver


class Commits:
    """Tells that something was committed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    async def wait(self) -> None:
        """Wait until something was committed since the last call returned.

        Look after each call, and before the first: then nothing is missed. Now and then there is
        nothing new.
        """
        await self._changed.wait()
        self._changed.clear()

    def note(self) -> None:
        """Something was committed."""
        self._changed.set()


class _Watch(FileSystemEventHandler):
    """Runs in the observer's thread."""

    def __init__(self, database: Path, commits: Commits) -> None:
        # every commit of any process is an append to this file, and only that
        self._log = f"{database}-wal"
        self._commits = commits
        self._loop = asyncio.get_running_loop()

    def on_any_event(self, event: FileSystemEvent) -> None:
        written = isinstance(event, (FileModifiedEvent, FileCreatedEvent))
        if not written or event.src_path != self._log:
            return
        try:
            self._loop.call_soon_threadsafe(self._commits.note)
        except RuntimeError:
            return  # the loop is closed: we are going down


@asynccontextmanager
async def watch_commits(database: Path) -> AsyncIterator[Commits]:
    """Watch while the context is open.

    Where the system has no watches left, the file is looked at once a second instead.
    """
    commits = Commits()
    watch = _Watch(database, commits)
    observer: BaseObserver
    try:
        observer = await asyncio.to_thread(_start, Observer(), watch, database.parent)
    except OSError:
        observer = await asyncio.to_thread(
            _start, PollingObserver(timeout=1), watch, database.parent
        )
    try:
        yield commits
    finally:
        observer.stop()
        await asyncio.to_thread(observer.join)


def _start(observer: BaseObserver, watch: _Watch, folder: Path) -> BaseObserver:
    observer.schedule(watch, str(folder), recursive=False)
    observer.start()
    return observer
