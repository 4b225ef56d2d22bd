"""What lies on the bench: the screen's one mutable state. Widgets read it, deeds and telemetry change it.

Synchronous, and free of widgets: everything it says can be tested with values. What changed is told
as `Aspect`s, so that only what shows it is drawn again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from enum import Enum, Flag, auto
from typing import Protocol

from workbench.clock import Clock
from workbench.errors import InvocationNotFound
from workbench.facade.invocations import Run
from workbench.facade.workbench import Workbench
from workbench.model.environment import EnvironmentState
from workbench.model.function import Function, Problem, Severity
from workbench.model.invocation import InvocationRecord, LogEntry, RunSummary
from workbench.model.names import FunctionName, RequestId
from workbench.model.telemetry import (
    Accepted,
    BuildBroke,
    BuildFinished,
    CodeReloaded,
    Dropped,
    EngineChanged,
    EngineStatus,
    EventsChanged,
    Fault,
    InitFailed,
    LogLine,
    ProjectChanged,
    ReloadRejected,
    Report,
    Telemetry,
)
from workbench.tui.asides import aside
from workbench.tui.builds import Builds
from workbench.tui.drafts import Drafts
from workbench.tui.live import LiveRun, LiveRuns
from workbench.tui.run_book import RunBook
from workbench.tui.terminal import Terminal
from workbench.values import dataclass


class Aspect(Flag):
    """What of the screen is not true any more."""

    NOTHING = 0
    TOP = auto()
    FUNCTIONS = auto()
    RUNS = auto()
    EVENT = auto()
    BAR = auto()
    RESULT = auto()
    LOGS = auto()
    NOTICE = auto()
    STATUS = auto()
    ALL = TOP | FUNCTIONS | RUNS | EVENT | BAR | RESULT | LOGS | NOTICE | STATUS
    TICK = FUNCTIONS | RUNS | BAR | RESULT | NOTICE | STATUS
    """What has a clock or a spinner in it."""


class FunctionState(Enum):
    """How a function is, for its sign in the list."""

    BROKEN = "broken"
    BUSY = "busy"
    STARTING = "starting"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that was asked for and not accepted yet: the function is being made ready."""

    at: datetime
    event: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The run that the result pane shows."""

    summary: RunSummary
    live: LiveRun | None = None
    record: InvocationRecord | None = None
    """`None` while it runs, and until the history has answered."""
    logs: Sequence[LogEntry] | None = None
    newer: bool = False
    """Another run of the function, newer than this, is in progress."""


class Announced(Protocol):
    """Who is told what cannot be seen on the desk."""

    def flash(self, text: str, *, bad: bool = False) -> None:
        """Say it on the status line for a while."""
        ...


class Desk:
    """All of it."""

    def __init__(
        self,
        workbench: Workbench,
        *,
        clock: Clock,
        zone: tzinfo | None,
        terminal: Terminal,
        project: str = ".",
    ) -> None:
        self.workbench = workbench
        self.project = project
        """The project's folder, as a shell would be told."""
        self.clock = clock
        self.zone = zone
        self.terminal = terminal
        self.live = LiveRuns()
        self.builds = Builds(clock.now)
        self.book = RunBook()
        self.drafts = Drafts()
        self.remembered: dict[FunctionName, str | None] = {}
        """Events that were open the last time, for functions not looked at yet."""
        self.awaited: dict[FunctionName, str | None] = {}
        """Events that are being read for the editor."""
        self.asked: dict[FunctionName, Asked] = {}
        self.functions: tuple[Function, ...] = workbench.catalog.functions()
        self.selected: FunctionName | None = None
        self.coming: FunctionName | None = None
        """A function just made, to be selected as soon as it is there."""
        self.history_error: str | None = None
        self.wanted: str | None = None
        """What is being searched for."""
        self.undoable = 0
        """Changes to events that can be taken back."""
        self.stillborn: dict[FunctionName, InitFailed] = {}
        """Whose newest code could not initialise, before anybody asked for it."""
        self.rejections: dict[FunctionName, tuple[Problem, ...]] = {}
        self.refusals: dict[FunctionName, str] = {}
        """Why a run was refused, until the function changes or runs."""
        self.served: set[FunctionName] = set()
        """Functions of which a version has run in this session: it serves on when an edit breaks."""
        self._held: dict[RequestId, Run] = {}
        self._shown: dict[FunctionName, RequestId] = {}

    # --- what it says ----------------------------------------------------------------------------------

    @property
    def engine(self) -> EngineStatus:
        return self.workbench.environments.engine

    @property
    def function(self) -> Function | None:
        """The selected one."""
        return next((each for each in self.functions if each.name == self.selected), None)

    def find(self, name: FunctionName) -> Function | None:
        return next((each for each in self.functions if each.name == name), None)

    def state_of(self, function: Function) -> FunctionState:
        """How a function is."""
        if self.cannot_run(function) is not None:
            return FunctionState.BROKEN
        mine = [each.state for each in self.live.environments if each.function == function.name]
        if EnvironmentState.BUSY in mine or EnvironmentState.RESPONDED in mine:
            return FunctionState.BUSY
        starting = EnvironmentState.CREATED in mine or EnvironmentState.INITIALIZING in mine
        if starting or self.builds.waited_for(function.name) or function.name in self.asked:
            return FunctionState.STARTING
        return FunctionState.IDLE

    def environments_of(self, name: FunctionName) -> tuple[int, int]:
        """How many are warm, and how many work."""
        states = [each.state for each in self.live.environments if each.function == name]
        return _warm(states), _busy(states)

    def cannot_run(self, function: Function) -> str | None:
        """Why it could not even be started, a full sentence."""
        if not function.broken and function.configuration is not None:
            return None
        if function.name in self.served:
            return None
        return f"{function.name} is broken: {errors_of(function)[0].message}"

    def rejection(self, name: FunctionName) -> tuple[Problem, ...] | None:
        """What is wrong with the newest edit of a function; `None`: it was taken up."""
        if name in self.rejections and self.workbench.catalog.last_rejection(name) is None:
            del self.rejections[name]  # mended by taking it back, which nobody announces
        return self.rejections.get(name)

    def refused(self) -> bool:
        """The selected function cannot be run just now."""
        function = self.function
        down = not self.engine.ready and self.engine.cause is not None
        return down or function is None or self.cannot_run(function) is not None

    @property
    def warm(self) -> int:
        return _warm([each.state for each in self.live.environments])

    def last_of(self, name: FunctionName) -> RunSummary | None:
        """The newest run of a function that has ended."""
        return self.book.latest(name)

    def rows(self, name: FunctionName) -> list[RunSummary]:
        """Its runs, newest first, those in progress among them."""
        running = [run.summary() for run in self.live.runs if run.acceptance.function == name]
        ids = {run.request_id for run in running}
        ended = [row for row in self.book.rows(name) if row.request_id not in ids]
        merged = [*running, *ended]
        merged.sort(key=lambda row: (row.accepted_at, row.request_id), reverse=True)
        return merged

    def shown(self) -> Shown | None:
        """The run that the result pane shows: the chosen one of the selected function, else the newest."""
        if self.selected is None:
            return None
        rows = self.rows(self.selected)
        if not rows:
            return None
        wanted = self._shown.setdefault(self.selected, rows[0].request_id)
        row = next((row for row in rows if row.request_id == wanted), rows[0])
        live = self.live.get(row.request_id)
        held = self._held.get(row.request_id)
        kept = self.book.kept(row.request_id)
        logs: Sequence[LogEntry] | None = None
        if kept is not None:
            logs = kept.logs
        elif held is not None:
            logs = held.logs
        return Shown(
            summary=row,
            live=live,
            record=None if kept is None else kept.record,
            logs=logs,
            newer=any(
                other.kind is None
                and other.request_id in self.live
                and other.accepted_at > row.accepted_at
                for other in rows
            ),
        )

    def previous_answer(self, row: RunSummary) -> InvocationRecord | None:
        """The newest record at hand that is older than a run: shown dimmed until its own lands."""
        for other in self.rows(row.function):
            if other.accepted_at < row.accepted_at:
                kept = self.book.kept(other.request_id)
                return None if kept is None else kept.record
        return None

    def in_flight(self) -> LiveRun | None:
        """The run that cancelling means: the shown one, else the selected function's newest, else any."""
        mine = [run for run in self.live.runs if run.acceptance.function == self.selected]
        chosen = self._shown.get(self.selected) if self.selected is not None else None
        for run in mine:
            if run.request_id == chosen:
                return run
        everyone = mine or list(self.live.runs)
        return everyone[-1] if everyone else None

    @property
    def moving(self) -> bool:
        """Something on the screen has a clock that runs."""
        return bool(
            len(self.live)
            or len(self.builds)
            or self.asked
            or (not self.engine.ready and self.engine.retry_at is not None)
        )

    # --- what changes it -------------------------------------------------------------------------------

    def show_run(self, request_id: RequestId) -> None:
        """Let the result pane show it."""
        if self.selected is not None:
            self._shown[self.selected] = request_id

    def hold(self, run: Run) -> None:
        """A run started here; its log can be read as it grows."""
        self._held[run.acceptance.request_id] = run

    def refresh_functions(self) -> None:
        """Read the catalogue again; keep the selection as near as possible."""
        before = [each.name for each in self.functions]
        self.functions = self.workbench.catalog.functions()
        names = [each.name for each in self.functions]
        if self.coming in names:
            self.selected, self.coming = self.coming, None
        if self.selected in names:
            return
        at = before.index(self.selected) if self.selected in before else 0
        self.selected = names[min(at, len(names) - 1)] if names else None

    def hear(self, values: Iterable[Telemetry], to: Announced) -> Aspect:
        """Take telemetry up; what it changed."""
        changed = Aspect.NOTHING
        for value in values:
            changed |= self._hear(value, to)
        return changed

    def _hear(self, value: Telemetry, to: Announced) -> Aspect:
        if isinstance(value, LogLine):
            mine = value.entry.request_id == self._shown.get(self.selected or FunctionName(""))
            return Aspect.LOGS if mine else Aspect.NOTHING
        if self.live.hear(value):
            return self._heard_of_runs(value)
        if self.builds.hear(value):
            if isinstance(value, BuildFinished):
                to.flash(f"built {value.subject}, in {value.took_s:.1f} s")
            elif isinstance(value, BuildBroke):
                to.flash(f"{value.subject} could not be built: {value.step}", bad=True)
            return Aspect.FUNCTIONS | Aspect.NOTICE | Aspect.STATUS
        return self._heard_of_project(value, to)

    def _heard_of_runs(self, value: Telemetry) -> Aspect:
        if isinstance(value, Accepted):
            self.served.add(value.acceptance.function)
            self._take_hold(value.acceptance.request_id)
        elif isinstance(value, Report):
            # its own outcome says how the function is
            self.stillborn.pop(value.record.acceptance.function, None)
            run = self._held.pop(value.record.request_id, None)
            self.book.ended(value.record, None if run is None else run.logs)
        return Aspect.TICK | Aspect.TOP | Aspect.LOGS

    def _take_hold(self, request_id: RequestId) -> None:
        if request_id in self._held:
            return
        try:
            self.hold(self.workbench.invocations.running(request_id))
        except InvocationNotFound:
            return  # over already: its report follows

    def _heard_of_project(self, value: Telemetry, to: Announced) -> Aspect:
        line = aside(value)
        if line is not None:
            to.flash(line, bad=isinstance(value, Fault))
            return Aspect.NOTHING
        if isinstance(value, InitFailed):
            if value.function not in {run.acceptance.function for run in self.live.runs}:
                self.stillborn[value.function] = value
                to.flash(f"the new code of {value.function} cannot initialise", bad=True)
            return Aspect.NOTICE | Aspect.FUNCTIONS
        if isinstance(value, EventsChanged):
            self.refresh_functions()
            return Aspect.EVENT | Aspect.FUNCTIONS
        if isinstance(value, CodeReloaded | ReloadRejected):
            return self._heard_of_reload(value, to)
        if isinstance(value, EngineChanged):
            self.live.adopt(self.workbench.environments.mine())
        elif isinstance(value, ProjectChanged):
            self.refresh_functions()
            for name in value.functions:
                self._mended(name)
        elif isinstance(value, Dropped):
            self._missed()
        return Aspect.ALL

    def _heard_of_reload(self, value: CodeReloaded | ReloadRejected, to: Announced) -> Aspect:
        if isinstance(value, CodeReloaded):
            self._mended(value.function)
            to.flash(f"{value.function} runs its new code, {value.took_ms:.0f} ms after the save")
        else:
            self.rejections[value.function] = value.problems
        return Aspect.FUNCTIONS | Aspect.NOTICE | Aspect.BAR

    def _mended(self, name: FunctionName) -> None:
        self.rejections.pop(name, None)
        self.refusals.pop(name, None)
        self.stillborn.pop(name, None)
        self.builds.forgive(name)

    def _missed(self) -> None:
        """The screen was too slow and missed something: ask what is true instead."""
        invocations = self.workbench.invocations
        for run in self.live.runs:
            try:
                invocations.running(run.request_id)
            except InvocationNotFound:
                self.live.drop(run.request_id)
        self.live.adopt(self.workbench.environments.mine())
        self.refresh_functions()


def errors_of(function: Function) -> list[Problem]:
    """What keeps a broken function from running, at least one."""
    found = [each for each in function.problems if each.severity is Severity.ERROR]
    text = "Its function.toml cannot be read."
    return found or [Problem(path=function.folder / "function.toml", line=None, message=text)]


def _warm(states: Sequence[EnvironmentState]) -> int:
    return sum(state in (EnvironmentState.IDLE, EnvironmentState.FROZEN) for state in states)


def _busy(states: Sequence[EnvironmentState]) -> int:
    return sum(state in (EnvironmentState.BUSY, EnvironmentState.RESPONDED) for state in states)
