"""The loop of virtual time: what the engine's tests stand on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.fakes.clock import EPOCH, LoopClock
from tests.fakes.loop import AutojumpLoop, Stuck, virtual

pytestmark = pytest.mark.autojump


async def test_six_hours_of_waiting_are_six_hours_of_its_time(clock: LoopClock) -> None:
    began = clock.now()
    for _ in range(6):
        await clock.sleep(3600)
    assert (clock.now() - began).total_seconds() == 6 * 3600


async def test_what_is_ready_happens_before_time_passes(clock: LoopClock) -> None:
    happened: list[str] = []
    loop = virtual()
    clock.call_at(clock.monotonic() + 1, lambda: happened.append("timer"))

    def again(count: int) -> None:
        happened.append(f"ready {count}")
        if count:
            loop.call_soon(again, count - 1)

    loop.call_soon(again, 2)
    await clock.sleep(1)
    assert happened == ["ready 2", "ready 1", "ready 0", "timer"]


async def test_settle_waits_without_letting_time_pass(clock: LoopClock) -> None:
    gate = asyncio.Event()
    passed: list[float] = []

    async def walk() -> None:
        await gate.wait()
        passed.append(clock.monotonic())
        await clock.sleep(5)
        passed.append(clock.monotonic())

    before_s = clock.monotonic()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(walk())
        gate.set()
        await virtual().settle()
        assert passed == [before_s]
    assert passed == [before_s, before_s + 5]


async def test_a_timeout_scope_ends_at_its_time(clock: LoopClock) -> None:
    began_s = clock.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(900):
            await asyncio.Event().wait()
    assert clock.monotonic() - began_s == pytest.approx(900)


async def test_cancelled_and_fired_timers_are_not_pending(clock: LoopClock) -> None:
    clock.call_at(clock.monotonic() + 1, lambda: None)
    clock.call_at(clock.monotonic() + 2, lambda: None).cancel()
    assert len(virtual().timers) == 1
    await clock.sleep(1)
    await virtual().settle()
    assert virtual().timers == []


async def test_time_stands_still_while_a_thread_works(clock: LoopClock) -> None:
    began_s = clock.monotonic()
    gate = threading.Event()
    async with asyncio.timeout(60):
        virtual().call_soon(gate.set)
        assert await asyncio.to_thread(gate.wait)
    assert clock.monotonic() == began_s


async def test_wall_time_follows_the_loop(clock: LoopClock) -> None:
    await clock.sleep(1.5)
    assert (clock.now() - EPOCH).total_seconds() == pytest.approx(clock.monotonic())


def test_waiting_for_what_will_never_happen_is_an_error() -> None:
    loop = AutojumpLoop()
    try:
        waiting = loop.create_task(asyncio.Event().wait())
        with pytest.raises(Stuck):
            loop.run_until_complete(waiting)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(waiting)
    finally:
        loop.close()
