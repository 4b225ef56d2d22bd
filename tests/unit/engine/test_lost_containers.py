"""Containers that cannot be made, or go away: an invocation moves on if it certainly was not
fetched, and is never run twice.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.driver import Behaviour, FakeDriver
from tests.fakes.engine import lines, open_engine, platform_lines
from tests.fakes.runtime import Event, FakeRuntime, died, ending, never_asking, serving
from tests.fakes.versions import a_version
from workbench.engine.pool import MAX_MOVES
from workbench.errors import (
    ContainerLost,
    ContainerRefused,
    DriverError,
    EngineUnreachable,
    InternalError,
)
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.settings import Limits, Settings, Timeouts

pytestmark = pytest.mark.autojump

REFUSED = ContainerRefused("no space left on device")


class Counting:
    """A handler that counts how often it ran."""

    def __init__(self) -> None:
        self.ran = 0

    async def __call__(self, runtime: FakeRuntime, event: Event) -> bytes:
        self.ran += 1
        if event.json == "lose":
            runtime.host.lose("The engine was stopped.")
            await runtime.hang()
        return event.payload


# --- it cannot be made -------------------------------------------------------------------------------------


async def test_a_container_that_is_refused_is_the_callers_error() -> None:
    async with open_engine() as engine:
        engine.behave(serving(), create_error=REFUSED, create_s=0.5)
        run = engine.invoke()
        with pytest.raises(ContainerRefused, match="no space left"):
            await run.outcome()
        record = await run.record()
        await engine.settle()
        assert engine.environments == ()
    assert record.outcome is not None
    assert record.outcome.kind is OutcomeKind.NOT_STARTED
    assert record.measurements is not None
    assert record.measurements.queued_ms == pytest.approx(500)


async def test_each_failure_costs_one_invocation_and_no_more() -> None:
    async with open_engine() as engine:
        engine.behave(serving(), create_s=0.1)
        engine.driver.coming.append(Behaviour(create_error=REFUSED))
        runs = [engine.invoke() for _ in range(3)]
        records = [await run.record() for run in runs]
    kinds = sorted(record.outcome.kind for record in records if record.outcome is not None)
    assert kinds == [OutcomeKind.NOT_STARTED, OutcomeKind.SUCCESS, OutcomeKind.SUCCESS]


async def test_after_a_refusal_the_next_invocation_tries_again() -> None:
    async with open_engine() as engine:
        engine.driver.coming.append(Behaviour(create_error=REFUSED))
        with pytest.raises(ContainerRefused):
            await engine.call()
        assert (await engine.call()).ok


async def test_a_container_not_made_in_time_is_given_up() -> None:
    async with open_engine(settings=Settings(timeouts=Timeouts(create_s=60))) as engine:
        engine.behave(serving(), create_s=None)
        run = engine.invoke()
        with pytest.raises(DriverError, match="within 60 s"):
            await run.outcome()
        assert engine.clock.monotonic() == pytest.approx(60)
        await run.record()


async def test_a_bug_in_a_driver_is_told_and_does_not_start_over_for_ever() -> None:
    async with open_engine() as engine:
        engine.faults_expected = True
        engine.behave(serving(), create_error=KeyError("Id"))
        run = engine.invoke()
        with pytest.raises(InternalError, match="KeyError"):
            await run.outcome()
        await run.record()
        await engine.settle()
        assert engine.environments == ()


async def test_an_environment_nobody_waits_for_may_fail_to_start() -> None:
    async with open_engine(serving()) as engine:
        await engine.call()
        engine.driver.coming.append(Behaviour(create_error=REFUSED))
        engine.scheduler.supersede(a_version(code="2"), warm=True)
        await engine.settle()
        assert engine.environments == ()
        assert (await engine.call(a_version(code="2"))).ok


async def test_a_failed_start_under_a_queue_takes_the_oldest_and_the_rest_are_served() -> None:
    settings = Settings(limits=Limits(parallel_starts=1))
    async with open_engine(settings=settings) as engine:
        unreachable = EngineUnreachable(cause="The engine stopped.", remedy="Start it.")
        engine.driver.coming.extend([Behaviour(create_s=1, create_error=unreachable)] * 2)
        runs = [engine.invoke() for _ in range(4)]
        kinds = [
            record.outcome.kind for record in [await run.record() for run in runs] if record.outcome
        ]
    assert kinds.count(OutcomeKind.NOT_STARTED) == 2
    assert kinds.count(OutcomeKind.SUCCESS) == 2


# --- it is lost before the event was fetched --------------------------------------------------------------


async def test_a_driver_that_cleans_up_after_a_loss_is_not_disturbed() -> None:
    async with open_engine() as engine:
        engine.driver.coming.append(Behaviour(lost_while_made=True, remove_s=2))
        run = engine.invoke()
        assert (await run.outcome()).ok
        assert engine.clock.monotonic() == pytest.approx(2)
        await run.record()


@pytest.mark.parametrize(
    "lost",
    [
        Behaviour(lost_while_made=True),
        Behaviour(lost_unnoticed=True),
        Behaviour(programs=(never_asking,), lost_after_s=0.5),
        Behaviour(create_error=ContainerLost("The container ended as soon as it was started.")),
    ],
    ids=["while made", "just made", "while it initialises", "as the driver's error"],
)
async def test_lost_before_its_event_was_fetched_an_invocation_moves(lost: Behaviour) -> None:
    handler = Counting()
    async with open_engine(serving(handler)) as engine:
        engine.driver.coming.extend([lost] * MAX_MOVES)
        run = engine.invoke(payload=b'"x"')
        assert (await run.outcome()).payload == b'"x"'
        await run.record()
    assert handler.ran == 1


@pytest.mark.parametrize(
    "lost", [Behaviour(lost_while_made=True), Behaviour(programs=(never_asking,), lost_after_s=1)]
)
async def test_it_moves_only_so_often(lost: Behaviour) -> None:
    async with open_engine() as engine:
        engine.driver.usual = lost
        run = engine.invoke()
        with pytest.raises(ContainerLost):
            await run.outcome()
        record = await run.record()
        await engine.settle()
        assert engine.environments == ()
    assert record.outcome is not None
    assert record.outcome.kind is OutcomeKind.NOT_STARTED


async def test_lost_while_it_initialises_again_inside_the_invocation_it_moves_too() -> None:
    handler = Counting()

    async def talks_and_never_asks(runtime: FakeRuntime) -> None:
        runtime.print("half a line")
        await runtime.hang()

    async with open_engine(serving(handler)) as engine:
        first = Behaviour(programs=(ending(died(1)), talks_and_never_asks), lost_after_s=2)
        engine.driver.coming.append(first)
        run = engine.invoke(payload=b'"x"')
        outcome = await run.outcome()
        record = await run.record()
        (new,) = engine.environments
    assert outcome.payload == b'"x"'
    assert handler.ran == 1
    assert record.environment_id == new.environment_id
    assert platform_lines(run)[-1].startswith("REPORT")
    assert "half a line" in lines(run)


async def test_moves_are_counted_over_all_the_environments_an_invocation_had() -> None:
    """Reset environments that are lost while they start again must not pass it on for ever."""
    always = Behaviour(programs=(ending(died(1)), never_asking), lost_after_s=1)
    async with open_engine() as engine:
        engine.driver.usual = always
        run = engine.invoke(a_version(timeout_s=900))
        with pytest.raises(ContainerLost):
            await run.outcome()
        await run.record()
        assert len(engine.driver.containers) == MAX_MOVES + 1


async def test_an_invocation_that_moves_takes_an_idle_environment_if_there_is_one() -> None:
    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        await runtime.sleep(event.json)
        return b"null"

    async with open_engine(serving(handler)) as engine:
        slow = engine.invoke(payload=b"1.9")
        lost = Behaviour(programs=(ending(died(1)), never_asking), lost_after_s=2)
        engine.driver.coming.append(lost)
        moving = engine.invoke(payload=b"0")
        record = await moving.record()
        assert record.environment_id == (await slow.record()).environment_id
        assert len(engine.driver.containers) == 2


# --- it is lost afterwards -------------------------------------------------------------------------------


async def test_lost_after_its_event_was_fetched_an_invocation_is_lost_and_never_run_again() -> None:
    handler = Counting()
    async with open_engine(serving(handler)) as engine:
        run = engine.invoke(payload=b'"lose"')
        outcome = await run.outcome()
        await run.record()
        await engine.settle()
        assert engine.driver.running == []
        assert (await engine.call(payload=b'"x"')).ok
    assert outcome.kind is OutcomeKind.LOST
    assert outcome.error_type == "Workbench.Lost"
    assert outcome.error_message is not None
    assert outcome.error_message.endswith("The engine was stopped.")
    assert handler.ran == 2
    assert platform_lines(run)[-2:] == [
        "END RequestId: <id>",
        (
            "REPORT RequestId: <id>\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 0 MB\tInit Duration: 0.00 ms\tStatus: error\tError Type: Workbench.Lost"
        ),
    ]


async def test_lost_after_the_answer_the_answer_stands() -> None:
    async def answering(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        await runtime.respond(event, b'"done"')
        runtime.host.lose("gone")
        await runtime.hang()

    async with open_engine(answering) as engine:
        run = engine.invoke()
        record = await run.record()
    assert record.outcome is not None
    assert record.outcome.payload == b'"done"'


async def test_an_idle_environment_that_is_lost_serves_nobody() -> None:
    async with open_engine(serving()) as engine:
        await engine.call()
        engine.driver.containers[0].lose("gone")
        run = engine.invoke()  # at the same moment
        assert (await run.outcome()).ok
        await run.record()
        assert len(engine.driver.containers) == 2
        assert engine.states == [EnvironmentState.IDLE]


async def test_lost_while_being_killed_the_verdict_stands() -> None:
    async def hanging(runtime: FakeRuntime, _: Event) -> bytes:
        await runtime.hang()

    async with open_engine() as engine:
        engine.behave(serving(hanging), kill_s=2, lost_after_s=4)
        run = engine.invoke()
        outcome = await run.outcome()
        await run.record()
        assert engine.clock.monotonic() == pytest.approx(4)
    assert outcome.kind is OutcomeKind.TIMEOUT


async def test_lost_while_it_goes_is_nothing_new() -> None:
    async with open_engine() as engine:
        engine.behave(serving(), remove_s=2)
        await engine.call()
        engine.scheduler.retire(a_version().name)
        await engine.settle()
        assert engine.states == [EnvironmentState.RETIRING]
        engine.driver.containers[0].lose("gone")
        await engine.clock.sleep(3)
        assert engine.environments == ()


async def test_a_loss_that_is_told_twice_is_one_loss() -> None:
    async with open_engine() as engine:
        engine.driver.coming.append(Behaviour(programs=(never_asking,)))
        run = engine.invoke(payload=b"1")
        await engine.settle()
        listener = engine.driver.containers[0]._listener
        for _ in range(MAX_MOVES + 1):
            listener.on_lost("gone")
        assert (await run.outcome()).ok
        await run.record()


async def test_a_spare_that_cannot_be_made_costs_who_waits_nothing() -> None:
    async with open_engine(serving()) as engine:
        holding = engine.invoke()
        await holding.record()
        engine.driver.coming.append(Behaviour(create_s=1, create_error=REFUSED))
        engine.driver.coming.append(Behaviour(create_s=2))
        newer = a_version(code="2")
        engine.scheduler.supersede(newer, warm=True)
        waiting = [engine.invoke(newer) for _ in range(2)]
        engine.scheduler.stop(waiting[0].acceptance.request_id)
        assert (await waiting[1].outcome()).ok
        assert engine.clock.monotonic() == pytest.approx(2)


async def test_one_that_moves_is_still_first_in_line() -> None:
    settings = Settings(limits=Limits(parallel_starts=1))
    order: list[int] = []

    async def note(_: FakeRuntime, event: Event) -> bytes:
        order.append(event.json)
        return b"null"

    async with open_engine(settings=settings) as engine:
        engine.behave(serving(note), create_s=1)
        engine.driver.coming.append(Behaviour(create_s=1, lost_while_made=True))
        runs = [engine.invoke(payload=str(number).encode()) for number in range(4)]
        for run in runs:
            await run.record()
    assert order == [0, 1, 2, 3]


async def test_an_environment_that_is_cancelled_takes_its_invocation_and_its_container_along() -> (
    None
):
    handler = Counting()

    async def waits(runtime: FakeRuntime, event: Event) -> bytes:
        await handler(runtime, event)
        await runtime.hang()

    async with open_engine(serving(waits)) as engine:
        run = engine.invoke(payload=b"1")
        await engine.settle()
        (environment,) = engine.environments
        (task,) = (
            task
            for task in asyncio.all_tasks()
            if task.get_name() == f"environment {environment.environment_id}"
        )
        task.cancel()
        assert (await run.outcome()).kind is OutcomeKind.LOST
        await run.record()
        await engine.settle()
        assert engine.driver.running == []


async def test_a_whole_engine_that_goes_away_loses_each_invocation_once() -> None:
    handler = Counting()

    async def waits(runtime: FakeRuntime, event: Event) -> bytes:
        await handler(runtime, event)
        await runtime.sleep(1)
        return b"null"

    def all_gone(driver: FakeDriver) -> None:
        for container in driver.running:
            container.lose("The engine was stopped.")

    async with open_engine(serving(waits)) as engine:
        runs = [engine.invoke(payload=b"1") for _ in range(8)]
        engine.clock.call_at(0.5, lambda: all_gone(engine.driver))
        kinds = [(await run.outcome()).kind for run in runs]
        assert (await engine.call(payload=b"1")).ok
    assert kinds == [OutcomeKind.LOST] * 8
    assert handler.ran == 9
