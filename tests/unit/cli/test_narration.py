from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.clock import EPOCH, LoopClock
from tests.unit.cli.streams import Stream, output
from tests.unit.cli.test_values import an_entry
from tests.unit.model.test_deployment import a_plan, an_alias, begun
from workbench.cli.narration import NO_ISOLATION, TOLD, Narrator
from workbench.model.container import LogStream
from workbench.model.deployment import Move
from workbench.model.function import Problem
from workbench.model.names import EnvironmentId, FunctionName, RequestId
from workbench.model.telemetry import (
    BackgroundFrozen,
    BuildBroke,
    BuildFinished,
    BuildProgress,
    BuildStarted,
    CodeReloaded,
    DeploymentChanged,
    EngineChanged,
    EngineStatus,
    Fault,
    LogLine,
    MemoryShort,
    ReloadRejected,
    Start,
    Swept,
    Telemetry,
)
from workbench.telemetry import Feed

ORDERS = FunctionName("orders")
BUILD: tuple[Telemetry, ...] = (
    BuildStarted(subject="image python3.13", functions=(ORDERS,)),
    BuildProgress(subject="image python3.13", step=1, steps=2, line="FROM base"),
    BuildProgress(subject="image python3.13", step=1, steps=2, line="pulling"),
    BuildProgress(subject="image python3.13", step=2, steps=2, line="COPY bootstrap"),
    BuildFinished(subject="image python3.13", took_s=12.34),
)


def tell(
    *values: Telemetry, logs: bool = False, terminal: bool = False, capacity: int = 100
) -> str:
    out, stdout, stderr = output(terminal=terminal)
    feed = Feed(capacity=capacity)
    narrator = Narrator(out, feed, logs=logs)
    for value in values:
        feed.put(value)
    narrator.catch_up()
    assert stdout.written == b""
    return said(stderr)


def said(stream: Stream) -> str:
    return stream.text


def test_a_build_is_told_step_by_step() -> None:
    assert tell(*BUILD).splitlines() == [
        "Building image python3.13",
        "  image python3.13: step 1/2: FROM base",
        "  image python3.13: step 2/2: COPY bootstrap",
        "Built image python3.13 in 12.3 s",
    ]


def test_a_failed_build_names_its_step() -> None:
    told = tell(BUILD[0], BuildBroke(subject="image python3.13", step="step 2/2", output="no"))

    assert told.splitlines()[-1] == "Building image python3.13 failed in step 2/2"


def test_a_terminal_is_told_of_the_same_build() -> None:
    assert "Built image python3.13 in 12.3 s" in tell(*BUILD, terminal=True)


def test_log_lines_are_told_only_where_they_are_wanted() -> None:
    line = LogLine(entry=an_entry("hello"))

    assert tell(line, logs=True) == "hello\n"
    assert tell(line, logs=False) == ""


def test_lambdas_own_lines_stand_back_on_a_terminal() -> None:
    entry = replace(an_entry("REPORT RequestId: x\t"), stream=LogStream.PLATFORM)

    assert tell(LogLine(entry=entry), logs=True) == "REPORT RequestId: x\t\n"
    assert "\x1b[2mREPORT" in tell(LogLine(entry=entry), logs=True, terminal=True)


def test_what_was_missed_is_counted() -> None:
    lines = [LogLine(entry=an_entry(str(number))) for number in range(10)]

    told = tell(*lines, logs=True, capacity=4)

    assert told.splitlines() == ["6 lines came too fast to be shown here", "6", "7", "8", "9"]


def test_no_isolation_is_said_once() -> None:
    ready = EngineChanged(
        status=EngineStatus(ready=True, kind="process", version="1", isolated=False)
    )

    assert tell(ready, ready) == f"{NO_ISOLATION}\n"


