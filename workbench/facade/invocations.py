"""Invocations: started, stopped, remembered."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from workbench.engine.run import Run
from workbench.errors import InvocationNotFound
from workbench.functions.invoker import Invoker, Waiting
from workbench.functions.keeper import EngineKeeper
from workbench.model.invocation import InvocationRecord, InvokeRequest, LogEntry, RunSummary
from workbench.model.names import FunctionName, RequestId
from workbench.store.history import History
from workbench.values import dataclass

__all__ = ["FinishedRun", "Invocations", "Run", "Waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A finished invocation with its log."""

    record: InvocationRecord
    logs: tuple[LogEntry, ...]


class Invocations:
    """Those in progress, and the history."""

    def __init__(self, *, invoker: Invoker, keeper: EngineKeeper, history: History) -> None:
        self._invoker = invoker
        self._keeper = keeper
        self._history = history

    async def invoke(self, request: InvokeRequest) -> Run:
        """Accept an invocation; see `Run` for its outcome and its record.

        Waits only while the function has to be made ready (an image built, say).
        Raises `RequestError`, `FunctionNotFound`, `FunctionNotReady`, `DriverError`,
        `ThrottledError`. Cancellation: nothing was accepted; a build goes on.
        """
        return await self._invoker.invoke(request)

    def invoke_nowait(self, request: InvokeRequest) -> Run | Waiting:
        """The same without waiting, and with nothing accepted where it would have to. Raises as
        `invoke`.
        """
        return self._invoker.invoke_nowait(request)

    async def finish(self, request: InvokeRequest) -> FinishedRun:
        """Invoke and wait for the whole of it. Cancellation: the invocation goes on."""
        run = await self.invoke(request)
        record = await run.record()
        return FinishedRun(record=record, logs=tuple(run.logs))

    def check(self, request: InvokeRequest) -> None:
        """Would it be accepted? (Lambda's DryRun, as far as permissions go.) Raises as `invoke`."""
        self._invoker.check(request)

    def running(self, request_id: RequestId) -> Run:
        """An invocation in progress. Raises `InvocationNotFound`."""
        engine = self._keeper.engine
        if engine is None:
            raise InvocationNotFound(request_id)
        return engine.scheduler.run(request_id)

    def stop(self, request_id: RequestId) -> None:
        """Stop one: out of the line, or its runtime killed. Raises `InvocationNotFound`."""
        self.running(request_id)
        if self._keeper.engine is not None:
            self._keeper.engine.scheduler.stop(request_id)

    @property
    def in_progress(self) -> int:
        """How many."""
        engine = self._keeper.engine
        return 0 if engine is None else engine.scheduler.in_progress

    async def recent(
        self,
        function: FunctionName | None = None,
        *,
        limit: int = 100,
        before: datetime | None = None,
    ) -> tuple[RunSummary, ...]:
        """The newest first. Those in progress are among them."""
        return await self._history.recent(function, limit=limit, before=before)

    async def latest(self) -> dict[FunctionName, RunSummary]:
        """The newest of each function."""
        return await self._history.latest()

    async def record(self, request_id: str) -> FinishedRun:
        """One of the history with its log; 8 characters of the id are enough.

        Raises `InvocationNotFound`, `InvalidParameter` when several begin so.
        """
        record = await self._history.record(request_id)
        return FinishedRun(record=record, logs=await self._history.logs(record.request_id))

    async def settle(self) -> None:
        """Wait until what has happened here by now can be read by other workbenches too."""
        await self._history.settle()

    # --- logs --------------------------------------------------------------------------------------

    async def log_lines(
        self, function: FunctionName | None = None, *, back: int
    ) -> tuple[LogEntry, ...]:
        """The newest `back` entries, oldest first, of every workbench on this project."""
        position = await self._history.position(function, back=back)
        found: list[LogEntry] = []
        while True:
            entries, position = await self._history.follow(function, after=position)
            if not entries:
                return tuple(found)
            found += entries

    async def follow_logs(
        self, function: FunctionName | None = None, *, back: int = 0
    ) -> AsyncGenerator[tuple[LogEntry, ...], None]:
        """The newest `back` entries, then those that come, as they come; never ends by itself.

        Batches are never empty. Whoever stops early closes it (`contextlib.aclosing`).
        """
        async with self._history.changes() as changes:
            position = await self._history.position(function, back=back)
            while True:
                entries, position = await self._history.follow(function, after=position)
                if entries:
                    yield entries
                else:
                    await changes.wait()
