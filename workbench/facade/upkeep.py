"""Environments started, drained and replaced by hand."""

from __future__ import annotations

from collections.abc import Collection

from workbench.facade.environments import Environments
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.names import EnvironmentId, FunctionName
from workbench.model.telemetry import EnvironmentChanged, InitFailed
from workbench.telemetry import Bus, Feed
from workbench.values import dataclass

_STARTING = frozenset({EnvironmentState.CREATED, EnvironmentState.INITIALIZING})
_TOLD = (EnvironmentChanged, InitFailed)
_LEAVING = frozenset({EnvironmentState.RETIRING, EnvironmentState.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What became of environments that were started."""

    ready: tuple[EnvironmentId, ...] = ()
    """They have initialised."""
    failed: tuple[str, ...] = ()
    """Why runtimes could not initialise, each once."""
    not_started: tuple[str, ...] = ()
    """Why there is no container, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What was told to go."""

    gone: int
    """Had nothing to do."""
    finishing: int
    """Go when they are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recycled:
    """What was replaced, and by what."""

    old: tuple[EnvironmentId, ...]
    started: Started


class Upkeep:
    """Of this workbench's environments."""

    def __init__(self, *, environments: Environments, bus: Bus) -> None:
        self._environments = environments
        self._bus = bus

    async def warm(self, name: FunctionName, count: int) -> Started:
        """See that `count` environments of a function are idle, beside those at work, and wait
        until those that had to be started are.

        They go as any other when they were idle for too long. Raises `FunctionNotFound`,
        `FunctionNotReady`, `DriverError`, `ThrottledError`. Cancellation: they go on starting.
        """
        with self._bus.subscribe(capacity=None, kinds=_TOLD) as feed:
            return await _started(feed, await self._environments.start_idle(name, count))

    def drain(self, name: FunctionName) -> Drained:
        """Idle environments go now, those at work when they are done; the next invocation starts a
        new one. Raises `FunctionNotFound`.
        """
        before = [each for each in self._of(name) if not each.retiring]
        self._environments.drain(name)
        finishing = sum(each.invocation is not None for each in before)
        return Drained(gone=len(before) - finishing, finishing=finishing)

    async def recycle(
        self, *, function: FunctionName | None = None, environment: str | None = None
    ) -> Recycled:
        """Replace all environments of a function, or the one whose id begins so, by new ones, and
        wait until these have initialised. Those at work go when they are done.

        What is not there is not replaced. Raises `ThrottledError`. Cancellation: as `warm`.
        """
        with self._bus.subscribe(capacity=None, kinds=_TOLD) as feed:
            old, new = self._environments.replace(function=function, environment=environment)
            return Recycled(old=old, started=await _started(feed, new))

    def _of(self, name: FunctionName) -> list[EnvironmentSnapshot]:
        return [
            each
            for each in self._environments.mine()
            if each.function == name and each.state not in _LEAVING
        ]


async def _started(feed: Feed, coming: Collection[EnvironmentId]) -> Started:
    """Wait until all of them have initialised, or will not."""
    waiting = set(coming)
    ready: list[EnvironmentId] = []
    failed: dict[str, None] = {}
    not_started: dict[str, None] = {}
    messages: dict[EnvironmentId, str] = {}
    while waiting and (values := await feed.wait_values()):
        for value in values:
            if isinstance(value, InitFailed):
                messages[value.environment_id] = value.message
            if not isinstance(value, EnvironmentChanged):
                continue
            told = value.environment
            if told.environment_id not in waiting or told.state in _STARTING:
                continue
            waiting.discard(told.environment_id)
            if told.environment_id in messages:
                failed[messages[told.environment_id]] = None
            elif told.state in _LEAVING:
                not_started[value.cause or "It was removed."] = None
            else:
                ready.append(told.environment_id)
    return Started(ready=tuple(ready), failed=tuple(failed), not_started=tuple(not_started))
