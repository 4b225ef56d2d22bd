"""The bus: publishing never waits and never fails; who is too slow is told what it missed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.loop import virtual
from workbench.model.telemetry import Dropped, Fault, ProjectChanged, Telemetry
from workbench.telemetry import Bus, Feed

pytestmark = pytest.mark.autojump


def value(number: int) -> Fault:
    return Fault(where="test", message=str(number))


def numbers(values: list[Telemetry]) -> list[int | str]:
    """Values as their numbers, drops as text."""
    return [
        f"dropped {each.count}" if isinstance(each, Dropped) else int(each.message)
        for each in values
        if isinstance(each, Dropped | Fault)
    ]


async def test_every_subscriber_gets_everything_in_order() -> None:
    bus = Bus()
    with bus.subscribe() as first, bus.subscribe() as second:
        for number in range(3):
            bus.publish(value(number))
        assert numbers(first.take_nowait()) == [0, 1, 2]
        assert numbers(await second.wait_values()) == [0, 1, 2]
        assert first.take_nowait() == []


async def test_what_was_published_before_or_after_a_subscription_is_not_in_it() -> None:
    bus = Bus()
    bus.publish(value(0))
    with bus.subscribe() as feed:
        bus.publish(value(1))
    bus.publish(value(2))
    assert numbers(await feed.wait_values()) == [1]
    assert await feed.wait_values() == []


async def test_who_wants_some_kinds_gets_those_whoever_else_comes_and_goes() -> None:
    bus = Bus()
    with bus.subscribe(kinds={ProjectChanged}) as projects:
        bus.publish(value(1))
        with bus.subscribe() as everything:
            bus.publish(ProjectChanged(functions=()))
            bus.publish(value(2))
        bus.publish(ProjectChanged(functions=()))

        assert projects.take_nowait() == [ProjectChanged(functions=())] * 2
        assert everything.take_nowait() == [ProjectChanged(functions=()), value(2)]


async def test_who_is_too_slow_loses_the_oldest_and_is_told_in_their_place() -> None:
    bus = Bus()
    with bus.subscribe(capacity=3) as slow, bus.subscribe(capacity=None) as patient:
        for number in range(5):
            bus.publish(value(number))
        assert numbers(await slow.wait_values()) == ["dropped 2", 2, 3, 4]
        assert numbers(await patient.wait_values()) == [0, 1, 2, 3, 4]
        bus.publish(value(5))
        assert numbers(await slow.wait_values()) == [5]


async def test_a_limit_takes_the_oldest_first_and_leaves_the_rest() -> None:
    bus = Bus()
    with bus.subscribe(capacity=3) as feed:
        for number in range(5):
            bus.publish(value(number))
        assert numbers(feed.take_nowait(2)) == ["dropped 2", 2]
        assert feed.backlog == 2
        assert numbers(await feed.wait_values(1)) == [3]
        assert numbers(await feed.wait_values()) == [4]


async def test_waiting_ends_with_the_first_value() -> None:
    bus = Bus()
    with bus.subscribe() as feed:
        virtual().call_later(5, bus.publish, value(1))
        assert numbers(await feed.wait_values()) == [1]
        assert virtual().time() == pytest.approx(5)


async def test_waiting_ends_when_the_feed_is_closed() -> None:
    bus = Bus()
    got: list[list[Telemetry]] = []

    async def listen(feed: Feed) -> None:
        got.append(await feed.wait_values())

    async with asyncio.TaskGroup() as tasks:
        with bus.subscribe() as feed:
            tasks.create_task(listen(feed))
            await virtual().settle()
    assert got == [[]]


async def test_a_feed_without_a_high_water_mark_is_never_congested() -> None:
    bus = Bus()
    with bus.subscribe(capacity=2):
        for number in range(10):
            bus.publish(value(number))
        assert not bus.congested


async def test_congestion_is_told_and_relieved_once() -> None:
    bus, resumed = Bus(), []
    with bus.subscribe(capacity=None, high_water=3) as feed:
        for number in range(2):
            bus.publish(value(number))
        before = bus.congested
        bus.publish(value(2))
        assert (before, bus.congested) == (False, True)
        bus.when_relieved(lambda: resumed.append("one"))
        bus.when_relieved(lambda: resumed.append("two"))
        assert resumed == []
        feed.take_nowait(1)
        assert resumed == ["one", "two"]
        feed.take_nowait()
        assert resumed == ["one", "two"]


async def test_taking_a_little_of_too_much_relieves_nobody() -> None:
    bus, resumed = Bus(), []
    with bus.subscribe(capacity=None, high_water=3) as feed:
        for number in range(5):
            bus.publish(value(number))
        bus.when_relieved(lambda: resumed.append("relieved"))
        feed.take_nowait(2)
        assert resumed == []
        feed.take_nowait(1)
        assert resumed == ["relieved"]


async def test_where_nothing_is_congested_one_goes_on_at_once() -> None:
    resumed: list[str] = []
    bus = Bus()
    bus.when_relieved(lambda: resumed.append("at once"))
    with bus.subscribe(high_water=1):
        bus.when_relieved(lambda: resumed.append("at once"))
    assert resumed == ["at once"] * 2


async def test_a_feed_that_closes_holds_nobody_back() -> None:
    bus, resumed = Bus(), []
    with bus.subscribe(capacity=None, high_water=1):
        bus.publish(value(1))
        bus.when_relieved(lambda: resumed.append("closed"))
        assert resumed == []
    assert resumed == ["closed"]
    assert not bus.congested


async def test_who_goes_on_may_publish_and_wait_again() -> None:
    bus, resumed = Bus(), []

    def again() -> None:
        resumed.append("again")
        bus.publish(value(1))
        if len(resumed) < 3:
            bus.when_relieved(again)

    with bus.subscribe(capacity=None, high_water=1) as feed:
        bus.publish(value(0))
        bus.when_relieved(again)
        for _ in range(5):
            feed.take_nowait()
        assert resumed == ["again"] * 3


async def test_a_subscriber_may_come_and_go_while_others_listen() -> None:
    bus = Bus()
    with bus.subscribe() as steady:
        for number in range(3):
            with bus.subscribe() as brief:
                bus.publish(value(number))
                assert numbers(brief.take_nowait()) == [number]
        assert numbers(steady.take_nowait()) == [0, 1, 2]


@given(
    capacity=st.integers(1, 5),
    steps=st.lists(st.integers(0, 8) | st.none(), max_size=40),
)
def test_nothing_is_lost_without_being_counted(capacity: int, steps: list[int | None]) -> None:
    """A step publishes so many, or takes all (`None`)."""
    loop = asyncio.new_event_loop()
    try:
        feed = Feed(capacity=capacity)
        published = 0
        seen: list[int | str] = []
        for step in [*steps, None]:
            if step is None:
                seen += numbers(feed.take_nowait())
            else:
                for _ in range(step):
                    feed.put(value(published))
                    published += 1
        at = 0
        for each in seen:
            if isinstance(each, str):
                at += int(each.split()[1])
            else:
                assert each == at
                at += 1
        assert at == published
    finally:
        loop.close()
