"""The only place that reads a clock or sleeps.

Measured: uvloop's `loop.time()` moves in whole milliseconds, so durations are taken from the
system's monotonic clock and timers are set through `Clock.call_at`, never on the loop directly.
`tests/fakes/clock.py` has the one that goes with a loop of virtual time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the rest of the package may know of time."""

    def monotonic(self) -> float:
        """Seconds, microseconds precise. Only differences mean anything."""
        ...

    def now(self) -> datetime:
        """Wall time, UTC, with its zone."""
        ...

    def call_at(self, at_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `action` on the running loop when `monotonic()` is `at_s`, or a millisecond later."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait. The only sleep there is."""
        ...


class SystemClock:
    """The real one."""

    def monotonic(self) -> float:
        return time.monotonic()  # noqa: TID251 - the one place

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place

    def call_at(self, at_s: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        delay_s = at_s - time.monotonic()  # noqa: TID251 - the one place
        return asyncio.get_running_loop().call_later(max(0.0, delay_s), action)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - the one place
