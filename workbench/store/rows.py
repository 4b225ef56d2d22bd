"""Rows to model values. The other way is `inserts.py`.

Each query stands next to the function that takes its rows, with the columns in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.model.concurrency import InitializationType
from workbench.model.container import ContainerOrigin, Figures, LogStream
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
)
from workbench.model.names import EnvironmentId, FunctionName, Qualifier, RequestId, Target
from workbench.store.times import from_optional_us, from_us

Row = tuple[Any, ...]

SUMMARY_QUERY = """
    SELECT
        request_id, function, version, origin, event, accepted_at, code_digest, kind, error_type,
        substr(error_message, 1, 4096), cold, duration_ms, billed_ms, init_ms, memory_mb,
        max_memory_bytes, cpu_ms, engine_create_ms, engine_start_ms, boot_ms, import_ms, claim_ms
    FROM invocations
"""
# A function may raise a message of megabytes: a list shows its beginning, the record all of it.


def summary(row: Row) -> RunSummary:
    """From `SUMMARY_QUERY`."""
    request_id, function, version, origin, event, accepted_at, code_digest, *rest = row
    kind, error_type, error_message, cold, duration_ms, billed_ms, init_ms, *figures = rest
    memory_mb, max_memory_bytes, cpu_ms, *split = figures
    return RunSummary(
        request_id=RequestId(request_id),
        function=FunctionName(function),
        version=Qualifier(version),
        origin=Origin(origin),
        event=event,
        accepted_at=from_us(accepted_at),
        code_digest=code_digest,
        kind=None if kind is None else OutcomeKind(kind),
        error_type=error_type,
        error_message=error_message,
        cold=_truth(cold),
        duration_ms=duration_ms,
        billed_ms=billed_ms,
        init_ms=init_ms,
        split=_split(split),
        memory_mb=memory_mb,
        max_memory_bytes=max_memory_bytes,
        cpu_ms=cpu_ms,
    )


RECORD_QUERY = """
    SELECT
        i.request_id, i.function, i.version, i.target_qualifier, i.target_region, i.target_account,
        i.origin, i.event, i.accepted_at, i.code_digest, i.memory_mb, i.timeout_s,
        (SELECT payload FROM requests WHERE invocation = i.id),
        i.kind, (SELECT payload FROM responses WHERE invocation = i.id), i.error_type,
        i.error_message,
        (SELECT environment_id FROM environments WHERE id = i.environment), i.cold, i.ended_at,
        i.log_lines, i.log_bytes_dropped,
        i.queued_ms, i.create_ms, i.init_ms, i.duration_ms, i.billed_ms, i.max_memory_bytes,
        i.cpu_ms, i.engine_create_ms, i.engine_start_ms, i.boot_ms, i.import_ms, i.claim_ms,
        i.initialization_type
    FROM invocations AS i
