"""Whose log an entry is, in which order, and what happens when nobody keeps up."""

from __future__ import annotations

import struct

import pytest

from tests.fakes.engine import Engine, lines, open_engine
from tests.fakes.runtime import Event, FakeRuntime, died, ending, serving
from workbench.engine.run import Run
from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentState
from workbench.model.invocation import LogEntry, OutcomeKind
from workbench.model.settings import Limits, Settings
from workbench.model.telemetry import LogLine

pytestmark = pytest.mark.autojump


def kinds(run: Run) -> list[str]:
    """The log of a run with the platform's lines as their first word."""
    return [
        entry.text.split(maxsplit=1)[0] if entry.stream is LogStream.PLATFORM else entry.text
        for entry in run.logs
    ]


def owners(engine: Engine) -> list[tuple[str, str | None]]:
    """What the bus said of entries that are not the platform's."""
    return [
        (line.entry.text, line.entry.request_id)
        for line in engine.heard(LogLine)
        if line.entry.stream is not LogStream.PLATFORM
    ]


async def chatty(runtime: FakeRuntime) -> None:
    """Writes in every phase of its life."""
    runtime.print("init, without a line end")
    number = 0
    while True:
        event = await runtime.next()
        number += 1
        runtime.print(f"during {number}\n")
        await runtime.respond(event)
        runtime.print(f"after {number}, without a line end")
        await runtime.sleep(0.1)


async def test_entries_belong_to_the_phase_they_were_written_in() -> None:
    async with open_engine(chatty) as engine:
        first = engine.invoke()
        await first.record()
        second = engine.invoke()
        await second.record()
        one, two = first.acceptance.request_id, second.acceptance.request_id
        assert owners(engine) == [
            ("init, without a line end", None),
            ("during 1", one),
            ("after 1, without a line end", one),
            ("during 2", two),
            ("after 2, without a line end", two),
        ]
    assert kinds(first) == [
        "INIT_START",
        "init, without a line end",
        "START",
        "during 1",
        "after 1, without a line end",
        "END",
        "REPORT",
    ]
    assert kinds(second) == ["START", "during 2", "after 2, without a line end", "END", "REPORT"]
    assert first.record_now.log_lines == 7


async def test_the_log_on_the_bus_is_the_log_of_the_run() -> None:
    async with open_engine(chatty) as engine:
        run = engine.invoke()
        await run.record()
        told = [line.entry for line in engine.heard(LogLine)]
    assert told == run.logs
    assert [entry.at for entry in told] == sorted(entry.at for entry in told)
    assert {entry.environment_id for entry in told} == {run.record_now.environment_id}


async def test_what_is_written_between_two_invocations_is_shown_with_the_next() -> None:
    async def restless(runtime: FakeRuntime) -> None:
        while True:
            event = await runtime.next()
            await runtime.respond(event)

    async with open_engine(restless, settings=Settings(freeze=False)) as engine:
        await engine.call()
        await engine.clock.sleep(1)
        engine.driver.containers[0].write_log(LogStream.STDERR, b"a thread of its own\n")
        run = engine.invoke()
        await run.record()
        assert owners(engine) == [("a thread of its own", None)]
    assert kinds(run) == ["a thread of its own", "START", "END", "REPORT"]


async def test_last_words_come_before_the_end() -> None:
    async def crashing(runtime: FakeRuntime, _: Event) -> bytes:
        runtime.print("to stderr", LogStream.STDERR)
        runtime.print("to stdout")
        raise died(1)

    async with open_engine(serving(crashing)) as engine:
        run = engine.invoke()
        await run.record()
    said = kinds(run)
    assert sorted(said[2:4]) == ["to stderr", "to stdout"]
    assert said[4:] == ["RequestId:", "END", "REPORT"]


async def test_the_log_of_a_failed_init_is_shown_with_the_invocation_it_failed_for() -> None:
    async def broken(runtime: FakeRuntime) -> None:
        runtime.print("no module named x\n")
        raise died(1)

    async with open_engine(broken) as engine:
        run = engine.invoke()
        await run.record()
    assert kinds(run) == [
        "INIT_START",
        "no module named x",
        "INIT_REPORT",
        "START",
        "no module named x",
        "INIT_REPORT",
        "RequestId:",
        "END",
        "REPORT",
    ]


