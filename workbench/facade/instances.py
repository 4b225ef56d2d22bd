"""The workbenches that run on this project, this one among them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from workbench.clock import Clock
from workbench.store.instances import (
    Instance,
    InstanceInfo,
    InstanceKind,
    live_instances,
    lock_is_held,
)

__all__ = ["InstanceInfo", "Instances"]

_LOOK_EVERY_S = 0.05


class Instances:
    """Finds them, and tells them to stop."""

    def __init__(self, *, own: Instance, state: Path, clock: Clock) -> None:
        self._own = own
        self._state = state
        self._clock = clock

    def announce(
        self, *, address: str | None = None, control: str | None = None, token: str | None = None
    ) -> None:
        """Tell the others where this one's endpoint listens, and where it takes orders and from whom."""
        self._own.announce(address=address, control=control, token=token)

    async def others(self) -> tuple[InstanceInfo, ...]:
        """Those that run beside this one, oldest first."""
        live = await asyncio.to_thread(live_instances, self._state)
        return tuple(info for info in live if info.instance != self._own.name)

    async def taking_orders(self, *, within_s: float = 0.0) -> tuple[InstanceInfo, ...]:
        """Those others that take orders. One that will, and has only just been started, is waited for."""
        until_s = self._clock.monotonic() + within_s
        while True:
            others = await self.others()
            begin = any(
                info.control is None and info.kind is not InstanceKind.CLI for info in others
            )
            if not begin or self._clock.monotonic() >= until_s:
                return tuple(info for info in others if info.control is not None)
            # A file has no other way of telling that it was written, across processes.
            await self._clock.sleep(_LOOK_EVERY_S)

    async def stop(
        self, instances: Sequence[InstanceInfo], *, within_s: float
    ) -> tuple[InstanceInfo, ...]:
        """Tell them to stop, and wait until they have; those that still run after `within_s`.

        They shut down as after Ctrl-C: runs in progress are let finish for a while.
        """
        return await self._signal(instances, signal.SIGTERM, within_s)

    async def kill(
        self, instances: Sequence[InstanceInfo], *, within_s: float
    ) -> tuple[InstanceInfo, ...]:
        """End them at once. Nothing is lost: the history has a journal, and what their containers
        leave behind the next engine that is opened sweeps up.
        """
        return await self._signal(instances, signal.SIGKILL, within_s)

    async def _signal(
        self, instances: Sequence[InstanceInfo], number: signal.Signals, within_s: float
    ) -> tuple[InstanceInfo, ...]:
        remaining = list(instances)
        for info in instances:
            if await asyncio.to_thread(self._is_process_of, info):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(info.pid, number)
        until_s = self._clock.monotonic() + within_s
        while True:
            remaining = [info for info in remaining if lock_is_held(self._lock(info))]
            if not remaining or self._clock.monotonic() >= until_s:
                return tuple(remaining)
            # A lock has no other way of telling that it was let go, across processes.
            await self._clock.sleep(_LOOK_EVERY_S)

    def _is_process_of(self, info: InstanceInfo) -> bool:
        """Whether that process id is that workbench here, and not another program's by now, or one
        in another container's numbering: it has its lock file open.
        """
        lock = self._lock(info)
        descriptors = Path("/proc", str(info.pid), "fd")
        if not Path("/proc/self/fd").is_dir():
            return lock_is_held(lock)  # macOS: the lock alone must do
        try:
            return any(os.path.realpath(opened) == str(lock) for opened in descriptors.iterdir())
        except OSError:
            return False

    def _lock(self, info: InstanceInfo) -> Path:
        return (self._state / "instances" / f"{info.instance}.lock").resolve()
