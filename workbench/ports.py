"""What the engine needs of the rooms beside it: drivers, the Runtime API, the journal.

They fit structurally and never import each other; only assembly knows both sides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from workbench.model.container import (
    ContainerSpec,
    Figures,
    Interrupted,
    LogStream,
    Mount,
    RuntimeExit,
    RuntimeStart,
)
from workbench.model.dependencies import StatedDependencies
from workbench.model.invocation import Acceptance, InvocationRecord
from workbench.model.names import FunctionName, RequestId
from workbench.model.runtime import Runtime
from workbench.model.stem import CellSpec
from workbench.model.version import Image
from workbench.values import dataclass

ConnectionFactory = Callable[[], asyncio.Protocol]
"""Makes the server side of one connection of a runtime to its Runtime API."""


# --- drivers ---------------------------------------------------------------------------------------


class ContainerListener(Protocol):
    """What a container tells its environment. Synchronous calls on the event loop; they never raise.

    Order is a promise: log bytes a runtime wrote before it sent bytes to the Runtime API are
    handed over before those bytes reach a connection; its last log bytes and figures come before
    `on_exit`.
    """

    def on_created(self) -> None:
        """It was made, and is being started; comes from within `ContainerDriver.create`, again where
        it had to be made anew.
        """

    def on_log(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        """Bytes of a log pipe, cut anywhere. `at_us`: microseconds since the epoch."""

    def on_figures(self, figures: Figures) -> None:
        """What the container used so far; comes at least before every question for work (a GET) of the
        Runtime API, and before `on_exit`.
        """

    def on_interrupted(self, work: Interrupted) -> None:
        """A freeze has interrupted work of the function's. Comes at most once for each, soon after it,
        and only where that is certain.
        """

    def on_exit(self, ended: RuntimeExit) -> None:
        """The runtime process ended and everything it left behind is dead and was handed over."""

    def on_lost(self, why: str) -> None:
        """The container is gone, or cannot be reached any more. Nothing comes after this."""


class Container(Protocol):
    """A container whose supervisor is up. At most one runtime process at a time."""

    @property
    def name(self) -> str:
        """As the container engine knows it."""
        ...

    def start_runtime(self, start: RuntimeStart) -> None:
        """Start the runtime process. Does not wait; failing to start comes as `on_exit`."""

    def kill_runtime(self) -> None:
        """SIGKILL to the runtime and every process it made. Does not wait; `on_exit` follows."""

    def freeze(self) -> None:
        """Stop the runtime and every process it made, so that none runs any code. Does not wait.

        They can be killed while they are stopped.
        """

    def thaw(self) -> None:
        """Let them go on, before anything that is sent to a connection after this. Does not wait."""

    def pause_reading(self) -> None:
        """Stop taking logs and requests from it; the runtime will block when its pipes are full."""

    def resume_reading(self) -> None:
        """Take them again."""

    def settle(self) -> None:
        """The init phase is over: the CPU share of the invoke phase applies from now on. Does not
        wait.
        """

    async def remove(self) -> None:
        """Make it go, and wait until it has, at most `Timeouts.stop_s`. Idempotent, never raises."""


class StemCell(Protocol):
    """A container for nobody yet. Its supervisor is up, and its runtime waits if its kind says so."""

    @property
    def spec(self) -> CellSpec:
        """What it was made as."""
        ...

    @property
    def held_bytes(self) -> int | None:
        """Memory it holds while it waits; `None`: not known."""
        ...

    async def claim(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> Container:
        """Make it the container of `spec`, whose kind it is; at most once.

        Its first `start_runtime` goes to the runtime that waits. Raises `DriverError`: it is of no
        use then, and still to be removed.
        """
        ...

    async def remove(self) -> None:
        """Make it go unless it was claimed. Idempotent, never raises."""


class CellDriver(Protocol):
    """Makes stem cells. A driver whose plain start is quick enough has none."""

    async def create_cell(self, spec: CellSpec, spoiled: Callable[[], None]) -> StemCell:
        """A cell that is ready to be claimed. Raises `DriverError`.

        `spoiled` is called, at most once and never after a claim, when it is of no use any more.
        Cancellation: whatever was made by then is removed.
        """
        ...


class ContainerDriver(Protocol):
    """Makes containers."""

    async def create(
        self, spec: ContainerSpec, listener: ContainerListener, connections: ConnectionFactory
    ) -> Container:
        """A container that is up, with nothing running in it yet.

        `connections` is called once for each connection its runtime opens. Raises `DriverError`.
        Cancellation: whatever was made by then is removed.
        """
        ...


# --- the Runtime API --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event as the runtime gets it from /next."""

    request_id: RequestId
    payload: bytes
    deadline_ms: int
    """Epoch milliseconds."""
    function_arn: str
    """Qualified exactly as the caller named it."""
    trace_id: str
    client_context: bytes | None = None


