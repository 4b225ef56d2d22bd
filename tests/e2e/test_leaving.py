"""One container at a time leaves the network, whichever workbench it belongs to."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from tests.e2e.containers import DockerSubject, docker_subject
from tests.e2e.workshop import until
from tests.integration.conformance import acts
from tests.integration.conformance.witness import Witness
from workbench.clock import SystemClock
from workbench.docker import leaving
from workbench.docker.client import EngineClient
from workbench.docker.container import DockerContainer
from workbench.docker.leaving import Leaving, own_turn
from workbench.docker.network import NETWORK

pytestmark = pytest.mark.docker
CLOCK = SystemClock()


@pytest.fixture(autouse=True)
def _a_line_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests beside these ones would wait in the machine's."""
    monkeypatch.setattr(leaving, "lock_path", lambda: tmp_path / "leaving")


async def running(subject: DockerSubject) -> DockerContainer:
    witness = Witness()
    spec, start = subject.prepare(acts.WAITS)
    container = await subject.driver.create(spec, witness, witness.connections)
    container.start_runtime(start)
    await witness.until_asked("/ready")
    return container


async def connected(client: EngineClient, containers: list[DockerContainer]) -> int:
    """How many of them are on the network."""
    network = await client.call(client.api.inspect_network, NETWORK)
    return len(network["Containers"].keys() & {each.container_id for each in containers})


async def test_containers_leave_before_they_end() -> None:
    async with docker_subject() as subject:
        client = subject.driver.client
        containers = [await running(subject) for _ in range(3)]
        async with asyncio.TaskGroup() as tasks:
            async with own_turn(CLOCK):  # as another process would have it
                removals = [tasks.create_task(each.remove()) for each in containers]
                await CLOCK.sleep(0.2)
                wait = await connected(client, containers)
            await asyncio.wait(removals)
        left = await connected(client, containers)

    assert (wait, left) == (3, 0)


async def test_who_has_left_still_runs() -> None:
    async with docker_subject() as subject:
        client = subject.driver.client
        container = await running(subject)
        await Leaving(client).leave(container.container_id)
        left = await connected(client, [container])
        state = (await client.call(client.api.inspect_container, container.container_id))["State"]
        await container.remove()

    assert left == 0
    assert state["Running"]


async def test_a_process_that_is_stopped_holds_nobody_up_for_long() -> None:
    async with docker_subject() as subject:
        client = subject.driver.client
        container = await running(subject)
        async with own_turn(CLOCK):
            await container.remove()

            async def gone() -> bool:
                return not await client.call(
                    client.api.containers, all=True, filters={"id": container.container_id}
                )

            await until(gone)


async def test_after_waiting_in_vain_nobody_waits_for_a_while() -> None:
    async with docker_subject() as subject:
        client = subject.driver.client
        container = await running(subject)
        line = Leaving(client)
        async with own_turn(CLOCK):
            await line.leave(container.container_id)
        await line.leave(container.container_id)
        stays = await connected(client, [container])
        await Leaving(client).leave(container.container_id)
        left = await connected(client, [container])
        await container.remove()

    assert (stays, left) == (1, 0)


async def test_the_lock_is_its_users_own() -> None:
    async with own_turn(CLOCK) as lock:
        assert lock is not None
        status = os.fstat(lock)
        with Path(f"/proc/self/fd/{lock}").open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    assert (status.st_uid, status.st_mode & 0o777) == (os.getuid(), 0o600)
