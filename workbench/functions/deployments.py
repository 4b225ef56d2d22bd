"""Drives deployments: takes each step when it is due, asks hooks, watches alarms.

Invariant: of all processes on a project at most one drives, the one that holds the lock; the kernel
lets go of it with the process, and whoever comes next goes on with what is in the store.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Protocol

from workbench.clock import Clock
from workbench.errors import EngineUnreachable, StoreError, ThrottledError
from workbench.model.alarm import Traffic
from workbench.model.deployment import Deployment, Facts, LifecycleEvent, advance
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Alias
from workbench.model.telemetry import DeploymentChanged, Fault
from workbench.store.releases.deployments import DeploymentStore
from workbench.telemetry import Bus

TICK_S = 1.0
"""While one runs: how soon what another process says is noticed, a report, a stop, an alarm."""
COUNT_SHARE = 20.0
"""Counting for alarms rests this many times as long as it took: 0.5 s for the 300,000 calls of a busy
alias."""
IDLE_S = 2.0
"""While none runs: how soon one that another process asks for begins. Looking takes 0.1 ms."""


class Counts(Protocol):
    """What the history knows of traffic."""

    async def traffic(
        self, function: FunctionName, qualifier: Qualifier, *, since: datetime
    ) -> dict[Qualifier, Traffic]:
        """See `History.traffic`."""
        ...


class Hooks(Protocol):
    """Invokes hook functions."""

    async def run(self, deployment: Deployment, event: LifecycleEvent) -> str | None:
        """Invoke the hook of `event` and wait for its end; why its invocation failed, a sentence.

        Raises `ThrottledError`, `EngineUnreachable`: it was not invoked, and may be yet.
        """
        ...


class Deployer:
    """Drives the deployments of a project, if nobody else does."""

    def __init__(
        self,
        *,
        store: DeploymentStore,
        counts: Counts,
        hooks: Hooks,
        bus: Bus,
        clock: Clock,
        lock: Path,
    ) -> None:
        self._store = store
        self._counts = counts
        self._hooks = hooks
        self._bus = bus
        self._clock = clock
        self._lock = lock
        self._asked: set[str] = set()
        """Executions whose hooks were invoked from here."""
        self._counted: dict[str, tuple[float, Traffic]] = {}
        """What alarms looked at last, and until when that will do."""
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """There is news: look now."""
        self._hurry.set()

    async def run(self) -> NoReturn:
        """Drive, whenever there is something to drive and nobody else does, until cancelled."""
        told = ""
        while True:
            try:
                await self.drive()
                told = ""
            except Exception as error:  # noqa: BLE001 - the top of a supervised child; it tries again
                message = str(error) if isinstance(error, StoreError) else repr(error)
                if message != told:
                    self._bus.publish(Fault(where="deployments", message=message))
                told = message
            await self._pause(IDLE_S)

    async def drive(self) -> bool:
        """Drive until none runs. False, at once: somebody else does.

        Raises `StoreError`. Cancellation: what has begun goes on with the next who drives.
        """
        if not await self._store.running():
            return True
        with _held(self._lock) as held:
            if not held:
                return False
            self._counted.clear()
            self._asked.clear()  # who drove before may have gone with its hooks
            failure: StoreError | None = None
            async with asyncio.TaskGroup() as tasks:
                asking: set[asyncio.Task[None]] = set()
                try:
                    while running := await self._store.running():
                        due = [await self._advance(*one, tasks, asking) for one in running]
                        if not any(due):
                            await self._pause(self._until(running))
                except StoreError as error:  # raised below as it is, not as a group
                    failure = error
                finally:
                    for task in asking:
                        task.cancel()
        if failure is not None:
            raise failure
        return True

    def _until(self, running: tuple[tuple[Deployment, Alias | None], ...]) -> float:
        """Seconds until something is due, or until it is time to look."""
        wakes = [wake for one, _ in running if (wake := one.wake_at()) is not None]
        if not wakes:
            return TICK_S
        left_s = (min(wakes) - self._clock.now()).total_seconds()
        return min(TICK_S, max(0.001, left_s))

    async def _advance(
        self,
        deployment: Deployment,
        alias: Alias | None,
        tasks: asyncio.TaskGroup,
        asking: set[asyncio.Task[None]],
    ) -> bool:
        """Take one step if it is due. Whether it was."""
        traffic = await self._traffic(deployment)
        _, due = advance(deployment, self._clock.now(), Facts(alias=alias, traffic=traffic))
        if due:  # what is due is decided again in the transaction; looking writes nothing
            deployment, moves = await self._store.step(deployment.id, traffic)
            for move in moves:
                self._bus.publish(DeploymentChanged(deployment=deployment, move=move))
            return True
        event = deployment.hook_due
        if event is not None and event.execution_id and event.execution_id not in self._asked:
            self._asked.add(event.execution_id)
            task = tasks.create_task(
                self._ask(deployment, event, event.execution_id), name=f"hook {event.hook}"
            )
            asking.add(task)
            task.add_done_callback(asking.discard)
        return False

    async def _traffic(self, deployment: Deployment) -> Traffic:
        plan = deployment.plan
        if not plan.alarms or deployment.step == 0:
            return Traffic()
        began_s = self._clock.monotonic()
        counted = self._counted.get(deployment.id)
        if counted is not None and began_s < counted[0]:
            return counted[1]
        try:
            found = await self._counts.traffic(
                plan.function, plan.alias, since=deployment.created_at
            )
        except StoreError as error:  # the shift goes on: an alarm without figures never fires
            self._bus.publish(Fault(where=f"alarms of {deployment.id}", message=str(error)))
            return Traffic()
        ended_s = self._clock.monotonic()
        traffic = found.get(plan.version, Traffic())
        self._counted[deployment.id] = (ended_s + COUNT_SHARE * (ended_s - began_s), traffic)
        return traffic

    async def _ask(self, deployment: Deployment, event: LifecycleEvent, execution: str) -> None:
        try:
            failure = await self._hooks.run(deployment, event)
            if failure is not None:
                await self._store.hook_failed(deployment.id, execution, failure)
        except (ThrottledError, EngineUnreachable, StoreError):
            await self._clock.sleep(TICK_S)
            self._asked.discard(execution)
        self._hurry.set()

    async def _pause(self, seconds: float) -> None:
        """Until then, or until there is news."""
        timer = self._clock.call_at(self._clock.monotonic() + seconds, self._hurry.set)
        try:
            await self._hurry.wait()
        finally:
            timer.cancel()
        self._hurry.clear()


@contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Whether the lock is ours while the context is open. Never waits."""
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)