Answering = Callable[[int, bytes], None]
"""Takes the status and the body of an answer; nothing happens when nobody waits for it any more."""


class RuntimeEvents(Protocol):
    """What a runtime did, told to its environment. Synchronous; called only when it was legal."""

    def on_next(self) -> None:
        """It asked for work and now waits."""

    def on_response(self, request_id: RequestId, payload: bytes) -> None:
        """It answered, within the size limit."""

    def on_error(self, request_id: RequestId, body: bytes, error_type: str | None) -> None:
        """It reported that the handler failed. `error_type`: from the header, often absent."""

    def on_bad_response(self, request_id: RequestId, problem: BadResponse) -> None:
        """Its answer could not be taken."""

    def on_init_error(self, body: bytes, error_type: str | None) -> None:
        """It reported that it could not initialise."""

    def on_hook_report(self, target: str, body: bytes, answer: Answering) -> None:
        """Code in the environment reports to a deployment (`model/hook_report.py`). Answered once,
        now or later.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BadResponse:
    """Why an answer could not be taken. Exactly one is set."""

    too_large: bool = False
    invalid_mode: str | None = None
    """The value of Lambda-Runtime-Function-Response-Mode that is not `streaming`."""
    truncated: bool = False


class RuntimeEndpoint(Protocol):
    """The Runtime API of one environment, and of no other."""

    @property
    def connections(self) -> ConnectionFactory:
        """Serves one connection of this environment's runtime."""
        ...

    def offer(self, delivery: Delivery) -> None:
        """Hand an event to the runtime that waits in /next, at once. Illegal unless it waits."""

    def reset(self) -> None:
        """The runtime is gone: forget its requests; the next one starts from the beginning."""

    def close(self) -> None:
        """Refuse everything from now on."""


class RuntimeEndpoints(Protocol):
    """Opens endpoints."""

    def open(self, events: RuntimeEvents) -> RuntimeEndpoint:
        """A new endpoint that tells `events`."""
        ...


# --- the history ------------------------------------------------------------------------------------


class Journal(Protocol):
    """Remembers invocations across any death of this process. Synchronous, microseconds, no fsync.

    Written before the handler runs and before the caller is answered, so that after a kill -9
    every invocation a caller was answered is in the history, and every other one that was
    accepted is there with an outcome saying that the workbench went away.
    """

    def accepted(self, acceptance: Acceptance) -> None:
        """An invocation is about to be accepted. What this raises is the caller's: it is not."""

    def ended(self, record: InvocationRecord) -> None:
        """Its outcome is settled; called before the caller sees it. Never raises."""

    def reported(self, record: InvocationRecord) -> None:
        """Its figures are final; a death within the next moment may lose them. Never raises."""


# --- deployments --------------------------------------------------------------------------------------


class HookReports(Protocol):
    """Takes what hook functions report to deployments."""

    def take(self, request_id: RequestId, target: str, body: bytes, answer: Answering) -> None:
        """A report from within invocation `request_id`, which may report for itself alone."""


# --- what a version is made of ------------------------------------------------------------------------


class ImageStore(Protocol):
    """Images for runtimes: found, pulled or built."""

    async def ensure(
        self,
        runtime: Runtime,
        *,
        image: str | None,
        architecture: str,
        functions: tuple[FunctionName, ...] = (),
    ) -> Image:
        """The image to run `runtime` in; `image` is the function's own choice instead.

        Built when it is not there; two callers wait for one build. Progress goes to the bus as
        `Build…` values; `functions` are those who wait. Quick (no call to the engine) when the
        answer is known. Raises `DriverError` (`BuildFailed`, `ImageMissing`), and
        `FunctionNotReady` where a driver without images cannot run the runtime.
        Cancellation: the build goes on for the others, or ends with the last of them.
        """
        ...

    async def pinned(self, image: Image, runtime: Runtime, *, subject: str) -> Image:
        """The very image that a published version was made with, whatever its name means by now.

        Nothing is built. Raises `ImageMissing` when it is gone; `subject` is the version.
        """
        ...


class DependencyStore(Protocol):
    """What a function's requirements.txt or package.json become."""

    async def ensure(
        self, name: FunctionName, stated: StatedDependencies, runtime: Runtime, image: Image
    ) -> Mount:
        """Where the installed dependencies are, and where to mount them.

        Installed inside `image`, cached by the files' content and the image. Raises `BuildFailed`
        with the tool's own text.
        """
        ...
