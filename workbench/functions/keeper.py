"""Keeps the container engine at hand: opens it, notices when it goes, says so, gets it back.

Front ends work without it: events, past runs and problems are there before the engine is, and while
it is gone. What needs it waits for the first opening, and is refused plainly during an outage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from workbench.clock import Clock
from workbench.errors import DriverError, EngineUnreachable
from workbench.model.telemetry import EngineChanged, EngineStatus
from workbench.ports import DependencyStore, ImageStore
from workbench.telemetry import Bus
from workbench.values import dataclass

if TYPE_CHECKING:
    from workbench.engine.scheduler import Scheduler  # 30 ms that `ls` does not wait for

RETRY_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Between attempts; the last one repeats."""


class Presence(Protocol):
    """How an engine's going and coming is noticed."""

    async def wait_lost(self) -> str:
        """Wait until it does not answer any more; why, a full sentence."""
        ...

    async def check(self) -> None:
        """Raises `EngineUnreachable` unless it answers now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEngine:
    """An engine that answered, and all that was built on it."""

    kind: str
    """`docker` or `process`."""
    version: str
    isolated: bool
    scheduler: Scheduler
    images: ImageStore
    dependencies: DependencyStore
    presence: Presence


class EngineKeeper:
    """The one place that knows whether there is an engine."""

    def __init__(
        self,
        open_engine: Callable[[], AbstractAsyncContextManager[OpenEngine]],
        *,
        bus: Bus,
        clock: Clock,
        held: bool = False,
    ) -> None:
        """held: nothing is opened before `begin`, so that a screen can be painted first."""
        self._open_engine = open_engine
        self._bus = bus
        self._clock = clock
        self._engine: OpenEngine | None = None
        self._failure: DriverError | None = None
        self._decided = asyncio.Event()
        """The first attempt has ended, one way or the other."""
        self._hurry = asyncio.Event()
        self._begun = asyncio.Event()
        if not held:
            self._begun.set()
        self.status = EngineStatus(ready=False)

    @property
    def engine(self) -> OpenEngine | None:
        """The engine if it was ever opened; it may be out of reach just now (`status`)."""
        return self._engine

    async def ready(self) -> OpenEngine:
        """The engine, as soon as it is known whether there is one. Raises what kept it from opening."""
        await self._decided.wait()
        if self._engine is None:
            assert self._failure is not None, "decided: either there is one or there is not"
            raise self._failure
        return self._engine

    def begin(self) -> None:
        """Open it now, if that was held back."""
        self._begun.set()

    async def begun(self) -> None:
        """Wait until it is no longer held back."""
        await self._begun.wait()

    def retry_now(self) -> None:
        """Do not wait for the next attempt."""
        self._hurry.set()

    async def run(self) -> None:
        """Keep it, until cancelled."""
        await self._begun.wait()
        attempt = 0
        while True:
            try:
                async with self._open_engine() as engine:
                    self._opened(engine)
                    attempt = 0
                    try:
                        await self._watch(engine)
                    finally:
                        self._engine = None
            except DriverError as error:
                self._failure = error
                self._decided.set()
                await self._pause(error, attempt)
                attempt += 1

    async def _watch(self, engine: OpenEngine) -> None:
        """While it is open: tell when it goes, and when it is back."""
        while True:
            why = await engine.presence.wait_lost()
            error: DriverError = EngineUnreachable(
                cause=why, remedy="Start it again; the workbench goes on by itself."
            )
            attempt = 0
            while True:
                await self._pause(error, attempt)
                attempt += 1
                try:
                    await engine.presence.check()
                except DriverError as still:
                    error = still
                else:
                    break
            self._opened(engine)

    def _opened(self, engine: OpenEngine) -> None:
        self._engine = engine
        self._failure = None
        self._decided.set()
        self._say(
            EngineStatus(
                ready=True, kind=engine.kind, version=engine.version, isolated=engine.isolated
            )
        )

    async def _pause(self, error: DriverError, attempt: int) -> None:
        delay_s = RETRY_S[min(attempt, len(RETRY_S) - 1)]
        cause, remedy = (
            (error.cause, error.remedy)
            if isinstance(error, EngineUnreachable)
            else (str(error), None)
        )
        retry_at = self._clock.now() + timedelta(seconds=delay_s)
        self._say(EngineStatus(ready=False, cause=cause, remedy=remedy, retry_at=retry_at))
        self._hurry.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._hurry.wait()

    def _say(self, status: EngineStatus) -> None:
        self.status = status
        self._bus.publish(EngineChanged(status=status))
