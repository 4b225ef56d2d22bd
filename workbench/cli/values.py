"""Model values as the JSON that `--json` prints. Pure.

What docs/cli.md names here stays: programs read it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.model.concurrency import AccountConcurrency
from workbench.model.doctor import Finding
from workbench.model.environment import EnvironmentSnapshot
from workbench.model.event import EventFile
from workbench.model.function import Function, Problem
from workbench.model.invocation import InitSplit, InvocationRecord, LogEntry, Outcome, RunSummary
from workbench.model.keys import KeyInfo, Rotation
from workbench.model.report import megabytes


def invocation(record: InvocationRecord, logs: Sequence[LogEntry]) -> dict[str, Any]:
    """What `invoke --json` prints. Figures that were not measured are null."""
    outcome, measured = record.outcome, record.measurements
    peak = None if measured is None else measured.max_memory_bytes
    answered = outcome is not None and outcome.ok
    return {
        "request_id": record.request_id,
        "function": record.acceptance.function,
        "version": record.acceptance.version,
        "environment_id": record.environment_id,
        "cold": record.cold,
        "initialization_type": record.initialization_type,
        "outcome": None if outcome is None else outcome.kind,
        "response": parsed(outcome.payload) if answered and outcome is not None else None,
        "error": None if outcome is None else _error(outcome),
        "duration_ms": None if measured is None else rounded(measured.duration_ms),
        "billed_ms": None if measured is None else measured.billed_ms,
        "init_ms": None if measured is None else rounded(measured.init_ms),
        "init_split": None if measured is None else init_split(measured.split),
        "container_ms": None if measured is None else rounded(measured.container_ms),
        "queued_ms": None if measured is None else rounded(measured.queued_ms),
        "memory_mb": record.acceptance.memory_mb,
        "max_memory_mb": _optional_megabytes(peak),
        "cpu_ms": None if measured is None else rounded(measured.cpu_ms),
        "logs": [entry.text for entry in logs],
    }


def run(record: InvocationRecord, logs: Sequence[LogEntry]) -> dict[str, Any]:
    """What `history --show` prints: the same, and what was asked."""
    acceptance = record.acceptance
    return {
        **invocation(record, logs),
        "accepted_at": _time(acceptance.accepted_at),
        "ended_at": _time(record.ended_at),
        "origin": acceptance.origin,
        "event": acceptance.event,
        "code_digest": acceptance.code_digest,
        "timeout_s": acceptance.timeout_s,
        "payload": parsed(acceptance.payload),
        "log_bytes_dropped": record.log_bytes_dropped,
    }


def summary(found: RunSummary) -> dict[str, Any]:
    return {
        "request_id": found.request_id,
        "function": found.function,
        "version": found.version,
        "origin": found.origin,
        "event": found.event,
        "accepted_at": _time(found.accepted_at),
        "outcome": found.kind,
        "error_type": found.error_type,
        "error_message": found.error_message,
        "cold": found.cold,
        "duration_ms": rounded(found.duration_ms),
        "billed_ms": found.billed_ms,
        "init_ms": rounded(found.init_ms),
        "init_split": init_split(found.split),
        "memory_mb": found.memory_mb,
        "max_memory_mb": _optional_megabytes(found.max_memory_bytes),
        "cpu_ms": rounded(found.cpu_ms),
    }


def init_split(split: InitSplit) -> dict[str, Any] | None:
    """`null` when nothing was started, or nothing of it is known."""
    if not split.known:
        return None
    return {
        "claim_ms": rounded(split.claim_ms),
        "create_ms": rounded(split.create_ms),
        "start_ms": rounded(split.start_ms),
        "boot_ms": rounded(split.boot_ms),
        "import_ms": rounded(split.import_ms),
    }


def log_entry(entry: LogEntry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "function": entry.function,
        "environment_id": entry.environment_id,
        "request_id": entry.request_id,
        "stream": entry.stream,
        "level": entry.level,
        "text": entry.text,
    }


def function(found: Function) -> dict[str, Any]:
    """Variables are left out: their values may be secret."""
    configuration = found.configuration
    return {
        "name": found.name,
        "folder": str(found.folder),
        "runtime": None if configuration is None else configuration.runtime,
        "handler": None if configuration is None else configuration.handler,
        "memory_mb": None if configuration is None else configuration.memory_mb,
        "timeout_s": None if configuration is None else configuration.timeout_s,
        "description": None if configuration is None else configuration.description,
        "events": list(found.events),
        "broken": found.broken,
        "problems": [problem(each) for each in found.problems],
    }


def problem(found: Problem) -> dict[str, Any]:
    return {
        "path": str(found.path),
        "line": found.line,
        "severity": found.severity,
        "message": found.message,
    }


def event(found: EventFile) -> dict[str, Any]:
    return {
        "function": found.function,
        "name": found.name,
        "path": str(found.path),
        "size_bytes": found.size_bytes,
        "changed_at": _time(found.changed_at),
        "expected": found.expected,
    }


def environment(found: EnvironmentSnapshot, *, now: datetime) -> dict[str, Any]:
    """What `ps --json` prints. Memory and CPU time are those of its last change of state."""
    figures = found.figures
    left = None if found.idle_until is None else max(0.0, seconds_between(now, found.idle_until))
    return {
        "environment_id": found.environment_id,
        "function": found.function,
        "version": found.version,
        "state": found.state,
        "container": found.container,
        "origin": found.origin,
        "created_at": _time(found.created_at),
        "changed_at": _time(found.changed_at),
        "age_s": round(seconds_between(found.created_at, now), 1),
        "idle_until": _time(found.idle_until),
        "idle_left_s": None if left is None else round(left, 1),
        "initialization_type": found.initialization_type,
        "retiring": found.retiring,
        "invocations": found.invocations,
        "request_id": found.invocation,
        "init_ms": rounded(found.init_ms),
        "init_split": init_split(found.split),
        "memory_mb": found.memory_mb,
        "memory_now_mb": _optional_megabytes(figures.current_bytes),
        "max_memory_mb": _optional_megabytes(figures.peak_bytes),
        "cpu_ms": None if figures.cpu_ns is None else rounded(figures.cpu_ns / 1e6),
        "code_digest": found.code_digest,
    }


def concurrency(account: AccountConcurrency) -> dict[str, Any]:
    """What `concurrency --json` prints."""
    return {
        "limit": account.limit,
        "unreserved": account.unreserved,
        "in_use": account.in_use,
        "memory_budget_mb": account.memory_budget_mb,
        "memory_used_mb": account.memory_used_mb,
        "in_line": account.in_line,
        "functions": [
            {
                "function": each.function,
                "reserved": each.reserved,
                "in_use": each.in_use,
                "provisioned": each.provisioned,
                "not_reserved": each.refusal,
            }
            for each in account.functions
        ],
    }


def finding(found: Finding) -> dict[str, Any]:
    return {
        "subject": found.subject,
        "health": found.health,
        "detail": found.detail,
        "cause": found.cause,
        "remedy": found.remedy,
        "fixable": found.fix is not None,
    }


def folder(path: Path) -> dict[str, Any]:
    """What `init --json` prints."""
    return {"folder": str(path)}


def parsed(payload: bytes) -> Any:
    """JSON as its value, anything else as its text. Empty is what Lambda delivers for it: `{}`."""
    if not payload:
        return {}
    text = payload.decode("utf-8", errors="replace")
    try:
        return _STRICT.decode(text)
    except (ValueError, RecursionError):
        return text


def _error(outcome: Outcome) -> dict[str, Any] | None:
    if outcome.ok:
        return None
    error: dict[str, Any] = {"type": outcome.error_type, "message": outcome.error_message}
    body = parsed(outcome.payload)
    if isinstance(body, dict):
        # Source: Python clients say stackTrace, Node's says trace.
        trace = body.get("stackTrace", body.get("trace"))
        if isinstance(trace, list) and trace:
            error["trace"] = trace
    return error


def rounded(milliseconds: float | None) -> float | None:
    """As REPORT prints it: two decimals."""
    return None if milliseconds is None else round(milliseconds, 2)


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Negative where the clocks of two workbenches differ."""
    return (later - earlier).total_seconds()


def _optional_megabytes(size_bytes: int | None) -> int | None:
    return None if size_bytes is None else megabytes(size_bytes)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)
"""NaN is text: what is printed must be JSON."""


def key(info: KeyInfo) -> dict[str, Any]:
    """One key of `keys ls --json`."""
    return {
        "name": info.name,
        "path": info.path,
        "generations": info.generations,
        "sealed": info.sealed,
        "places": info.places,
        "problem": info.problem,
    }


def rotation(done: Rotation) -> dict[str, Any]:
    """What `keys rotate --json` prints."""
    return {
        "name": done.name,
        "generation": done.generation,
        "resealed": done.resealed,
        "unreadable": done.unreadable,
        "kept": done.kept,
        "places": done.places,
    }
