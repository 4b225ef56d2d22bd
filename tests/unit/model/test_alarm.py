"""Alarms as people type them, and when they fire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidParameter
from workbench.model.alarm import Alarm, Metric, Traffic, parse_alarm, percentile


@pytest.mark.parametrize(
    ("text", "metric", "limit", "inclusive"),
    [
        ("error-rate>5%", Metric.ERROR_RATE, 5, False),
        ("Error-Rate >= 2.5", Metric.ERROR_RATE, 2.5, True),
        ("p95>250ms", Metric.P95, 250, False),
        ("p95>1.5s", Metric.P95, 1500, False),
        ("throttles>0", Metric.THROTTLES, 0, False),
    ],
)
def test_an_alarm_is_read(text: str, metric: Metric, limit: float, inclusive: bool) -> None:
    alarm = parse_alarm(text)

    assert (alarm.metric, alarm.limit, alarm.inclusive) == (metric, limit, inclusive)
    assert parse_alarm(str(alarm)) == alarm


@pytest.mark.parametrize(
    "text", ["", "p95", "p95<5ms", "p95>5%", "throttles>1ms", "error-rate>5ms", "p99>1ms"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="error-rate>5%, p95>250ms or throttles>0"):
        parse_alarm(text)


def test_a_rate_needs_calls_enough_to_mean_something() -> None:
    alarm = parse_alarm("error-rate>5%")

    assert alarm.fires(Traffic(calls=9, errors=9)) is None
    assert alarm.fires(Traffic(calls=100, errors=5)) is None
    assert alarm.fires(Traffic(calls=100, errors=6)) == (
        "Alarm error-rate>5%: it is 6% over 100 calls."
    )


def test_one_throttled_call_is_a_fact() -> None:
    assert parse_alarm("throttles>0").fires(Traffic(throttles=1)) == (
        "Alarm throttles>0: it is 1 over 0 calls."
    )
    assert parse_alarm("throttles>0", min_calls=5).fires(Traffic(throttles=4)) is None
    assert parse_alarm("throttles>0", min_calls=5).fires(Traffic(calls=4, throttles=1))


def test_a_limit_may_be_included() -> None:
    exactly = Traffic(calls=20, p95_ms=250.0)
    assert parse_alarm("p95>250ms").fires(exactly) is None
    assert parse_alarm("p95>=250ms").fires(exactly) is not None
    assert parse_alarm("p95>=250ms").fires(Traffic(calls=20)) is None


@given(st.sampled_from(list(Metric)), st.floats(0, 1e5), st.integers(0, 500), st.integers(0, 500))
def test_an_alarm_that_fires_is_over_its_limit(
    metric: Metric, limit: float, calls: int, bad: int
) -> None:
    traffic = Traffic(calls=calls, errors=min(bad, calls), p95_ms=float(bad), throttles=bad)
    alarm = Alarm(metric=metric, limit=limit, min_calls=3)
    found = {
        Metric.ERROR_RATE: traffic.error_rate,
        Metric.P95: float(bad),
        Metric.THROTTLES: float(bad),
    }[metric]
    counted = calls + bad >= 3 and (calls > 0 or metric is Metric.THROTTLES)

    assert (alarm.fires(traffic) is not None) == (counted and found > limit)


def test_the_95th_percentile_is_the_nearest_rank() -> None:
    assert percentile([], 95) is None
    assert percentile([7.0], 95) == 7.0
    assert percentile([float(each) for each in range(100, 0, -1)], 95) == 95.0
    assert percentile([float(each) for each in range(1, 21)], 95) == 19.0
