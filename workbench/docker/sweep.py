"""Containers that a killed workbench left behind, and volumes that were copied for them.

Invariant: only those with our labels, of this machine's workbenches, whose lock nobody holds. A
workbench holds its lock as long as it lives, however it dies; so what is swept has no owner.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.docker.client import EngineClient
from workbench.docker.files import remove_volume
from workbench.docker.leaving import Leaving
from workbench.errors import DriverError
from workbench.values import dataclass

PARALLEL = 4
"""Removals at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A container without an owner."""

    container_id: str
    name: str


async def find_orphans(
    client: EngineClient, *, host: str, lock_is_held: Callable[[Path], bool]
) -> tuple[Orphan, ...]:
    """Those there are, running or not. Raises `DriverError`."""
    listed = await client.call(
        client.api.containers,
        all=True,
        filters={"label": ["workbench.instance", f"workbench.host={host}"]},
    )
    return await asyncio.to_thread(_without_owner, listed, host, lock_is_held)


async def find_strays(
    client: EngineClient, *, instance: str, owned: Callable[[str, str], bool]
) -> tuple[Orphan, ...]:
    """Containers for environments of one workbench, which lives, that nobody in it has.

    owned: whether somebody has the one of an environment, with a container's id. Raises `DriverError`.
    """
    listed = await client.call(
        client.api.containers, all=True, filters={"label": f"workbench.instance={instance}"}
    )
    return tuple(
        Orphan(container_id=str(each["Id"]), name=environment)
        for each in listed
        if isinstance(labels := each.get("Labels"), dict)
        and labels.get("workbench.instance") == instance
        and (environment := str(labels.get("workbench.environment", "")))
        and not owned(environment, str(each["Id"]))
    )


async def sweep(client: EngineClient, *, host: str, lock_is_held: Callable[[Path], bool]) -> int:
    """Remove them; how many.

    host: this machine's id, as its containers bear it: the engine may serve other machines too.
    lock_is_held: whether some process holds the lock file at a path, which may not exist. Raises
    `DriverError` when the engine cannot be asked; a container that will not go is left to the next
    sweep.
    """
    orphans = await find_orphans(client, host=host, lock_is_held=lock_is_held)
    removed = await remove_orphans(client, orphans)
    await _sweep_volumes(client, host, lock_is_held)
    return removed


async def _sweep_volumes(
    client: EngineClient, host: str, lock_is_held: Callable[[Path], bool]
) -> None:
    """What was copied for their containers, where the engine sees no folders of this machine."""
    label = f"workbench.host={host}"
    found: Any = await client.call(client.api.volumes, filters={"label": label})
    listed = [{**each, "Id": each.get("Name")} for each in found.get("Volumes") or ()]
    for volume in await asyncio.to_thread(_without_owner, listed, host, lock_is_held):
        await remove_volume(client, volume.container_id)


async def remove_orphans(client: EngineClient, orphans: tuple[Orphan, ...]) -> int:
    """Remove them, a few at a time; how many went."""
    places, leaving = asyncio.Semaphore(PARALLEL), Leaving(client)

    async def remove(orphan: Orphan) -> bool:
        async with places:
            await leaving.leave(orphan.container_id)
            try:
                await client.call(
                    client.api.remove_container, orphan.container_id, force=True, v=True
                )
            except DriverError:
                return False
            return True

    async with asyncio.TaskGroup() as tasks:
        removals = [tasks.create_task(remove(orphan)) for orphan in orphans]
    return sum(removal.result() for removal in removals)


def _without_owner(
    listed: list[dict[str, Any]], host: str, lock_is_held: Callable[[Path], bool]
) -> tuple[Orphan, ...]:
    """Of what the engine listed, those without an owner. It is believed in nothing: labels are read
    again, because other engines filter differently.
    """
    held: dict[Path, bool] = {}
    orphans = []
    for container in listed:
        labels = container.get("Labels")
        if not isinstance(labels, dict) or labels.get("workbench.host") != host:
            continue
        lock = labels.get("workbench.lock")
        if "workbench.instance" not in labels or not isinstance(lock, str) or not lock:
            continue
        path = Path(lock)
        if path not in held:
            held[path] = path.is_file() and lock_is_held(path)
        if not held[path]:
            names = container.get("Names")
            first = str(names[0]) if isinstance(names, list) and names else ""
            orphans.append(
                Orphan(container_id=str(container.get("Id", "")), name=first.removeprefix("/"))
            )
    return tuple(orphans)
