"""Saved events run again, and each answer held against what is expected of it.

Invariant: every event asked for gets exactly one verdict, whatever happens to the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from workbench.errors import InvocationNotFound, WorkbenchError
from workbench.facade.catalog import Catalog
from workbench.facade.events import Events
from workbench.facade.invocations import Invocations, Run
from workbench.model.expectation import Expectation, Mismatch
from workbench.model.invocation import InvocationRecord, InvokeRequest, LogEntry, Origin
from workbench.model.names import FunctionName, Target
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayCase:
    """One saved event to run."""

    function: FunctionName
    event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one event went."""

    case: ReplayCase
    record: InvocationRecord | None = None
    """`None`: it was never accepted; `error` says why."""
    logs: tuple[LogEntry, ...] = ()
    mismatches: tuple[Mismatch, ...] = ()
    error: WorkbenchError | None = None
    """What kept it from running, or its expectation from being read."""

    @property
    def as_expected(self) -> bool:
        """It ran, and everything is as expected; an expected failure too."""
        return self.record is not None and self.error is None and not self.mismatches


class Replay:
    """Runs saved events."""

    def __init__(self, *, catalog: Catalog, events: Events, invocations: Invocations) -> None:
        self._catalog = catalog
        self._events = events
        self._invocations = invocations

    def cases(self, names: Iterable[str] = ()) -> tuple[ReplayCase, ...]:
        """Every saved event of those functions, of all by default. Raises `FunctionNotFound`."""
        functions = [self._catalog.function(name) for name in names] or self._catalog.functions()
        return tuple(
            ReplayCase(function=function.name, event=event)
            for function in functions
            for event in function.events
        )

    async def run(
        self,
        cases: Sequence[ReplayCase],
        *,
        jobs: int,
        on_verdict: Callable[[Verdict], None] | None = None,
    ) -> tuple[Verdict, ...]:
        """Run them, at most `jobs` at the same time; verdicts in the order of `cases`.

        `on_verdict` is told of each as it comes. Cancellation: those that run are stopped.
        """
        verdicts: dict[int, Verdict] = {}
        waiting = iter(enumerate(cases))

        async def work(waiting: Iterator[tuple[int, ReplayCase]]) -> None:
            for number, case in waiting:
                verdict = verdicts[number] = await self.judge(case)
                if on_verdict is not None:
                    on_verdict(verdict)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(jobs, len(cases))):
                tasks.create_task(work(waiting), name="replay")
        return tuple(verdicts[number] for number in range(len(cases)))

    async def judge(self, case: ReplayCase) -> Verdict:
        """Run one event and hold its answer against its expectation. Never raises for the event.

        Cancellation: stops the run.
        """
        try:
            expectation, payload = await self._read(case)
            request = InvokeRequest(
                target=Target(name=case.function),
                payload=payload,
                origin=Origin.REPLAY,
                event=case.event,
            )
            run = await self._invocations.invoke(request)
            record = await end_of(self._invocations, run)
        except WorkbenchError as error:
            return Verdict(case=case, error=error)
        logs = tuple(run.logs)
        return Verdict(
            case=case, record=record, logs=logs, mismatches=expectation.check(record, logs)
        )

    async def _read(self, case: ReplayCase) -> tuple[Expectation, bytes]:
        return (
            await self._events.expectation(case.function, case.event),
            await self._events.read(case.function, case.event),
        )


async def end_of(invocations: Invocations, run: Run) -> InvocationRecord:
    """Its final record. Raises what kept it from running. Cancellation: it is stopped."""
    try:
        await run.outcome()
        return await run.record()
    except asyncio.CancelledError:
        with suppress(InvocationNotFound):
            invocations.stop(run.acceptance.request_id)
        raise
