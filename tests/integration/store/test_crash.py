"""kill -9 at any moment: nothing that was answered is lost, nothing accepted is left without an end."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.store.killed import lines_of, payload_of
from tests.integration.store.runs import telling, texts
from workbench.clock import SystemClock
from workbench.model.invocation import OutcomeKind
from workbench.store.instances import live_instances

ROOT = Path(__file__).parents[3]


@dataclass(slots=True)
class Heard:
    """What the children said they had told.

    Figures, for which nobody waits, may be written with what is told next only.
    """

    accepted: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    """Figures that are written for certain."""
    figures: set[str] = field(default_factory=set)
    """Told, and nothing after them."""
    instances: list[str] = field(default_factory=list)

    def hear(self, line: str) -> None:
        word, request_id, *more = line.split()
        if word == "A":
            self.accepted.add(request_id)
            self.write_figures()
        elif word == "E":
            self.ended[request_id] = more[0]
            self.write_figures()
        elif word == "R":
            self.figures.add(request_id)
        else:
            self.instances.append(request_id)
            self.figures.clear()  # the child before was killed with them

    def write_figures(self) -> None:
        """All that were told by now are written."""
        self.reported |= self.figures
        self.figures.clear()


@contextmanager
def child(state: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.integration.store.killed", str(state), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_after(state: Path, lines: int, heard: Heard) -> None:
    """Start a child, listen to so many lines, kill it, and take what it had still said."""
    with child(state) as process:
        assert process.stdout is not None
        for _ in range(lines):
            heard.hear(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
        for line in rest.splitlines(keepends=True):
            if line.endswith("\n"):
                heard.hear(line)


async def check(state: Path, heard: Heard) -> None:
    """Everything heard is in the history, once, and everything in the history has an end."""
    async with telling(state) as told:
        history = told.store.history
        for request_id in heard.accepted:
            record = await history.record(request_id)
            assert record.acceptance.payload == payload_of(request_id)
            assert record.outcome is not None, "every invocation that was accepted has an outcome"
            lines = texts(await history.logs(request_id))
            assert len(lines) == len(set(lines)), "no line comes twice"
            if request_id in heard.ended:
                assert record.outcome.kind == heard.ended[request_id]
                assert record.outcome.payload == payload_of(request_id)[::-1]
                assert lines == lines_of(request_id)
            elif record.outcome.kind is OutcomeKind.LOST:
                assert record.outcome.error_message is not None
                assert "The workbench was killed while it ran." in record.outcome.error_message
            if request_id in heard.reported:
                assert record.measurements is not None
        assert told.messages() == []
        assert [info.instance for info in live_instances(state)] == [told.store.instance.name]
    await no_trace_is_left(state)


async def no_trace_is_left(state: Path) -> None:
    assert list((state / "journal").iterdir()) == []
    assert list((state / "instances").iterdir()) == []
    with closing(sqlite3.connect(state / "workbench.db")) as connection:
        (running,) = connection.execute(
            "SELECT count(*) FROM invocations WHERE kind IS NULL"
        ).fetchone()
        assert running == 0
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.slow
async def test_nothing_answered_is_lost_when_the_workbench_is_killed(state_folder: Path) -> None:
    dice = random.Random()
    heard = Heard()
    for _ in range(6):
        kill_after(state_folder, dice.randrange(1, 400), heard)

    assert len(heard.accepted) > 6
    await check(state_folder, heard)


async def test_nothing_is_lost_when_the_recovery_is_killed_too(state_folder: Path) -> None:
    """Each next child begins with the recovery of the one before; it is killed in the midst of it."""
    dice = random.Random()
    heard = Heard()
    clock = SystemClock()
    for _ in range(3):
        kill_after(state_folder, dice.randrange(100, 600), heard)
        for _ in range(3):
            with child(state_folder) as process:
                await clock.sleep(dice.uniform(0.1, 0.5))  # about when it opens the store
                process.send_signal(signal.SIGKILL)
                assert process.stdout is not None
                for line in process.stdout.read().splitlines(keepends=True):
                    if line.endswith("\n"):
                        heard.hear(line)

    await check(state_folder, heard)


async def test_nothing_is_lost_when_the_database_could_not_be_written_before_the_kill(
    state_folder: Path,
) -> None:
    """All of it is in the journal only."""
    (state_folder / "workbench.db").mkdir()
    heard = Heard()
    kill_after(state_folder, 300, heard)
    (state_folder / "workbench.db").rmdir()

    await check(state_folder, heard)


async def test_a_killed_workbench_is_recovered_while_another_lives(state_folder: Path) -> None:
    heard = Heard()
    async with telling(state_folder) as living:
        running = living.run()
        kill_after(state_folder, 200, heard)

        async with telling(state_folder) as told:
            for request_id in heard.ended:
                record = await told.store.history.record(request_id)
                assert record.outcome is not None
            names = {info.instance for info in live_instances(state_folder)}
            assert names == {living.store.instance.name, told.store.instance.name}
            assert await told.store.history.record(running.request_id) == running

        late = living.run()
        assert await living.store.history.record(late.request_id) == late
    await check(state_folder, heard)


def hear_all(state: Path, *, count: int, invocations: int) -> list[Heard]:
    """Children that begin at the same moment, with no database yet, and end by themselves."""
    heard = [Heard() for _ in range(count)]
    with ExitStack() as stack:
        processes = [stack.enter_context(child(state, str(invocations))) for _ in heard]
        for process, ears in zip(processes, heard, strict=True):
            assert process.stdout is not None
            for line in process.stdout:
                ears.hear(line)
            ears.write_figures()
    assert [process.returncode for process in processes] == [0] * count
    return heard


@pytest.mark.slow
async def test_workbenches_that_work_at_once_lose_nothing(state_folder: Path) -> None:
    for heard in hear_all(state_folder, count=2, invocations=400):
        assert len(heard.reported) == 400
        await check(state_folder, heard)


async def test_many_workbenches_may_begin_at_the_same_moment(state_folder: Path) -> None:
    for attempt in range(3):
        state = state_folder / str(attempt)
        for heard in hear_all(state, count=4, invocations=1):
            assert len(heard.reported) == 1
            await check(state, heard)
