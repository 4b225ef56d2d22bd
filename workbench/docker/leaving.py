"""One container at a time leaves the network, of all workbenches on this machine.

Docker's daemon can lock up for ever when two do at once: one holds a network's lock and waits for its
controller's, the other the controller's and waits for the network's. Seen with Docker 20.10 about once
in ten thousand containers; then no container can be started or removed until the daemon is killed.
Source: a dump of its goroutines (libnetwork, `getSvcRecords` and `processEndpointDelete`).

A courtesy, and nothing relies on it: who cannot have a turn soon goes without.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path

from workbench.clock import Clock, SystemClock
from workbench.docker.client import EngineClient
from workbench.docker.network import NETWORK
from workbench.errors import DriverError

PATIENCE_S = 3.0
"""A turn takes about 40 ms; whoever has it may also be stopped."""
WITHOUT_S = 10.0
"""So long nobody waits again after somebody waited in vain."""
_LOOK_EVERY_S = 0.02


class Leaving:
    """The line of one workbench, which is in the machine's."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._clock = SystemClock()
        self._own = asyncio.Lock()
        self._without_until_s = -inf

    async def leave(self, container_id: str) -> None:
        """Take a container off the network before it ends. Never fails; waits for those of this
        workbench that came before, and for another one's `PATIENCE_S` at most.
        """
        api = self._client.api
        async with self._own:
            if self._clock.monotonic() < self._without_until_s:
                return
            try:
                async with asyncio.timeout(PATIENCE_S), own_turn(self._clock):
                    await self._client.call(
                        api.disconnect_container_from_network, container_id, NETWORK, force=True
                    )
            except DriverError:
                return  # it has ended
            except TimeoutError:
                self._without_until_s = self._clock.monotonic() + WITHOUT_S


@asynccontextmanager
async def own_turn(clock: Clock) -> AsyncIterator[int | None]:
    """While the context is open it is no other process's; the lock, `None` where there cannot be one."""
    lock = _open_lock()
    if lock is None:
        yield None
        return
    try:
        # A lock has no other way of telling that it was let go, across processes.
        while not _is_taken(lock):
            await clock.sleep(_LOOK_EVERY_S)
        yield lock
    finally:
        os.close(lock)


def lock_path() -> Path:
    """One file for all workbenches of this user here, whichever project they serve."""
    return Path(tempfile.gettempdir(), f"workbench-{os.getuid()}.leaving")


def _open_lock() -> int | None:
    with suppress(OSError):
        return os.open(lock_path(), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return None


def _is_taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
