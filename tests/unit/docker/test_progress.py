"""What is told of a build: every line safe, the step that failed by name, the tail of its output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import LoopClock
from workbench.docker.progress import LONGEST_LINE, TAIL_LINES, Progress, announced
from workbench.errors import BuildFailed, DiskFull, EngineUnreachable
from workbench.model.telemetry import BuildBroke, BuildFinished, BuildProgress, BuildStarted
from workbench.telemetry import Bus

pytestmark = pytest.mark.autojump


def heard(*blocks: bytes) -> list[str]:
    bus = Bus()
    progress = Progress(bus, "image x")
    with bus.subscribe() as feed:
        for block in blocks:
            progress.output(block)
        progress.flush()
        return [value.line for value in feed.take_nowait() if isinstance(value, BuildProgress)]


def test_lines_are_whole_however_they_are_cut() -> None:
    assert heard(b"fir", b"st\nsec", b"ond\n", b"\n", b"third") == ["first", "second", "third"]


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_cutting_changes_nothing(blocks: list[bytes]) -> None:
    assert heard(*blocks) == heard(b"".join(blocks))


def test_terminal_escapes_do_not_get_through() -> None:
    assert heard(b"\x1b]0;title\x07done\x1b[2J\n") == ["done"]


def test_endless_line_is_cut() -> None:
    assert heard(b"x" * 100_000) == ["x" * LONGEST_LINE]


async def test_good_end_is_announced_with_what_came_of_it(clock: LoopClock) -> None:
    bus = Bus()
    with bus.subscribe() as feed:
        async with announced(bus, clock, "image x") as progress:
            await clock.sleep(7)
            progress.image = "workbench/x:1"
        started, finished = feed.take_nowait()

    assert started == BuildStarted(subject="image x", functions=())
    assert finished == BuildFinished(subject="image x", took_s=7.0, image="workbench/x:1")


async def test_failure_names_the_step_and_keeps_the_tail(clock: LoopClock) -> None:
    bus = Bus()

    async def failing_build() -> None:
        async with announced(bus, clock, "image x") as progress:
            progress.step(1, 3, "RUN fine")
            progress.text("forgotten")
            progress.step(2, 3, "RUN make")
            for number in range(TAIL_LINES + 5):
                progress.text(f"line {number}")
            raise progress.failure("exit status 2")

    with bus.subscribe() as feed:
        with pytest.raises(BuildFailed) as caught:
            await failing_build()
        last = feed.take_nowait()[-1]

    error = caught.value
    assert error.step == "step 2/3: RUN make"
    assert error.output.splitlines()[-2:] == [f"line {TAIL_LINES + 4}", "exit status 2"]
    assert "forgotten" not in error.output
    assert last == BuildBroke(subject="image x", step=error.step, output=error.output)


async def test_failure_for_want_of_room_says_whose_disk_is_full(clock: LoopClock) -> None:
    bus = Bus()

    async def failing_build() -> None:
        async with announced(bus, clock, "image x") as progress:
            progress.step(2, 3, "RUN make")
            progress.text("tar: /lib/y: Cannot write: No space left on device")
            progress.text("tar: Exiting with failure status")
            raise progress.failure("exit status 2")

    with bus.subscribe() as feed:
        with pytest.raises(DiskFull) as caught:
            await failing_build()
        last = feed.take_nowait()[-1]

    assert str(caught.value).startswith(
        "The container engine's disk is full: image x: tar: /lib/y: Cannot write: No space left on "
        "device. Free some of it (workbench doctor --fix"
    )
    assert last == BuildBroke(subject="image x", step="RUN make", output=str(caught.value))


async def test_engine_that_goes_away_ends_the_announcement_too(clock: LoopClock) -> None:
    bus = Bus()
    with bus.subscribe() as feed:
        with pytest.raises(EngineUnreachable):
            async with announced(bus, clock, "image x"):
                raise EngineUnreachable(cause="It is gone.", remedy="Start it.")
        last = feed.take_nowait()[-1]

    assert isinstance(last, BuildBroke)
    assert "It is gone." in last.output
