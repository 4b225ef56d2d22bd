"""Builds of images and dependencies, in progress and broken, read off the telemetry."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import field
from datetime import datetime

from workbench.model.names import FunctionName
from workbench.model.telemetry import (
    BuildBroke,
    BuildFinished,
    BuildProgress,
    BuildStarted,
    Telemetry,
)
from workbench.values import dataclass

_KEPT_LINES = 200


@dataclass(slots=True)
class Build:
    """One in progress."""

    subject: str
    functions: tuple[FunctionName, ...]
    began_at: datetime
    step: int = 0
    steps: int = 0
    """0: unknown."""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))

    @property
    def line(self) -> str:
        """The newest one that says anything."""
        return next((line for line in reversed(self.lines) if line.strip()), "")

    @property
    def share(self) -> float | None:
        """How much of it is done, 0 to 1; `None` while nobody knows."""
        if not self.steps:
            return None
        return max(0.0, min(1.0, (self.step - 1) / self.steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakage:
    """One that ended badly."""

    subject: str
    functions: tuple[FunctionName, ...]
    step: str
    output: str
    at: datetime


class Builds:
    """All of them. `now` reads the wall clock."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._running: dict[str, Build] = {}
        self._broken: dict[str, Breakage] = {}

    def __len__(self) -> int:
        return len(self._running)

    def waited_for(self, function: FunctionName) -> Build | None:
        """The build that a function waits for."""
        return next((b for b in self._running.values() if function in b.functions), None)

    @property
    def newest(self) -> Build | None:
        """Any build, for those who wait for none."""
        return next(reversed(self._running.values()), None)

    def broken(self, function: FunctionName) -> Breakage | None:
        """The newest build that broke and that a function waited for."""
        found = [each for each in self._broken.values() if function in each.functions]
        return found[-1] if found else None

    def forgive(self, function: FunctionName) -> None:
        """A function has been made ready after all, or has changed: what broke before is past."""
        for subject, each in list(self._broken.items()):
            if function in each.functions:
                del self._broken[subject]

    def hear(self, value: Telemetry) -> bool:
        """Take a value up; whether it was about a build."""
        if isinstance(value, BuildStarted):
            self._broken.pop(value.subject, None)
            self._running[value.subject] = Build(value.subject, value.functions, self._now())
        elif isinstance(value, BuildProgress):
            build = self._running.get(value.subject)
            if build is None:  # it began before anyone listened
                build = self._running[value.subject] = Build(value.subject, (), self._now())
            build.step, build.steps = value.step, value.steps
            build.lines.append(value.line)
        elif isinstance(value, BuildFinished):
            self._running.pop(value.subject, None)
            self._broken.pop(value.subject, None)
        elif isinstance(value, BuildBroke):
            build = self._running.pop(value.subject, None)
            self._broken[value.subject] = Breakage(
                subject=value.subject,
                functions=() if build is None else build.functions,
                step=value.step,
                output=value.output,
                at=self._now(),
            )
        else:
            return False
        return True
