"""What the engine announces, named after Lambda's Telemetry API where it has a name.

Values leave sideways on the bus when they happen; nobody on the path of an invocation waits for
those who listen.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.function import Problem
from workbench.model.invocation import Acceptance, InvocationRecord, LogEntry
from workbench.model.names import EnvironmentId, FunctionName, RequestId
from workbench.values import dataclass

if TYPE_CHECKING:
    from workbench.model.deployment import Deployment, Move  # the screen does without it at first


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChanged:
    """The container engine was reached, lost, or is being looked for. See `EngineStatus`."""

    status: EngineStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """What runs execution environments, and whether it answers."""

    ready: bool
    kind: str | None = None
    """`docker` or `process`; `None` before anything was found."""
    version: str | None = None
    isolated: bool = True
    """False: functions run as plain local processes. Every screen says so."""
    cause: str | None = None
    """Why it is not ready, a full sentence; `None` while it is being opened for the first time."""
    remedy: str | None = None
    """What the person can do."""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChanged:
    """Functions were added, removed, renamed, mended or broken on disk."""

    functions: tuple[FunctionName, ...]
    """Those concerned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsChanged:
    """Saved events of a function changed on disk."""

    function: FunctionName


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReloaded:
    """$LATEST now means other code or another configuration: the next invocation runs it."""

    function: FunctionName
    old_digest: str
    new_digest: str
    took_ms: float
    """From the first file change noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadRejected:
    """An edit is broken; what was there before keeps serving."""

    function: FunctionName
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStarted:
    """An image is built or dependencies are installed. `subject` names it to people."""

    subject: str
    functions: tuple[FunctionName, ...]
    """Functions that wait for it; empty when nobody does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """Another line of a build, and how far it is."""

    subject: str
    step: int
    """From 1."""
    steps: int
    """0: unknown."""
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFinished:
    """A build ended well."""

    subject: str
    took_s: float
    image: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildBroke:
    """A build ended badly. `step` is the one that failed, `output` the tail of the tool's text."""

    subject: str
    step: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChanged:
    """An environment entered a state."""

    environment_id: EnvironmentId
    state: EnvironmentState
    make: Callable[[], EnvironmentSnapshot]
    """Makes its snapshot of that moment: three come with each invocation, and few are looked at."""
    cause: str | None = None
    """Why, where that is not obvious: `timed out`, `newer code`, `idle for 600 s`."""

    @property
    def environment(self) -> EnvironmentSnapshot:
        """As it was then."""
        return self.make()

    @classmethod
    def of(cls, snapshot: EnvironmentSnapshot, *, cause: str | None = None) -> EnvironmentChanged:
        """With a snapshot that was made already."""
        return cls(
            environment_id=snapshot.environment_id,
            state=snapshot.state,
            make=lambda: snapshot,
            cause=cause,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An invocation was accepted and waits for an environment."""

    acceptance: Acceptance


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """An invocation was refused because too many ran."""

    acceptance: Acceptance
    """What it would have been."""
    reason: str
    """`ThrottledError.reason`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitStart:
    """A runtime was started in an environment."""

    environment_id: EnvironmentId
    function: FunctionName
    at: datetime
    request_id: RequestId | None
    """The invocation it is started for, where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitFailed:
    """A runtime that was started before anybody asked could not initialise: the code is broken, or
    slow. The next invocation tries again.
    """

    environment_id: EnvironmentId
    function: FunctionName
    at: datetime
    error_type: str | None
    message: str
    """A sentence, in the runtime's words where it has said any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundFrozen:
    """An environment was thawed in which work had been interrupted: what the function left running
    when it had answered. Told only where that is certain.
    """

    environment_id: EnvironmentId
    function: FunctionName
    at: datetime
    frozen_s: float
    what: str
    """In words: `2 timers, and code that was running`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The event was handed to the runtime: the handler runs."""

    request_id: RequestId
    environment_id: EnvironmentId
    at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A log event."""

    entry: LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An invocation is over and measured. The record is final."""

    record: InvocationRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentChanged:
    """A deployment that is driven from here took a step."""

    deployment: Deployment
    """As it is after it."""
    move: Move


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryShort:
    """Environments wait to be started until others go. Told once, until none waits any more."""

    function: FunctionName
    """Whose environment is next."""
    memory_mb: int
    """What it may use."""
    used_mb: int
    """What all containers may use now."""
    budget_mb: int
    """What they may use at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Containers were removed that a workbench which was killed had left behind."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something of ours broke and was contained. A bug: shown, never swallowed."""

    where: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A listener was too slow and missed this many values. Only the listener itself is told."""

    count: int


Telemetry = (
    EngineChanged
    | ProjectChanged
    | EventsChanged
    | CodeReloaded
    | ReloadRejected
    | BuildStarted
    | BuildProgress
    | BuildFinished
    | BuildBroke
    | EnvironmentChanged
    | Accepted
    | Throttled
    | InitStart
    | InitFailed
    | BackgroundFrozen
    | Start
    | LogLine
    | Report
    | DeploymentChanged
    | MemoryShort
    | Swept
    | Fault
    | Dropped
)
