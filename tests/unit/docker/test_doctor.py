"""What the doctor makes of the engine's answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes.clock import EPOCH
from workbench.docker.doctor import _is_needed, _skew_s, _time

NEEDED = {"workbench/python3.13:1"}


@pytest.mark.parametrize(
    ("tags", "needed"),
    [
        (["workbench/python3.13:1"], True),
        (["workbench/python3.13:2"], False),
        (["workbench/python3.13:2", "workbench/python3.13:1"], True),
        (["workbench/base:trixie-x86_64-1"], True),
        (["workbench/debian:trixie-x86_64"], True),
        (["mine:latest", "workbench/python3.13:2"], True),
        (["<none>:<none>"], False),
        ([], False),
        (None, False),
    ],
)
def test_only_what_nothing_needs_is_left_over(tags: list[str] | None, *, needed: bool) -> None:
    assert _is_needed(tags, NEEDED) is needed


@pytest.mark.parametrize(
    ("told_s", "skew_s"), [(0.5, 0.0), (1.0, 0.0), (-30.0, -30.0), (61.0, 60.0)]
)
def test_skew_is_what_asking_and_answering_do_not_explain(told_s: float, skew_s: float) -> None:
    told = EPOCH + timedelta(seconds=told_s)
    info = {"SystemTime": told.isoformat()}

    assert _skew_s(info, EPOCH, EPOCH + timedelta(seconds=1)) == pytest.approx(skew_s)


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-01-02T03:04:05", 7])
def test_time_that_is_none_is_unknown(text: object) -> None:
    assert _time(text) is None
    assert _skew_s({"SystemTime": text}, EPOCH, EPOCH) is None


def test_nanoseconds_of_the_engine_are_read() -> None:
    assert _time("2026-11-20T22:38:00.123456789Z") is not None
