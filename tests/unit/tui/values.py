"""Model values as the screen is given them, with one field of interest at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from workbench.model.container import Figures, LogStream
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.invocation import (
    Acceptance,
    InitSplit,
    InvocationRecord,
    LogEntry,
    Measurements,
    Origin,
    Outcome,
    OutcomeKind,
    RunSummary,
    summary,
)
from workbench.model.names import LATEST, EnvironmentId, FunctionName, RequestId, Target

NOW = datetime(2026, 11, 20, 14, 1, 58, tzinfo=UTC)
ORDERS = FunctionName("orders")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def an_id(number: int = 1) -> RequestId:
    return RequestId(f"{number:08x}-0000-4000-8000-000000000000")


def an_acceptance(number: int = 1, **changes: object) -> Acceptance:
    usual = Acceptance(
        request_id=an_id(number),
        target=Target(name=ORDERS),
        function=ORDERS,
        version=LATEST,
        origin=Origin.TUI,
        event="created",
        accepted_at=after(number),
        payload=b"{}",
        code_digest="77c2d0aa" * 8,
        memory_mb=128,
        timeout_s=3,
    )
    return replace(usual, **changes)  # type: ignore[arg-type] # each caller names real fields


def a_record(
    number: int = 1,
    kind: OutcomeKind = OutcomeKind.SUCCESS,
    *,
    payload: bytes = b"{}",
    error_type: str | None = None,
    message: str | None = None,
    peak: int | None = 64 * 1024 * 1024,
    cold: bool | None = False,
) -> InvocationRecord:
    return InvocationRecord(
        acceptance=an_acceptance(number),
        outcome=Outcome(kind=kind, payload=payload, error_type=error_type, error_message=message),
        environment_id=EnvironmentId("3f" * 16),
        cold=cold,
        ended_at=after(number + 1),
        measurements=Measurements(
            queued_ms=0.3,
            container_ms=214.0 if cold else None,
            init_ms=174.2 if cold else None,
            split=InitSplit(create_ms=11.5, start_ms=202.5, boot_ms=61.0, import_ms=113.2)
            if cold
            else InitSplit(),
            duration_ms=38.4,
            billed_ms=39,
            memory_mb=128,
            max_memory_bytes=peak,
            cpu_ms=None,
        ),
    )


def a_summary(number: int = 1, kind: OutcomeKind | None = OutcomeKind.SUCCESS) -> RunSummary:
    if kind is None:
        record = InvocationRecord(acceptance=an_acceptance(number), outcome=None)
        return summary(record)
    return summary(a_record(number, kind))


def an_entry(
    text: str, *, stream: LogStream = LogStream.STDOUT, level: str | None = None
) -> LogEntry:
    return LogEntry(
        at=NOW,
        function=ORDERS,
        environment_id=EnvironmentId("3f" * 16),
        request_id=an_id(),
        stream=stream,
        text=text,
        level=level,
    )


def an_environment(
    state: EnvironmentState,
    *,
    at: datetime = NOW,
    name: str = "a",
    invocation: RequestId | None = None,
) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        environment_id=EnvironmentId(name),
        function=ORDERS,
        version=LATEST,
        state=state,
        container=f"wb-orders-{name}",
        created_at=NOW,
        changed_at=at,
        idle_until=None,
        invocations=0,
        invocation=invocation,
        init_ms=None,
        memory_mb=128,
        figures=Figures(),
        code_digest="77c2d0aa",
    )
