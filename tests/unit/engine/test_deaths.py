"""Timeouts, crashes and exits while the handler runs, after it, and between two invocations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.fakes.clock import LoopClock
from tests.fakes.driver import Behaviour
from tests.fakes.engine import lines, open_engine, platform_lines
from tests.fakes.runtime import Died, Event, FakeRuntime, Program, died, killed, serving
from tests.fakes.versions import a_version
from workbench.model.container import RuntimeExit
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.telemetry import EnvironmentChanged

pytestmark = pytest.mark.autojump

START, END = "START RequestId: <id> Version: $LATEST", "END RequestId: <id>"


def dying(end: Died, *, after_s: float = 0.0) -> Program:
    """Answers `"live"` to all events but `"die"`."""

    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        if event.json == "die":
            await runtime.sleep(after_s)
            runtime.print("last words")
            raise end
        return b'"live"'

    return serving(handler)


async def hanging(runtime: FakeRuntime, event: Event) -> bytes:
    if event.json == "hang":
        runtime.print("working\nhalf a line")
        await runtime.hang()
    return b'"done"'


# --- the deadline ----------------------------------------------------------------------------------------


async def test_a_timeout_is_exact_in_body_figures_and_lines() -> None:
    async with open_engine(serving(hanging)) as engine:
        await engine.call(payload=b'""')
        run = engine.invoke(payload=b'"hang"')
        began_s = engine.clock.monotonic()
        outcome = await run.outcome()
        assert engine.clock.monotonic() - began_s == pytest.approx(3)
        record = await run.record()
    request_id = run.acceptance.request_id
    assert outcome.kind is OutcomeKind.TIMEOUT
    assert outcome.payload == (
        b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: '
        b'Task timed out after 3.00 seconds"}' % request_id.encode()
    )
    assert record.measurements is not None
    assert record.measurements.duration_ms == 3000.0
    assert record.measurements.billed_ms == 3000
    assert lines(run) == [
        f"START RequestId: {request_id} Version: $LATEST",
        "working",
        "half a line",
        f"END RequestId: {request_id}",
        (
            f"REPORT RequestId: {request_id}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 0 MB\tStatus: timeout"
        ),
        f"2026-01-02T03:04:08.678Z {request_id} Task timed out after 3.00 seconds\n",
    ]


class HastyClock(LoopClock):
    """Its timers come a little early, as those of a loop that counts whole milliseconds may."""

    def call_at(self, at_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return super().call_at(at_s - 0.0007, action)


async def test_a_timeout_is_never_shorter_than_it_was_configured() -> None:
    async with open_engine(serving(hanging), clock=HastyClock()) as engine:
        record = await engine.record(payload=b'"hang"')
    assert record.measurements is not None
    assert record.measurements.duration_ms == 3000.0


async def test_after_a_timeout_the_same_container_starts_its_runtime_again() -> None:
    async with open_engine(serving(hanging, init_s=0.5)) as engine:
        await engine.call(payload=b'"hang"')
        assert engine.states == [EnvironmentState.RESET]
        run = engine.invoke(payload=b'""')
        assert (await run.outcome()).ok
        record = await run.record()
        (container,) = engine.driver.containers
        assert len(container.starts) == 2
    assert record.cold is True, "it waited for a runtime to initialise"
    assert record.measurements is not None
    assert record.measurements.init_ms is None
    assert record.measurements.duration_ms == pytest.approx(500)


async def test_the_first_invocation_of_an_environment_may_time_out_too() -> None:
    async with open_engine(serving(hanging, init_s=0.5)) as engine:
        run = engine.invoke(payload=b'"hang"')
        record = await run.record()
    assert record.measurements is not None
    assert record.measurements.init_ms == pytest.approx(500)
    assert record.measurements.billed_ms == 3500


async def test_an_answer_after_the_deadline_comes_too_late() -> None:
    async def late(runtime: FakeRuntime, _: Event) -> bytes:
        await runtime.sleep(3.5)
        return b'"late"'

    async with open_engine() as engine:
        engine.behave(serving(late), kill_s=1.0)
        run = engine.invoke()
        outcome = await run.outcome()
        record = await run.record()
    assert outcome.kind is OutcomeKind.TIMEOUT
    assert record.measurements is not None
    assert record.measurements.duration_ms == 3000.0


async def test_a_container_that_does_not_end_its_runtime_is_given_up_and_the_verdict_stands() -> (
    None
):
    async with open_engine() as engine:
        engine.behave(serving(hanging), kill_s=None)
        run = engine.invoke(payload=b'"hang"')
        outcome = await run.outcome()
        assert engine.clock.monotonic() == pytest.approx(8)  # 3 s timeout, 5 s to die
        await engine.settle()
        assert engine.driver.running == []
        await run.record()
    assert outcome.kind is OutcomeKind.TIMEOUT


async def test_no_next_after_the_answer_until_the_deadline() -> None:
    async def dawdling(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        await runtime.respond(event, b'"done"')
        await runtime.hang()

    async with open_engine() as engine:
        engine.behave(dawdling, kill_s=1)
        run = engine.invoke()
        outcome = await run.outcome()
        assert outcome.payload == b'"done"'
        assert engine.clock.monotonic() == 0
        assert not run.finished
        assert engine.states == [EnvironmentState.RESPONDED]
        record = await run.record()
        assert engine.clock.monotonic() == pytest.approx(4)
        assert engine.states == [EnvironmentState.RESET]
    assert record.outcome == outcome
    assert record.measurements is not None
    assert record.measurements.duration_ms == 3000.0


async def test_a_slow_next_counts_as_duration_but_not_for_the_caller() -> None:
    async def tidying(runtime: FakeRuntime) -> None:
        while True:
            event = await runtime.next()
            await runtime.respond(event)
            await runtime.sleep(1)

    async with open_engine(tidying) as engine:
        run = engine.invoke()
        await run.outcome()
        assert engine.clock.monotonic() == 0
        record = await run.record()
    assert record.measurements is not None
    assert record.measurements.duration_ms == pytest.approx(1000)


# --- crashes -------------------------------------------------------------------------------------------

CRASHES = [
    (died(0), "Runtime exited without providing a reason"),
    (died(1), "Runtime exited with error: exit status 1"),
    (died(127), "Runtime exited with error: exit status 127"),
    (killed(6, core_dumped=True), "Runtime exited with error: signal: aborted (core dumped)"),
    (killed(9), "Runtime exited with error: signal: killed"),
    (killed(11), "Runtime exited with error: signal: segmentation fault"),
    (killed(31), "Runtime exited with error: signal: bad system call"),
    (killed(34), "Runtime exited with error: signal: signal 34"),
]


@pytest.mark.parametrize(("end", "text"), CRASHES, ids=[text for _, text in CRASHES])
async def test_a_crash_tells_how_the_process_ended(end: Died, text: str) -> None:
    async with open_engine(dying(end, after_s=0.25)) as engine:
        await engine.call(payload=b'"live"')
        run = engine.invoke(payload=b'"die"')
        outcome = await run.outcome()
        await run.record()
        assert (await engine.call(payload=b'"live"')).payload == b'"live"'
        assert len(engine.driver.containers) == 1
    assert outcome.kind is OutcomeKind.EXIT
    message = f"RequestId: {run.acceptance.request_id} Error: {text}"
    body = {"errorType": "Runtime.ExitError", "errorMessage": message}
    assert outcome.payload == json.dumps(body, separators=(",", ":")).encode()
    assert lines(run)[1] == "last words"
    assert platform_lines(run) == [
        START,
        f"RequestId: <id> Error: {text}\nRuntime.ExitError",
        END,
        (
            "REPORT RequestId: <id>\tDuration: 250.00 ms\tBilled Duration: 250 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 0 MB\tStatus: error\tError Type: Runtime.ExitError"
        ),
    ]


async def test_out_of_memory_is_told_from_other_kills() -> None:
    async def greedy(runtime: FakeRuntime, _: Event) -> bytes:
        runtime.uses(peak_bytes=128 * 1024 * 1024)
        runtime.killed_for_memory()

    async with open_engine(serving(greedy)) as engine:
        run = engine.invoke()
        outcome = await run.outcome()
        await run.record()
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert json.loads(outcome.payload) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {run.acceptance.request_id} Error: "
        "Runtime exited with error: signal: killed",
    }
    assert platform_lines(run)[2:] == [
        "RequestId: <id> Error: Runtime exited with error: signal: killed\nRuntime.OutOfMemory",
        END,
        (
            "REPORT RequestId: <id>\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\t"
            "Max Memory Used: 128 MB\tInit Duration: 0.00 ms\tStatus: error\t"
            "Error Type: Runtime.OutOfMemory"
        ),
    ]


async def test_a_child_killed_for_memory_long_ago_does_not_explain_todays_crash() -> None:
    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        if event.json == "child":
            runtime.uses(oom_kills=1)
            return b"null"
        raise died(1)

    async with open_engine(serving(handler)) as engine:
        assert (await engine.call(payload=b'"child"')).ok
        outcome = await engine.call(payload=b'"die"')
    assert outcome.kind is OutcomeKind.EXIT


async def test_an_exit_after_the_answer_leaves_the_answer_as_it_is() -> None:
    async def once(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        await runtime.respond(event, b'"done"')
        raise died(1)

    async with open_engine(once) as engine:
        first, second = await engine.call(), await engine.call()
        (container,) = engine.driver.containers
        assert len(container.starts) == 2
        assert engine.states == [EnvironmentState.RESET]
    assert (first.payload, second.payload) == (b'"done"', b'"done"')


async def test_a_runtime_that_exits_while_idle_takes_its_environment_along() -> None:
    async def impatient(runtime: FakeRuntime) -> None:
        event = await runtime.next()
        await runtime.respond(event)
        connection = runtime.connection
        connection.send(
            b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        await runtime.sleep(5)
        raise died(2)

    async with open_engine(impatient) as engine:
        await engine.call()
        assert engine.states == [EnvironmentState.IDLE]
        await engine.clock.sleep(6)
        assert engine.environments == ()
        assert engine.heard(EnvironmentChanged)[-1].cause == (
            "The runtime exited while idle: exit status 2."
        )
        await engine.call()
        assert len(engine.driver.containers) == 2


async def test_an_end_that_is_told_twice_is_one_end() -> None:
    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        if event.json == "die":
            raise died(1)
        await runtime.sleep(1)  # long enough for the other one to need an environment of its own
        return event.payload

    async with open_engine(serving(handler)) as engine:
        await engine.call(payload=b'"die"')
        (container,) = engine.driver.containers
        container.say(lambda: container._listener.on_exit(RuntimeExit(code=1)))
        runs = [engine.invoke(payload=b'"live"') for _ in range(2)]
        records = [await run.record() for run in runs]
    assert len({record.environment_id for record in records}) == 2


async def test_many_crashes_in_a_row_use_one_container() -> None:
    async with open_engine(dying(died(1))) as engine:
        for _ in range(20):
            assert (await engine.call(payload=b'"die"')).kind is OutcomeKind.EXIT
        assert len(engine.driver.containers) == 1


async def test_others_are_not_disturbed_by_a_crash() -> None:
    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        await runtime.sleep(1)
        if event.json == "die":
            raise died(1)
        return event.payload

    async with open_engine(serving(handler)) as engine:
        runs = [engine.invoke(payload=b'"die"' if n % 3 == 0 else b'"live"') for n in range(9)]
        kinds = [(await run.outcome()).kind for run in runs]
    expected = [OutcomeKind.EXIT, OutcomeKind.SUCCESS, OutcomeKind.SUCCESS] * 3
    assert kinds == expected


async def test_a_posted_error_with_the_platforms_own_type_is_still_the_handlers() -> None:
    """No line about an exit appears when the process did not exit by itself."""

    async def pretending(runtime: FakeRuntime) -> None:
        await runtime.init_error(b'{"errorType":"Runtime.ExitError","errorMessage":"mine"}')
        await runtime.hang()

    async with open_engine(pretending) as engine:
        run = engine.invoke()
        outcome = await run.outcome()
        await run.record()
    assert outcome.error_message == "mine"
    assert not [line for line in lines(run) if "signal: killed" in line]


async def test_two_functions_of_one_project_die_alone() -> None:
    async with open_engine(dying(died(1))) as engine:
        orders, billing = a_version("orders"), a_version("billing")
        await engine.call(billing, b'"live"')
        assert not (await engine.call(orders, b'"die"')).ok
        engine.driver.usual = Behaviour(create_s=None)
        assert (await engine.record(billing, b'"live"')).cold is False
