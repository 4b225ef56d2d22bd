"""The real clock, without ever asserting how long anything took."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from workbench.clock import Clock, SystemClock


async def test_time_goes_forward() -> None:
    clock = SystemClock()
    before_s = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before_s


def test_wall_time_is_utc_and_says_so() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


async def test_an_action_is_called_at_its_time_and_not_before() -> None:
    clock: Clock = SystemClock()
    called = asyncio.Event()
    at_s = clock.monotonic() + 0.005
    clock.call_at(at_s, called.set)
    assert not called.is_set()
    await called.wait()
    # a loop that counts whole milliseconds may call a little early
    assert clock.monotonic() >= at_s - 0.001


async def test_a_time_that_has_passed_is_now_but_not_at_once() -> None:
    clock = SystemClock()
    called = asyncio.Event()
    clock.call_at(clock.monotonic() - 5, called.set)
    assert not called.is_set()
    await called.wait()


async def test_a_cancelled_action_is_not_called() -> None:
    clock = SystemClock()
    called: list[str] = []
    later = asyncio.Event()
    clock.call_at(clock.monotonic() + 0.001, lambda: called.append("no")).cancel()
    clock.call_at(clock.monotonic() + 0.002, later.set)
    await later.wait()
    assert called == []
