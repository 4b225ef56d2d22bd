"""Provisioned concurrency that is asked for in one process and kept by another."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.integration.functions.stage import Stage, stage, write
from workbench.clock import SystemClock
from workbench.errors import ConflictError, FunctionNotFound, InvalidParameter
from workbench.model.concurrency import InitializationType
from workbench.model.environment import EnvironmentState
from workbench.model.names import LATEST, FunctionName, Qualifier
from workbench.model.telemetry import Fault
from workbench.store.releases.release_store import ReleaseStore

ORDERS = FunctionName("orders")
ONE, TWO, LIVE = Qualifier("1"), Qualifier("2"), Qualifier("live")
_THERE = (EnvironmentState.IDLE, EnvironmentState.FROZEN)


def kept(here: Stage) -> dict[str, int]:
    """Initialised environments of each version that are provisioned."""
    found: dict[str, int] = {}
    for each in here.scheduler.snapshots():
        if each.initialization_type is InitializationType.PROVISIONED and each.state in _THERE:
            found[each.version] = found.get(each.version, 0) + 1
    return found


async def until_kept(here: Stage, wanted: dict[str, int]) -> None:
    async with asyncio.timeout(20):
        while kept(here) != wanted:
            await SystemClock().sleep(0.01)


async def two_versions(here: Stage) -> None:
    await here.releases.versions.publish(ORDERS)
    write(here.root, "orders", "new")
    await here.releases.versions.publish(ORDERS)


async def test_what_another_process_asks_for_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here, asyncio.TaskGroup() as tasks:
        await two_versions(here)
        keeping = tasks.create_task(here.releases.provisioner.run())
        another = ReleaseStore(tmp_path / ".workbench", clock=SystemClock())
        await another.provision(ORDERS, ONE, 2)
        await until_kept(here, {"1": 2})
        await another.provision(ORDERS, ONE, None)
        await until_kept(here, {})
        another.close()
        keeping.cancel()


async def test_an_alias_takes_its_environments_along(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await two_versions(here)
        aliases, provisioning = here.releases.aliases, here.releases.provisioning
        await aliases.create(ORDERS, "live", ONE)
        wanted = await provisioning.put(ORDERS, LIVE, 2)
        assert (wanted.version, wanted.requested) == (ONE, 2)
        await until_kept(here, {"1": 2})
        assert await here.call("orders:live") == b"old"
        await aliases.update(ORDERS, "live", version=TWO)
        await here.releases.provisioner.apply()
        await until_kept(here, {"2": 2})
        assert (await provisioning.get(ORDERS, LIVE)).version == TWO
        await aliases.delete(ORDERS, "live")
        await here.releases.provisioner.apply()
        await until_kept(here, {})


async def test_it_is_in_force_again_after_a_restart_and_undone(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await here.releases.versions.publish(ORDERS)
        await here.releases.provisioning.put(ORDERS, ONE, 1)
        await here.releases.provisioning.put(ORDERS, ONE, 2)
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await here.releases.provisioner.apply()
        await until_kept(here, {"1": 2})
        change = await here.releases.changes.undo()
        assert change.summary == "orders:1 has 2 provisioned."
        await here.releases.provisioner.apply()
        await until_kept(here, {"1": 1})
        await here.releases.changes.undo()
        assert await here.releases.provisioning.wanted() == ()


async def test_what_may_not_be_provisioned(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    async with stage(tmp_path, tmp_path / ".workbench") as here:
        await here.releases.versions.publish(ORDERS)
        aliases, provisioning = here.releases.aliases, here.releases.provisioning
        await aliases.create(ORDERS, "live", ONE)
        with pytest.raises(InvalidParameter, match="unpublished"):
            await provisioning.put(ORDERS, LATEST, 1)
        with pytest.raises(FunctionNotFound):
            await provisioning.put(ORDERS, TWO, 1)
        with pytest.raises(InvalidParameter, match="below its minimum"):
            await provisioning.put(ORDERS, ONE, 901)
        await provisioning.put(ORDERS, ONE, 1)
        with pytest.raises(ConflictError, match="already Provisioned version"):
            await provisioning.put(ORDERS, LIVE, 1)
        await provisioning.remove(ORDERS, ONE)
        await provisioning.put(ORDERS, LIVE, 1)
        with pytest.raises(ConflictError, match="pointed by a Provisioned"):
            await provisioning.put(ORDERS, ONE, 1)
        assert not await provisioning.remove(ORDERS, ONE)


async def test_what_cannot_be_kept_is_told_once(tmp_path: Path) -> None:
    write(tmp_path, "orders", "old")
    state = tmp_path / ".workbench"
    async with stage(tmp_path, state) as here:
        await here.releases.versions.publish(ORDERS)
        await here.releases.provisioning.put(ORDERS, ONE, 1)
    for key in (state / "keys").iterdir():
        key.unlink()
    async with stage(tmp_path, state) as here:
        for _ in range(3):
            await here.releases.provisioner.apply()
        faults = [each for each in here.feed.take_nowait() if isinstance(each, Fault)]
        assert [each.where for each in faults] == ["provisioned concurrency of orders:1"]
        assert await here.call() == b"old"
