"""Stopping one invocation, and stopping everything."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.fakes.driver import Behaviour
from tests.fakes.engine import Engine, open_engine, platform_lines
from tests.fakes.loop import virtual
from tests.fakes.runtime import Event, FakeRuntime, died, ending, never_asking, serving
from tests.fakes.versions import a_version, new_request_id
from workbench.errors import InvocationNotFound, ThrottledError
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.settings import Limits, Settings, Timeouts

pytestmark = pytest.mark.autojump


async def sleepy(runtime: FakeRuntime, event: Event) -> bytes:
    await runtime.sleep(event.json)
    return b'"done"'


# --- one invocation --------------------------------------------------------------------------------------


async def test_stopped_in_line_it_never_runs_and_the_environment_is_kept() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), create_s=1)
        run = engine.invoke(payload=b"0")
        await engine.clock.sleep(0.5)
        engine.scheduler.stop(run.acceptance.request_id)
        outcome = await run.outcome()
        record = await run.record()
        assert engine.scheduler.in_progress == 0
        await engine.clock.sleep(1)
        assert engine.states == [EnvironmentState.FROZEN]
    assert outcome.kind is OutcomeKind.STOPPED
    assert record.environment_id is None
    assert record.cold is None
    assert json.loads(outcome.payload) == {
        "errorType": "Workbench.Stopped",
        "errorMessage": f"RequestId: {run.acceptance.request_id} Error: Stopped at the workbench",
    }


async def test_stopped_while_the_handler_runs_the_container_stays() -> None:
    async with open_engine(serving(sleepy)) as engine:
        await engine.call(payload=b"0")
        run = engine.invoke(payload=b"2")
        await engine.clock.sleep(1)
        engine.scheduler.stop(run.acceptance.request_id)
        outcome = await run.outcome()
        await run.record()
        assert engine.clock.monotonic() == pytest.approx(1)
        assert (await engine.call(payload=b"0")).ok
        assert len(engine.driver.containers) == 1
    assert outcome.kind is OutcomeKind.STOPPED
    assert platform_lines(run) == [
        "START RequestId: <id> Version: $LATEST",
        "END RequestId: <id>",
        (
            "REPORT RequestId: <id>\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 0 MB\tStatus: error\tError Type: Workbench.Stopped"
        ),
    ]


async def test_stopped_while_it_initialises_again() -> None:
    async with open_engine(ending(died(1)), never_asking, serving(sleepy)) as engine:
        run = engine.invoke(payload=b"0")
        await engine.clock.sleep(1)
        assert engine.states == [EnvironmentState.INITIALIZING]
        engine.scheduler.stop(run.acceptance.request_id)
        assert (await run.outcome()).kind is OutcomeKind.STOPPED
        await run.record()
        assert (await engine.call(payload=b"0")).ok


async def test_stopped_after_it_answered_the_answer_stands() -> None:
    async def tidying(runtime: FakeRuntime) -> None:
        while True:
            event = await runtime.next()
            await runtime.respond(event, b'"done"')
            await runtime.sleep(1)

    async with open_engine(tidying) as engine:
        run = engine.invoke()
        await run.outcome()
        engine.scheduler.stop(run.acceptance.request_id)
        record = await run.record()
        assert engine.states == [EnvironmentState.IDLE]
    assert record.outcome is not None
    assert record.outcome.ok


async def test_stopping_twice_or_after_the_deadline_does_not_change_the_outcome() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), kill_s=1)
        run = engine.invoke(payload=b"100")
        stop = run.acceptance.request_id
        await engine.clock.sleep(3.5)
        engine.scheduler.stop(stop)
        engine.scheduler.stop(stop)
        assert (await run.outcome()).kind is OutcomeKind.TIMEOUT
        assert engine.clock.monotonic() == pytest.approx(4)
        await run.record()

        other = engine.invoke(payload=b"100")
        await engine.clock.sleep(2.5)
        engine.scheduler.stop(other.acceptance.request_id)  # dies only after its deadline
        assert (await other.outcome()).kind is OutcomeKind.STOPPED
        await other.record()


async def test_an_invocation_that_is_over_or_never_was_cannot_be_stopped() -> None:
    async with open_engine() as engine:
        run = engine.invoke()
        await run.record()
        for request_id in (run.acceptance.request_id, new_request_id()):
            with pytest.raises(InvocationNotFound):
                engine.scheduler.stop(request_id)


async def test_an_invocation_in_progress_can_be_found() -> None:
    async with open_engine(serving(sleepy)) as engine:
        run = engine.invoke(payload=b"1")
        assert engine.scheduler.run(run.acceptance.request_id) is run
        assert engine.scheduler.in_progress == 1
        await run.record()


# --- everything --------------------------------------------------------------------------------------------


async def test_shutting_down_lets_what_runs_finish() -> None:
    async with open_engine(serving(sleepy)) as engine:
        run = engine.invoke(payload=b"2")
        await engine.clock.sleep(1)
    assert (await run.outcome()).payload == b'"done"'
    assert engine.clock.monotonic() == pytest.approx(2)


async def test_those_in_line_are_told_that_they_will_not_run() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), create_s=1)
        run = engine.invoke()
    with pytest.raises(ThrottledError) as caught:
        await run.outcome()
    assert caught.value.reason == "ShuttingDown"
    assert run.record_now.outcome is not None
    assert run.record_now.outcome.kind is OutcomeKind.NOT_STARTED


async def test_new_work_is_refused_while_shutting_down() -> None:
    async with open_engine(serving(sleepy)) as engine:
        engine.invoke(payload=b"2")
        await engine.settle()
        refused: list[str] = []

        def late() -> None:
            with pytest.raises(ThrottledError) as caught:
                engine.invoke()
            refused.append(caught.value.reason)

        engine.clock.call_at(1, late)
    assert refused == ["ShuttingDown"]
    assert engine.clock.monotonic() == pytest.approx(2)
    with pytest.raises(ThrottledError):
        engine.invoke()


async def test_the_drain_deadline_ends_what_still_runs() -> None:
    settings = Settings(timeouts=Timeouts(drain_s=10))
    async with open_engine(serving(sleepy), settings=settings) as engine:
        run = engine.invoke(a_version(timeout_s=900), b"800")
        await engine.clock.sleep(1)
    assert engine.clock.monotonic() == pytest.approx(11)
    outcome = await run.outcome()
    assert outcome.kind is OutcomeKind.LOST
    assert outcome.error_message is not None
    assert "shut down while it ran" in outcome.error_message


async def test_shutting_down_does_not_wait_for_a_container_nobody_needs() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), create_s=None)
        for _ in range(6):
            engine.invoke()
        await engine.clock.sleep(1)
    assert engine.clock.monotonic() == pytest.approx(1)


async def test_what_moves_while_shutting_down_does_not_outlast_the_deadline() -> None:
    settings = Settings(timeouts=Timeouts(drain_s=10))
    async with open_engine(settings=settings) as engine:
        engine.driver.usual = Behaviour(create_s=30)
        first = Behaviour(programs=(ending(died(1)), never_asking), lost_after_s=5)
        engine.driver.coming.append(first)
        run = engine.invoke(a_version(timeout_s=900))
        await engine.clock.sleep(1)
        assert engine.states == [EnvironmentState.INITIALIZING]
    assert engine.clock.monotonic() == pytest.approx(11)
    with pytest.raises(ThrottledError):
        await run.outcome()


async def test_newer_code_while_shutting_down_starts_nothing() -> None:
    async with open_engine(serving(sleepy)) as engine:
        engine.invoke(payload=b"2")
        await engine.settle()
        engine.clock.call_at(1, lambda: engine.scheduler.supersede(a_version(code="2"), warm=True))
    assert engine.clock.monotonic() == pytest.approx(2)
    assert len(engine.driver.containers) == 1
    engine.scheduler.supersede(a_version(code="3"), warm=True)


async def test_an_exception_in_the_body_takes_everything_down_too() -> None:
    engines: list[Engine] = []

    async def serve_and_break() -> None:
        async with open_engine(serving(sleepy)) as engine:
            engines.append(engine)
            engine.invoke(payload=b"2")
            await engine.clock.sleep(1)
            raise LookupError("ours")

    with pytest.raises(ExceptionGroup) as caught:
        await serve_and_break()
    assert caught.group_contains(LookupError, match="ours", depth=2)
    (engine,) = engines
    await engine.settle()
    assert engine.driver.left_behind == []
    assert engine.environments == ()
    assert engine.journal.unfinished == []
    assert engine.clock.monotonic() == pytest.approx(2)


async def test_a_second_interrupt_while_draining_leaves_no_container() -> None:
    async with asyncio.TaskGroup() as tasks:
        done = asyncio.Event()
        engines: list[Engine] = []

        async def serve() -> None:
            async with open_engine(serving(sleepy)) as engine:
                engines.append(engine)
                engine.invoke(a_version(timeout_s=900), b"800")
                await done.wait()

        task = tasks.create_task(serve())
        await virtual().settle()
        (engine,) = engines
        await engine.clock.sleep(1)
        task.cancel()
        await engine.clock.sleep(1)
        assert engine.states == [EnvironmentState.BUSY]
        task.cancel()
        await engine.settle()
        assert task.done()
    assert engine.driver.left_behind == []
    assert engine.environments == ()
    assert engine.journal.unfinished == []
    (record,) = engine.journal.ends.values()
    assert record.outcome is not None
    assert record.outcome.kind is OutcomeKind.LOST


async def test_leaving_by_cancellation_waits_for_containers_being_removed() -> None:
    engines: list[Engine] = []

    async def serve() -> None:
        async with open_engine() as engine:
            engines.append(engine)
            engine.behave(serving(sleepy), remove_s=4)
            await engine.call(payload=b"0")
            engine.scheduler.retire(a_version().name)
            await engine.call(a_version("billing"), b"0")
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(serve())
        await virtual().settle()
        task.cancel()
    (engine,) = engines
    assert engine.driver.left_behind == []
    assert engine.clock.monotonic() == pytest.approx(4)


async def test_environments_being_removed_are_waited_for() -> None:
    async with open_engine() as engine:
        engine.behave(serving(sleepy), remove_s=4)
        await engine.call(payload=b"0")
    assert engine.clock.monotonic() == pytest.approx(4)


# --- limits ------------------------------------------------------------------------------------------------


async def test_over_the_limit_an_invocation_is_refused_and_leaves_no_trace() -> None:
    async with open_engine(
        serving(sleepy), settings=Settings(limits=Limits(concurrency=2))
    ) as engine:
        runs = [engine.invoke(payload=b"1") for _ in range(2)]
        with pytest.raises(ThrottledError) as caught:
            engine.invoke()
        assert caught.value.reason == "ConcurrentInvocationLimitExceeded"
        assert caught.value.message == "Rate Exceeded."
        assert len(engine.journal.acceptances) == 2
        for run in runs:
            await run.record()
        assert (await engine.call(payload=b"0")).ok


async def test_a_lease_is_held_until_the_runtime_is_ready_again() -> None:
    async def tidying(runtime: FakeRuntime) -> None:
        while True:
            await runtime.respond(await runtime.next())
            await runtime.sleep(5)

    async with open_engine(tidying, settings=Settings(limits=Limits(concurrency=1))) as engine:
        run = engine.invoke()
        await run.outcome()
        await engine.clock.sleep(2)
        with pytest.raises(ThrottledError):
            engine.invoke()
        await run.record()
        await engine.invoke().record()


async def test_who_calls_again_at_once_is_not_one_too_many() -> None:
    async def slow_to_come_back(runtime: FakeRuntime) -> None:
        while True:
            await runtime.respond(await runtime.next())
            await runtime.sleep(0.01)

    async with open_engine(
        slow_to_come_back, settings=Settings(limits=Limits(concurrency=1))
    ) as engine:
        for _ in range(5):
            assert (await engine.invoke().outcome()).ok
            assert engine.scheduler._ledger.total == 1
        engine.invoke()
        with pytest.raises(ThrottledError):
            engine.invoke()


async def test_an_answered_call_of_another_function_makes_no_room_in_a_reservation() -> None:
    async def slow_to_come_back(runtime: FakeRuntime) -> None:
        while True:
            await runtime.respond(await runtime.next())
            await runtime.sleep(0.5)

    async with open_engine(slow_to_come_back) as engine:
        billing, orders = a_version("billing"), a_version("orders")
        ledger = engine.scheduler._ledger
        ledger.reserve({billing.name: 1}, limit=1000)
        await engine.invoke(orders).outcome()
        engine.invoke(billing)
        with pytest.raises(ThrottledError):
            engine.invoke(billing)

        assert ledger.in_use(orders.name) == 1


LEAVING = {
    "answers": Behaviour(programs=(serving(),)),
    "times out": Behaviour(programs=(serving(sleepy),)),
    "cannot start": Behaviour(create_error=OSError("no")),
    "fails to initialise": Behaviour(programs=(ending(died(1)),)),
    "is lost": Behaviour(programs=(serving(sleepy),), lost_after_s=1),
    "is lost at once": Behaviour(lost_while_made=True),
    "never dies": Behaviour(programs=(serving(sleepy),), kill_s=None),
}


@pytest.mark.parametrize("behaviour", LEAVING.values(), ids=LEAVING)
async def test_every_way_out_gives_the_lease_back(behaviour: Behaviour) -> None:
    async with open_engine(settings=Settings(limits=Limits(concurrency=1))) as engine:
        engine.faults_expected = behaviour.create_error is not None
        engine.driver.usual = behaviour
        for _ in range(3):
            run = engine.invoke(payload=b"100")
            await run.record()
            await engine.settle()


async def test_an_invocation_the_journal_cannot_take_is_not_accepted() -> None:
    async with open_engine(settings=Settings(limits=Limits(concurrency=1))) as engine:
        engine.journal.full = True
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                engine.invoke()
        assert engine.scheduler.in_progress == 0
        assert engine.environments == ()
        engine.journal.full = False
        assert (await engine.call()).ok