def test_an_engine_in_containers_needs_no_words() -> None:
    status = EngineStatus(ready=True, kind="docker", version="20.10", isolated=True)

    assert tell(EngineChanged(status=EngineStatus(ready=False)), EngineChanged(status=status)) == ""


def test_an_outage_is_told_with_its_remedy() -> None:
    status = EngineStatus(ready=False, cause="It went away.", remedy="Start it again.")

    assert tell(EngineChanged(status=status)) == "It went away. Start it again.\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            CodeReloaded(function=ORDERS, old_digest="a", new_digest="b", took_ms=41.7),
            "orders: new code (42 ms)\n",
        ),
        (
            ReloadRejected(
                function=ORDERS,
                problems=(Problem(path=Path("orders/function.toml"), line=3, message="Bad."),),
            ),
            "orders: cannot run as it stands\n  orders/function.toml:3: Bad.\n",
        ),
        (
            MemoryShort(function=ORDERS, memory_mb=512, used_mb=9000, budget_mb=9216),
            (
                "orders waits for memory: containers may use 9,216 MB together, 9,000 MB are taken, and it "
                "may need 512 MB (memory_budget_mb in [engine])\n"
            ),
        ),
        (
            DeploymentChanged(
                deployment=begun(a_plan(), an_alias()),
                move=Move(at=EPOCH, event="AllowTraffic", weight=0.1, reason="8 gets 10%."),
            ),
            "d-ABC123XYZ orders:live: AllowTraffic: 8 gets 10%.\n",
        ),
        (Fault(where="the history", message="no room"), "Trouble with the history: no room\n"),
        (
            BackgroundFrozen(
                environment_id=EnvironmentId("1" * 32),
                function=ORDERS,
                at=datetime(2026, 11, 21, tzinfo=UTC),
                frozen_s=40.04,
                what="2 timers",
            ),
            "orders: background work was frozen for 40.0 s: 2 timers\n",
        ),
        (Swept(count=1), "Removed 1 container that a killed workbench had left behind\n"),
        (Swept(count=1200), "Removed 1,200 containers that a killed workbench had left behind\n"),
    ],
)
def test_other_news_is_one_line(value: Telemetry, text: str) -> None:
    assert tell(value) == text
    assert type(value) in TOLD


def test_what_a_person_need_not_know_is_not_told() -> None:
    start = Start(
        request_id=RequestId("x"),
        environment_id=an_entry("x").environment_id,
        at=EPOCH,
        deadline=EPOCH,
    )

    assert tell(start) == ""


@pytest.mark.autojump
async def test_everything_is_told_before_the_narration_ends(clock: LoopClock) -> None:
    out, _, stderr = output()
    feed = Feed(capacity=None)
    narrator = Narrator(out, feed, logs=True)
    for number in range(1000):
        feed.put(LogLine(entry=an_entry(str(number))))
    feed.close()

    await narrator.run(clock)

    assert stderr.text.splitlines() == [str(number) for number in range(1000)]


def test_an_engine_that_is_gone_is_told_once_and_so_is_its_return() -> None:
    def gone(cause: str) -> EngineChanged:
        return EngineChanged(
            status=EngineStatus(ready=False, cause=cause, remedy="Start it again.")
        )

    back = EngineChanged(
        status=EngineStatus(ready=True, kind="docker", version="20.10", isolated=True)
    )
    first, then = gone("It went away."), gone("It does not answer.")

    assert tell(back, first, then, then, then, back, back, first) == (
        "It went away. Start it again.\n"
        "It does not answer. Start it again.\n"
        "The container engine answers.\n"
        "It went away. Start it again.\n"
    )


def test_what_runs_without_isolation_is_said_once_by_a_command() -> None:
    out, _, stderr = output(terminal=False)
    for _ in range(2):
        narrator = Narrator(out, Feed(capacity=1), logs=False)
        narrator.tell_engine(EngineStatus(ready=True, kind="process", isolated=False))
    assert said(stderr).count("No isolation") == 1
