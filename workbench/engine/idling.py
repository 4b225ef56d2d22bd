"""How an environment idles: for how long, when it is frozen, and what a freeze has interrupted.

Lambda stops every process of an environment between invocations. Whoever counts on a background thread or
a timer finds that out late, so what was certainly going on is said at the thaw.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from workbench.clock import Clock
from workbench.model.container import Interrupted
from workbench.model.function import FunctionConfiguration
from workbench.model.settings import Settings
from workbench.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Time that work of the function's has lost."""

    seconds: float
    what: str
    """In words: `2 timers, and code that was running`."""

    @property
    def text(self) -> str:
        """As a line of the log."""
        return f"Background work was frozen for {self.seconds:.1f} s: {self.what}."


class Idling:
    """Of one environment."""

    def __init__(
        self,
        clock: Clock,
        settings: Settings,
        function: FunctionConfiguration,
        *,
        for_ever: bool = False,
    ) -> None:
        """`function` has the first word, `settings` the second. for_ever: it goes only when told to."""
        self._clock = clock
        self._settings = settings
        self._for_ever = for_ever
        self.keep_s = 0.0
        """An idle environment goes after this."""
        self.freezes = False
        """It is frozen before."""
        self.until: datetime | None = None
        """When it goes if nothing comes; `None` while it does not wait, or for ever."""
        self._began_s = self._frozen_s = 0.0
        self._timers = 0
        self._interrupted = Interrupted()
        self.configure(function)

    def configure(self, function: FunctionConfiguration) -> bool:
        """As `function` has it, from now on. True: that is a change."""
        before = (self.keep_s, self.freezes)
        keep_s, freezes = function.keep_alive_s, function.freeze
        self.keep_s = self._settings.keep_alive_s if keep_s is None else keep_s
        wanted = self._settings.freeze if freezes is None else freezes
        in_time = self._for_ever or self._settings.freeze_after_s < self.keep_s
        self.freezes = wanted and in_time
        return before != (self.keep_s, self.freezes)

    def begin(self, now: datetime) -> None:
        """It has nothing to do from now on."""
        self._began_s = self._clock.monotonic()
        self.until = None if self._for_ever else now + timedelta(seconds=self.keep_s)

    def end(self) -> None:
        """It has."""
        self.until = None

    @property
    def freeze_at_s(self) -> float:
        """When it is frozen if nothing comes, on the monotonic clock."""
        return self._began_s + self._settings.freeze_after_s

    @property
    def retire_at_s(self) -> float | None:
        """When it goes if nothing comes, likewise; `None`: it does not."""
        return None if self._for_ever else self._began_s + self.keep_s

    def freeze(self, *, timers: int) -> None:
        """It is frozen now. `timers` of the function's wait, as its runtime has said."""
        self._frozen_s = self._clock.monotonic()
        self._timers = timers
        self._interrupted = Interrupted()

    def interrupt(self, work: Interrupted) -> None:
        """What the latest freeze has interrupted."""
        self._interrupted = work

    def thaw(self) -> Lost | None:
        """It is thawed now: what that cost, where there was anything."""
        what = in_words(self._interrupted, timers=self._timers)
        seconds = self._clock.monotonic() - self._frozen_s
        return Lost(seconds=seconds, what=what) if what else None


def in_words(work: Interrupted, *, timers: int) -> str:
    """What was interrupted; empty where nothing is known to have been."""
    parts = []
    if timers:
        parts.append("1 timer" if timers == 1 else f"{timers} timers")
    if work.computing:
        parts.append("code that was running")
    elif work.waiting:  # while code runs, others may wait for it: that is no timer
        parts.append("a sleep or a wait with a timeout")
    return ", and ".join(parts)
