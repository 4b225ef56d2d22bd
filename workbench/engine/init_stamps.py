"""When each part of an environment's start was over, and the figures that follow.

Every moment is one at which the workbench learned of it, on its own clock: so the parts of an init
add up to the init, whatever clock the container has.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.clock import Clock
from workbench.model.invocation import NO_SPLIT, InitSplit


class InitStamps:
    """Those of one environment."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s = 0.0
        self._booting = False
        self.split = NO_SPLIT
        """What is known by now: of the container, and of the latest init."""
        self._reported = NO_SPLIT

    def asked(self) -> None:
        """A container was asked for."""
        self._since_s = self._clock.monotonic()

    def created(self) -> None:
        """The container engine has made it."""
        self.split = replace(self.split, create_ms=self._passed_ms())

    def claimed(self) -> None:
        """A container that stood ready was made ours."""
        self.split = replace(self.split, claim_ms=self._passed_ms())

    def greeted(self) -> None:
        """Its supervisor has spoken."""
        if self.split.create_ms is not None:
            self.split = replace(self.split, start_ms=self._passed_ms())

    def started(self) -> None:
        """A runtime is started."""
        self._since_s = self._clock.monotonic()
        self._booting = True
        self.split = replace(self.split, boot_ms=None, import_ms=None)

    def booted(self) -> None:
        """Its client says that it is up. Only the first word counts, and only during an init."""
        if self._booting:
            self._booting = False
            self.split = replace(self.split, boot_ms=self._passed_ms())

    def initialised(self) -> None:
        """It asked for work for the first time."""
        self._booting = False
        if self.split.boot_ms is not None:
            self.split = replace(self.split, import_ms=self._passed_ms())

    def take(self) -> InitSplit:
        """What no invocation has reported yet."""
        before, now = self._reported, self.split
        self._reported = now
        if before is now:
            return NO_SPLIT
        if before is not NO_SPLIT:  # of the container, it was told
            return replace(now, create_ms=None, start_ms=None, claim_ms=None)
        return now

    def _passed_ms(self) -> float:
        """Since the last stamp."""
        now_s = self._clock.monotonic()
        passed_ms, self._since_s = (now_s - self._since_s) * 1000, now_s
        return passed_ms
