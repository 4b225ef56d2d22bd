from __future__ import annotations

import pytest

from tests.fakes.clock import EPOCH
from tests.fakes.versions import an_acceptance
from workbench.model.container import Figures, LogStream
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.invocation import InvocationRecord, LogEntry
from workbench.model.names import LATEST, EnvironmentId, FunctionName, RequestId
from workbench.model.settings import Limits
from workbench.model.telemetry import EnvironmentChanged, LogLine, ProjectChanged, Report, Start
from workbench.store.intake import BATCH, Intake
from workbench.telemetry import Feed

PLACE = EnvironmentId("ab" * 16)
ONE = RequestId("00000000-0000-4000-8000-000000000001")


def line(
    text: str, request_id: RequestId | None = ONE, stream: LogStream = LogStream.STDOUT
) -> LogLine:
    return LogLine(
        entry=LogEntry(
            at=EPOCH,
            function=FunctionName("orders"),
            environment_id=PLACE,
            request_id=request_id,
            stream=stream,
            text=text,
        )
    )


def changed(state: EnvironmentState, place: EnvironmentId = PLACE) -> EnvironmentChanged:
    return EnvironmentChanged.of(
        EnvironmentSnapshot(
            environment_id=place,
            function=FunctionName("orders"),
            version=LATEST,
            state=state,
            container="wb-orders",
            created_at=EPOCH,
            changed_at=EPOCH,
            idle_until=None,
            invocations=0,
            invocation=None,
            init_ms=None,
            memory_mb=128,
            figures=Figures(),
            code_digest="ab" * 32,
        )
    )


def start(request_id: RequestId = ONE) -> Start:
    return Start(request_id=request_id, environment_id=PLACE, at=EPOCH, deadline=EPOCH)


@pytest.fixture
async def feed() -> Feed:
    return Feed(capacity=None, high_water=1000)


@pytest.fixture
async def intake(feed: Feed) -> Intake:
    return Intake(feed, Limits(invocation_log_bytes=10))


def texts(entries: list[LogEntry]) -> list[str]:
    return [entry.text for entry in entries]


async def test_entries_are_taken_in_the_order_of_their_publication(
    feed: Feed, intake: Intake
) -> None:
    feed.put(line("a"))
    feed.put(ProjectChanged(functions=()))
    feed.put(line("b"))
    await intake.wait()
    feed.put(line("c"))

    assert texts(intake.take_entries()) == ["a", "b", "c"]
    assert intake.take_entries() == []


async def test_a_batch_is_all_that_is_taken_at_once(feed: Feed, intake: Intake) -> None:
    for _ in range(BATCH + 5):
        feed.put(line("", request_id=None))

    intake.take_entries()

    assert intake.backlog == 5


async def test_what_is_beyond_the_limit_of_an_invocation_is_left_out(
    feed: Feed, intake: Intake
) -> None:
    for text in ("1234", "1234", "x", "y"):
        feed.put(line(text))

    assert texts(intake.take_entries()) == ["1234", "1234"]


async def test_lambdas_own_lines_are_kept_whatever_the_limit(feed: Feed, intake: Intake) -> None:
    feed.put(line("START", stream=LogStream.PLATFORM))
    for text in ("123456789", "x"):
        feed.put(line(text))
    feed.put(line("END, and so on", stream=LogStream.PLATFORM))

    assert texts(intake.take_entries()) == ["START", "123456789", "END, and so on"]


async def test_the_limit_is_in_bytes(feed: Feed, intake: Intake) -> None:
    for text in ("éé", "éé", "é"):
        feed.put(line(text))

    assert texts(intake.take_entries()) == ["éé", "éé"]


async def test_each_invocation_has_room_of_its_own(feed: Feed, intake: Intake) -> None:
    another = RequestId("00000000-0000-4000-8000-000000000002")
    feed.put(line("123456789"))
    feed.put(line("123456789", another))

    assert len(intake.take_entries()) == 2


async def test_room_is_forgotten_when_the_invocation_is_over(feed: Feed, intake: Intake) -> None:
    feed.put(line("123456789"))
    acceptance = an_acceptance(request_id=ONE)
    feed.put(Report(record=InvocationRecord(acceptance=acceptance, outcome=None)))
    feed.put(line("123456789"))

    assert len(intake.take_entries()) == 2


@pytest.mark.parametrize("first", ["1234", "123456789"])
async def test_a_flood_outside_invocations_is_cut_and_said_so_once(
    feed: Feed, intake: Intake, first: str
) -> None:
    for text in (first, "123456", "y"):
        feed.put(line(text, request_id=None))

    kept, notice = intake.take_entries()

    assert kept.text == first
    assert notice.stream is LogStream.PLATFORM
    assert "More than 10 bytes were logged outside an invocation" in notice.text


@pytest.mark.parametrize("over", [start(), changed(EnvironmentState.STOPPED)])
async def test_an_invocation_or_the_end_gives_room_outside_again(
    feed: Feed, intake: Intake, over: Start | EnvironmentChanged
) -> None:
    feed.put(line("123456789", request_id=None))
    feed.put(over)
    feed.put(line("123456789", request_id=None))

    assert len(intake.take_entries()) == 2


async def test_only_the_newest_state_of_an_environment_is_kept(feed: Feed, intake: Intake) -> None:
    other = EnvironmentId("cd" * 16)
    for value in (
        changed(EnvironmentState.CREATED),
        changed(EnvironmentState.IDLE, other),
        changed(EnvironmentState.BUSY),
    ):
        feed.put(value)
    intake.take_entries()

    states = {one.environment_id: one.state for one in intake.take_changed()}

    assert states == {PLACE: EnvironmentState.BUSY, other: EnvironmentState.IDLE}
    assert intake.take_changed() == ()


async def test_a_state_put_back_does_not_win_over_a_newer_one(feed: Feed, intake: Intake) -> None:
    feed.put(changed(EnvironmentState.IDLE))
    intake.take_entries()
    failed = intake.take_changed()
    feed.put(changed(EnvironmentState.BUSY))
    intake.take_entries()

    intake.put_back(failed)

    assert [one.state for one in intake.take_changed()] == [EnvironmentState.BUSY]


async def test_callers_inside_the_engine_resume_nobody(feed: Feed) -> None:
    intake = Intake(feed, Limits())
    resumed: list[bool] = []
    for _ in range(1000):
        feed.put(line("x"))
    feed.when_relieved(lambda: resumed.append(True))

    assert intake.take_entries_quietly() == []
    assert not resumed

    assert len(intake.take_entries()) == BATCH
    assert resumed
    assert len(intake.take_entries_quietly()) == BATCH


async def test_the_end_of_the_feed_is_told(feed: Feed, intake: Intake) -> None:
    feed.put(line("a"))
    feed.close()

    assert await intake.wait()
    assert not await intake.wait()
    assert texts(intake.take_entries()) == ["a"]
