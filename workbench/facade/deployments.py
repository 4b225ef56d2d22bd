"""Deployments: traffic moved from one version to another, watched, stopped, remembered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from workbench.clock import Clock
from workbench.functions.deployments import Deployer
from workbench.model.alarm import Traffic
from workbench.model.deployment import Deployment, DeploymentPlan, Move
from workbench.model.hook_report import HookReport
from workbench.model.names import FunctionName, Qualifier
from workbench.store.history import History
from workbench.store.releases.deployments import DeploymentStore
from workbench.values import dataclass

LOOK_S = 0.5
"""How often somebody who watches one is told how it stands."""
_REST = 5.0
"""Counting rests at least so many times as long as it took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How one stands."""

    deployment: Deployment
    moves: tuple[Move, ...]
    """All so far, oldest first."""
    traffic: dict[Qualifier, Traffic]
    """The alias's own calls since it was asked for, by version; versions without any are missing."""


class Deployments:
    """Those of the project."""

    def __init__(
        self, *, store: DeploymentStore, deployer: Deployer, history: History, clock: Clock
    ) -> None:
        self._store = store
        self._deployer = deployer
        self._history = history
        self._clock = clock

    async def create(self, plan: DeploymentPlan) -> Deployment:
        """A new one. A workbench that stays begins it within seconds; so does `driven`.

        Raises `AliasNotFound`, `FunctionNotFound`, `InvalidParameter`, `DeploymentRunning`.
        """
        made = await self._store.create(plan)
        self._deployer.hurry()
        return made

    async def get(self, deployment_id: str) -> Deployment:
        """Raises `DeploymentNotFound`."""
        return await self._store.get(deployment_id)

    async def recent(
        self, function: FunctionName | None = None, *, limit: int = 50
    ) -> tuple[Deployment, ...]:
        """The newest first."""
        return await self._store.recent(function, limit=limit)

    async def progress(self, deployment_id: str) -> Progress:
        """How one stands. Raises `DeploymentNotFound`."""
        found = await self._store.get(deployment_id)
        return Progress(
            deployment=found,
            moves=await self._store.moves(deployment_id),
            traffic=await self._history.traffic(
                found.plan.function, found.plan.alias, since=found.created_at
            ),
        )

    async def watch(self, deployment_id: str) -> AsyncIterator[Progress]:
        """How it stands, now and again, until it has ended; the last is how it ended.

        Raises `DeploymentNotFound`.
        """
        while True:
            began_s = self._clock.monotonic()
            found = await self.progress(deployment_id)
            took_s = self._clock.monotonic() - began_s
            yield found
            if found.deployment.status.ended:
                return
            await self._clock.sleep(max(LOOK_S, _REST * took_s))

    async def stop(self, deployment_id: str, *, rollback: bool = True) -> Deployment:
        """Ask for its end: whoever drives it sees to that within a second. One that has ended stays.

        rollback: the alias goes back to what it was; otherwise it stays as it is.
        Raises `DeploymentNotFound`.
        """
        stopping = await self._store.stop(deployment_id, rollback=rollback)
        self._deployer.hurry()
        return stopping

    async def report(self, report: HookReport) -> None:
        """What a hook says. Raises `HookReportRefused`, `DeploymentNotFound`."""
        await self._store.report(report.deployment_id, report.execution_id, report.status)
        self._deployer.hurry()

    async def drive(self) -> NoReturn:
        """Drive what runs, if and when nobody else does, until cancelled."""
        await self._deployer.run()

    @asynccontextmanager
    async def driven(self) -> AsyncIterator[None]:
        """What runs is driven from here while the context is open, if and when nobody else does."""
        async with asyncio.TaskGroup() as tasks:
            driving = tasks.create_task(self.drive(), name="deployments")
            try:
                yield
            finally:
                driving.cancel()
