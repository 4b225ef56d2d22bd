"""Who gets which environment, and what the figures say about it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes.driver import Behaviour
from tests.fakes.engine import Engine, open_engine, platform_lines
from tests.fakes.runtime import (
    Event,
    FakeRuntime,
    Program,
    died,
    failing_to_initialise,
    serving,
)
from tests.fakes.versions import a_version
from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import NO_SPLIT
from workbench.model.settings import Limits, Settings
from workbench.model.telemetry import Accepted, EnvironmentChanged, InitStart, Report, Start

pytestmark = pytest.mark.autojump

INIT_START = (
    "INIT_START Runtime Version: python:3.13.workbench\t"
    f"Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:{'ab' * 32}"
)


async def works_123_ms(runtime: FakeRuntime, event: Event) -> bytes:
    await runtime.sleep(0.123)
    runtime.uses(peak_bytes=36 * 1024 * 1024 - 1, cpu_ns=50_000_000)
    return b'{"answer": ' + event.payload + b"}"


async def works_as_told(runtime: FakeRuntime, event: Event) -> bytes:
    await runtime.sleep(event.json["s"])
    return b"null"


async def test_a_cold_start_is_measured_to_the_millisecond() -> None:
    async with open_engine() as engine:
        engine.behave(serving(works_123_ms, init_s=0.5), create_s=0.2)
        run = engine.invoke(payload=b'{"a": 1}')
        outcome = await run.outcome()
        record = await run.record()
    assert outcome.ok
    assert outcome.payload == b'{"answer": {"a": 1}}'
    assert record.cold is True
    assert record.environment_id is not None
    measured = record.measurements
    assert measured is not None
    assert measured.queued_ms == pytest.approx(700)
    assert measured.container_ms == pytest.approx(200)
    assert measured.init_ms == pytest.approx(500)
    assert measured.duration_ms == pytest.approx(123)
    assert measured.billed_ms == 623
    assert measured.max_memory_bytes == 36 * 1024 * 1024 - 1
    assert measured.cpu_ms == pytest.approx(50)
    assert platform_lines(run) == [
        INIT_START,
        "START RequestId: <id> Version: $LATEST",
        "END RequestId: <id>",
        (
            "REPORT RequestId: <id>\tDuration: 123.00 ms\tBilled Duration: 623 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 500.00 ms\t"
        ),
    ]


MARK = b"\xa5\x5a\x80\x00" + bytes(12)


def marking(*, boot_s: float, import_s: float, marks: int = 1) -> Program:
    """Says that it is up, as clients of ours do; and again with each event, as they do not."""

    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        runtime.host.write_log(LogStream.FRAMED, MARK)
        await runtime.sleep(0.05)
        return event.payload

    async def program(runtime: FakeRuntime) -> None:
        await runtime.sleep(boot_s)
        for _ in range(marks):
            runtime.host.write_log(LogStream.FRAMED, MARK)
        await serving(handler, init_s=import_s)(runtime)

    return program


async def test_a_cold_start_is_measured_in_its_parts() -> None:
    async with open_engine() as engine:
        engine.behave(marking(boot_s=0.03, import_s=0.47, marks=2), create_s=0.01, start_s=0.19)
        cold = await engine.record()
        warm = await engine.record()
        (environment,) = engine.environments
    assert cold.measurements is not None
    assert warm.measurements is not None
    split = cold.measurements.split
    assert split.create_ms == pytest.approx(10)
    assert split.start_ms == pytest.approx(190)
    assert split.boot_ms == pytest.approx(30)
    assert split.import_ms == pytest.approx(470)
    assert (split.create_ms or 0) + (split.start_ms or 0) == pytest.approx(
        cold.measurements.container_ms
    )
    assert (split.boot_ms or 0) + (split.import_ms or 0) == pytest.approx(cold.measurements.init_ms)
    assert warm.measurements.split == NO_SPLIT
    assert environment.split == split


async def test_a_runtime_that_does_not_say_when_it_is_up_leaves_that_unknown() -> None:
    async with open_engine(serving(init_s=0.5)) as engine:
        cold = await engine.record()
    assert cold.measurements is not None
    assert cold.measurements.init_ms == pytest.approx(500)
    assert (cold.measurements.split.boot_ms, cold.measurements.split.import_ms) == (None, None)
    assert cold.measurements.split.start_ms is not None


async def test_a_mark_is_no_line_of_the_log() -> None:
    async with open_engine(marking(boot_s=0.0, import_s=0.0)) as engine:
        run = engine.invoke()
        await run.record()
    assert [entry for entry in run.logs if entry.stream is LogStream.FRAMED] == []


async def test_an_init_inside_an_invocation_is_measured_in_its_parts_too() -> None:
    async with open_engine() as engine:
        engine.behave(
            failing_to_initialise(after_s=0.1), marking(boot_s=0.2, import_s=0.3), start_s=0.4
        )
        first = await engine.record()
        second = await engine.record()
    assert first.measurements is not None
    assert second.measurements is not None
    assert first.measurements.init_ms is None
    assert first.measurements.split.start_ms == pytest.approx(400)
    assert first.measurements.split.boot_ms == pytest.approx(200)
    assert first.measurements.split.import_ms == pytest.approx(300)
    assert second.measurements.split == NO_SPLIT


async def starts_for_40_ms(runtime: FakeRuntime) -> None:
    runtime.uses(cpu_ns=(runtime.host.figures.cpu_ns or 0) + 40_000_000)
    while True:
        event = await runtime.next()
        if event.json == "die":
            raise died(1)
        await runtime.respond(event)


async def test_cpu_time_counts_a_start_that_the_duration_counts() -> None:
    async with open_engine(starts_for_40_ms) as engine:
        cold = await engine.record(payload=b'"die"')
        again = await engine.record(payload=b"null")
        warm = await engine.record(payload=b"null")
    spent = [record.measurements and record.measurements.cpu_ms for record in (cold, again, warm)]
    assert spent == [0, 40, 0]


async def test_a_warm_start_has_no_init_duration() -> None:
    async with open_engine(serving(works_123_ms, init_s=0.5)) as engine:
        first = await engine.record(payload=b"1")
        run = engine.invoke(payload=b"2")
        record = await run.record()
        assert len(engine.driver.containers) == 1
    assert record.cold is False
    assert record.environment_id == first.environment_id
    measured = record.measurements
    assert measured is not None
    assert (measured.queued_ms, measured.container_ms, measured.init_ms) == (0.0, None, None)
    assert measured.cpu_ms == pytest.approx(0)
    assert platform_lines(run)[-1] == (
        "REPORT RequestId: <id>\tDuration: 123.00 ms\tBilled Duration: 123 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
    )


async def test_a_warm_invocation_asks_the_container_engine_for_nothing() -> None:
    async with open_engine(serving()) as engine:
        await engine.call()
        container = engine.driver.containers[0]
        run = engine.invoke()
        await run.outcome()
        assert (container.settled, len(container.starts), engine.driver.most_creating) == (1, 1, 1)


async def test_announcements_come_in_the_order_things_happen() -> None:
    async with open_engine(serving(init_s=0.5)) as engine:
        await engine.call()
        kinds = (Accepted, EnvironmentChanged, InitStart, Start, Report)
        told = [
            value.state.value if isinstance(value, EnvironmentChanged) else type(value).__name__
            for value in engine.announced
            if isinstance(value, kinds)
        ]
    assert told == [
        "Accepted",
        "created",
        "initializing",
        "InitStart",
        "idle",
        "busy",
        "Start",
        "responded",
        "Report",
        "idle",
    ]


async def test_an_idle_environment_is_announced_without_an_invocation() -> None:
    async with open_engine(serving()) as engine:
        await engine.call()
        last = engine.heard(EnvironmentChanged)[-1].environment
    assert last.state is EnvironmentState.IDLE
    assert last.invocation is None
    assert last.idle_until is not None


async def test_the_newest_idle_environment_is_taken_first() -> None:
    async with open_engine(serving(works_as_told)) as engine:
        quick, slow = engine.invoke(payload=b'{"s": 0.1}'), engine.invoke(payload=b'{"s": 0.2}')
        await slow.record()
        third = await engine.record(payload=b'{"s": 0.1}')
    assert third.environment_id == slow.record_now.environment_id
    assert third.environment_id != quick.record_now.environment_id


async def test_a_burst_gets_an_environment_each_a_few_started_at_once() -> None:
    settings = Settings(limits=Limits(parallel_starts=3))
    async with open_engine(settings=settings) as engine:
        engine.behave(serving(works_as_told), create_s=0.5)
        runs = [engine.invoke(payload=b'{"s": 2}') for _ in range(10)]
        records = [await run.record() for run in runs]
        assert engine.driver.most_creating == 3
        assert len(engine.driver.containers) == 10
    assert len({record.environment_id for record in records}) == 10
    assert all(record.cold for record in records)


async def test_who_waits_longest_is_served_first_by_whoever_is_free_first() -> None:
    async with open_engine(serving(works_as_told)) as engine:
        await engine.call(payload=b'{"s": 0}')
        engine.driver.usual = Behaviour(create_s=10.0)
        holding = engine.invoke(payload=b'{"s": 1}')
        first, second = (engine.invoke(payload=b'{"s": 1}') for _ in range(2))
        await second.record()
        served = [holding.record_now, first.record_now, second.record_now]
        assert len({record.environment_id for record in served}) == 1
        ended = [record.ended_at for record in served]
        assert ended == sorted(ended, key=str)
        assert first.record_now.cold is False


async def test_an_environment_nobody_needs_any_more_is_kept_for_the_next() -> None:
    async with open_engine(serving(works_as_told)) as engine:
        await engine.call(payload=b'{"s": 0}')
        engine.driver.usual = Behaviour(create_s=10.0)
        engine.invoke(payload=b'{"s": 1}')
        await engine.record(payload=b'{"s": 1}')
        await engine.clock.sleep(20)
        assert engine.states == [EnvironmentState.FROZEN] * 2


async def test_versions_and_functions_never_share_an_environment() -> None:
    async with open_engine(serving()) as engine:
        versions = [
            a_version("orders"),
            a_version("orders", code="2"),
            a_version("orders", qualifier="7"),
            a_version("billing"),
        ]
        records = [await engine.record(version) for version in versions]
    assert len({record.environment_id for record in records}) == 4


async def test_an_environment_idle_too_long_is_retired() -> None:
    async with open_engine(serving(), settings=Settings(keep_alive_s=600)) as engine:
        await engine.call()
        await engine.clock.sleep(599)
        assert len(engine.driver.running) == 1
        await engine.call()  # being used starts the time again
        await engine.clock.sleep(599)
        assert len(engine.driver.running) == 1
        await engine.clock.sleep(2)
        assert engine.driver.running == []
        assert engine.environments == ()
        assert engine.heard(EnvironmentChanged)[-1].cause == "idle for 600 s"


async def test_idle_until_says_when_it_goes() -> None:
    async with open_engine(serving(), settings=Settings(keep_alive_s=60)) as engine:
        await engine.call()
        (environment,) = engine.environments
        assert environment.idle_until is not None
        assert (environment.idle_until - engine.clock.now()).total_seconds() == pytest.approx(60)
        run = engine.invoke()
        (environment,) = engine.environments
        assert environment.idle_until is None
        assert environment.invocation == run.acceptance.request_id


async def test_a_function_has_a_keep_alive_of_its_own_that_may_change() -> None:
    async with open_engine() as engine:
        usual = a_version("orders")
        brief = replace(usual, configuration=replace(usual.configuration, keep_alive_s=5))
        await engine.call(brief)
        await engine.clock.sleep(4)
        assert len(engine.driver.running) == 1
        engine.scheduler.reconfigure(usual)  # as the project has it: 600 s from now
        assert engine.environments[0].idle_until == engine.clock.now() + timedelta(seconds=600)
        await engine.clock.sleep(599)
        assert len(engine.driver.running) == 1

        engine.scheduler.reconfigure(brief)
        await engine.clock.sleep(6)
        assert engine.driver.running == []
    causes = {each.cause for each in engine.heard(EnvironmentChanged) if each.cause}
    assert causes == {"idle for 5 s"}


async def test_an_invocation_at_the_moment_of_expiry_is_served() -> None:
    async with open_engine(serving(works_as_told), settings=Settings(keep_alive_s=60)) as engine:
        await engine.call(payload=b'{"s": 0}')
        runs = []
        ends_s = engine.clock.monotonic() + 60
        for at_s in (ends_s - 0.001, ends_s, ends_s + 0.001):
            engine.clock.call_at(at_s, lambda: runs.append(engine.invoke(payload=b'{"s": 0.1}')))
        await engine.clock.sleep(61)
        outcomes = [await run.outcome() for run in runs]
    assert [outcome.ok for outcome in outcomes] == [True] * 3


async def test_the_runtime_is_given_what_the_caller_sent() -> None:
    seen: list[Event] = []

    async def look(_: FakeRuntime, event: Event) -> bytes:
        seen.append(event)
        return b"null"

    async with open_engine(serving(look)) as engine:
        await engine.call(payload=b"")
        run = engine.invoke(payload='{"é": "\\u2028"}'.encode(), qualifier="$LATEST")
        await run.outcome()
        deadline_ms = int(engine.clock.now().timestamp() * 1000) + 3000
    empty, named = seen
    assert empty.payload == b"{}"
    arn = "arn:aws:lambda:us-east-1:123456789012:function:orders"
    assert empty.headers["lambda-runtime-invoked-function-arn"] == arn
    assert named.payload == '{"é": "\\u2028"}'.encode()
    assert named.headers["lambda-runtime-invoked-function-arn"] == f"{arn}:$LATEST"
    assert named.headers["lambda-runtime-trace-id"] == "Root=1-2-3"
    assert abs(int(named.headers["lambda-runtime-deadline-ms"]) - deadline_ms) <= 1
    assert "lambda-runtime-client-context" not in named.headers


async def test_a_caller_that_goes_away_changes_nothing() -> None:
    async with open_engine(serving(works_as_told)) as engine:
        run = engine.invoke(payload=b'{"s": 2}')

        async def caller() -> None:
            await run.outcome()

        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(caller())
            await engine.clock.sleep(1)
            waiting.cancel()
        assert run.record_now.outcome is None
        assert (await run.outcome()).ok
        assert len(engine.driver.running) == 1


async def test_a_runtime_started_is_told_all_it_needs() -> None:
    async with open_engine(serving()) as engine:
        await engine.call()
        (container,) = engine.driver.containers
    (start,) = container.starts
    assert start.command == ("/var/runtime/bootstrap",)
    assert start.handler == "app.handler"
    assert start.log_frames
    assert dict(start.variables)["_HANDLER"] == "app.handler"
    spec = container.spec
    assert spec.name == f"wb-orders-{spec.environment_id[:8]}"
    assert spec.labels == (
        ("workbench.instance", "test"),
        ("workbench.function", "orders"),
        ("workbench.version", "$LATEST"),
    )
    assert spec.cpus == pytest.approx(128 / 1769)
    assert [mount.target for mount in spec.mounts] == ["/var/task"]


async def test_an_engine_that_did_nothing_leaves_nothing() -> None:
    async with open_engine() as engine:
        assert isinstance(engine, Engine)
        assert engine.environments == ()
