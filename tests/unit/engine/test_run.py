"""A run: settled once, finished once, in that order; its log and its tail."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.clock import EPOCH
from tests.fakes.loop import virtual
from tests.fakes.versions import an_acceptance
from workbench.engine.run import TAIL_BYTES, Run
from workbench.errors import ImageMissing, InternalError
from workbench.model.container import LogStream
from workbench.model.invocation import LogEntry, Measurements, Outcome, OutcomeKind
from workbench.model.names import EnvironmentId

pytestmark = pytest.mark.autojump

DONE = Outcome(kind=OutcomeKind.SUCCESS, payload=b"1")
ENVIRONMENT = EnvironmentId("3f" * 16)


def a_run(*, log_limit_bytes: int = 1_000_000) -> Run:
    return Run(
        an_acceptance(),
        function_arn="arn",
        trace_id="trace",
        client_context=None,
        accepted_s=0.0,
        log_limit_bytes=log_limit_bytes,
    )


def an_entry(run: Run, text: str, stream: LogStream = LogStream.STDOUT) -> LogEntry:
    return LogEntry(
        at=EPOCH,
        function=run.acceptance.function,
        environment_id=ENVIRONMENT,
        request_id=run.acceptance.request_id,
        stream=stream,
        text=text,
    )


async def test_callers_of_outcome_go_on_when_it_is_released_those_of_record_when_finished() -> None:
    run = a_run()
    seen: list[object] = []

    async def outcome() -> None:
        seen.append((await run.outcome()).payload)

    async def record() -> None:
        seen.append((await run.record()).measurements)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(outcome())
        tasks.create_task(record())
        run.placed(ENVIRONMENT, cold=True)
        run.settle(DONE, ended_at=EPOCH)
        await virtual().settle()
        assert seen == []
        run.release()
        await virtual().settle()
        assert seen == [b"1"]
        measured = Measurements(duration_ms=1.0)
        run.finish(measured)
    assert seen == [b"1", measured]
    assert run.record_now.environment_id == ENVIRONMENT
    assert run.record_now.ended_at == EPOCH


def test_a_second_outcome_is_a_bug() -> None:
    run = a_run()
    run.settle(DONE, ended_at=EPOCH)
    with pytest.raises(InternalError, match="second outcome"):
        run.settle(DONE, ended_at=EPOCH)
    assert run.record_now.outcome == DONE


def test_figures_before_the_outcome_or_twice_are_a_bug() -> None:
    run = a_run()
    told: list[Run] = []
    run.on_finished = told.append
    with pytest.raises(InternalError, match="out of order"):
        run.finish(None)
    run.settle(DONE, ended_at=EPOCH)
    run.release()
    run.finish(None)
    with pytest.raises(InternalError, match="out of order"):
        run.finish(None)
    assert told == [run]


async def test_released_without_an_outcome_is_a_bug() -> None:
    run = a_run()
    run.release()
    with pytest.raises(InternalError, match="unsettled"):
        await run.outcome()


async def test_what_kept_it_from_running_is_raised_to_every_caller() -> None:
    run = a_run()
    error = ImageMissing("x", remedy="Build it.")
    run.settle(Outcome(kind=OutcomeKind.NOT_STARTED, payload=b"{}"), ended_at=EPOCH)
    run.release(error)
    for _ in range(2):
        with pytest.raises(ImageMissing):
            await run.outcome()
    run.finish(Measurements())
    assert (await run.record()).outcome is not None


async def test_a_caller_that_stops_waiting_changes_nothing() -> None:
    run = a_run()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await run.outcome()
    run.settle(DONE, ended_at=EPOCH)
    run.release()
    assert await run.outcome() == DONE


def test_the_tail_is_never_longer_than_lambda_carries() -> None:
    run = a_run()
    for number in range(2000):
        run.log(an_entry(run, f"line {number}"))
    tail = run.log_tail()
    assert len(tail) == TAIL_BYTES
    assert tail.endswith(b"line 1998\nline 1999\n")


@pytest.mark.parametrize("character", ["x", "é", "🎉"])
@pytest.mark.parametrize("length", [0, 1, 4094, 4095, 4096, 4097, 10_000])
def test_the_tail_is_the_end_of_the_text_whatever_its_lines(character: str, length: int) -> None:
    run = a_run()
    texts = ["first", character * length, "last", character * (length // 3)]
    for text in texts:
        run.log(an_entry(run, text))
    everything = "".join(f"{text}\n" for text in texts).encode()
    assert run.log_tail() == everything[-TAIL_BYTES:]


def test_little_is_kept_in_memory_for_the_tail() -> None:
    run = a_run(log_limit_bytes=0)
    for number in range(20_000):
        run.log(an_entry(run, f"line {number}"))
    assert sum(map(len, run._tail)) < 2 * TAIL_BYTES


def test_the_log_is_kept_up_to_its_limit_in_bytes() -> None:
    run = a_run(log_limit_bytes=30)
    for text in ("ä" * 10, "x" * 8, "y", "z" * 100):  # 21 + 9 bytes with their line ends
        run.log(an_entry(run, text))
    assert [entry.text for entry in run.logs] == ["ä" * 10, "x" * 8]
    assert run.record_now.log_lines == 2
    assert run.record_now.log_bytes_dropped == 2 + 101


def test_the_platforms_lines_are_kept_whatever_the_limit() -> None:
    run = a_run(log_limit_bytes=0)
    run.log(an_entry(run, "START", LogStream.PLATFORM))
    run.log(an_entry(run, "print"))
    run.log(an_entry(run, "END", LogStream.PLATFORM))
    assert [entry.text for entry in run.logs] == ["START", "END"]


def test_entries_of_the_init_phase_are_kept_but_not_in_the_tail() -> None:
    run = a_run()
    run.log(an_entry(run, "init"), in_tail=False)
    run.log(an_entry(run, "START", LogStream.PLATFORM))
    assert [entry.text for entry in run.logs] == ["init", "START"]
    assert run.log_tail() == b"START\n"
