"""What the history takes from the bus: log entries, the newest state of each environment, and how
many calls were throttled.

Invariant: entries leave in the order in which they were published, whoever takes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from workbench.model.container import LogStream
from workbench.model.environment import EnvironmentSnapshot, EnvironmentState
from workbench.model.invocation import CUT, LogEntry, line_bytes, log_room
from workbench.model.names import EnvironmentId, FunctionName, Qualifier
from workbench.model.settings import Limits
from workbench.model.telemetry import (
    EnvironmentChanged,
    LogLine,
    Report,
    Start,
    Telemetry,
    Throttled,
)
from workbench.telemetry import Feed
from workbench.values import dataclass

BATCH = 500
"""Values taken at once: sorting and writing them holds up the loop for about 1 ms."""


KINDS: frozenset[type[Telemetry]] = frozenset(
    {EnvironmentChanged, LogLine, Report, Start, Throttled}
)
"""What its feed is of."""

_ThrottleKey = tuple[FunctionName, Qualifier, Qualifier | None, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttles:
    """Calls refused within a moment: a storm of them is one row, not ten thousand."""

    at: datetime
    """Of the last one."""
    function: FunctionName
    version: Qualifier
    qualifier: Qualifier | None
    """As the callers gave it."""
    reason: str
    count: int


class Intake:
    """The feed of the store, sorted."""

    def __init__(self, feed: Feed, limits: Limits) -> None:
        self._feed = feed
        self._limit_bytes = limits.invocation_log_bytes
        self._room_bytes: dict[str, int] = {}
        """What is left, by request id, and by environment id for lines outside invocations."""
        self._entries: list[LogEntry] = []
        self._changed: dict[EnvironmentId, EnvironmentChanged] = {}
        self._throttled: dict[_ThrottleKey, Throttles] = {}
        self.when_changed: Callable[[], None] | None = None
        """Told that there is something new besides entries, whoever sorted it in."""

    @property
    def backlog(self) -> int:
        """Values that wait to be sorted."""
        return self._feed.backlog

    async def wait(self) -> bool:
        """Wait until something was published. False: nothing will come any more."""
        values = await self._feed.wait_values(BATCH)
        self._sort(values)
        return bool(values)

    def take_entries(self) -> list[LogEntry]:
        """Log entries published by now, as far as a batch reaches."""
        self._sort(self._feed.take_nowait(BATCH))
        entries, self._entries = self._entries, []
        return entries

    def take_entries_quietly(self) -> list[LogEntry]:
        """The same for callers inside the engine: nobody who waits for the feed is told to go on."""
        return [] if self._feed.congested else self.take_entries()

    def take_changed(self) -> tuple[EnvironmentSnapshot, ...]:
        """The newest state of each environment whose state has changed."""
        changed, self._changed = self._changed, {}
        return tuple(change.environment for change in changed.values())

    def put_back(self, snapshots: tuple[EnvironmentSnapshot, ...]) -> None:
        """They could not be written; newer ones win."""
        for snapshot in snapshots:
            self._changed.setdefault(snapshot.environment_id, EnvironmentChanged.of(snapshot))

    def take_throttled(self) -> tuple[Throttles, ...]:
        """The calls that were throttled."""
        throttled, self._throttled = self._throttled, {}
        return tuple(throttled.values())

    def put_back_throttled(self, throttled: tuple[Throttles, ...]) -> None:
        """They could not be written."""
        for each in throttled:
            self._count(each)

    def _count(self, more: Throttles) -> None:
        key = (more.function, more.version, more.qualifier, more.reason)
        before = self._throttled.get(key)
        if before is not None:
            at = max(before.at, more.at)
            more = replace(more, at=at, count=before.count + more.count)
        self._throttled[key] = more

    def _note_throttled(self, value: Throttled) -> None:
        refused = value.acceptance
        self._count(
            Throttles(
                at=refused.accepted_at,
                function=refused.function,
                version=refused.version,
                qualifier=refused.target.qualifier,
                reason=value.reason,
                count=1,
            )
        )
        if self.when_changed is not None:
            self.when_changed()

    def _sort(self, values: list[Telemetry]) -> None:
        for value in values:
            if isinstance(value, LogLine):
                self._keep(value.entry)
            elif isinstance(value, EnvironmentChanged):
                self._changed[value.environment_id] = value
                if self.when_changed is not None:
                    self.when_changed()
                if value.state is EnvironmentState.STOPPED:
                    self._room_bytes.pop(value.environment_id, None)
            elif isinstance(value, Throttled):
                self._note_throttled(value)
            elif isinstance(value, Start):
                self._room_bytes.pop(value.environment_id, None)
            elif isinstance(value, Report):
                self._room_bytes.pop(value.record.request_id, None)

    def _keep(self, entry: LogEntry) -> None:
        """As far as there is room; an invocation's record says how much was beyond it."""
        if entry.stream is LogStream.PLATFORM:  # there is always room for Lambda's own lines
            self._entries.append(entry)
            return
        owner: str = entry.request_id or entry.environment_id
        room_bytes = self._room_bytes.get(owner, self._limit_bytes)
        size_bytes = line_bytes(entry.text)
        kept, self._room_bytes[owner] = log_room(entry.stream, size_bytes, room_bytes)
        if kept:
            self._entries.append(entry)
        elif entry.request_id is None and room_bytes != CUT:
            text = (
                f"More than {self._limit_bytes} bytes were logged outside an invocation: "
                "the rest is not kept in the history."
            )
            self._entries.append(replace(entry, stream=LogStream.PLATFORM, text=text, level=None))
