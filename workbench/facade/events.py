"""Saved events: listed, read, written, and brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from workbench.config.events import EventFiles
from workbench.errors import EventNotFound
from workbench.functions.registry import Registry
from workbench.model.event import EventFile
from workbench.model.expectation import Expectation
from workbench.model.function import Function
from workbench.model.invocation import InvocationRecord
from workbench.model.names import FunctionName


class Events:
    """The `events/` folders of the project. Everything that destroys can be undone."""

    def __init__(self, *, registry: Registry, files: EventFiles) -> None:
        self._registry = registry
        self._files = files
        self._undo: list[tuple[str, Callable[[], None]]] = []

    async def list(self, name: FunctionName) -> tuple[EventFile, ...]:
        """The events of a function, sorted by name."""
        return await asyncio.to_thread(self._files.list, self._function(name))

    async def read(self, name: FunctionName, event: str) -> bytes:
        """Exactly what will be sent. Raises `EventNotFound`."""
        return await asyncio.to_thread(self._files.read, self._function(name), event)

    async def expectation(self, name: FunctionName, event: str) -> Expectation:
        """What is expected of it: its `.expect.toml`, or simply success.

        Raises `InvalidManifest` when that file is wrong.
        """
        return await asyncio.to_thread(self._files.expectation, self._function(name), event)

    async def save(self, name: FunctionName, event: str, payload: bytes) -> None:
        """Write it, byte for byte, over what was there; `undo` brings that back."""
        function = self._function(name)
        before: bytes | None
        try:
            before = await asyncio.to_thread(self._files.read, function, event)
        except EventNotFound:
            before = None
        await asyncio.to_thread(self._files.save, function, event, payload)

        def back() -> None:
            if before is None:
                self._files.delete(function, event)
            else:
                self._files.save(function, event, before)

        self._undo.append((f"saving {event}", back))

    async def duplicate(self, name: FunctionName, event: str, copy: str) -> None:
        """Copy it and what is expected of it. Raises `AlreadyExists`, `EventNotFound`."""
        function = self._function(name)
        await asyncio.to_thread(self._files.duplicate, function, event, copy)
        self._undo.append((f"duplicating {event}", lambda: _discard(self._files, function, copy)))

    async def rename(self, name: FunctionName, event: str, to: str) -> None:
        """Give it another name. Raises `AlreadyExists`, `EventNotFound`."""
        function = self._function(name)
        await asyncio.to_thread(self._files.rename, function, event, to)
        self._undo.append((f"renaming {event}", lambda: self._files.rename(function, to, event)))

    async def delete(self, name: FunctionName, event: str) -> str:
        """Move it to the trash; the token that `restore` takes. Raises `EventNotFound`."""
        token = await asyncio.to_thread(self._files.delete, self._function(name), event)
        self._undo.append((f"deleting {event}", lambda: self._files.restore(token)))
        return token

    async def restore(self, token: str) -> None:
        """Bring back what `delete` took, also in an earlier session.

        Raises `InvalidParameter` when it is not in the trash, `AlreadyExists` when its name was
        given again.
        """
        await asyncio.to_thread(self._files.restore, token)

    async def expect(self, name: FunctionName, event: str, record: InvocationRecord) -> Path:
        """Expect from now on what `record` answered; the file that says so.

        Raises `AlreadyExists` when something is expected already, `InvalidParameter` for a run that
        has not ended by itself.
        """
        return await asyncio.to_thread(self._files.expect, self._function(name), event, record)

    async def undo(self) -> str | None:
        """Take back the newest change of this session; what it was, `None` when there is none."""
        if not self._undo:
            return None
        what, back = self._undo.pop()
        await asyncio.to_thread(back)
        return what

    def _function(self, name: FunctionName) -> Function:
        return self._registry.entry(name).function


def _discard(files: EventFiles, function: Function, event: str) -> None:
    files.delete(function, event)