async def test_framed_records_keep_their_lines_levels_and_times() -> None:
    text = "[ERROR] ValueError: no\nTraceback (most recent call last):\n  File …\n"
    body = text.encode()
    frame = struct.pack(">IIQ", 0xA55A0017, len(body), 1_767_323_045_600_000) + body

    async def raising(runtime: FakeRuntime, _: Event) -> bytes:
        for byte in frame:
            runtime.host.write_log(LogStream.FRAMED, bytes([byte]))
        return b"null"

    async with open_engine(serving(raising)) as engine:
        run = engine.invoke()
        await run.record()
    (entry,) = (entry for entry in run.logs if entry.stream is LogStream.FRAMED)
    assert entry.text == text.removesuffix("\n")
    assert entry.level == "ERROR"
    assert entry.at.isoformat() == "2026-01-02T03:04:05.600000+00:00"
    assert entry.request_id == run.acceptance.request_id


async def test_half_a_record_at_the_end_of_an_invocation_is_not_torn() -> None:
    frame = struct.pack(">IIQ", 0xA55A0003, 10, 0) + b"0123456789"

    async def slow_thread(runtime: FakeRuntime, event: Event) -> bytes:
        half = frame[:20] if event.json == 1 else frame[20:]
        runtime.host.write_log(LogStream.FRAMED, half)
        return b"null"

    async with open_engine(serving(slow_thread)) as engine:
        await engine.call(payload=b"1")
        run = engine.invoke(payload=b"2")
        await run.record()
        assert [text for text, _ in owners(engine)] == ["0123456789"]


async def test_half_a_record_of_a_runtime_that_died_is_told_as_far_as_it_got() -> None:
    frame = struct.pack(">IIQ", 0xA55A0003, 10, 0) + b"01234"

    async def dying(runtime: FakeRuntime, _: Event) -> bytes:
        runtime.host.write_log(LogStream.FRAMED, frame)
        raise died(1)

    async with open_engine(serving(dying)) as engine:
        run = engine.invoke()
        await run.record()
    (text,) = lines(run, LogStream.FRAMED)
    assert text.endswith("01234")


async def test_what_a_terminal_would_act_on_never_gets_in() -> None:
    async def rude(runtime: FakeRuntime, _: Event) -> bytes:
        runtime.print("\x1b]52;c;aGk=\x07\x1b[31mred\x1b[0m\x1b[2J\n")
        return b"null"

    async with open_engine(serving(rude)) as engine:
        run = engine.invoke()
        await run.record()
    assert lines(run, LogStream.STDOUT) == ["\x1b[31mred\x1b[0m"]


async def test_the_tail_is_the_last_four_kilobytes_without_the_init_phase() -> None:
    async def loud(runtime: FakeRuntime, event: Event) -> bytes:
        for number in range(event.json):
            runtime.print(f"line {number:05} é\n")
        return b"null"

    async with open_engine(serving(loud)) as engine:
        short = engine.invoke(payload=b"1")
        await short.record()
        long = engine.invoke(payload=b"1000")
        await long.record()
    text = short.log_tail().decode()
    assert text.startswith("START RequestId: ")
    assert "line 00000 é\nEND" in text
    assert text.endswith("\t\n")
    tail = long.log_tail()
    assert len(tail) == 4096
    everything = "".join(f"{line}\n" for line in lines(long)).encode()
    assert everything.endswith(tail)


async def test_beyond_what_the_history_keeps_bytes_are_counted() -> None:
    async def loud(runtime: FakeRuntime, _: Event) -> bytes:
        for _line in range(30):
            runtime.print("ä" * 49 + "\n")  # 99 bytes each
        return b"null"

    settings = Settings(limits=Limits(invocation_log_bytes=1500))
    async with open_engine(serving(loud), settings=settings) as engine:
        run = engine.invoke()
        record = await run.record()
        assert len(owners(engine)) == 30
    kept = lines(run, LogStream.STDOUT)
    assert 10 <= len(kept) <= 15
    assert record.log_bytes_dropped == (30 - len(kept)) * 99
    assert record.log_lines == len(run.logs)
    assert kinds(run)[-2:] == ["END", "REPORT"]


