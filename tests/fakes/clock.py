"""The clock that goes with a loop of virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from workbench.clock import SystemClock

EPOCH = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
"""Wall time when the loop's own time is 0."""


class LoopClock:
    """Fits `workbench.clock.Clock`: the running loop's time, and a wall clock that follows it."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())

    def call_at(self, at_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_at(max(at_s, self.monotonic()), action)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - a clock is where sleeping is done


class Calendar(SystemClock):
    """The real clock, whose date can be set forward."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead
