"""The init phase goes wrong: it is run again inside the invocation, in the same container."""

from __future__ import annotations

import json

import pytest

from tests.fakes.driver import Behaviour
from tests.fakes.engine import lines, open_engine, platform_lines
from tests.fakes.runtime import (
    Event,
    FakeRuntime,
    Program,
    died,
    ending,
    failing_to_initialise,
    killed,
    never_asking,
    serving,
    unstartable,
)
from tests.fakes.versions import a_version
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import OutcomeKind
from workbench.model.telemetry import InitFailed, InitStart

pytestmark = pytest.mark.autojump

START, END = "START RequestId: <id> Version: $LATEST", "END RequestId: <id>"


def report(duration: str, billed: int, tail: str = "") -> str:
    return (
        f"REPORT RequestId: <id>\tDuration: {duration} ms\tBilled Duration: {billed} ms\t"
        f"Memory Size: 128 MB\tMax Memory Used: 0 MB\t{tail}"
    )


async def test_an_init_error_is_tried_once_more_inside_the_invocation() -> None:
    async with open_engine(failing_to_initialise(after_s=0.15079), serving(init_s=1)) as engine:
        run = engine.invoke(payload=b'"hello"')
        outcome = await run.outcome()
        record = await run.record()
        (container,) = engine.driver.containers
        assert len(container.starts) == 2
        first, second = engine.heard(InitStart)
        assert (first.request_id, second.request_id) == (None, run.acceptance.request_id)
        (failed,) = engine.heard(InitFailed)
        assert failed.message == "Unable to import module 'app'"
        assert failed.error_type == "Runtime.ImportModuleError"
    assert outcome.payload == b'"hello"'
    assert record.cold is True
    assert record.measurements is not None
    assert record.measurements.init_ms is None
    assert platform_lines(run)[1:] == [
        (
            "INIT_REPORT Init Duration: 150.79 ms\tPhase: init\tStatus: error\t"
            "Error Type: Runtime.ImportModuleError"
        ),
        START,
        END,
        report("1000.00", 1000),
    ]


async def test_an_init_error_twice_is_the_answer_byte_for_byte() -> None:
    async with open_engine(failing_to_initialise(after_s=0.1)) as engine:
        run = engine.invoke()
        outcome = await run.outcome()
    assert outcome.kind is OutcomeKind.INIT_ERROR
    assert outcome.error_type == "Runtime.ImportModuleError"
    assert json.loads(outcome.payload) == {
        "errorMessage": "Unable to import module 'app'",
        "errorType": "Runtime.ImportModuleError",
        "requestId": "",
        "stackTrace": [],
    }
    assert platform_lines(run)[1:] == [
        (
            "INIT_REPORT Init Duration: 100.00 ms\tPhase: init\tStatus: error\t"
            "Error Type: Runtime.ImportModuleError"
        ),
        START,
        (
            "INIT_REPORT Init Duration: 100.00 ms\tPhase: invoke\tStatus: error\t"
            "Error Type: Runtime.ImportModuleError"
        ),
        END,
        report("100.00", 100, "Status: error\tError Type: Runtime.ImportModuleError"),
    ]


async def test_the_next_invocation_after_a_failed_init_tries_again_in_the_same_container() -> None:
    failing = failing_to_initialise()
    async with open_engine(failing, failing, serving(init_s=0.5)) as engine:
        assert not (await engine.call()).ok
        assert engine.states == [EnvironmentState.RESET]
        run = engine.invoke()
        assert (await run.outcome()).ok
        record = await run.record()
        assert len(engine.driver.containers) == 1
        warm = await engine.record()
    assert record.measurements is not None
    assert record.measurements.init_ms is None
    assert record.measurements.duration_ms == pytest.approx(500)
    assert warm.cold is False


async def test_the_init_phase_ends_after_ten_seconds() -> None:
    async with open_engine(never_asking, serving(init_s=1)) as engine:
        run = engine.invoke()
        outcome = await run.outcome()
        await run.record()
    assert outcome.ok
    assert platform_lines(run)[1:] == [
        "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout",
        START,
        END,
        report("1000.00", 1000),
    ]


async def test_the_second_init_has_the_functions_own_timeout() -> None:
    async with open_engine(never_asking) as engine:
        run = engine.invoke(a_version(timeout_s=4))
        outcome = await run.outcome()
        record = await run.record()
    assert outcome.kind is OutcomeKind.TIMEOUT
    request_id = run.acceptance.request_id
    assert outcome.payload == (
        b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: '
        b'Task timed out after 4.00 seconds"}' % request_id.encode()
    )
    assert record.measurements is not None
    assert record.measurements.queued_ms == pytest.approx(10_000)
    assert platform_lines(run)[1:-1] == [
        "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout",
        START,
        "INIT_REPORT Init Duration: 4000.00 ms\tPhase: invoke\tStatus: timeout",
        END,
        report("4000.00", 4000, "Status: timeout"),
    ]


async def test_the_second_init_may_use_all_of_the_timeout_and_leave_the_rest_to_the_handler() -> (
    None
):
    async def handler(runtime: FakeRuntime, event: Event) -> bytes:
        await runtime.sleep(event.json)
        return b"null"

    async with open_engine(ending(died(1)), serving(handler, init_s=2.5)) as engine:
        assert (await engine.call(payload=b"0.4")).ok
        engine.behave(ending(died(1)), serving(handler, init_s=2.5))
        other = engine.invoke(a_version("billing"), b"0.6")
        assert (await other.outcome()).kind is OutcomeKind.TIMEOUT


EXITS = [
    pytest.param(
        ending(died(3)),
        "Runtime exited with error: exit status 3",
        "Runtime.ExitError",
        id="status",
    ),
    pytest.param(
        ending(died(0)),
        "Runtime exited without providing a reason",
        "Runtime.ExitError",
        id="status 0",
    ),
    pytest.param(
        ending(killed(11, core_dumped=True)),
        "Runtime exited with error: signal: segmentation fault (core dumped)",
        "Runtime.ExitError",
        id="signal",
    ),
    pytest.param(
        unstartable, "No such file or directory", "Runtime.InvalidEntrypoint", id="no file"
    ),
]


@pytest.mark.parametrize(("program", "text", "error_type"), EXITS)
async def test_a_runtime_that_ends_while_it_initialises(
    program: Program, text: str, error_type: str
) -> None:
    async with open_engine(program) as engine:
        run = engine.invoke()
        outcome = await run.outcome()
        await run.record()
    assert outcome.kind is OutcomeKind.INIT_ERROR
    message = f"RequestId: {run.acceptance.request_id} Error: {text}"
    assert json.loads(outcome.payload) == {"errorType": error_type, "errorMessage": message}
    said = platform_lines(run)[1:]
    assert said == [
        f"INIT_REPORT Init Duration: 0.00 ms\tPhase: init\tStatus: error\tError Type: {error_type}",
        START,
        (
            "INIT_REPORT Init Duration: 0.00 ms\tPhase: invoke\tStatus: error\t"
            f"Error Type: {error_type}"
        ),
        f"RequestId: <id> Error: {text}\n{error_type}",
        END,
        report("0.00", 0, f"Status: error\tError Type: {error_type}"),
    ]


async def test_out_of_memory_while_initialising_is_said() -> None:
    async def greedy(runtime: FakeRuntime) -> None:
        runtime.killed_for_memory()

    async with open_engine(greedy) as engine:
        outcome = await engine.call()
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.error_type == "Runtime.OutOfMemory"


async def test_an_old_out_of_memory_does_not_colour_the_next_failure() -> None:
    async def greedy(runtime: FakeRuntime) -> None:
        runtime.killed_for_memory()

    async with open_engine(greedy, ending(died(1))) as engine:
        outcome = await engine.call()
    assert outcome.kind is OutcomeKind.INIT_ERROR
    assert outcome.error_type == "Runtime.ExitError"


async def test_a_runtime_that_lingers_after_its_init_error_is_ended() -> None:
    async def lingering(runtime: FakeRuntime) -> None:
        await runtime.init_error(b'{"errorType":"Boom","errorMessage":"no"}', "Boom")
        await runtime.hang()

    async with open_engine(lingering, serving()) as engine:
        run = engine.invoke()
        assert (await run.outcome()).ok
        await run.record()
        assert engine.clock.monotonic() == 0


async def test_an_init_error_after_the_deadline_changes_nothing() -> None:
    async with open_engine() as engine:
        late = failing_to_initialise(after_s=10.5)
        engine.behave(late, serving(), kill_s=1)
        run = engine.invoke()
        assert (await run.outcome()).ok
        await run.record()
        assert engine.clock.monotonic() == pytest.approx(11)
    assert platform_lines(run)[1] == (
        "INIT_REPORT Init Duration: 11000.00 ms\tPhase: init\tStatus: timeout"
    )


async def test_what_was_written_before_an_init_error_is_in_the_log() -> None:
    async def talking(runtime: FakeRuntime) -> None:
        runtime.print("Traceback: no module named x")  # without a line end
        await runtime.init_error(b"{}", "Boom")
        raise died(1)

    async with open_engine(talking, serving()) as engine:
        run = engine.invoke()
        await run.record()
    said = lines(run)
    at = said.index("Traceback: no module named x")
    assert said[at + 1].startswith("INIT_REPORT")


async def test_nobody_waiting_a_failed_environment_waits_to_be_tried_again() -> None:
    async with open_engine(serving()) as engine:
        await engine.call()
        engine.driver.coming.append(Behaviour(programs=(ending(died(1)), serving())))
        engine.scheduler.supersede(a_version(code="2"), warm=True)
        await engine.settle()
        assert engine.states == [EnvironmentState.RESET]
        assert (await engine.call(a_version(code="2"))).ok
        assert len(engine.driver.containers) == 2


async def test_an_environment_reset_and_never_used_is_retired() -> None:
    async with open_engine(ending(died(1))) as engine:
        await engine.call()
        await engine.clock.sleep(601)
        assert engine.environments == ()


async def test_a_warm_environment_is_preferred_to_one_that_must_start_again() -> None:
    async with open_engine() as engine:
        engine.driver.coming.append(Behaviour(programs=(serving(),)))
        engine.driver.coming.append(Behaviour(programs=(ending(died(1)),)))
        good, bad = engine.invoke(), engine.invoke()
        await bad.record()
        await good.record()
        await engine.settle()
        states = sorted(engine.states)
        assert states == [EnvironmentState.IDLE, EnvironmentState.RESET]
        for _ in range(3):
            assert (await engine.record()).cold is False