"""


def record(row: Row) -> InvocationRecord:
    """From `RECORD_QUERY`."""
    environment_id, cold, ended_at, log_lines, log_bytes_dropped = row[17:22]
    acceptance = _acceptance(row[:13])
    return InvocationRecord(
        acceptance=acceptance,
        outcome=_outcome(row[13:17]),
        environment_id=None if environment_id is None else EnvironmentId(environment_id),
        cold=_truth(cold),
        ended_at=from_optional_us(ended_at),
        initialization_type=None if row[-1] is None else InitializationType(row[-1]),
        measurements=_measurements(row[22:-1], memory_mb=acceptance.memory_mb),
        log_lines=log_lines,
        log_bytes_dropped=log_bytes_dropped,
    )


def _acceptance(row: Row) -> Acceptance:
    request_id, function, version, qualifier, region, account, *rest = row
    origin, event, accepted_at, code_digest, memory_mb, timeout_s, payload = rest
    return Acceptance(
        request_id=RequestId(request_id),
        target=Target(
            name=FunctionName(function), qualifier=qualifier, region=region, account=account
        ),
        function=FunctionName(function),
        version=Qualifier(version),
        origin=Origin(origin),
        event=event,
        accepted_at=from_us(accepted_at),
        payload=b"" if payload is None else payload,
        code_digest=code_digest,
        memory_mb=memory_mb,
        timeout_s=timeout_s,
    )


def _outcome(row: Row) -> Outcome | None:
    kind, payload, error_type, error_message = row
    if kind is None:
        return None
    return Outcome(
        kind=OutcomeKind(kind),
        payload=b"" if payload is None else payload,
        error_type=error_type,
        error_message=error_message,
    )


def _measurements(row: Row, *, memory_mb: int) -> Measurements | None:
    queued_ms, container_ms, init_ms, duration_ms, billed_ms, max_memory_bytes, cpu_ms, *split = row
    if queued_ms is None:
        return None
    return Measurements(
        queued_ms=queued_ms,
        container_ms=container_ms,
        init_ms=init_ms,
        split=_split(split),
        duration_ms=duration_ms,
        billed_ms=billed_ms,
        memory_mb=memory_mb,
        max_memory_bytes=max_memory_bytes,
        cpu_ms=cpu_ms,
    )


ENTRY_QUERY = """
    SELECT
        l.at, e.function, e.environment_id,
        (SELECT request_id FROM invocations WHERE id = l.invocation), l.stream, l.text, l.level,
        l.id
    FROM logs AS l CROSS JOIN environments AS e ON e.id = l.environment
"""
# CROSS: SQLite keeps the order, and reads logs by their ids.


def entry(row: Row) -> LogEntry:
    """From `ENTRY_QUERY`."""
    at, function, environment_id, request_id, stream, text, level, _ = row
    return LogEntry(
        at=from_us(at),
        function=FunctionName(function),
        environment_id=EnvironmentId(environment_id),
        request_id=None if request_id is None else RequestId(request_id),
        stream=LogStream(stream),
        text=text,
        level=level,
    )


SNAPSHOT_QUERY = """
    SELECT
        environment_id, function, version, state, container, created_at, changed_at, idle_until,
        invocations, invocation, init_ms, memory_mb, peak_bytes, current_bytes, cpu_ns, oom_kills,
        code_digest, retiring, engine_create_ms, engine_start_ms, boot_ms, import_ms,
        claim_ms, origin, initialization_type
    FROM environments
"""


def snapshot(row: Row) -> EnvironmentSnapshot:
    """From `SNAPSHOT_QUERY`, where the state is not NULL."""
    environment_id, function, version, state, container, created_at, changed_at, *rest = row
    idle_until, invocations, invocation, init_ms, memory_mb, *rest = rest
    peak_bytes, current_bytes, cpu_ns, oom_kills, code_digest, retiring, *split, origin, how = rest
    return EnvironmentSnapshot(
        environment_id=EnvironmentId(environment_id),
        function=FunctionName(function),
        version=Qualifier(version),
        state=EnvironmentState(state),
        container=container,
        created_at=from_us(created_at),
        changed_at=from_us(changed_at),
        idle_until=from_optional_us(idle_until),
        invocations=invocations,
        invocation=None if invocation is None else RequestId(invocation),
        init_ms=init_ms,
        split=_split(split),
        memory_mb=memory_mb,
        figures=Figures(
            peak_bytes=peak_bytes,
            current_bytes=current_bytes,
            cpu_ns=cpu_ns,
            oom_kills=oom_kills,
        ),
        code_digest=code_digest,
        retiring=bool(retiring),
        origin=ContainerOrigin(origin),
        initialization_type=InitializationType(how),
    )


def _split(row: Sequence[Any]) -> InitSplit:
    create_ms, start_ms, boot_ms, import_ms, claim_ms = row
    return InitSplit(
        create_ms=create_ms,
        start_ms=start_ms,
        boot_ms=boot_ms,
        import_ms=import_ms,
        claim_ms=claim_ms,
    )


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)
