from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.versions import an_acceptance
from workbench.cli.parsers import make_parser
from workbench.model import failures
from workbench.model.invocation import InvocationRecord, Measurements, Outcome, OutcomeKind
from workbench.model.tuning import DEFAULT_SIZES, SizeResult, best, failure

durations = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40)


def a_run(duration_ms: float, *, peak: int | None = None) -> InvocationRecord:
    return InvocationRecord(
        acceptance=an_acceptance(),
        outcome=Outcome(kind=OutcomeKind.SUCCESS, payload=b"1"),
        cold=False,
        measurements=Measurements(
            duration_ms=duration_ms, billed_ms=int(duration_ms) + 1, max_memory_bytes=peak
        ),
    )


def measured(memory_mb: int, *took_ms: float, failed: tuple[str, ...] = ()) -> SizeResult:
    return SizeResult(
        memory_mb=memory_mb, warm=tuple(a_run(each) for each in took_ms), failures=failed
    )


def p50(result: SizeResult) -> float | None:
    return result.percentile_ms(50)


def by_size(result: SizeResult) -> float:
    return float(result.memory_mb)


def test_percentiles_are_nearest_ranks() -> None:
    result = measured(128, *range(1, 21))

    assert [result.percentile_ms(percent) for percent in (0, 50, 95, 100)] == [1, 10, 19, 20]
    assert measured(128, 7.5).percentile_ms(95) == 7.5
    assert measured(128).percentile_ms(50) is None


@given(durations, st.floats(0, 100))
def test_a_percentile_is_one_of_what_was_measured(took_ms: list[float], percent: float) -> None:
    found = measured(128, *took_ms).percentile_ms(percent)

    assert found in took_ms
    assert sum(each <= (found or 0) for each in took_ms) >= percent / 100 * len(took_ms)


def test_the_fastest_is_the_one_with_the_shortest_median() -> None:
    results = [measured(128, 100, 90), measured(512, 20, 30), measured(1024, 25, 26)]

    assert best(results, p50, then=by_size) is results[1]


def test_those_that_tie_are_decided_by_the_other_and_then_by_size() -> None:
    results = [measured(1024, 10.0), measured(512, 10.1), measured(256, 10.21)]
    assert best(results, p50, then=by_size) is results[1], "10.21 is more than 2 % above 10.0"

    alike = [measured(512, 10.0), measured(256, 10.0)]
    assert best(alike, p50, then=lambda _: 1.0) is alike[1]
    assert best(alike, p50, then=lambda _: None) is alike[1]


def test_a_size_with_a_failure_is_never_the_best() -> None:
    broken = measured(3008, 1.0, failed=("ValueError: no",))
    sound = measured(128, 50.0)

    assert best([broken, sound], p50, then=by_size) is sound
    assert best([broken, measured(256)], p50, then=by_size) is None
    assert best([], p50, then=by_size) is None


def test_the_peak_is_the_highest_of_all_and_the_bill_the_mean() -> None:
    result = SizeResult(
        memory_mb=128, cold=a_run(50, peak=9), warm=(a_run(1, peak=5), a_run(2.5, peak=None))
    )

    assert result.max_memory_bytes == 9
    assert result.mean_billed_ms == 2.5
    assert result.cpus == pytest.approx(128 / 1769)


def test_a_failure_is_one_line() -> None:
    assert failure(failures.timed_out(an_acceptance().request_id, timeout_s=3)).startswith(
        "Sandbox.Timedout: "
    )
    outcome = Outcome(kind=OutcomeKind.ERROR, payload=b"{}", error_message="a\n  b")
    assert failure(outcome) == "error: a b"
    assert failure(Outcome(kind=OutcomeKind.EXIT, payload=b"{}")) == "exit"


def test_the_command_lines_default_is_the_same() -> None:
    assert make_parser().parse_args(["tune", "orders"]).sizes == DEFAULT_SIZES


@pytest.mark.parametrize("text", ["", "64", "128,", "128,20000", "a", "128;256"])
def test_what_is_no_list_of_sizes_is_refused(text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse_args(["tune", "orders", "--sizes", text])
    assert ended.value.code == 2
