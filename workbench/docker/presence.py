"""Whether the engine is there, told by the engine itself.

It is asked for its events; while it lives the answer does not end, and its going is known at once. One that
was stopped says nothing and does not go: that is known when it lets calls wait (`EngineClient.wait_silent`).
No polling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from workbench.clock import Clock
from workbench.docker.client import EngineClient
from workbench.errors import DriverError


class DockerPresence:
    """See `functions.keeper.Presence`."""

    def __init__(
        self, client: EngineClient, *, clock: Clock, reconcile: Callable[[], Awaitable[None]]
    ) -> None:
        """`reconcile` is called when it is back: some of what it was asked for it did unheard."""
        self._client = client
        self._clock = clock
        self._reconcile = reconcile
        self._was_lost = False

    async def wait_lost(self) -> str:
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(self._gone(), name="engine's events")
            silent = tasks.create_task(
                self._client.wait_silent(self._clock), name="engine's silence"
            )
            await asyncio.wait((gone, silent), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            silent.cancel()
        self._was_lost = True
        return "The container engine stopped answering."

    async def _gone(self) -> None:
        # Container events of ours only: none are read, but the stream has to be for something.
        try:
            stream = await self._client.call(
                self._client.api.events, filters={"label": "workbench.instance"}
            )
        except DriverError:
            return
        try:
            if self._was_lost:
                await self._reconcile()
            await self._client.follow(_exhaust, stream)
        except Exception:  # noqa: BLE001, S110 - however it ends, it has ended
            pass
        finally:
            stream.close()

    async def check(self) -> None:
        await self._client.check()


def _exhaust(stream: Any) -> None:
    for _ in stream:
        pass
