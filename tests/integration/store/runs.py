"""Invocations as the engine would have them, told to a real store."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.fakes.clock import EPOCH
from tests.fakes.versions import a_version, an_acceptance
from workbench.clock import SystemClock
from workbench.model.container import Figures, LogStream
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.invocation import (
    Acceptance,
    InvocationRecord,
    LogEntry,
    Measurements,
    Outcome,
    OutcomeKind,
)
from workbench.model.names import LATEST, EnvironmentId, FunctionName, RequestId
from workbench.model.settings import Limits, Retention, Settings
from workbench.model.telemetry import EnvironmentChanged, Fault, LogLine, Report, Start
from workbench.store import journal, opening
from workbench.store.instances import InstanceKind
from workbench.store.opening import Store, open_store
from workbench.telemetry import Bus, Feed

PLACE = EnvironmentId("ab" * 16)


class HurriedClock(SystemClock):
    """What is to be tried again later is tried again at once, and so is pruning, if wanted."""

    def __init__(self, *, pruning: bool) -> None:
        self._prune_s = 0.05 if pruning else opening.PRUNE_EVERY_S

    def call_at(self, at_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return super().call_at(at_s - journal.RETRY_S * 0.99, action)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(self._prune_s if seconds == opening.PRUNE_EVERY_S else seconds)


def new_id() -> RequestId:
    """Unlike `new_request_id`, no two begin alike."""
    return RequestId(str(uuid.uuid4()))


def accept(
    name: str = "orders",
    *,
    payload: bytes = b"{}",
    at: datetime | None = None,
    request_id: RequestId | None = None,
) -> Acceptance:
    acceptance = an_acceptance(a_version(name), payload=payload, request_id=request_id or new_id())
    return replace(acceptance, accepted_at=at or SystemClock().now())


def end(
    acceptance: Acceptance,
    *,
    payload: bytes = b'"done"',
    kind: OutcomeKind = OutcomeKind.SUCCESS,
    environment_id: EnvironmentId = PLACE,
) -> InvocationRecord:
    return InvocationRecord(
        acceptance=acceptance,
        outcome=Outcome(
            kind=kind,
            payload=payload,
            error_type=None if kind is OutcomeKind.SUCCESS else "ValueError",
        ),
        environment_id=environment_id,
        cold=False,
        ended_at=acceptance.accepted_at + timedelta(milliseconds=5),
    )


def report(record: InvocationRecord) -> InvocationRecord:
    return replace(record, measurements=Measurements(duration_ms=4.5, billed_ms=5), log_lines=2)


def entry(
    text: str,
    request_id: RequestId | None = None,
    *,
    name: str = "orders",
    environment_id: EnvironmentId = PLACE,
    at: datetime = EPOCH,
) -> LogEntry:
    return LogEntry(
        at=at,
        function=FunctionName(name),
        environment_id=environment_id,
        request_id=request_id,
        stream=LogStream.STDOUT,
        text=text,
    )


def snapshot(
    state: EnvironmentState = EnvironmentState.IDLE,
    *,
    environment_id: EnvironmentId = PLACE,
    created_at: datetime = EPOCH,
) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        environment_id=environment_id,
        function=FunctionName("orders"),
        version=LATEST,
        state=state,
        container="wb-orders-abababab",
        created_at=created_at,
        changed_at=created_at,
        idle_until=None,
        invocations=1,
        invocation=None,
        init_ms=12.5,
        memory_mb=128,
        figures=Figures(peak_bytes=1),
        code_digest="ab" * 32,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An open store, the bus it listens to, and what went wrong."""

    store: Store
    bus: Bus
    faults: Feed
    said: list[str] = field(default_factory=list)

    def log(self, *texts: str, request_id: RequestId | None = None) -> None:
        for text in texts:
            self.bus.publish(LogLine(entry=entry(text, request_id)))

    def change(self, changed: EnvironmentSnapshot) -> None:
        self.bus.publish(EnvironmentChanged.of(changed))

    def run(
        self, acceptance: Acceptance | None = None, *, payload: bytes = b'"done"'
    ) -> InvocationRecord:
        """One invocation, from beginning to end, with a log line of its own."""
        acceptance = acceptance or accept()
        self.store.journal.accepted(acceptance)
        self.bus.publish(
            Start(
                request_id=acceptance.request_id,
                environment_id=PLACE,
                at=EPOCH,
                deadline=EPOCH,
            )
        )
        self.log("START", "hello", request_id=acceptance.request_id)
        ended = end(acceptance, payload=payload)
        self.store.journal.ended(ended)
        self.log("END", request_id=acceptance.request_id)
        reported = report(ended)
        self.store.journal.reported(reported)
        self.bus.publish(Report(record=reported))
        return reported

    async def until_failing(self) -> None:
        await until(lambda: self.store.history.problem is not None)

    async def until_well(self) -> None:
        await until(lambda: self.store.history.problem is None)

    def messages(self) -> list[str]:
        """What went wrong, from the beginning."""
        values = self.faults.take_nowait()
        self.said.extend(value.message for value in values if isinstance(value, Fault))
        return self.said


@asynccontextmanager
async def telling(
    state: Path,
    *,
    limits: Limits | None = None,
    retention: Retention | None = None,
    kind: InstanceKind = InstanceKind.CLI,
) -> AsyncIterator[Told]:
    """A store that records."""
    bus = Bus()
    settings = Settings(limits=limits or Limits(), retention=retention or Retention())
    with bus.subscribe(capacity=None) as faults:
        async with (
            open_store(
                state,
                bus=bus,
                clock=HurriedClock(pruning=retention is not None),
                settings=settings,
                kind=kind,
            ) as store,
            asyncio.TaskGroup() as tasks,
        ):
            running = tasks.create_task(store.run())
            yield Told(store=store, bus=bus, faults=faults)
            running.cancel()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread or a timer brings about."""
    async with asyncio.timeout(30):
        while not condition():
            await SystemClock().sleep(0.01)


def texts(entries: Sequence[LogEntry]) -> list[str]:
    return [one.text for one in entries]
