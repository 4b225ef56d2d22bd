"""Network namespaces that stand ready: quicker to join than to make, and shared by nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import docker
import pytest

from tests.e2e.containers import LABEL, DockerSubject, docker_subject
from tests.e2e.workshop import until
from tests.integration.conformance import acts
from tests.integration.conformance.acts import Act
from tests.integration.conformance.witness import Witness
from workbench.clock import SystemClock
from workbench.docker.container import DockerContainer
from workbench.docker.driver import Ahead
from workbench.model.container import RuntimeExit

pytestmark = pytest.mark.docker

SHOWS_ITS_NETWORK = Act(
    "shows its network",
    """
listening = socket.socket(socket.AF_UNIX)
try:
    listening.bind("\\0workbench-test")
    alone = "alone"
except OSError:
    alone = "not alone"
shown = [os.readlink("/proc/self/ns/net"), " ".join(sorted(os.listdir("/sys/class/net"))), alone,
         open("/etc/resolv.conf").read().split("\\n")[0]]
call("/network", "\\n".join(shown).encode())
hang()
""",
)


@asynccontextmanager
async def a_subject() -> AsyncIterator[DockerSubject]:
    ahead = Ahead(clock=SystemClock(), labels=((LABEL, "1"),), refill_after_s=0.01)
    async with docker_subject(ahead=ahead) as subject:
        yield subject


async def ready(subject: DockerSubject) -> DockerContainer:
    """The holder of the namespace that stands ready."""
    namespaces = subject.driver.namespaces
    assert namespaces is not None

    async def there() -> bool:
        return namespaces.ready is not None and namespaces.ready.channel.alive

    await until(there)
    assert namespaces.ready is not None
    return namespaces.ready


async def placed(subject: DockerSubject) -> tuple[DockerContainer, list[str]]:
    """A container, and what a runtime in it says of its network."""
    witness = Witness()
    spec, start = subject.prepare(SHOWS_ITS_NETWORK)
    container = await subject.driver.create(spec, witness, witness.connections)
    container.start_runtime(start)
    await witness.until_asked("/network")
    return container, witness.body("/network").decode().splitlines()


def inspected(name: str) -> dict[str, Any]:
    client = docker.from_env()
    try:
        return dict(client.api.inspect_container(name))
    finally:
        client.close()


async def test_each_namespace_is_joined_once_and_looks_as_one_of_its_own() -> None:
    async with a_subject() as subject:
        own, its_own = await placed(subject)
        first_holder = await ready(subject)
        one, joined = await placed(subject)
        mode = inspected(one.name)["HostConfig"]["NetworkMode"]
        second_holder = await ready(subject)
        other, also_joined = await placed(subject)
        holders = {first_holder.name, second_holder.name}
        for container in (own, one, other):
            await container.remove()
        left = subject.driver.client.api.containers(all=True, filters={"label": LABEL})
        names = {name.removeprefix("/") for each in left for name in each["Names"]}

    assert mode == f"container:{first_holder.container_id}"
    assert len({its_own[0], joined[0], also_joined[0]}) == 3
    assert its_own[1:] == joined[1:] == also_joined[1:]
    assert its_own[2] == "alone"
    assert len(holders) == 2
    assert not names & holders, "a holder outlives who joined it"


async def test_holder_that_died_is_replaced() -> None:
    async with a_subject() as subject:
        own, _ = await placed(subject)
        holder = await ready(subject)
        await subject.driver.client.call(subject.driver.client.api.kill, holder.container_id)

        async def replaced() -> bool:
            namespaces = subject.driver.namespaces
            return namespaces is not None and namespaces.ready not in (None, holder)

        await until(replaced)
        await own.remove()


async def test_container_whose_network_goes_is_lost() -> None:
    witness = Witness()
    async with a_subject() as subject:
        own, _ = await placed(subject)
        holder = await ready(subject)
        spec, start = subject.prepare(acts.WAITS)
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(start)
        await witness.until_asked("/ready")
        await subject.driver.client.call(subject.driver.client.api.kill, holder.container_id)
        why = await witness.until_lost()
        for each in (own, container):
            await each.remove()

    assert why == "The network that its container had joined is gone."


async def test_container_whose_namespace_is_gone_gets_one_of_its_own() -> None:
    witness = Witness()
    async with a_subject() as subject:
        own, _ = await placed(subject)
        holder = await ready(subject)
        namespaces = subject.driver.namespaces
        assert namespaces is not None
        spec, start = subject.prepare(acts.GREETS)
        # Its end is not known yet when it is joined: nothing ran in between.
        client = docker.from_env()
        client.api.remove_container(holder.container_id, force=True)
        client.close()
        assert namespaces.ready is holder
        container = await subject.driver.create(spec, witness, witness.connections)
        container.start_runtime(start)
        ended = await witness.until_exit()
        mode = inspected(container.name)["HostConfig"]["NetworkMode"]
        for each in (own, container):
            await each.remove()

    assert ended == RuntimeExit(code=0)
    assert not mode.startswith("container:")
