from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH
from tests.fakes.versions import a_variable, an_acceptance
from workbench.cli import values
from workbench.model import failures
from workbench.model.container import Figures, LogStream
from workbench.model.doctor import Finding, Health
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.event import EventFile
from workbench.model.function import Function, FunctionConfiguration, Problem
from workbench.model.invocation import (
    InitSplit,
    InvocationRecord,
    LogEntry,
    Measurements,
    Outcome,
    OutcomeKind,
    summary,
)
from workbench.model.names import LATEST, EnvironmentId, FunctionName, RuntimeName

KEYS = [
    "request_id",
    "function",
    "version",
    "environment_id",
    "cold",
    "initialization_type",
    "outcome",
    "response",
    "error",
    "duration_ms",
    "billed_ms",
    "init_ms",
    "init_split",
    "container_ms",
    "queued_ms",
    "memory_mb",
    "max_memory_mb",
    "cpu_ms",
    "logs",
]


def a_record(outcome: Outcome) -> InvocationRecord:
    return InvocationRecord(
        acceptance=an_acceptance(payload=b'{"sku": "A-1"}'),
        outcome=outcome,
        environment_id=EnvironmentId("ab" * 16),
        cold=True,
        ended_at=EPOCH + timedelta(seconds=1),
        measurements=Measurements(
            duration_ms=12.3456,
            billed_ms=113,
            queued_ms=0.004,
            container_ms=190.005,
            init_ms=100.0049,
            split=InitSplit(create_ms=7.118, start_ms=182.887, boot_ms=None, import_ms=None),
            memory_mb=128,
            max_memory_bytes=30 * 1024 * 1024 + 1,
            cpu_ms=61.2345,
        ),
    )


def an_entry(text: str) -> LogEntry:
    return LogEntry(
        at=EPOCH,
        function=FunctionName("orders"),
        environment_id=EnvironmentId("ab" * 16),
        request_id=None,
        stream=LogStream.STDOUT,
        text=text,
    )


def test_a_success_has_every_documented_key_and_no_other() -> None:
    record = a_record(Outcome(kind=OutcomeKind.SUCCESS, payload=b'{"ok": [1, null]}'))

    value = values.invocation(record, [an_entry("one"), an_entry("two\nlines")])

    assert list(value) == KEYS
    assert value | {} == {
        "request_id": record.request_id,
        "function": "orders",
        "version": "$LATEST",
        "environment_id": "ab" * 16,
        "cold": True,
        "initialization_type": None,
        "outcome": "success",
        "response": {"ok": [1, None]},
        "error": None,
        "duration_ms": 12.35,
        "billed_ms": 113,
        "init_ms": 100.0,
        "init_split": {
            "claim_ms": None,
            "create_ms": 7.12,
            "start_ms": 182.89,
            "boot_ms": None,
            "import_ms": None,
        },
        "container_ms": 190.0,
        "queued_ms": 0.0,
        "memory_mb": 128,
        "max_memory_mb": 31,
        "cpu_ms": 61.23,
        "logs": ["one", "two\nlines"],
    }


def test_a_failure_has_its_type_message_and_trace() -> None:
    body = {"errorMessage": "no", "errorType": "ValueError", "stackTrace": ["line 1", "line 2"]}
    outcome = failures.posted_error(
        json.dumps(body).encode(), header_type=None, kind=OutcomeKind.ERROR
    )

    value = values.invocation(a_record(outcome), [])

    assert value["outcome"] == "error"
    assert value["response"] is None
    assert value["error"] == {
        "type": "ValueError",
        "message": "no",
        "trace": ["line 1", "line 2"],
    }


def test_nodes_trace_is_one_too() -> None:
    outcome = failures.posted_error(
        b'{"errorType":"Error","errorMessage":"x","trace":["a"]}',
        header_type=None,
        kind=OutcomeKind.ERROR,
    )

    assert values.invocation(a_record(outcome), [])["error"]["trace"] == ["a"]


def test_a_timeout_has_no_trace() -> None:
    outcome = failures.timed_out(an_acceptance().request_id, timeout_s=3)

    error = values.invocation(a_record(outcome), [])["error"]

    assert set(error) == {"type", "message"}
    assert error["type"] == "Sandbox.Timedout"


def test_what_was_not_measured_is_null() -> None:
    record = replace(a_record(Outcome(kind=OutcomeKind.SUCCESS, payload=b"1")), measurements=None)

    value = values.invocation(record, [])

    unknown = ("duration_ms", "billed_ms", "init_ms", "init_split", "max_memory_mb", "cpu_ms")
    assert [value[key] for key in unknown] == [None] * len(unknown)
    assert value["memory_mb"] == 128


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"", {}),
        (b"null", None),
        (b'"text"', "text"),
        (b"not json", "not json"),
        (b"NaN", "NaN"),
        (b"\xff", "\ufffd"),
        (b"[" * 50_000, "[" * 50_000),
    ],
)
def test_a_payload_is_json_or_its_text(payload: bytes, value: object) -> None:
    assert values.parsed(payload) == value


def test_a_run_says_also_what_was_asked() -> None:
    record = a_record(Outcome(kind=OutcomeKind.SUCCESS, payload=b"1"))

    value = values.run(record, [])

    assert list(value)[: len(KEYS)] == KEYS
    assert value["payload"] == {"sku": "A-1"}
    assert value["accepted_at"] == EPOCH.isoformat()
    assert json.loads(json.dumps(value)) == value


SNAPSHOT = EnvironmentSnapshot(
    environment_id=EnvironmentId("ab" * 16),
    function=FunctionName("orders"),
    version=LATEST,
    state=EnvironmentState.BUSY,
    container="wb-orders-abababab",
    created_at=EPOCH,
    changed_at=EPOCH,
    idle_until=None,
    invocations=3,
    invocation=an_acceptance().request_id,
    init_ms=100.0049,
    memory_mb=128,
    figures=Figures(
        peak_bytes=30 * 1024 * 1024, current_bytes=20 * 1024 * 1024, cpu_ns=1_234_567_890
    ),
    code_digest="1" * 64,
)
A_FUNCTION = Function(
    name=FunctionName("orders"),
    folder=Path("/project/orders"),
    configuration=FunctionConfiguration(
        name=FunctionName("orders"),
        runtime=RuntimeName("python3.13"),
        handler="app.handler",
        variables=(a_variable("TOKEN", "hunter2", secret=True),),
    ),
    problems=(Problem(path=Path("/project/orders/function.toml"), line=3, message="Bad."),),
    events=("small",),
)
AN_EVENT = EventFile(
    function=FunctionName("orders"),
    name="small",
    path=Path("/project/orders/events/small.json"),
    size_bytes=12,
    changed_at=EPOCH,
    expected=True,
)
A_FINDING = Finding(
    subject="disk", health=Health.WARNING, detail="1 GB free", cause="Full.", fix="leftovers"
)
A_SUCCESS = Outcome(kind=OutcomeKind.SUCCESS, payload=b"1")


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (
            values.environment(SNAPSHOT, now=EPOCH + timedelta(seconds=90)),
            {
                "state": "busy",
                "init_ms": 100.0,
                "max_memory_mb": 30,
                "memory_now_mb": 20,
                "cpu_ms": 1234.57,
                "invocations": 3,
                "age_s": 90.0,
                "idle_until": None,
                "idle_left_s": None,
                "retiring": False,
            },
        ),
        (
            values.environment(
                replace(
                    SNAPSHOT,
                    figures=Figures(),
                    init_ms=None,
                    idle_until=EPOCH + timedelta(seconds=100.04),
                ),
                now=EPOCH + timedelta(seconds=90),
            ),
            {
                "max_memory_mb": None,
                "memory_now_mb": None,
                "cpu_ms": None,
                "init_ms": None,
                "init_split": None,
                "idle_left_s": 10.0,
            },
        ),
        (
            values.function(A_FUNCTION),
            {"runtime": "python3.13", "broken": True, "events": ["small"], "memory_mb": 128},
        ),
        (
            values.function(replace(A_FUNCTION, configuration=None)),
            {"runtime": None, "handler": None, "memory_mb": None},
        ),
        (
            values.problem(A_FUNCTION.problems[0]),
            {"line": 3, "severity": "error", "message": "Bad."},
        ),
        (values.event(AN_EVENT), {"size_bytes": 12, "expected": True}),
        (values.finding(A_FINDING), {"health": "warning", "fixable": True, "remedy": None}),
        (values.log_entry(an_entry("one")), {"stream": "stdout", "level": None, "text": "one"}),
        (
            values.summary(summary(a_record(A_SUCCESS))),
            {
                "outcome": "success",
                "cold": True,
                "duration_ms": 12.35,
                "billed_ms": 113,
                "max_memory_mb": 31,
                "cpu_ms": 61.23,
            },
        ),
        (values.folder(Path("/project/new")), {"folder": "/project/new"}),
    ],
)
def test_every_value_is_plain_json(value: dict[str, object], holds: dict[str, object]) -> None:
    assert json.loads(json.dumps(value)) == value
    assert value | holds == value


def test_variables_are_in_no_list_of_functions() -> None:
    assert "hunter2" not in json.dumps(values.function(A_FUNCTION))
