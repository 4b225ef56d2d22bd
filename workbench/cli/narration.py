"""What is told on stderr while a command works: builds, logs, trouble.

Invariant: the narration never waits for anyone but the terminal, and says how much it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from workbench.cli.output import Output
from workbench.clock import Clock, SystemClock
from workbench.facade.workbench import Workbench
from workbench.model.container import LogStream
from workbench.model.function import Problem, Severity
from workbench.model.invocation import LogEntry
from workbench.model.telemetry import (
    BackgroundFrozen,
    BuildBroke,
    BuildFinished,
    BuildProgress,
    BuildStarted,
    CodeReloaded,
    DeploymentChanged,
    Dropped,
    EngineChanged,
    EngineStatus,
    Fault,
    InitFailed,
    LogLine,
    MemoryShort,
    ReloadRejected,
    Swept,
    Telemetry,
)
from workbench.telemetry import Feed

NO_ISOLATION = "No isolation: functions run as plain local processes, not in containers; layers are not at /opt."
ENGINE_BACK = "The container engine answers."

_LAG_S = 0.03
"""Between batches: nobody reads faster, and invocations served meanwhile are not held up by it."""
_DIM = "\x1b[2m"
_PLAIN = "\x1b[0m"


def say_problems(problems: Iterable[Problem], output: Output) -> None:
    """A line each, as compilers write them."""
    for problem in problems:
        word = "error" if problem.severity is Severity.ERROR else "warning"
        where = str(problem.path) if problem.line is None else f"{problem.path}:{problem.line}"
        output.say(f"{where}: {word}: {problem.message}")


class Builds(Protocol):
    """Shows how builds go."""

    def tell(self, value: BuildStarted | BuildProgress | BuildFinished | BuildBroke) -> None:
        """Something happened to one."""

    def say(self, text: str) -> None:
        """A line of other narration, beside whatever is drawn."""

    def close(self) -> None:
        """Draw nothing any more."""


class BuildLines:
    """Builds in lines of text: the beginning, each step, the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._steps: dict[str, int] = {}

    def tell(self, value: BuildStarted | BuildProgress | BuildFinished | BuildBroke) -> None:
        match value:
            case BuildStarted():
                self.say(f"Building {value.subject}")
            case BuildProgress():
                if self._steps.get(value.subject) != value.step:
                    self._steps[value.subject] = value.step
                    of = f"/{value.steps}" if value.steps else ""
                    self.say(f"  {value.subject}: step {value.step}{of}: {value.line}")
            case BuildFinished():
                self.say(f"Built {value.subject} in {value.took_s:.1f} s")
            case BuildBroke():
                self.say(f"Building {value.subject} failed in {value.step}")

    def say(self, text: str) -> None:
        self._output.say(text)

    def close(self) -> None:
        """Lines stay."""


TOLD: frozenset[type[Telemetry]] = frozenset(
    {
        BackgroundFrozen,
        BuildBroke,
        BuildFinished,
        BuildProgress,
        BuildStarted,
        CodeReloaded,
        DeploymentChanged,
        EngineChanged,
        Fault,
        InitFailed,
        MemoryShort,
        ReloadRejected,
        Swept,
    }
)
"""What a narrator has words for, log lines apart."""


