"""Work that several may wait for: one piece per key, and a home for its tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from dataclasses import field
from typing import Any, Generic, TypeVar

from workbench.docker.room import unwritten
from workbench.errors import DriverError, WorkbenchError
from workbench.values import dataclass

T = TypeVar("T")


class _Leaving(Exception):
    """Makes a task group give up what is still in it."""


@asynccontextmanager
async def task_home() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group for work in progress, which leaving gives up and waits for.

    What its body raises is raised as it is, not in a group: callers catch it by its class.
    """
    raised: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                yield tasks
            except BaseException as error:  # noqa: BLE001 - raised again below
                raised = error
            raise _Leaving  # noqa: TRY301 - the group is what has to see it
    except* _Leaving:
        pass
    if raised is not None:
        raise raised


@dataclass(slots=True)
class _Piece(Generic[T]):
    done: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    waiting: int = 0
    result: list[T] = field(default_factory=list)
    error: WorkbenchError | None = None


class SharedWork(Generic[T]):
    """Work in progress. Its tasks belong to the group it is given."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._pieces: dict[Hashable, _Piece[T]] = {}

    async def result(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `work` comes to; begun unless work of that key is in progress.

        Raises the `WorkbenchError` that it raised, or `DriverError` for an `OSError`. Cancellation: the
        work goes on for the others, or is cancelled with the last one who waits.
        """
        piece = self._pieces.get(key)
        if piece is None:
            piece = self._pieces[key] = _Piece()
            piece.task = self._tasks.create_task(self._run(key, piece, work))
        piece.waiting += 1
        try:
            await piece.done.wait()
        finally:
            piece.waiting -= 1
            if not piece.waiting and not piece.done.is_set():
                self._forget(key, piece)
                if piece.task is not None:
                    piece.task.cancel()
        if piece.error is not None:
            raise piece.error
        return piece.result[0]

    async def _run(
        self, key: Hashable, piece: _Piece[T], work: Callable[[], Coroutine[Any, Any, T]]
    ) -> None:
        try:
            piece.result.append(await work())
        except WorkbenchError as error:
            piece.error = error
        except OSError as error:
            piece.error = unwritten(error)
            piece.error.__cause__ = error
        finally:
            if not piece.result and piece.error is None:
                piece.error = DriverError("The work was stopped before it was done.")
            self._forget(key, piece)
            piece.done.set()

    def _forget(self, key: Hashable, piece: _Piece[T]) -> None:
        if self._pieces.get(key) is piece:
            del self._pieces[key]
