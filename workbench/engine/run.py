"""An invocation in progress: what its environment fills in and its callers wait for.

Invariant: settled once, finished once, in that order. A caller that goes away changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime

from workbench.errors import InternalError, WorkbenchError
from workbench.model.concurrency import InitializationType
from workbench.model.invocation import (
    Acceptance,
    InvocationRecord,
    LogEntry,
    Measurements,
    Outcome,
    line_bytes,
    log_room,
)
from workbench.model.names import EnvironmentId

TAIL_BYTES = 4096
"""How much of the log X-Amz-Log-Result carries. Source: Lambda API reference, Invoke, LogType."""


class Moment:
    """Something that happens once, and who waits for it."""

    __slots__ = ("_actions", "passed")

    def __init__(self) -> None:
        self.passed = False
        self._actions: list[Callable[[], None]] = []

    def happen(self) -> None:
        """Now."""
        self.passed = True
        actions, self._actions = self._actions, []
        for action in actions:
            try:
                action()
            except Exception as error:  # noqa: BLE001 - a caller's bug must not stop the engine
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "Who waited for an invocation broke.", "exception": error}
                )

    def then(self, action: Callable[[], None]) -> None:
        """Call `action` when it happens, within that very call; at once when it has."""
        if self.passed:
            action()
        else:
            self._actions.append(action)

    async def wait(self) -> None:
        """Wait for it."""
        if self.passed:
            return
        future = asyncio.get_running_loop().create_future()
        self._actions.append(lambda: None if future.done() else future.set_result(None))
        await future


class Run:
    """One invocation, from acceptance until its figures are final."""

    def __init__(
        self,
        acceptance: Acceptance,
        *,
        function_arn: str,
        trace_id: str,
        client_context: bytes | None,
        accepted_s: float,
        log_limit_bytes: int,
    ) -> None:
        self.acceptance = acceptance
        self.function_arn = function_arn
        self.trace_id = trace_id
        self.client_context = client_context
        self.accepted_s = accepted_s
        self._environment_id: EnvironmentId | None = None
        self._cold: bool | None = None
        self._how: InitializationType | None = None
        self._outcome: Outcome | None = None
        self._ended_at: datetime | None = None
        self._measurements: Measurements | None = None
        self._log_lines = self._log_bytes_dropped = 0
        self.logs: list[LogEntry] = []
        """Its log, platform lines included, as far as the history keeps it."""
        self.on_finished: Callable[[Run], None] = _nothing
        """Called once, by whoever leased the concurrency it uses."""
        self.answered_s: float | None = None
        """When its outcome was settled, on the monotonic clock."""
        self.given_back = False
        """Its lease is not its own any more."""
        self.alone = False
        """It gets a new environment, which serves nobody else."""
        self.moves = 0
        """How often it lost its environment before the runtime had asked for it."""
        self._log_room_bytes = log_limit_bytes
        self._tail: deque[str] = deque()
        self._tail_bytes = 0
        self._error: WorkbenchError | None = None
        self._settled = Moment()
        self._finished = Moment()

    @property
    def record_now(self) -> InvocationRecord:
        """What is known by now."""
        return InvocationRecord(
            acceptance=self.acceptance,
            outcome=self._outcome,
            environment_id=self._environment_id,
            cold=self._cold,
            initialization_type=self._how,
            ended_at=self._ended_at,
            measurements=self._measurements,
            log_lines=self._log_lines,
            log_bytes_dropped=self._log_bytes_dropped,
        )

    @property
    def known_outcome(self) -> Outcome | None:
        """`None` while it runs."""
        return self._outcome

    @property
    def settled(self) -> bool:
        """The outcome is known."""
        return self._settled.passed

    @property
    def finished(self) -> bool:
        """The figures are final too."""
        return self._finished.passed

    def placed(
        self,
        environment_id: EnvironmentId,
        *,
        cold: bool,
        how: InitializationType = InitializationType.ON_DEMAND,
    ) -> None:
        """An environment has it."""
        self._environment_id, self._cold, self._how = environment_id, cold, how

    def answered_since(self, moment_s: float) -> bool:
        """Its outcome was settled after that moment of the monotonic clock, where it ran."""
        return self.answered_s is not None and self.answered_s > moment_s

    def settle(self, outcome: Outcome, *, ended_at: datetime) -> InvocationRecord:
        """The outcome is known; callers of `outcome()` go on when `release` is called."""
        if self._outcome is not None:
            raise InternalError(f"Invocation {self.acceptance.request_id} got a second outcome.")
        self._outcome, self._ended_at = outcome, ended_at
        return self.record_now

    def release(self, error: WorkbenchError | None = None) -> None:
        """Let callers of `outcome()` go on; with `error`, by raising it."""
        self._error = error
        self._settled.happen()

    def finish(self, measurements: Measurements | None) -> InvocationRecord:
        """The figures are final."""
        if self._finished.passed or not self._settled.passed:
            raise InternalError(f"Invocation {self.acceptance.request_id} ended out of order.")
        self._measurements = measurements
        self.on_finished(self)
        self._finished.happen()
        return self.record_now

    def log(self, entry: LogEntry, *, in_tail: bool = True) -> None:
        """Keep a log entry, as far as there is room; its end also for the tail."""
        size = line_bytes(entry.text)
        kept, self._log_room_bytes = log_room(entry.stream, size, self._log_room_bytes)
        if kept:
            self.logs.append(entry)
            self._log_lines += 1
        else:
            self._log_bytes_dropped += size
        if not in_tail:
            return
        self._tail.append(entry.text)
        self._tail_bytes += size
        while (
            self._tail_bytes > TAIL_BYTES
            and self._tail_bytes - line_bytes(self._tail[0]) >= TAIL_BYTES
        ):
            self._tail_bytes -= line_bytes(self._tail.popleft())

    def log_tail(self) -> bytes:
        """The last 4 KB of the log's text."""
        return "".join(f"{text}\n" for text in self._tail).encode()[-TAIL_BYTES:]

    async def outcome(self) -> Outcome:
        """Wait until the function has answered or failed.

        Raises what kept it from running at all. Cancellation: stops waiting, not the function.
        """
        await self._settled.wait()
        return self.outcome_now()

    def outcome_now(self) -> Outcome:
        """The same, once it is `settled`."""
        if self._error is not None:
            raise self._error
        outcome = self._outcome
        if outcome is None:
            raise InternalError(f"Invocation {self.acceptance.request_id} was released unsettled.")
        return outcome

    def when_settled(self, action: Callable[[], None]) -> None:
        """Call `action` as soon as `outcome_now` answers, ahead of every task; maybe at once.

        It may not wait. What it raises is a bug, and does not reach the engine.
        """
        self._settled.then(action)

    def when_finished(self, action: Callable[[], None]) -> None:
        """The same, when the figures are final."""
        self._finished.then(action)

    async def record(self) -> InvocationRecord:
        """Wait until the figures are final. Never raises for an invocation that could not start:
        the record says so.
        """
        await self._finished.wait()
        return self.record_now


def _nothing(_: Run) -> None:
    """Nobody is to be told."""
