"""Saved events of a function run on two of its versions.

Invariant: every event gets exactly one result, whatever happens to the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from workbench.errors import WorkbenchError
from workbench.facade.catalog import Catalog
from workbench.facade.comparison import Comparison as Versions
from workbench.facade.events import Events
from workbench.facade.invocations import Invocations
from workbench.facade.replay import end_of
from workbench.model.invocation import InvokeRequest, Origin, OutcomeKind
from workbench.model.json_diff import Pattern
from workbench.model.names import FunctionName, Qualifier, Target
from workbench.model.version_runs import Comparison, Sample, compared, sample
from workbench.values import dataclass

HOPELESS_ROUNDS = 2
"""An event that only fails, on both versions, is not run for its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How events are run."""

    runs: int = 10
    """Of each event on each version, after a first call. Fewer than `LEAST_ROUNDS` tell nothing about
    time.
    """
    jobs: int = 1
    """Events at the same time; more than one makes times less sure."""
    ignored: tuple[Pattern, ...] = ()
    """What of responses is not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventResult:
    """How one event went on both."""

    event: str
    comparison: Comparison | None = None
    """`None`: it could not be run; `error` says why."""
    error: WorkbenchError | None = None

    @property
    def changed(self) -> bool:
        """Another outcome or another response."""
        return self.comparison is not None and self.comparison.changed

    @property
    def told(self) -> bool:
        """There is something to say: it changed, takes another time, or could not be run."""
        found = self.comparison
        return found is None or found.changed or (found.timing is not None and found.timing.changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResults:
    """All of them."""

    function: FunctionName
    a: Qualifier
    """`$LATEST` or a number."""
    b: Qualifier
    events: tuple[EventResult, ...]
    """In the order of their names."""


class VersionReplay:
    """Runs them."""

    def __init__(
        self, *, catalog: Catalog, events: Events, invocations: Invocations, versions: Versions
    ) -> None:
        self._catalog = catalog
        self._events = events
        self._invocations = invocations
        self._versions = versions

    async def run(
        self,
        name: str,
        a: Qualifier,
        b: Qualifier,
        plan: Plan,
        *,
        on_result: Callable[[EventResult], None] | None = None,
    ) -> VersionResults:
        """Every saved event on both, the two in turn. An alias means the version that it leads to
        first, for all of them.

        Raises `FunctionNotFound`, `AliasNotFound`. Cancellation: those that run are stopped.
        """
        function = self._catalog.function(name)
        versions = [await self._versions.meant(function.name, each) for each in (a, b)]
        targets = [Target(name=function.name, qualifier=each) for each in versions]
        results: dict[int, EventResult] = {}

        async def work(waiting: Iterator[tuple[int, str]]) -> None:
            for number, event in waiting:
                result = await self._event(targets, event, plan)
                results[number] = result
                if on_result is not None:
                    on_result(result)

        waiting = iter(enumerate(function.events))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(plan.jobs, len(function.events))):
                tasks.create_task(work(waiting), name="replay")
        return VersionResults(
            function=function.name,
            a=versions[0],
            b=versions[1],
            events=tuple(results[number] for number in range(len(function.events))),
        )

    async def _event(self, targets: Sequence[Target], event: str, plan: Plan) -> EventResult:
        found: tuple[list[Sample], list[Sample]] = ([], [])
        try:
            payload = await self._events.read(targets[0].name, event)
            for number in range(plan.runs + 1):
                if number == HOPELESS_ROUNDS and all(map(_failed, (*found[0], *found[1]))):
                    break
                # in turn who is first: the second of two finds the machine as the first has left it
                for side in (0, 1) if number % 2 == 0 else (1, 0):
                    found[side].append(await self._once(targets[side], event, payload))
        except WorkbenchError as error:
            return EventResult(event=event, error=error)
        comparison = await asyncio.to_thread(compared, *found, ignored=plan.ignored)
        return EventResult(event=event, comparison=comparison)

    async def _once(self, target: Target, event: str, payload: bytes) -> Sample:
        request = InvokeRequest(target=target, payload=payload, origin=Origin.REPLAY, event=event)
        run = await self._invocations.invoke(request)
        return sample(await end_of(self._invocations, run))


def _failed(each: Sample) -> bool:
    return each.kind is not OutcomeKind.SUCCESS
