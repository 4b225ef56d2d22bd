"""Network namespaces that stand ready for containers which no stem cell fits.

Making a network namespace is most of what starting a container takes (measured: joining one that is
there takes a start to a third). Each belongs to a container of its own, its holder, in which nothing
runs but the supervisor; it goes when the environment that joined it goes.

Invariant: at most one environment ever joins a namespace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from workbench.clock import Clock
from workbench.docker.channel import Channel
from workbench.docker.nobody import Nobody
from workbench.errors import DriverError

if TYPE_CHECKING:
    from workbench.docker.container import DockerContainer

RETRY_S = 15.0
"""After a holder could not be made."""


class Namespaces:
    """One that stands ready, and its successors."""

    def __init__(
        self,
        make: Callable[[Holding], Coroutine[Any, Any, DockerContainer]],
        *,
        busy: Callable[[], bool],
        clock: Clock,
        refill_after_s: float,
    ) -> None:
        """`make` makes a holder; none is made while it is `busy`, nor for `refill_after_s` after one
        was taken: what took it goes first.
        """
        self._make = make
        self._busy = busy
        self._clock = clock
        self._refill_after_s = refill_after_s
        self._ready: DockerContainer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._making: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Namespaces]:
        """Keep one while the context is open, from the first `refill` on."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                yield self
            finally:
                self._tasks = None
                if self._timer is not None:
                    self._timer.cancel()
                if self._making is not None:
                    self._making.cancel()
                holder, self._ready = self._ready, None
                if holder is not None:
                    await holder.remove()

    @property
    def ready(self) -> DockerContainer | None:
        """The holder of the one that could be joined now."""
        return self._ready

    def take(self) -> DockerContainer | None:
        """The holder of a namespace that nobody has joined or will join; `None`: there is none."""
        holder, self._ready = self._ready, None
        self.refill()
        return holder

    def refill(self, after_s: float | None = None) -> None:
        """Have one made soon, unless there is one or it is on its way."""
        waits = self._timer is not None or self._making is not None or self._ready is not None
        if self._tasks is not None and not waits:
            at_s = self._clock.monotonic() + (after_s or self._refill_after_s)
            self._timer = self._clock.call_at(at_s, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._busy():
            self.refill()
        elif self._tasks is not None:
            self._making = self._tasks.create_task(self._fill(), name="make a network namespace")

    async def _fill(self) -> None:
        try:
            self._ready = await self._make(Holding(self._gone))
        except DriverError:
            self._making = None
            self.refill(RETRY_S)
        else:
            self._making = None
            self._gone()  # it may be, already

    def _gone(self) -> None:
        """If the holder that stood ready is no more, another one has to be made."""
        holder = self._ready
        if holder is not None and not holder.channel.alive:
            self._ready = None
            if self._tasks is not None:
                self._tasks.create_task(holder.remove(), name=f"remove {holder.name}")
            self.refill()


class Holding(Nobody):
    """Listens to the container that holds the namespace which stands ready."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone

    def on_lost(self, why: str) -> None:
        del why
        self._gone()


class Joined(Nobody):
    """Listens to the holder of a namespace that a container has joined, whose channel is `joiner`."""

    def __init__(self, joiner: Channel) -> None:
        self._joiner = joiner

    def on_lost(self, why: str) -> None:
        del why
        self._joiner.lose("The network that its container had joined is gone.")
