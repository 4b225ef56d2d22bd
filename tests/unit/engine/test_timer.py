"""A timer that is set for every invocation and seldom fires, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.clock import LoopClock
from tests.fakes.loop import virtual
from workbench.engine.timer import Timer

pytestmark = pytest.mark.autojump


class Fired:
    """What was called, and when."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.began_s = self.clock.monotonic()
        self.calls: list[tuple[str, float]] = []

    def note(self, name: str) -> Callable[[], None]:
        return lambda: self.calls.append((name, round(self.clock.monotonic() - self.began_s, 3)))

    def after(self, seconds: float) -> float:
        return self.began_s + seconds


async def test_the_action_that_was_set_last_is_called_at_its_time() -> None:
    fired = Fired()
    timer = Timer(fired.clock)

    timer.set(fired.after(1), fired.note("first"))
    timer.set(fired.after(30), fired.note("later"))
    await fired.clock.sleep(29)
    before = list(fired.calls)
    await fired.clock.sleep(2)

    assert before == []
    assert fired.calls == [("later", 30.0)]


async def test_an_earlier_time_is_kept_though_a_later_one_was_set_before() -> None:
    fired = Fired()
    timer = Timer(fired.clock)

    timer.set(fired.after(30), fired.note("later"))
    timer.set(fired.after(1), fired.note("earlier"))
    await fired.clock.sleep(40)

    assert fired.calls == [("earlier", 1.0)]


async def test_what_was_cancelled_is_not_called_and_what_is_set_after_it_is() -> None:
    fired = Fired()
    timer = Timer(fired.clock)

    timer.set(fired.after(1), fired.note("cancelled"))
    timer.cancel()
    await fired.clock.sleep(2)
    timer.set(fired.after(3), fired.note("set again"))
    await fired.clock.sleep(2)

    assert fired.calls == [("set again", 3.0)]


async def test_an_action_may_set_the_next_one() -> None:
    fired = Fired()
    timer = Timer(fired.clock)

    def freeze() -> None:
        fired.note("freeze")()
        timer.set(fired.after(5), fired.note("retire"))

    timer.set(fired.after(1), freeze)
    await fired.clock.sleep(10)

    assert fired.calls == [("freeze", 1.0), ("retire", 5.0)]


async def test_setting_it_again_and_again_costs_the_loop_one_timer() -> None:
    fired = Fired()
    timer = Timer(fired.clock)
    before = set(virtual().timers)

    handles = set()
    for _ in range(100):
        timer.set(fired.after(30), fired.note("deadline"))
        timer.cancel()
        timer.set(fired.after(30.1), fired.note("freeze"))
        handles |= set(virtual().timers) - before

    assert len(handles) == 1
    timer.close()
    assert set(virtual().timers) == before
