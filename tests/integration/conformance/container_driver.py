"""What every `ports.ContainerDriver` keeps to, fake or real."""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
import signal
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from tests.integration.conformance import acts
from tests.integration.conformance.acts import Act
from tests.integration.conformance.witness import ApiBytes, Asked, Logged, Witness
from workbench.clock import SystemClock
from workbench.errors import DriverError
from workbench.model.container import ContainerSpec, Figures, LogStream, RuntimeExit, RuntimeStart
from workbench.ports import Container, ContainerDriver

MEGABYTE = 1024 * 1024


class Subject(Protocol):
    """A driver, and what its checks need besides."""

    @property
    def driver(self) -> ContainerDriver:
        """Open."""
        ...

    def prepare(self, act: Act, **variables: str) -> tuple[ContainerSpec, RuntimeStart]:
        """A container in which `act` can run, and how to start it there."""
        ...

    def another(self, spec: ContainerSpec, act: Act, **variables: str) -> RuntimeStart:
        """How to start `act` in the container of `spec`."""
        ...

    async def take_away(self, container: Container) -> None:
        """Make the container go underneath the driver."""
        ...

    async def remains(self, spec: ContainerSpec) -> list[str]:
        """What there still is of it on this machine."""
        ...


class ContainerDriverSuite:
    """The checks. A subclass says what is checked."""

    real = True
    """False: nothing runs, so what only the kernel could break is not checked."""
    measures = True
    """Memory and CPU time are known."""

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        """A driver that is open."""
        raise NotImplementedError

    def needs_processes(self) -> None:
        if not self.real:
            pytest.skip("a fake has no processes")

    # --- starting and ending -----------------------------------------------------------------------

    async def test_nothing_runs_in_a_new_container(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, _ = subject.prepare(acts.GREETS)
            container = await subject.driver.create(spec, witness, witness.connections)
            assert container.name == spec.name
            await container.remove()

        assert witness.happened == []
        assert witness.created == 1

    async def test_runtime_reaches_its_runtime_api_and_its_end_is_told(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.GREETS, witness)
            ended = await witness.until_exit()
            await container.remove()

        assert ended == RuntimeExit(code=0)
        assert witness.body("/hello") == b"hi"

    @pytest.mark.parametrize(
        ("act", "ended"),
        [
            (acts.EXITS_3, RuntimeExit(code=3)),
            (acts.KILLS_ITSELF, RuntimeExit(code=None, signal=signal.SIGKILL)),
        ],
        ids=lambda value: value.name if isinstance(value, Act) else "",
    )
    async def test_end_says_status_or_signal(self, act: Act, ended: RuntimeExit) -> None:
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, act, witness)
            told = await witness.until_exit()
            await container.remove()

        assert told == ended

    async def test_program_that_does_not_exist_ends_with_a_start_error(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.MISSING, witness)
            ended = await witness.until_exit()
            await container.remove()

        assert ended.start_error == "No such file or directory"

    async def test_runtime_is_started_again_in_the_same_container(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.COUNTS_ITS_STARTS)
            container = await subject.driver.create(spec, witness, witness.connections)
            for count in (1, 2, 3):
                container.start_runtime(start)
                await witness.until_exit(count)
                assert witness.body("/starts") == b"%d" % count, "/tmp survives its runtime"
            await container.remove()

    async def test_container_survives_a_start_that_failed(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, missing = subject.prepare(acts.MISSING)
            container = await subject.driver.create(spec, witness, witness.connections)
            container.start_runtime(missing)
            await witness.until_exit()
            await container.remove()

        assert len(witness.exits) == 1
        assert witness.losses == []

    async def test_runtime_sees_its_variables_and_folder_and_nothing_of_the_workbench(self) -> None:
        self.needs_processes()
        witness = Witness()
        odd = {"UMLAUT": "äöü €", "LINES": "one\ntwo", "EMPTY": "", "BYTES": "\udcff\udc80"}
        async with self.subject() as subject:
            container = await begin(subject, acts.TELLS_WHAT_IT_SEES, witness, **odd)
            seen = json.loads(await witness.until_asked("/seen"))
            await container.remove()

        assert {name: seen["variables"][name] for name in odd} == odd
        assert "HOME" not in seen["variables"]
        assert seen["cwd"]
        assert seen["stdin"] == ""
        assert not seen["mask"], "no signal is blocked"
        assert seen["descriptors"] == ["0", "1", "2"]

    # --- dying ---------------------------------------------------------------------------------------

    async def test_kill_ends_a_runtime_that_waits(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.WAITS, witness)
            await witness.until_asked("/ready")
            container.kill_runtime()
            ended = await witness.until_exit()
            await container.remove()

        assert ended == RuntimeExit(code=None, signal=signal.SIGKILL)

    async def test_kill_ends_a_runtime_that_ignores_polite_signals(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.IGNORES_SIGTERM, witness)
            await witness.until_asked("/ready")
            container.kill_runtime()
            assert (await witness.until_exit()).signal == signal.SIGKILL
            await container.remove()

    @pytest.mark.parametrize("end", ["killed", "exit"])
    async def test_nothing_a_runtime_started_outlives_it(self, end: str) -> None:
        self.needs_processes()
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.LEAVES_CHILDREN, END=end)
            container = await subject.driver.create(spec, witness, witness.connections)
            container.start_runtime(start)
            await witness.until_asked("/ready")
            if end == "killed":
                container.kill_runtime()
            await witness.until_exit()
            written = witness.log_bytes
            container.start_runtime(subject.another(spec, acts.COUNTS_CHILDREN))
            left = await witness.until_asked("/children")
            await witness.until_exit(2)
            await container.remove()

        assert left == b"0"
        assert witness.log_bytes == written, "what it left behind writes no more"

    async def test_each_runtime_ends_exactly_once(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.WAITS)
            container = await subject.driver.create(spec, witness, witness.connections)
            for count in range(1, 6):
                container.start_runtime(start)
                await witness.until_asked("/ready", count)
                container.kill_runtime()
                container.kill_runtime()
                await witness.until_exit(count)
            await container.remove()

        assert len(witness.exits) == 5

    # --- frozen ---------------------------------------------------------------------------------------

    async def test_nothing_runs_while_it_is_frozen(self) -> None:
        self.needs_processes()
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.COUNTS_ALL_THE_TIME, witness)
            await witness.until_asked("/counted", 5)
            container.freeze()
            seen = -1
            while seen != (seen := len(witness.asked)):
                await SystemClock().sleep(1.0)
            before = json.loads(witness.body("/counted"))
            container.thaw()
            await witness.until_asked("/counted", seen + 1)
            told = [each.body for each in witness.happened if isinstance(each, Asked)]
            after = json.loads(told[seen])
            await container.remove()

        counted, children, seconds = (
            late - early for late, early in zip(after, before, strict=True)
        )
        assert seconds >= 1.0, "clocks go on"
        assert counted < 100
        assert children < 100

    async def test_kill_ends_one_that_is_frozen_and_the_next_one_is_not(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.WAITS)
            container = await subject.driver.create(spec, witness, witness.connections)
            for count in (1, 2):
                container.start_runtime(start)
                await witness.until_asked("/ready", count)
                container.freeze()
                container.kill_runtime()
                await witness.until_exit(count)
            await container.remove()

        assert [ended.signal for ended in witness.exits] == [signal.SIGKILL] * 2

    async def test_one_that_is_frozen_can_be_removed(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.WAITS)
            container = await subject.driver.create(spec, witness, witness.connections)
            container.start_runtime(start)
            await witness.until_asked("/ready")
            container.freeze()
            await container.remove()
            await nothing_remains(subject, spec)

    # --- the order of things ---------------------------------------------------------------------------

    async def test_every_line_written_before_a_request_comes_before_it(self) -> None:
        self.needs_processes()
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.LOGS_THEN_ASKS, witness)
            await witness.until_exit()
            await container.remove()

        for turn in range(3):
            written = b"".join(
                witness.log(stream, before=f"/turn/{turn}")
                for stream in (LogStream.STDOUT, LogStream.STDERR)
            )
            assert written.count(b"\n") == 10_000 * (turn + 1)

    async def test_a_line_between_two_pieces_of_a_request_comes_between_them(self) -> None:
        self.needs_processes()
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.LOGS_BETWEEN_PIECES, witness)
            await witness.until_asked("/end")
            await container.remove()

        for turn in range(500):
            written = witness.log(LogStream.STDOUT, before=f"/{turn}")
            assert b"turn %d\n" % turn in written

    async def test_last_words_come_before_the_end(self) -> None:
        self.needs_processes()
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.LAST_WORDS, witness)
            await witness.until_exit()
            happened = list(witness.happened)
            await container.remove()

        assert isinstance(happened[-1], RuntimeExit)
        assert witness.log(LogStream.STDOUT) == b"y" * 60_000
        assert witness.log(LogStream.STDERR) == b"no line end"
        assert witness.body("/last") == b"x" * 100_000

    async def test_a_request_sent_with_its_last_breath_comes_before_its_end(self) -> None:
        self.needs_processes()
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.DIES_WHILE_ASKING)
            container = await subject.driver.create(spec, witness, witness.connections)
            for count in range(1, 21):
                container.start_runtime(start)
                await witness.until_exit(count)
                assert witness.asked.count("/once") == count
            await container.remove()

    async def test_stamps_are_of_now_and_never_go_back(self) -> None:
        self.needs_processes()
        witness = Witness()
        clock = SystemClock()
        before = clock.now().timestamp() * 1e6
        async with self.subject() as subject:
            container = await begin(subject, acts.LOGS_THEN_ASKS, witness)
            await witness.until_exit()
            await container.remove()
        after = clock.now().timestamp() * 1e6

        stamps = [each.at_us for each in witness.happened if isinstance(each, Logged)]
        assert stamps == sorted(stamps)
        assert before <= stamps[0]
        assert stamps[-1] <= after

    # --- its Runtime API ---------------------------------------------------------------------------------

    async def test_megabytes_go_both_ways(self) -> None:
        self.needs_processes()
        answer = bytes(range(256)) * 22_528
        witness = Witness(answers={"/digest": answer})
        async with self.subject() as subject:
            container = await begin(subject, acts.EXCHANGES_MEGABYTES, witness)
            digests = await witness.until_asked("/digests")
            await container.remove()

        sent, got = digests[:64].decode(), digests[64:].decode()
        assert hashlib.sha256(witness.body("/digest")).hexdigest() == sent
        assert hashlib.sha256(answer).hexdigest() == got

    async def test_slow_reader_gets_all_of_an_event(self) -> None:
        self.needs_processes()
        answer = bytes(range(256)) * 22_528
        witness = Witness(answers={"/digest": answer})
        async with self.subject() as subject:
            container = await begin(subject, acts.READS_SLOWLY, witness)
            digest = await witness.until_asked("/digests")
            await container.remove()

        assert digest.decode() == hashlib.sha256(answer).hexdigest()

    async def test_connection_closed_by_the_workbench_delivers_all_of_it_first(self) -> None:
        self.needs_processes()
        answer = bytes(range(256)) * 4096
        witness = Witness(answers={"/digest": answer}, closes={"/digest"})
        async with self.subject() as subject:
            container = await begin(subject, acts.READS_TO_THE_END, witness)
            digest = await witness.until_asked("/digests")
            await container.remove()

        assert digest.decode() == hashlib.sha256(answer).hexdigest()

    async def test_connection_that_is_not_read_costs_no_memory_and_holds_no_other(self) -> None:
        self.needs_processes()
        witness = Witness(holds={"/hold"})
        async with self.subject() as subject:
            container = await begin(subject, acts.FILLS_A_HELD_CONNECTION, witness)
            await witness.until_asked("/other/19")
            came = sum(each.count for each in witness.happened if isinstance(each, ApiBytes))
            assert "/filled" not in witness.asked
            witness.release()
            await witness.until_asked("/end")
            await container.remove()

        assert came < MEGABYTE
        assert len(witness.body("/filled")) == 30_000_000

    async def test_forty_connections_at_once_are_all_served(self) -> None:
        self.needs_processes()
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.CONNECTS_40_TIMES, witness)
            await witness.until_asked("/all")
            await container.remove()

        assert sorted(witness.asked) == sorted([*(f"/{n}" for n in range(40)), "/all"])

    # --- logs, figures, pressure ----------------------------------------------------------------------------

    @pytest.mark.parametrize("framed", [True, False])
    async def test_framed_log_pipe_is_there_when_it_was_asked_for(self, framed: bool) -> None:
        self.needs_processes()
        witness = Witness()
        act = acts.FRAMES if framed else Act("no frames", acts.FRAMES.source)
        async with self.subject() as subject:
            container = await begin(subject, act, witness)
            descriptor = int(await witness.until_asked("/framed"))
            await witness.until_exit()
            await container.remove()

        assert (descriptor >= 0) is framed
        assert witness.log(LogStream.FRAMED) == (b"framed" if framed else b"")

    async def test_figures_come_before_every_question_for_work(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.ASKS, witness)
            await witness.until_exit()
            await container.remove()

        last: object = None
        for each in witness.happened:
            if isinstance(each, ApiBytes):
                assert isinstance(last, Figures)
            if not isinstance(each, Logged):
                last = each

    async def test_figures_are_what_was_used(self) -> None:
        self.needs_processes()
        if not self.measures:
            pytest.skip("this system does not say what processes use")
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.USES_MEMORY_AND_TIME, witness)
            await witness.until_exit()
            await container.remove()

        before, during, after = (
            last_figures(witness, path) for path in ("/before", "/during", "/after")
        )
        assert before.peak_bytes is not None
        assert before.cpu_ns is not None
        assert before.peak_bytes < 64 * MEGABYTE
        assert 64 * MEGABYTE <= (during.peak_bytes or 0) < 200 * MEGABYTE
        assert (during.current_bytes or 0) >= 64 * MEGABYTE
        assert (after.peak_bytes or 0) >= 64 * MEGABYTE
        assert 0.2e9 <= (during.cpu_ns or 0) - before.cpu_ns < 20e9

    async def test_figures_count_what_children_use(self) -> None:
        self.needs_processes()
        if not self.measures:
            pytest.skip("this system does not say what processes use")
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.CHILD_USES_MEMORY, witness)
            await witness.until_exit()
            await container.remove()

        before, during = (last_figures(witness, path) for path in ("/before", "/during"))
        assert (during.current_bytes or 0) - (before.current_bytes or 0) >= 60 * MEGABYTE
        assert (during.peak_bytes or 0) >= 64 * MEGABYTE

    @pytest.mark.slow
    async def test_paused_container_is_held_back_and_loses_nothing(self) -> None:
        self.needs_processes()
        witness = Witness(keep_chunks=False)
        async with self.subject() as subject:
            container = await begin(subject, acts.FLOODS, witness)
            await witness.until_asked("/ready")
            await witness.until(lambda w: w.log_bytes > MEGABYTE)
            container.pause_reading()
            await SystemClock().sleep(0.2)
            at_pause, memory = witness.log_bytes, resident_peak()
            await SystemClock().sleep(1.0)
            assert witness.log_bytes == at_pause, "nothing comes while it is paused"
            assert witness.exits == []
            assert resident_peak() - memory < 32 * MEGABYTE
            container.resume_reading()
            await witness.until_asked("/flooded")
            await witness.until_exit()
            await container.remove()

        assert witness.log_bytes == 200_000_000

    async def test_end_waits_until_reading_is_resumed(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            container = await begin(subject, acts.WAITS, witness)
            await witness.until_asked("/ready")
            container.pause_reading()
            container.kill_runtime()
            await SystemClock().sleep(0.2)
            assert witness.exits == []
            container.resume_reading()
            await witness.until_exit()
            await container.remove()

    # --- going away -----------------------------------------------------------------------------------------

    async def test_container_taken_away_is_told_once_and_nothing_after_it(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.WAITS)
            container = await subject.driver.create(spec, witness, witness.connections)
            container.start_runtime(start)
            await witness.until_asked("/ready")
            await subject.take_away(container)
            await witness.until(lambda w: bool(w.losses))
            count = len(witness.happened)
            container.kill_runtime()
            container.pause_reading()
            container.resume_reading()
            await container.remove()
            await nothing_remains(subject, spec)

        assert len(witness.losses) == 1
        assert witness.exits == []
        assert len(witness.happened) == count

    async def test_removed_container_is_gone_with_all_it_ran(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.LEAVES_CHILDREN)
            container = await subject.driver.create(spec, witness, witness.connections)
            if self.real:
                container.start_runtime(start)
                await witness.until_asked("/ready")
            await container.remove()
            count = len(witness.happened)
            await nothing_remains(subject, spec)
            await container.remove()
            await SystemClock().sleep(0.05)

        assert witness.losses == [], "it was meant to go"
        assert witness.exits == []
        assert [e for e in witness.happened[count:] if not is_closing(e)] == []

    async def test_removing_twice_at_once_is_harmless(self) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, start = subject.prepare(acts.WAITS)
            container = await subject.driver.create(spec, witness, witness.connections)
            container.start_runtime(start)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(container.remove())
                tasks.create_task(container.remove())
            await nothing_remains(subject, spec)

    @pytest.mark.parametrize("after_s", [0.0, 0.002, 0.01, 0.03, 0.08, 0.2])
    async def test_cancelled_creation_leaves_nothing(self, after_s: float) -> None:
        witness = Witness()
        async with self.subject() as subject:
            spec, _ = subject.prepare(acts.GREETS)
            made: list[Container] = []
            try:
                async with asyncio.timeout(after_s):
                    made.append(await subject.driver.create(spec, witness, witness.connections))
            except TimeoutError:
                pass
            for container in made:
                await container.remove()
            await nothing_remains(subject, spec)

    async def test_two_containers_do_not_hear_each_other(self) -> None:
        first, second = Witness(), Witness()
        async with self.subject() as subject:
            one = await begin(subject, acts.GREETS, first)
            other = await begin(subject, acts.EXITS_3, second)
            assert (await first.until_exit()).code == 0
            assert (await second.until_exit()).code == 3
            await one.remove()
            await other.remove()

        assert first.asked == ["/hello"]
        assert second.asked == []


async def begin(subject: Subject, act: Act, witness: Witness, **variables: str) -> Container:
    """A container in which `act` runs."""
    spec, start = subject.prepare(act, **variables)
    try:
        container = await subject.driver.create(spec, witness, witness.connections)
    except DriverError as error:
        pytest.fail(f"no container: {error}")
    container.start_runtime(start)
    return container


async def nothing_remains(subject: Subject, spec: ContainerSpec) -> None:
    """What was killed takes a moment to be gone."""
    clock = SystemClock()
    until_s = clock.monotonic() + 30
    while remains := await subject.remains(spec):
        assert clock.monotonic() < until_s, remains
        await clock.sleep(0.02)


def last_figures(witness: Witness, path: str) -> Figures:
    """Those that came last before the request to `path` was complete."""
    figures: Figures | None = None
    for each in witness.happened:
        if isinstance(each, Asked) and each.path == path:
            break
        if isinstance(each, Figures):
            figures = each
    assert figures is not None
    return figures


def resident_peak() -> int:
    """Of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def is_closing(happening: object) -> bool:
    """A connection's end: it may be told late."""
    return type(happening).__name__ == "Closed"