class Narrator:
    """Says what is worth saying of all that is announced."""

    def __init__(self, output: Output, feed: Feed, *, logs: bool) -> None:
        """`logs`: also the functions' own log lines."""
        self._feed = feed
        self._logs = logs
        self._output = output
        self._builds: Builds = BuildLines(output)
        self._missing: str | None = None
        """Why there is no engine, as told; each attempt to get it back announces it again."""

    async def run(self, clock: Clock) -> None:
        """Tell everything as it comes, a batch at a time, until cancelled or the feed is closed."""
        try:
            while values := await self._feed.wait_values():
                for value in values:
                    self._tell(value)
                await clock.sleep(_LAG_S)
        finally:
            self._builds.close()

    def catch_up(self) -> None:
        """Tell at once what has been announced by now."""
        for value in self._feed.take_nowait():
            self._tell(value)

    def _tell(self, value: Telemetry) -> None:
        match value:
            case LogLine():
                if self._logs:
                    self._builds.say(self._log_line(value.entry))
            case BuildStarted() | BuildProgress() | BuildFinished() | BuildBroke():
                self._take_bars()
                self._builds.tell(value)
            case EngineChanged():
                self.tell_engine(value.status)
            case CodeReloaded():
                self._builds.say(f"{value.function}: new code ({value.took_ms:.0f} ms)")
            case DeploymentChanged():
                self._builds.say(_step(value))
            case ReloadRejected():
                problems = "\n".join(f"  {problem}" for problem in value.problems)
                self._builds.say(f"{value.function}: cannot run as it stands\n{problems}")
            case BackgroundFrozen() | InitFailed() | MemoryShort() | Swept() | Fault() | Dropped():
                self._builds.say(_trouble(value))
            case _:
                pass

    def _log_line(self, entry: LogEntry) -> str:
        dim = entry.stream is LogStream.PLATFORM and self._output.stderr_styled
        return f"{_DIM}{entry.text}{_PLAIN}" if dim else entry.text

    def _take_bars(self) -> None:
        """Draw from now on, on a terminal; 80 ms that only a build waits for."""
        if self._output.stderr_styled and isinstance(self._builds, BuildLines):
            from workbench.cli.bars import BuildBars

            self._builds = BuildBars(self._output)

    def tell_engine(self, status: EngineStatus) -> None:
        """What matters of it, and was not told yet."""
        if status.ready:
            if not status.isolated and NO_ISOLATION not in self._output.told:
                self._builds.say(NO_ISOLATION)
                self._output.told.add(NO_ISOLATION)
            elif self._missing is not None:
                self._builds.say(ENGINE_BACK)
            self._missing = None
        elif status.cause is not None:
            missing = " ".join(filter(None, (status.cause, status.remedy)))
            if missing != self._missing:
                self._builds.say(missing)
            self._missing = missing


@asynccontextmanager
async def narrated(
    workbench: Workbench,
    output: Output,
    *,
    logs: bool = False,
    but: frozenset[type[Telemetry]] = frozenset(),
) -> AsyncIterator[Narrator]:
    """Narrate while the context is open; leaving it waits until everything is told.

    but: what the command tells by itself.
    """
    kinds = ({*TOLD, LogLine} if logs else TOLD) - but
    with workbench.subscribe(capacity=100_000, kinds=kinds) as feed:
        narrator = Narrator(output, feed, logs=logs)
        if EngineChanged in kinds:
            narrator.tell_engine(workbench.environments.engine)  # it may have opened before this
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(narrator.run(SystemClock()), name="narration")
            try:
                yield narrator
            finally:
                narrator.catch_up()
                telling.cancel()


def _step(value: DeploymentChanged) -> str:
    plan, move = value.deployment.plan, value.move
    return f"{value.deployment.id} {plan.function}:{plan.alias}: {move.event}: {move.reason}"


def _trouble(
    value: BackgroundFrozen | InitFailed | MemoryShort | Swept | Fault | Dropped,
) -> str:
    match value:
        case BackgroundFrozen():
            return f"{value.function}: background work was frozen for {value.frozen_s:.1f} s: {value.what}"
        case InitFailed():
            return f"{value.function} cannot initialise: {value.message}"
        case MemoryShort():
            return (
                f"{value.function} waits for memory: containers may use {value.budget_mb:,} MB "
                f"together, {value.used_mb:,} MB are taken, and it may need {value.memory_mb:,} MB "
                "(memory_budget_mb in [engine])"
            )
        case Swept():
            what = "1 container" if value.count == 1 else f"{value.count:,} containers"
            return f"Removed {what} that a killed workbench had left behind"
        case Fault():
            return f"Trouble with {value.where}: {value.message}"
        case Dropped():
            return f"{value.count} lines came too fast to be shown here"
