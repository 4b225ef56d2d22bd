"""Runtime processes that never existed, as coroutines: what a test wants one to do.

A `Program` is all that a process does from its start to its end. It speaks the real Runtime API
through a `FakeRuntime`. Returning is exit status 0; `died` or `killed` raised is another end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from tests.fakes.wire import Answer, Connection
from workbench.clock import Clock
from workbench.model.container import Figures, LogStream, RuntimeExit, RuntimeStart

API = "/2018-06-01/runtime"


class Died(Exception):
    """The process ends here."""

    def __init__(self, ended: RuntimeExit) -> None:
        super().__init__(repr(ended))
        self.ended = ended


class Refused(Exception):
    """/next was answered with something else than an event. Official clients exit with status 1."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(repr(answer))
        self.answer = answer


def died(code: int) -> Died:
    """It exits with a status."""
    return Died(RuntimeExit(code=code))


def killed(signal: int, *, core_dumped: bool = False) -> Died:
    """A signal ends it."""
    return Died(RuntimeExit(code=None, signal=signal, core_dumped=core_dumped))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What /next answered with."""

    request_id: str
    payload: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class Host(Protocol):
    """The container, as the process in it sees it."""

    figures: Figures

    def connect(self) -> Connection: ...
    def write_log(self, stream: LogStream, chunk: bytes) -> None: ...
    def measure(self, figures: Figures) -> None: ...
    def lose(self, why: str) -> None: ...


class FakeRuntime:
    """What a program can do."""

    def __init__(self, host: Host, start: RuntimeStart, clock: Clock) -> None:
        self.start = start
        self.host = host
        self._clock = clock
        self._connection: Connection | None = None

    # --- its Runtime API ----------------------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """Kept alive from one request to the next, as official clients do."""
        if self._connection is None:
            self._connection = self.host.connect()
        return self._connection

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Any request; `_` in a header's name stands for `-`."""
        connection = self.connection
        self.host.measure(self.host.figures)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await connection.request(method, path, body=body, headers=named)

    async def next(self) -> Event:
        """GET /next: waits for an event. Raises `Refused`."""
        answer = await self.call("GET", f"{API}/invocation/next")
        if answer.status != 200:
            raise Refused(answer)
        return Event(
            request_id=answer.headers["lambda-runtime-aws-request-id"],
            payload=answer.body,
            headers=dict(answer.headers),
        )

    async def respond(self, event: Event, payload: bytes = b"null", **headers: str) -> Answer:
        """POST /response."""
        path = f"{API}/invocation/{event.request_id}/response"
        return await self.call("POST", path, payload, **headers)

    async def fail(self, event: Event, body: bytes) -> Answer:
        """POST /error."""
        return await self.call("POST", f"{API}/invocation/{event.request_id}/error", body)

    async def init_error(self, body: bytes, error_type: str | None = None) -> Answer:
        """POST /init/error."""
        if error_type is None:
            return await self.call("POST", f"{API}/init/error", body)
        return await self.call(
            "POST", f"{API}/init/error", body, Lambda_Runtime_Function_Error_Type=error_type
        )

    # --- the rest of its world ------------------------------------------------------------------------

    def print(self, text: str, stream: LogStream = LogStream.STDOUT) -> None:
        """Write text to a log pipe, as it is: line ends are the caller's."""
        self.host.write_log(stream, text.encode())

    def uses(self, **figures: int) -> None:
        """What the container has used by now; told with the next request, or at the end."""
        known = {name: getattr(self.host.figures, name) for name in Figures.__slots__}
        self.host.figures = Figures(**(known | figures))

    def killed_for_memory(self) -> NoReturn:
        """The kernel kills it."""
        self.uses(oom_kills=(self.host.figures.oom_kills or 0) + 1)
        raise killed(9)

    async def sleep(self, seconds: float) -> None:
        """Work for a while."""
        await self._clock.sleep(seconds)

    async def hang(self) -> NoReturn:
        """Work for ever."""
        while True:
            await asyncio.Event().wait()


Program = Callable[[FakeRuntime], Awaitable[None]]
Handler = Callable[[FakeRuntime, Event], Awaitable[bytes]]


async def echo(_: FakeRuntime, event: Event) -> bytes:
    """Answers with its event."""
    return event.payload


def serving(handler: Handler = echo, *, init_s: float = 0.0) -> Program:
    """A well-behaved runtime: initialises, then answers one event after the other."""

    async def program(runtime: FakeRuntime) -> None:
        await runtime.sleep(init_s)
        while True:
            event = await runtime.next()
            await runtime.respond(event, await handler(runtime, event))

    return program


def failing_to_initialise(
    error_type: str = "Runtime.ImportModuleError",
    message: str = "Unable to import module 'app'",
    *,
    after_s: float = 0.0,
) -> Program:
    """Posts an init error and exits, as official clients do."""
    body = json.dumps(
        {"errorMessage": message, "errorType": error_type, "requestId": "", "stackTrace": []}
    ).encode()

    async def program(runtime: FakeRuntime) -> None:
        await runtime.sleep(after_s)
        await runtime.init_error(body, error_type)
        raise died(1)

    return program


def ending(ended: Died, *, after_s: float = 0.0) -> Program:
    """Ends before it asks for anything."""

    async def program(runtime: FakeRuntime) -> None:
        await runtime.sleep(after_s)
        raise ended

    return program


async def never_asking(runtime: FakeRuntime) -> None:
    """Starts and never asks for work."""
    await runtime.hang()


async def unstartable(_: FakeRuntime) -> None:
    """There is no such program."""
    raise Died(RuntimeExit(code=None, start_error="No such file or directory"))
