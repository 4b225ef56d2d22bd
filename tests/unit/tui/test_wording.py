from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tui.values import NOW, a_record, after
from workbench.model.invocation import OutcomeKind, summary
from workbench.model.names import RuntimeName
from workbench.tui import wording


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0.0 ms"),
        (0.42, "0.4 ms"),
        (1.2, "1 ms"),
        (38.4, "38 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (3000, "3.0 s"),
        (59_940, "59.9 s"),
        (60_000, "1 m 00 s"),
        (125_000, "2 m 05 s"),
        (3_720_000, "1 h 02 m"),
    ],
)
def test_durations_are_short_and_never_lie_by_much(value: float, said: str) -> None:
    assert wording.milliseconds(value) == said


def test_a_clock_that_went_back_does_not_count_below_nothing() -> None:
    assert wording.seconds(-3) == "0.0 s"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 B"), (999, "999 B"), (1234, "1.2 KB"), (6_291_456, "6.3 MB")]
)
def test_sizes(count: int, said: str) -> None:
    assert wording.size(count) == said


def test_counts_have_their_word() -> None:
    assert wording.counted(1, "line") == "1 line"
    assert wording.counted(2041, "line") == "2 041 lines"
    assert wording.counted(2, "match", "matches") == "2 matches"


def test_a_moment_is_the_time_today_and_the_day_before() -> None:
    assert wording.moment(after(-60), NOW, UTC) == "14:00:58"
    assert wording.moment(after(-86_400), NOW, UTC) == "  19 Nov"
    assert wording.moment(NOW - timedelta(days=400), NOW, UTC) == "Oct 2025"


def test_a_moment_is_told_in_the_persons_own_zone() -> None:
    assert wording.time_of_day(NOW, timezone(timedelta(hours=2))) == "16:01:58"


@given(st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))  # noqa: DTZ001 - as it asks for
def test_a_column_of_moments_stands(at: datetime) -> None:
    assert len(wording.moment(at, NOW, UTC)) == 8


@pytest.mark.parametrize(
    ("name", "said"),
    [("python3.13", "python3.13"), ("nodejs22.x", "nodejs22"), ("provided.al2023", "provided")],
)
def test_a_runtime_is_named_without_what_tells_nothing(name: str, said: str) -> None:
    assert wording.runtime(RuntimeName(name)) == said


@pytest.mark.parametrize(
    ("kind", "error_type", "message", "said"),
    [
        (OutcomeKind.SUCCESS, None, None, None),
        (OutcomeKind.ERROR, "KeyError", "'sku'", "KeyError: 'sku'"),
        (OutcomeKind.ERROR, "KeyError", None, "KeyError"),
        (OutcomeKind.TIMEOUT, "Sandbox.Timedout", "RequestId: 7 Error: Task timed out after 3.00 s", "Task timed out"),
        (OutcomeKind.EXIT, "Runtime.ExitError", "RequestId: 7 Error: Runtime exited with error: exit status 1", "Runtime exited with error: exit status 1"),
        (OutcomeKind.LOST, "Workbench.Lost", None, "Workbench.Lost"),
    ],
)  # fmt: skip
def test_a_failed_run_says_why_on_one_line(
    kind: OutcomeKind, error_type: str | None, message: str | None, said: str | None
) -> None:
    record = a_record(kind=kind, error_type=error_type, message=message)

    assert wording.failure(summary(record)) == said


def test_every_outcome_has_a_word() -> None:
    assert len({wording.outcome(kind) for kind in [*OutcomeKind, None]}) == len(OutcomeKind) + 1


@given(st.text())
def test_one_line_is_one_line_and_safe(text: str) -> None:
    said = wording.one_line(text)

    assert "\n" not in said
    assert "\x1b" not in said
    assert said.isprintable() or all(
        c == " " or not c.isprintable() for c in said if not c.isprintable()
    )
    assert not any("\x7f" <= c <= "\x9f" or c < " " for c in said)
