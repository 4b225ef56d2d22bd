"""Work that several wait for: done once, and only for as long as somebody waits."""

from __future__ import annotations

import asyncio
import errno

import pytest

from workbench.docker.shared_work import SharedWork, task_home
from workbench.errors import DiskFull, DriverError

pytestmark = pytest.mark.autojump


class Work:
    """Takes a while and counts how often it was begun and given up."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = self.cancelled = 0
        self._error = error

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await asyncio.sleep(5)  # noqa: TID251 - virtual time
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._error is not None:
            raise self._error
        return "done"


async def test_two_callers_get_the_result_of_one_work() -> None:
    work = Work()
    async with asyncio.TaskGroup() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        first = tasks.create_task(shared.result("a", work))
        second = tasks.create_task(shared.result("a", work))

    assert (first.result(), second.result(), work.begun) == ("done", "done", 1)


async def test_other_key_is_other_work() -> None:
    work = Work()
    async with asyncio.TaskGroup() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        tasks.create_task(shared.result("a", work))
        tasks.create_task(shared.result("b", work))

    assert work.begun == 2


async def test_finished_work_is_begun_again_when_asked_again() -> None:
    work = Work()
    async with asyncio.TaskGroup() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        await shared.result("a", work)
        await shared.result("a", work)

    assert work.begun == 2


async def test_every_caller_sees_the_failure_and_the_group_lives_on() -> None:
    work = Work(DriverError("no room"))

    async def call(shared: SharedWork[str]) -> str:
        with pytest.raises(DriverError, match="no room"):
            await shared.result("a", work)
        return "told"

    async with asyncio.TaskGroup() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        told = [tasks.create_task(call(shared)) for _ in range(3)]

    assert [task.result() for task in told] == ["told"] * 3
    assert work.begun == 1


async def test_work_goes_on_while_somebody_waits() -> None:
    work = Work()
    async with asyncio.TaskGroup() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        first = tasks.create_task(shared.result("a", work))
        second = tasks.create_task(shared.result("a", work))
        await asyncio.sleep(1)  # noqa: TID251 - virtual time
        first.cancel()

    assert first.cancelled()
    assert second.result() == "done"
    assert work.cancelled == 0


async def test_work_ends_with_the_last_who_waits() -> None:
    work = Work()
    async with asyncio.TaskGroup() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        callers = [tasks.create_task(shared.result("a", work)) for _ in range(2)]
        await asyncio.sleep(1)  # noqa: TID251 - virtual time
        for caller in callers:
            caller.cancel()

    assert work.cancelled == 1


async def test_new_caller_after_that_begins_anew() -> None:
    work = Work()
    async with asyncio.TaskGroup() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        caller = tasks.create_task(shared.result("a", work))
        await asyncio.sleep(1)  # noqa: TID251 - virtual time
        caller.cancel()
        await asyncio.wait([caller])
        result = await shared.result("a", work)

    assert result == "done"
    assert (work.begun, work.cancelled) == (2, 1)


async def test_those_who_wait_outside_are_told_when_the_group_is_cancelled() -> None:
    work = Work()

    async def outside(shared: SharedWork[str]) -> None:
        with pytest.raises(DriverError, match="stopped"):
            await shared.result("a", work)

    async with asyncio.TaskGroup() as outer:
        ready: asyncio.Future[SharedWork[str]] = asyncio.get_running_loop().create_future()

        async def owner() -> None:
            async with asyncio.TaskGroup() as tasks:
                ready.set_result(SharedWork(tasks))
                await asyncio.sleep(100)  # noqa: TID251 - virtual time

        owning = outer.create_task(owner())
        outer.create_task(outside(await ready))
        await asyncio.sleep(1)  # noqa: TID251 - virtual time
        owning.cancel()

    assert work.cancelled == 1


# --- the tasks' home ------------------------------------------------------------------------------------


async def test_home_raises_what_its_body_raises_as_it_is() -> None:
    with pytest.raises(DriverError, match="no room"):
        async with task_home():
            raise DriverError("no room")


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/source"),
            DiskFull,
            (
                "The disk of /x/source is full: No space left on device. Free some of it; the workbench "
                "goes on by itself."
            ),
        ),
        (
            OSError(errno.EACCES, "Permission denied", "/x/source"),
            DriverError,
            "What containers are given could not be written at /x/source: Permission denied.",
        ),
    ],
)
async def test_files_that_cannot_be_written_are_no_bug(
    error: OSError, kind: type[DriverError], sentence: str
) -> None:
    async with task_home() as tasks:
        shared: SharedWork[str] = SharedWork(tasks)
        with pytest.raises(kind) as caught:
            await shared.result("a", Work(error))
        assert await shared.result("a", Work()) == "done"

    assert str(caught.value) == sentence


async def test_leaving_home_gives_up_what_is_in_progress() -> None:
    work = Work()
    async with task_home() as tasks:
        tasks.create_task(work())
        await asyncio.sleep(1)  # noqa: TID251 - virtual time

    assert (work.begun, work.cancelled) == (1, 1)


async def test_bug_in_a_task_surfaces_at_home() -> None:
    async def home() -> None:
        async with task_home() as tasks:
            tasks.create_task(Work(ZeroDivisionError())())
            await asyncio.sleep(100)  # noqa: TID251 - virtual time

    with pytest.raises(ExceptionGroup) as caught:
        await home()

    assert isinstance(caught.value.exceptions[0], ZeroDivisionError)


async def test_cancelling_home_cancels_its_work() -> None:
    work = Work()

    async def home() -> None:
        async with task_home() as tasks:
            tasks.create_task(work())
            await asyncio.sleep(100)  # noqa: TID251 - virtual time

    async with asyncio.TaskGroup() as outer:
        living = outer.create_task(home())
        await asyncio.sleep(1)  # noqa: TID251 - virtual time
        living.cancel()

    assert living.cancelled()
    assert work.cancelled == 1