async def test_what_is_kept_of_a_long_log_is_its_beginning_without_gaps() -> None:
    async def loud(runtime: FakeRuntime, _: Event) -> bytes:
        runtime.print("first\n")
        runtime.print("x" * 2000 + "\n")
        runtime.print("small enough, but after the gap\n")
        return b"null"

    settings = Settings(limits=Limits(invocation_log_bytes=1500))
    async with open_engine(serving(loud), settings=settings) as engine:
        run = engine.invoke()
        await run.record()
    assert lines(run, LogStream.STDOUT) == ["first"]


# --- nobody keeps up ---------------------------------------------------------------------------------------


async def flooding(runtime: FakeRuntime, event: Event) -> bytes:
    for number in range(event.json):
        runtime.print(f"{number}\n")
    return b'"flooded"'


async def test_a_listener_that_is_behind_makes_environments_wait_and_loses_nothing() -> None:
    async with open_engine(serving(flooding)) as engine:
        with engine.bus.subscribe(capacity=None, high_water=100) as recorder:
            run = engine.invoke(payload=b"500")
            await engine.settle()
            (container,) = engine.driver.containers
            assert container.paused
            assert recorder.backlog == 100
            assert run.record_now.outcome is None

            taken: list[LogEntry] = []
            while run.record_now.measurements is None:
                taken += [v.entry for v in recorder.take_nowait(30) if isinstance(v, LogLine)]
                assert recorder.backlog <= 101
                await engine.settle()
            taken += [v.entry for v in recorder.take_nowait() if isinstance(v, LogLine)]
            assert engine.clock.monotonic() == 0
    assert taken == run.logs
    assert lines(run, LogStream.STDOUT) == [str(number) for number in range(500)]


async def test_when_the_listener_goes_away_those_who_wait_go_on() -> None:
    async with open_engine(serving(flooding)) as engine:
        with engine.bus.subscribe(capacity=None, high_water=10):
            run = engine.invoke(payload=b"50")
            await engine.settle()
            assert run.record_now.outcome is None
        assert (await run.outcome()).ok


async def test_a_slow_listener_without_a_high_water_mark_makes_nobody_wait() -> None:
    async with open_engine(serving(flooding)) as engine:
        with engine.bus.subscribe(capacity=10):
            assert (await engine.call(payload=b"500")).ok


async def test_a_wait_longer_than_the_timeout_is_a_timeout_and_loses_no_line() -> None:
    """Nor is the container given up: it is not its fault that nobody listens."""
    async with open_engine(serving(flooding)) as engine:
        with engine.bus.subscribe(capacity=None, high_water=10) as recorder:
            run = engine.invoke(payload=b"50")
            await engine.clock.sleep(20)
            assert run.record_now.outcome is None
            while recorder.take_nowait():
                await engine.settle()
            assert (await run.outcome()).kind is OutcomeKind.TIMEOUT
            await run.record()
            assert engine.states == [EnvironmentState.RESET]
    assert lines(run, LogStream.STDOUT) == [str(number) for number in range(50)]


async def test_an_environment_that_went_away_while_it_waited_is_not_called_back() -> None:
    async with open_engine(serving(flooding)) as engine:
        with engine.bus.subscribe(capacity=None, high_water=10):
            engine.invoke(payload=b"50")
            await engine.settle()
            engine.driver.containers[0].lose("gone")
            await engine.settle()
            assert engine.environments == ()


async def test_init_entries_are_only_kept_so_far_but_all_are_announced() -> None:
    async def loud(runtime: FakeRuntime) -> None:
        for number in range(1500):
            runtime.print(f"{number}\n")
        await serving()(runtime)

    async with open_engine(ending(died(1)), loud) as engine:
        run = engine.invoke()
        await run.record()
        assert len(owners(engine)) == 1500
        engine.behave(loud)
        engine.driver.containers[0].lose("gone")
        run = engine.invoke()
        await run.record()
        assert len(owners(engine)) == 3000
    assert len(lines(run, LogStream.STDOUT)) < 1000
