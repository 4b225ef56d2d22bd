"""What killed workbenches left behind goes; what belongs to anybody stays."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.workshop import Workshop, a_workshop
from workbench.docker.sweep import find_orphans, sweep
from workbench.errors import DriverError
from workbench.store.instances import lock_is_held

pytestmark = pytest.mark.docker


class Leavings:
    """Containers as workbenches make them, of a machine that only this test is."""

    def __init__(self, workshop: Workshop, image: str, folder: Path) -> None:
        self.host = secrets.token_hex(8)
        self.dead = folder / "dead.lock"
        self.dead.touch()
        self._client = workshop.client
        self._image = image
        self.made: list[str] = []

    async def leave(self, *, running: bool = False, **labels: str | None) -> str:
        """A container; `labels` change those a workbench gives, `None` leaves one out."""
        usual: dict[str, str | None] = {
            "instance": "i",
            "lock": str(self.dead),
            "host": self.host,
            **labels,
        }
        given = {f"workbench.{name}": value for name, value in usual.items() if value is not None}
        api = self._client.api
        created = await self._client.call(
            api.create_container, self._image, command=["sleep", "600"], labels=given
        )
        container = str(created["Id"])
        self.made.append(container)
        if running:
            await self._client.call(api.start, container)
        return container

    async def there(self) -> set[str]:
        listed = await self._client.call(self._client.api.containers, all=True)
        return {str(each["Id"]) for each in listed} & set(self.made)

    async def clear(self) -> None:
        for container in self.made:
            with suppress(DriverError):
                await self._client.call(self._client.api.remove_container, container, force=True)


@asynccontextmanager
async def some_leavings(folder: Path) -> AsyncIterator[tuple[Workshop, Leavings]]:
    async with a_workshop() as workshop:
        image = await workshop.image("provided.al2023")
        leavings = Leavings(workshop, image.reference, folder)
        try:
            yield workshop, leavings
        finally:
            await leavings.clear()


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A workbench that lives."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


async def test_containers_without_an_owner_go_running_or_not(tmp_path: Path) -> None:
    async with some_leavings(tmp_path) as (workshop, leavings):
        for running in (True, False, False, True, False, False):
            await leavings.leave(running=running)
        await leavings.leave(lock=str(tmp_path / "never-was.lock"))
        found = await find_orphans(workshop.client, host=leavings.host, lock_is_held=lock_is_held)
        removed = await sweep(workshop.client, host=leavings.host, lock_is_held=lock_is_held)
        left = await leavings.there()

    assert len(found) == removed == 7
    assert all(orphan.name for orphan in found)
    assert left == set()


async def test_containers_of_others_stay(tmp_path: Path) -> None:
    alive = tmp_path / "alive.lock"
    with held(alive):
        async with some_leavings(tmp_path) as (workshop, leavings):
            stay = {
                await leavings.leave(lock=str(alive), running=True),
                await leavings.leave(host="another-machine"),
                await leavings.leave(host=None),
                await leavings.leave(instance=None),
                await leavings.leave(lock=None),
                await leavings.leave(lock=""),
                await leavings.leave(instance=None, lock=None, host=None),
            }
            goes = await leavings.leave()
            removed = await sweep(workshop.client, host=leavings.host, lock_is_held=lock_is_held)
            left = await leavings.there()

    assert removed == 1
    assert left == stay
    assert goes not in left


async def test_workbench_that_dies_leaves_its_containers_to_the_sweep(tmp_path: Path) -> None:
    lock = tmp_path / "instance.lock"
    async with some_leavings(tmp_path) as (workshop, leavings):
        with held(lock):
            await leavings.leave(lock=str(lock), running=True)
            while_alive = await sweep(
                workshop.client, host=leavings.host, lock_is_held=lock_is_held
            )
        after = await sweep(workshop.client, host=leavings.host, lock_is_held=lock_is_held)

    assert (while_alive, after) == (0, 1)


async def test_nothing_left_is_nothing_removed(tmp_path: Path) -> None:
    async with some_leavings(tmp_path) as (workshop, leavings):
        assert await sweep(workshop.client, host=leavings.host, lock_is_held=lock_is_held) == 0
