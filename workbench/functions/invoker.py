"""The one way to invoke a function, whoever asks."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from workbench.clock import Clock
from workbench.engine.run import Run
from workbench.errors import (
    AccessDenied,
    InvalidRequestContent,
    NotFoundError,
    RequestTooLarge,
)
from workbench.functions.keeper import EngineKeeper, OpenEngine
from workbench.functions.published import Published
from workbench.functions.reload import Reload
from workbench.model.function import Variable
from workbench.model.hook_report import API_PLACE, ENDPOINT_VARIABLE
from workbench.model.invocation import Acceptance, InvokeRequest
from workbench.model.names import LATEST, Qualifier, RequestId, Target
from workbench.model.settings import Settings
from workbench.model.version import Version, with_memory, with_variable
from workbench.values import dataclass

_REPORT_HERE = Variable(
    name=ENDPOINT_VARIABLE, value=API_PLACE, source="the deployment", secret=False
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An invocation whose version has to be made ready first; nothing is accepted yet."""

    begin: Callable[[], Awaitable[Run]]
    """Makes it ready and accepts the invocation. Raises as `Invoker.invoke`."""


class Invoker:
    """Checks a request, finds its version, and hands it to the scheduler."""

    def __init__(
        self,
        *,
        reload: Reload,
        published: Published,
        keeper: EngineKeeper,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._reload = reload
        self._published = published
        self._keeper = keeper
        self._clock = clock
        self._settings = settings

    async def invoke(self, request: InvokeRequest) -> Run:
        """Accept an invocation. Waits only when the version has to be made ready first.

        Raises `RequestError`, `FunctionNotFound`, `FunctionNotReady`, `DriverError`,
        `ThrottledError`, `SealingError`. Cancellation: nothing was accepted.
        """
        run = self.invoke_nowait(request)
        return await run.begin() if isinstance(run, Waiting) else run

    def invoke_nowait(self, request: InvokeRequest) -> Run | Waiting:
        """The same without waiting. Which of an alias's versions it gets is decided by then."""
        executed = self._executed(request.target)
        version = self._checked(request, executed)
        engine = self._keeper.engine
        if version is None or engine is None:
            return Waiting(partial(self._make_ready, request, executed))
        return self._accept(engine, version, request)

    async def _make_ready(self, request: InvokeRequest, executed: Qualifier) -> Run:
        name = request.target.name
        if executed == LATEST:
            version = self._reload.current_nowait(name) or await self._reload.current(name)
        else:
            version = await self._published.ready(name, executed)
        engine = self._keeper.engine or await self._keeper.ready()
        return self._accept(engine, version, request)

    def _accept(self, engine: OpenEngine, version: Version, request: InvokeRequest) -> Run:
        if request.memory_mb is not None:
            version = with_memory(version, request.memory_mb)
        if request.hook:
            version = with_variable(version, _REPORT_HERE)
        now = self._clock.now()
        return engine.scheduler.invoke(
            version,
            self._acceptance(request, version, now),
            trace_id=request.trace_id or _new_trace_id(now),
            client_context=request.client_context,
            cold=request.cold,
        )

    def check(self, request: InvokeRequest) -> None:
        """Everything that can be refused before anything is started. Raises as `invoke`."""
        self._checked(request, self._executed(request.target))

    def _checked(self, request: InvokeRequest, executed: Qualifier) -> Version | None:
        """The version it gets, if nothing has to be waited for. Raises as `check`."""
        name = request.target.name
        if executed == LATEST:
            version = self._reload.current_nowait(name)  # raises when there is none
        else:
            version = self._published.ready_nowait(name, executed)
        limit = self._settings.limits.request_bytes
        if len(request.payload) > limit:
            raise RequestTooLarge(limit_bytes=limit, operation="InvokeFunction")
        if request.payload:
            check_json(request.payload)
        return version

    def _executed(self, target: Target) -> Qualifier:
        """What the target means for this one call. Raises as `check`."""
        if target.region not in (None, self._settings.region):
            raise NotFoundError(
                f"Functions from '{target.region}' are not reachable in this region "
                f"('{self._settings.region}')"
            )
        if target.account not in (None, self._settings.account):
            raise AccessDenied(
                f"This workbench is account {self._settings.account}, not {target.account}."
            )
        if target.qualifier is None:
            return LATEST
        return self._published.resolve(target.name, target.qualifier)

    def _acceptance(self, request: InvokeRequest, version: Version, now: datetime) -> Acceptance:
        configuration = version.configuration
        return Acceptance(
            request_id=new_request_id(),
            target=request.target,
            function=version.name,
            version=version.version,
            origin=request.origin,
            event=request.event,
            accepted_at=now,
            payload=request.payload,
            code_digest=version.code.digest,
            memory_mb=configuration.memory_mb,
            timeout_s=configuration.timeout_s,
        )


_random = random.Random()  # noqa: S311 - unique, not secret; begun by the kernel


def new_request_id() -> RequestId:
    """A UUID of version 4, as `uuid` writes it, without asking the kernel for each."""
    bits = _random.getrandbits(128) & ~(0xF << 76 | 0x3 << 62) | 4 << 76 | 2 << 62
    text = f"{bits:032x}"
    return RequestId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def _new_trace_id(now: datetime) -> str:
    """Source: X-Ray, "Tracing header": epoch seconds and 96 random bits, both hex."""
    return f"Root=1-{int(now.timestamp()):08x}-{_random.getrandbits(96):024x};Sampled=0"


def check_json(payload: bytes) -> None:
    """Raises `InvalidRequestContent` unless `payload` is JSON text in UTF-8.

    Source: recorded text of InvalidRequestContentException (its tail is the parser's own).
    """
    try:
        # decoded here: json.loads would take UTF-16 too, and NaN, which other runtimes cannot read
        _STRICT.decode(payload.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidRequestContent(
            f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from error


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON value")


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant)
