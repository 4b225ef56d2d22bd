"""A function run at several memory sizes, one after the other, nothing beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from workbench.clock import Clock, SystemClock
from workbench.errors import InvocationNotFound, WorkbenchError
from workbench.facade.environments import Environments
from workbench.facade.invocations import Invocations
from workbench.model.invocation import InvocationRecord, InvokeRequest
from workbench.model.names import FunctionName
from workbench.model.telemetry import EnvironmentChanged
from workbench.model.tuning import SizeResult, failure
from workbench.telemetry import Bus

SETTLE_S = 0.25
"""After the first call: the CPU share of the init phase is taken back beside it, within 50 ms."""
HOPELESS = 2
"""Failures in a row after which a size is given up."""


class Tuning:
    """Measures. Other invocations meanwhile would be measured too: nobody else should ask."""

    def __init__(
        self,
        *,
        environments: Environments,
        invocations: Invocations,
        bus: Bus,
        clock: Clock | None = None,
    ) -> None:
        self._environments = environments
        self._invocations = invocations
        self._bus = bus
        self._clock = clock or SystemClock()

    async def measure(
        self,
        request: InvokeRequest,
        *,
        memory_mb: int,
        runs: int,
        on_run: Callable[[int], None] | None = None,
    ) -> SizeResult:
        """One call in a new environment of that size, then `runs` more in the same one, each when
        the one before it is over. `on_run` is told how many of the `runs` are over.

        Raises what keeps the function from being made ready; what fails of a single run is in the
        result. Cancellation: stops the run in progress.
        """
        name = FunctionName(request.target.name)
        await self._environments.prepare(name)
        await self._let_go(name)
        return await self._measure(_sized(request, memory_mb), memory_mb, runs, on_run)

    async def _let_go(self, name: FunctionName) -> None:
        """Wait until no environment of it is left: removing one takes CPU time that is measured."""
        with self._bus.subscribe(capacity=None, kinds=(EnvironmentChanged,)) as feed:
            self._environments.drain(name)
            while any(each.function == name for each in self._environments.mine()):
                await feed.wait_values()

    async def _measure(
        self,
        request: InvokeRequest,
        memory_mb: int,
        runs: int,
        on_run: Callable[[int], None] | None,
    ) -> SizeResult:
        cold = await self._run(request)
        failures = _failures(cold)
        warm: list[InvocationRecord] = []
        in_a_row = len(failures)
        await self._clock.sleep(SETTLE_S)
        for number in range(1, runs + 1):
            if in_a_row == HOPELESS:
                break
            ended = await self._run(request)
            found = _failures(ended)
            in_a_row = in_a_row + 1 if found else 0
            failures += found
            if not found and not isinstance(ended, str) and ended.cold is False:
                warm.append(ended)
            if on_run is not None:
                on_run(number)
        return SizeResult(
            memory_mb=memory_mb,
            cold=None if isinstance(cold, str) else cold,
            warm=tuple(warm),
            failures=tuple(failures),
        )

    async def _run(self, request: InvokeRequest) -> InvocationRecord | str:
        """Its final record; a text says why there is none."""
        try:
            run = await self._invocations.invoke(request)
        except WorkbenchError as error:
            return str(error)
        try:
            await run.outcome()
            return await run.record()
        except WorkbenchError as error:
            return str(error)
        except asyncio.CancelledError:
            with suppress(InvocationNotFound):
                self._invocations.stop(run.acceptance.request_id)
            raise


def _failures(ended: InvocationRecord | str) -> list[str]:
    if isinstance(ended, str):
        return [ended]
    outcome = ended.outcome
    return [] if outcome is None or outcome.ok else [failure(outcome)]


def _sized(request: InvokeRequest, memory_mb: int) -> InvokeRequest:
    return InvokeRequest(
        target=request.target,
        payload=request.payload,
        origin=request.origin,
        event=request.event,
        memory_mb=memory_mb,
    )
