"""One timer that is set and cancelled far more often than it fires.

An invocation sets two, for its deadline and for the freeze after it, and neither fires as long as
another one comes soon. So the loop's timer is left where it is when it is early enough, and looks what
is due when it fires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from workbench.clock import Clock

EARLY_S = 0.001
"""The loop counts in milliseconds: a timer may fire this much before its time."""


class Timer:
    """At most one action, at one time, on the running loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_s = 0.0
        self._action: Callable[[], None] | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._fires_s = 0.0

    def set(self, at_s: float, action: Callable[[], None]) -> None:
        """Call `action` at `at_s` of the clock, and nothing that was set before."""
        self._at_s, self._action = at_s, action
        if self._handle is None or self._fires_s > at_s:
            self._arm()

    @property
    def pending(self) -> bool:
        """Something will be called."""
        return self._action is not None

    def cancel(self) -> None:
        """Call nothing."""
        self._action = None

    def close(self) -> None:
        """The same, and leave nothing on the loop."""
        self._action = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._fires_s = self._at_s
        self._handle = self._clock.call_at(self._at_s, self._fire)

    def _fire(self) -> None:
        self._handle = None
        action = self._action
        if action is None:
            return
        if self._at_s - self._clock.monotonic() > EARLY_S:
            self._arm()
            return
        self._action = None
        action()
