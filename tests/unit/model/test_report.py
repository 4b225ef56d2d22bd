"""Lambda's platform lines, byte for byte. Source: reference section 14.2."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model import report
from workbench.model.invocation import Measurements
from workbench.model.names import LATEST, EnvironmentId, Qualifier, RequestId

ID = RequestId("8f5a1c2e-1111-4222-8333-944455556666")
AT = datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC)


def figures(
    duration_ms: float = 3.01,
    billed_ms: int = 4,
    init_ms: float | None = None,
    peak: int | None = 36 * 1024 * 1024,
) -> Measurements:
    return Measurements(
        duration_ms=duration_ms,
        billed_ms=billed_ms,
        init_ms=init_ms,
        memory_mb=128,
        max_memory_bytes=peak,
    )


LINES = [
    (report.start(ID, LATEST), f"START RequestId: {ID} Version: $LATEST"),
    (report.start(ID, Qualifier("3")), f"START RequestId: {ID} Version: 3"),
    (report.end(ID), f"END RequestId: {ID}"),
    (
        report.report(ID, figures(billed_ms=114, init_ms=110.1)),
        (
            f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t"
        ),
    ),
    (
        report.report(ID, figures()),
        (
            f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 36 MB\t"
        ),
    ),
    (
        report.report(ID, figures(3000, 3000, peak=30 * 1024 * 1024), status="timeout"),
        (
            f"REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 30 MB\tStatus: timeout"
        ),
    ),
    (
        report.report(
            ID, figures(init_ms=551.73), status="error", error_type="Runtime.OutOfMemory"
        ),
        (
            f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 36 MB\tInit Duration: 551.73 ms\tStatus: error\t"
            "Error Type: Runtime.OutOfMemory"
        ),
    ),
    (
        report.report(ID, figures(peak=None)),
        (
            f"REPORT RequestId: {ID}\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: unknown\t"
        ),
    ),
    (
        report.init_report(duration_ms=9999.79, phase="init", status="timeout", error_type=None),
        "INIT_REPORT Init Duration: 9999.79 ms\tPhase: init\tStatus: timeout",
    ),
    (
        report.init_report(
            duration_ms=150.79,
            phase="init",
            status="error",
            error_type="Runtime.UserCodeSyntaxError",
        ),
        (
            "INIT_REPORT Init Duration: 150.79 ms\tPhase: init\tStatus: error\t"
            "Error Type: Runtime.UserCodeSyntaxError"
        ),
    ),
    (
        report.timed_out_line(ID, at=AT, timeout_s=3),
        f"2026-01-02T03:04:05.678Z {ID} Task timed out after 3.00 seconds\n",
    ),
]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[str(n) for n in range(len(LINES))])
def test_line(line: str, expected: str) -> None:
    assert line == expected


@pytest.mark.parametrize(
    ("runtime", "named"),
    [
        ("python3.13", "python:3.13"),
        ("nodejs22.x", "nodejs:22.x"),
        ("provided.al2023", "provided:al2023"),
        ("java8.al2", "java:8.al2"),
        ("provided", "provided:"),
    ],
)
def test_init_start_names_the_runtime_as_lambda_does(runtime: str, named: str) -> None:
    line = report.init_start(runtime, region="eu-west-1", image_digest="ab" * 32)
    assert line == (
        f"INIT_START Runtime Version: {named}.workbench\t"
        f"Runtime Version ARN: arn:aws:lambda:eu-west-1::runtime:{'ab' * 32}"
    )


@pytest.mark.parametrize(
    ("duration_ms", "init_ms", "billed"),
    [
        (0.0, None, 0),
        (0.01, None, 1),
        (0.99, None, 1),
        (1.0, None, 1),
        (1.0000000000001, None, 1),  # rounding of the clock's difference, not a duration
        (1.001, None, 2),
        (3000.0, None, 3000),
        (1233.96, 463.512, 1698),
        (600_000.0, 476.75, 600_477),
        (0.1 + 0.2, 0.7, 1),
        (900_000.0, None, 900_000),
    ],
)
def test_billed(duration_ms: float, init_ms: float | None, billed: int) -> None:
    assert report.billed_ms(duration_ms, init_ms) == billed


@given(st.floats(0, 900_000), st.none() | st.floats(0, 10_000))
def test_billed_is_never_less_than_what_was_used_nor_a_whole_millisecond_more(
    duration_ms: float, init_ms: float | None
) -> None:
    used = duration_ms + (init_ms or 0)
    assert -1e-6 <= report.billed_ms(duration_ms, init_ms) - used < 1


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, 0), (1, 1), (1024 * 1024, 1), (1024 * 1024 + 1, 2), (128 * 1024 * 1024, 128)],
)
def test_megabytes_are_rounded_up(size: int, shown: int) -> None:
    assert report.megabytes(size) == shown


def test_cpus_are_in_proportion_to_memory() -> None:
    assert report.cpus(1769) == 1.0
    assert report.cpus(128) == pytest.approx(0.07236, abs=1e-5)


def test_a_log_stream_is_named_after_day_version_and_environment() -> None:
    name = report.log_stream_name(EnvironmentId("3f" * 16), LATEST, AT)
    assert name == f"2026/01/02/[$LATEST]{'3f' * 16}"
