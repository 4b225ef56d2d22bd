"""A process that drives deployments and is killed on the way.

Run as a program: `python -m tests.integration.functions.deploying STATE WHERE COUNT`: it kills itself
with SIGKILL at the COUNT-th passing of WHERE: `before` a step's transaction, `within` it when the alias
has moved, or `after` it. `never` lets it go to the end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from datetime import datetime
from pathlib import Path

from workbench.clock import SystemClock
from workbench.functions.deployments import Deployer
from workbench.model.alarm import Traffic
from workbench.model.deployment import Deployment, LifecycleEvent, Move
from workbench.model.names import FunctionName, Qualifier
from workbench.model.release import Alias
from workbench.store.releases import aliases
from workbench.store.releases.deployments import DeploymentStore
from workbench.store.releases.release_store import ReleaseStore
from workbench.telemetry import Bus


class NoCounts:
    """Nobody calls anything."""

    async def traffic(
        self, function: FunctionName, qualifier: Qualifier, *, since: datetime
    ) -> dict[Qualifier, Traffic]:
        return {}


class Obedient:
    """Hooks that report Succeeded."""

    def __init__(self, store: DeploymentStore) -> None:
        self.asked: list[str] = []
        self._store = store

    async def run(self, deployment: Deployment, event: LifecycleEvent) -> str | None:
        assert event.execution_id is not None
        self.asked.append(event.execution_id)
        await self._store.report(deployment.id, event.execution_id, "Succeeded")
        return None


class Doomed:
    """Kills the process at the COUNT-th passing of a place."""

    def __init__(self, where: str, count: int) -> None:
        self._where, self._left = where, count

    def passing(self, where: str) -> None:
        if where == self._where:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class DoomedStore(DeploymentStore):
    """Passes `before` and `after` with each step."""

    doom: Doomed

    async def step(
        self, deployment_id: str, traffic: Traffic
    ) -> tuple[Deployment, tuple[Move, ...]]:
        self.doom.passing("before")
        taken = await super().step(deployment_id, traffic)
        self.doom.passing("after")
        return taken


async def main() -> None:
    state, where, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    clock = SystemClock()
    store = DoomedStore(ReleaseStore(state, clock=clock).database, clock=clock)
    store.doom = Doomed(where, count)
    put = aliases.put

    def put_and_die(connection: sqlite3.Connection, alias: Alias) -> None:
        put(connection, alias)
        store.doom.passing("within")

    aliases.put = put_and_die
    deployer = Deployer(
        store=store,
        counts=NoCounts(),
        hooks=Obedient(store),
        bus=Bus(),
        clock=clock,
        lock=state / "deployments.lock",
    )
    print("up", flush=True)  # noqa: T201 - read by the test
    await deployer.drive()


if __name__ == "__main__":
    asyncio.run(main())
