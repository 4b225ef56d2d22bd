"""Invocations: the request, how it ended, and the record that is kept of it.

Invariant: a function that fails is an `Outcome`, never an exception; every accepted invocation
gets exactly one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from workbench.model.concurrency import InitializationType
from workbench.model.container import LogStream
from workbench.model.names import EnvironmentId, FunctionName, Qualifier, RequestId, Target
from workbench.values import dataclass


class OutcomeKind(StrEnum):
    """How an invocation ended, in one word; `invoke --json` prints it."""

    SUCCESS = "success"
    ERROR = "error"
    """The runtime posted an error: the handler raised, or its result could not be sent."""
    TIMEOUT = "timeout"
    EXIT = "exit"
    """The runtime process ended."""
    OUT_OF_MEMORY = "out_of_memory"
    INIT_ERROR = "init_error"
    """The runtime never got as far as asking for the event."""
    STOPPED = "stopped"
    """Stopped by the person at the workbench."""
    LOST = "lost"
    """Its container or the workbench itself went away underneath it."""
    NOT_STARTED = "not_started"
    """No environment could be had; the handler certainly did not run."""


class Origin(StrEnum):
    """Who asked."""

    TUI = "tui"
    CLI = "cli"
    API = "api"
    REPLAY = "replay"
    DEPLOYMENT = "deployment"
    """A hook of a deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeRequest:
    """What a front end asks for."""

    target: Target
    payload: bytes
    """JSON text, handed to the function byte for byte; empty is delivered as `{}`."""
    origin: Origin
    event: str | None = None
    """Name of the saved event the payload came from."""
    client_context: bytes | None = None
    """Decoded JSON of X-Amz-Client-Context."""
    trace_id: str | None = None
    cold: bool = False
    """In a new environment, which goes when the invocation is over."""
    memory_mb: int | None = None
    """With this much memory, and the CPU that goes with it, in place of what is configured."""
    hook: bool = False
    """As a deployment's hook: SDKs in it find CodeDeploy where its environment can report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an invocation ended, and what its caller is sent."""

    kind: OutcomeKind
    payload: bytes
    """What Lambda would send as the body: the function's response, or the error object."""
    error_type: str | None = None
    """`Sandbox.Timedout`, `Runtime.ExitError`, `ValueError`; `None` on success."""
    error_message: str | None = None

    @property
    def ok(self) -> bool:
        return self.kind is OutcomeKind.SUCCESS

    @property
    def function_error(self) -> str | None:
        """X-Amz-Function-Error. Source: every failure recorded from current runtimes is Unhandled."""
        return None if self.ok else "Unhandled"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitSplit:
    """Where the time of a cold start went, in milliseconds, each part measured.

    `None` is unknown, or did not happen: a runtime that is not ours does not say when it is up.
    """

    create_ms: float | None = None
    """The container engine made the container."""
    start_ms: float | None = None
    """From then until the container's supervisor spoke."""
    boot_ms: float | None = None
    """From starting the runtime until its language and its client were up."""
    import_ms: float | None = None
    """From then until it asked for work: the function's own module, and all that it imports."""
    claim_ms: float | None = None
    """A container that stood ready was made the function's; nothing was created or started then."""

    @property
    def known(self) -> bool:
        """Any of it is."""
        return self != NO_SPLIT


