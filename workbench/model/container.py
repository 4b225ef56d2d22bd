"""Containers as the engine asks for them, and what they report back.

The process driver makes "containers" of these too: a process group, a folder and no isolation.
"""

from __future__ import annotations

import signal
from enum import StrEnum
from pathlib import Path

from workbench.model.hook_report import API_PLACE, ENDPOINT_VARIABLE
from workbench.model.names import EnvironmentId
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A folder of this machine inside the container, always read-only."""

    source: Path
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """All that a container needs before a runtime is started in it."""

    environment_id: EnvironmentId
    name: str
    """For people: `wb-orders-3f2a1b7c`."""
    image: str
    """What the driver's image store answered with; the process driver ignores it."""
    architecture: str
    memory_mb: int
    cpus: float
    """CPUs while invoking, in proportion to memory. The init phase has at least one."""
    ephemeral_storage_mb: int
    mounts: tuple[Mount, ...]
    labels: tuple[tuple[str, str], ...]
    limits: bool = True
    """False: no memory and CPU limit (`Settings.memory_limits`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStart:
    """How the runtime process is started in a container, now or again after a reset."""

    command: tuple[str, ...]
    """argv. Alternatives for the program are joined by ':'. Empty: the image's own entry point."""
    handler: str
    variables: tuple[tuple[str, str], ...]
    """The whole environment of the process, but for what only the driver knows
    (AWS_LAMBDA_RUNTIME_API, and paths where there is no container)."""
    log_frames: bool


def place_api(variables: dict[str, str], address: str) -> None:
    """Complete a runtime's variables by where its API is: `HOST:PORT`."""
    variables["AWS_LAMBDA_RUNTIME_API"] = address
    if variables.get(ENDPOINT_VARIABLE) == API_PLACE:
        variables[ENDPOINT_VARIABLE] = f"http://{address}"


class ContainerOrigin(StrEnum):
    """How an environment's container came to be."""

    PLAIN = "plain"
    """Made for it."""
    PRESTARTED = "prestarted"
    """A stem cell; its runtime was started at the claim."""
    PRELOADED = "preloaded"
    """A stem cell with the language runtime up and its client loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """What a freeze has interrupted, as far as that is certain; usually nothing is told."""

    computing: int = 0
    """Threads that were running."""
    waiting: int = 0
    """Threads in a sleep, or in a wait with a timeout."""


class LogStream(StrEnum):
    """Where a log entry came from."""

    STDOUT = "stdout"
    STDERR = "stderr"
    FRAMED = "framed"
    """The runtime client's own log records (`_LAMBDA_TELEMETRY_LOG_FD`)."""
    PLATFORM = "platform"
    """START, END, REPORT and the like: ours."""


# Go's names, because Lambda's messages carry them. Source: Go syscall.Signal.String on linux.
_SIGNAL_TEXT: dict[int, str] = {
    signal.SIGHUP: "hangup",
    signal.SIGINT: "interrupt",
    signal.SIGQUIT: "quit",
    signal.SIGILL: "illegal instruction",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGKILL: "killed",
    signal.SIGUSR1: "user defined signal 1",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGUSR2: "user defined signal 2",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGTERM: "terminated",
    16: "stack fault",  # SIGSTKFLT, which Python does not name
    signal.SIGXCPU: "CPU time limit exceeded",
    signal.SIGXFSZ: "file size limit exceeded",
    signal.SIGVTALRM: "virtual timer expired",
    signal.SIGPROF: "profiling timer expired",
    signal.SIGIO: "I/O possible",
    30: "power failure",  # SIGPWR, linux only
    signal.SIGSYS: "bad system call",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeExit:
    """How the runtime process ended."""

    code: int | None
    """Exit status; `None` when a signal ended it or it never started."""
    signal: int | None = None
    core_dumped: bool = False
    start_error: str | None = None
    """Why the program could not be started at all; the other fields then mean nothing."""

    @property
    def reason(self) -> str | None:
        """Lambda's words for it; `None` for exit status 0. Source: recorded Runtime.ExitError texts."""
        if self.signal is not None:
            text = f"signal: {_SIGNAL_TEXT.get(self.signal, f'signal {self.signal}')}"
            return f"{text} (core dumped)" if self.core_dumped else text
        return None if self.code == 0 else f"exit status {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a container used so far. `None` is unknown, and is shown as unknown."""

    peak_bytes: int | None = None
    """Highest memory since the container was made, page cache it caused included (the cgroup's)."""
    current_bytes: int | None = None
    cpu_ns: int | None = None
    oom_kills: int | None = None
    """Processes of it that the kernel has killed for memory."""
