"""The bus that the values of `model/telemetry.py` travel on.

Invariant: `publish` never waits and never fails. A subscriber that is too slow loses the oldest
values and is told how many (`Dropped`), in their place.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from workbench.model.telemetry import Dropped, Telemetry


class Feed:
    """One subscriber's queue. Not for use from another thread."""

    def __init__(
        self,
        *,
        capacity: int | None,
        high_water: int | None = None,
        kinds: Collection[type[Telemetry]] | None = None,
    ) -> None:
        self.kinds = kinds
        """What it is given; `None` for everything."""
        self._capacity = capacity
        self.high_water = high_water
        self._when_relieved: list[Callable[[], None]] = []
        self._values: deque[Telemetry] = deque()
        self._dropped = 0
        self._arrived = asyncio.Event()
        self._closed = False

    @property
    def backlog(self) -> int:
        """Values waiting."""
        return len(self._values)

    @property
    def congested(self) -> bool:
        """More waits than should; those who can wait are asked to (`Bus.when_relieved`)."""
        return self.high_water is not None and len(self._values) >= self.high_water

    def put(self, value: Telemetry) -> None:
        """Add one; at capacity the oldest goes."""
        if self._capacity is not None and len(self._values) >= self._capacity:
            self._values.popleft()
            self._dropped += 1
        if not self._values:
            self._arrived.set()
        self._values.append(value)

    def close(self) -> None:
        """No more will come. What waits can still be taken."""
        self._closed = True
        self._arrived.set()

    def take_nowait(self, limit: int | None = None) -> list[Telemetry]:
        """What is there now, oldest first, at most `limit`; may be empty."""
        taken: list[Telemetry] = []
        if self._dropped:
            taken.append(Dropped(count=self._dropped))
            self._dropped = 0
        if limit is None or len(taken) + len(self._values) <= limit:
            taken += self._values
            self._values.clear()
        else:
            while self._values and len(taken) < limit:
                taken.append(self._values.popleft())
        if not self._values and not self._closed:
            self._arrived.clear()
        if self._when_relieved and not self.congested:
            self.relieve()
        return taken

    def when_relieved(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when the feed is no longer congested."""
        self._when_relieved.append(resume)

    def relieve(self) -> None:
        """Let those who wait go on."""
        waiting, self._when_relieved = self._when_relieved, []
        for resume in waiting:
            resume()

    async def wait_values(self, limit: int | None = None) -> list[Telemetry]:
        """Wait until there is something, then take it all. Empty means: closed, nothing will come."""
        while not self._values and not self._dropped and not self._closed:
            await self._arrived.wait()
        return self.take_nowait(limit)


class Bus:
    """Publishes to every feed that is open at the moment."""

    def __init__(self) -> None:
        self._feeds: list[Feed] = []
        self._takers: dict[type[Telemetry], list[Feed]] = {}
        """Of each kind that was published since the feeds last changed."""
        self._vital: list[Feed] = []
        """Those that must not lose anything."""

    def publish(self, value: Telemetry) -> None:
        """Give `value` to every subscriber. Never waits."""
        kind = type(value)
        takers = self._takers.get(kind)
        if takers is None:
            takers = self._find_takers(kind)
        for feed in takers:
            feed.put(value)

    def wanted(self, kind: type[Telemetry]) -> bool:
        """Somebody is given values of `kind`: what nobody takes need not be made."""
        takers = self._takers.get(kind)
        return bool(self._find_takers(kind) if takers is None else takers)

    def _find_takers(self, kind: type[Telemetry]) -> list[Feed]:
        takers = self._takers[kind] = [
            feed for feed in self._feeds if feed.kinds is None or kind in feed.kinds
        ]
        return takers

    @property
    def congested(self) -> bool:
        """A feed that must not lose anything is behind."""
        for feed in self._vital:  # noqa: SIM110 - asked with every line of a log, and this is quicker
            if feed.congested:
                return True
        return False

    def when_relieved(self, resume: Callable[[], None]) -> None:
        """Call `resume` once, when the feed that is behind has caught up; at once if none is."""
        for feed in self._feeds:
            if feed.congested:
                feed.when_relieved(resume)
                return
        resume()

    @contextmanager
    def subscribe(
        self,
        *,
        capacity: int | None = 10_000,
        high_water: int | None = None,
        kinds: Collection[type[Telemetry]] | None = None,
    ) -> Iterator[Feed]:
        """A feed of what is published while the context is open: everything, or these `kinds`.

        capacity `None` never drops: only for the store's recorder, which gives a `high_water`
        instead, above which environments stop taking logs from their containers.
        """
        feed = Feed(capacity=capacity, high_water=high_water, kinds=kinds)
        self._feeds.append(feed)
        self._changed()
        try:
            yield feed
        finally:
            self._feeds.remove(feed)
            self._changed()
            feed.close()
            feed.relieve()

    def _changed(self) -> None:
        self._takers.clear()
        self._vital = [feed for feed in self._feeds if feed.high_water is not None]