NO_SPLIT = InitSplit()
"""Nothing is known, or nothing was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Milliseconds and bytes of one invocation, all measured; `None` is unknown or did not happen."""

    queued_ms: float = 0.0
    """From acceptance until an environment had it, starting one included."""
    container_ms: float | None = None
    """Cold only: until the container's supervisor spoke."""
    init_ms: float | None = None
    """Cold only: from starting the runtime until it asked for work."""
    split: InitSplit = NO_SPLIT
    """Cold only: the two above in their parts. After a reset, of the init inside the invocation."""
    duration_ms: float = 0.0
    """From handing over the event until the runtime was ready again; capped at the timeout."""
    billed_ms: int = 0
    memory_mb: int = 128
    """Configured."""
    max_memory_bytes: int | None = None
    cpu_ms: float | None = None
    """CPU time of the whole container during the invocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What is known of an invocation when it is accepted, before anything runs."""

    request_id: RequestId
    target: Target
    function: FunctionName
    version: Qualifier
    """The executed version: `$LATEST` or a number."""
    origin: Origin
    event: str | None
    accepted_at: datetime
    payload: bytes
    code_digest: str
    memory_mb: int
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRecord:
    """One invocation as the history keeps it."""

    acceptance: Acceptance
    outcome: Outcome | None
    """`None` while it runs."""
    environment_id: EnvironmentId | None = None
    cold: bool | None = None
    """It waited for a runtime to initialise: in a new environment, or in one whose runtime had died.
    `None` while that is not known.
    """
    initialization_type: InitializationType | None = None
    """Of the environment it had."""
    ended_at: datetime | None = None
    measurements: Measurements | None = None
    log_lines: int = 0
    log_bytes_dropped: int = 0
    """Beyond what the history keeps for one invocation."""

    @property
    def request_id(self) -> RequestId:
        return self.acceptance.request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One invocation as a list shows it: no payloads."""

    request_id: RequestId
    function: FunctionName
    version: Qualifier
    origin: Origin
    event: str | None
    accepted_at: datetime
    code_digest: str
    kind: OutcomeKind | None
    """`None` while it runs."""
    error_type: str | None = None
    error_message: str | None = None
    cold: bool | None = None
    duration_ms: float | None = None
    billed_ms: int | None = None
    init_ms: float | None = None
    split: InitSplit = NO_SPLIT
    memory_mb: int = 128
    """Configured."""
    max_memory_bytes: int | None = None
    cpu_ms: float | None = None


def summary(record: InvocationRecord) -> RunSummary:
    """The summary of a record."""
    acceptance, outcome, measured = record.acceptance, record.outcome, record.measurements
    return RunSummary(
        request_id=acceptance.request_id,
        function=acceptance.function,
        version=acceptance.version,
        origin=acceptance.origin,
        event=acceptance.event,
        accepted_at=acceptance.accepted_at,
        code_digest=acceptance.code_digest,
        kind=None if outcome is None else outcome.kind,
        error_type=None if outcome is None else outcome.error_type,
        error_message=None if outcome is None else outcome.error_message,
        cold=record.cold,
        duration_ms=None if measured is None else measured.duration_ms,
        billed_ms=None if measured is None else measured.billed_ms,
        init_ms=None if measured is None else measured.init_ms,
        split=NO_SPLIT if measured is None else measured.split,
        memory_mb=acceptance.memory_mb,
        max_memory_bytes=None if measured is None else measured.max_memory_bytes,
        cpu_ms=None if measured is None else measured.cpu_ms,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One log event. Its text was made safe for a terminal where it was read, once."""

    at: datetime
    function: FunctionName
    environment_id: EnvironmentId
    request_id: RequestId | None
    """`None` outside an invocation: init, or between two."""
    stream: LogStream
    text: str
    """May hold newlines when the client framed it as one; no trailing one. Colours survive as SGR."""
    level: str | None = None
    """`ERROR`, `INFO`, … where the runtime's client said so."""


def line_bytes(text: str) -> int:
    """What a log entry takes: UTF-8, and its line end."""
    return (len(text) if text.isascii() else len(text.encode())) + 1


CUT = -1
"""Room of a log that was cut: of what comes after it only Lambda's own lines are kept."""


def log_room(stream: LogStream, size_bytes: int, room_bytes: int) -> tuple[bool, int]:
    """Is an entry of `size_bytes` kept where `room_bytes` are left, and what is left after it?

    What is kept of a long log is its beginning, without gaps, and all of Lambda's own lines.
    """
    if stream is LogStream.PLATFORM:
        return True, room_bytes
    if room_bytes < size_bytes:
        return False, CUT
    return True, room_bytes - size_bytes
