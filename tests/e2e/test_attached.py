"""Engines that run elsewhere: containers are reached through the engine's own API."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from tests.e2e.containers import docker_subject, python_image
from tests.e2e.from_afar import an_engine_on_a_network
from tests.e2e.programs import RUNTIME, containers_of, docker_project
from tests.e2e.workshop import until
from tests.integration.conformance import acts
from tests.integration.conformance.container_driver import begin
from tests.integration.conformance.witness import Witness
from workbench.docker.attached import attach
from workbench.docker.channel import Channel
from workbench.docker.container import DockerContainer
from workbench.docker.nobody import Nobody, nobody
from workbench.errors import ContainerRefused

pytestmark = pytest.mark.docker

FAR = hashlib.sha256(b"far").hexdigest()
"""Where a context of that name is kept."""


@pytest.mark.parametrize("named", ["by DOCKER_HOST", "with certificates", "by a context"])
async def test_an_engine_on_a_network_is_known_for_one_and_runs_what_it_is_given(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = Witness()
    python_image()  # asked here, which the loop that serves the port must not wait for
    certificates = None
    if named == "with certificates":
        certificates = tmp_path
        monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
        monkeypatch.setenv("DOCKER_CERT_PATH", str(certificates))
    elif named == "by a context":
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("DOCKER_CONTEXT", "far")
        certificates = tmp_path / "contexts" / "tls" / FAR / "docker"
        certificates.mkdir(parents=True)
    async with an_engine_on_a_network(certificates) as address:
        if named == "by a context":
            meta = tmp_path / "contexts" / "meta" / FAR / "meta.json"
            meta.parent.mkdir(parents=True)
            meta.write_text(json.dumps({"Endpoints": {"docker": {"Host": address}}}))
        else:
            monkeypatch.setenv("DOCKER_HOST", address)
        async with docker_subject() as subject:
            container = await begin(subject, acts.ASKS, witness)
            await witness.until_exit()
            await container.remove()

            assert subject.driver.near is False
    assert witness.asked == ["/next"] * 3
    assert witness.losses == []


async def test_the_engine_of_this_machine_is_near() -> None:
    async with docker_subject() as subject:
        assert subject.driver.near is True


async def test_container_ends_with_the_connection_whoever_was_at_its_end() -> None:
    """As after kill -9: nobody removes it, and nobody tells it anything."""
    witness = Witness()
    async with docker_subject(attached=True) as subject:
        container = await begin(subject, acts.IGNORES_SIGTERM, witness)
        assert isinstance(container, DockerContainer)
        await witness.until_asked("/ready")
        container.channel.end()
        client = subject.driver.client

        async def gone() -> bool:
            filters = {"name": container.name}
            return not await client.call(client.api.containers, all=True, filters=filters)

        await until(gone)


async def test_what_the_engine_refuses_is_told_in_its_words() -> None:
    async with docker_subject(attached=True) as subject:
        with pytest.raises(ContainerRefused, match=r"[Nn]o such container: nothing-of-ours"):
            await attach(subject.driver.client, "nothing-of-ours", Channel(Nobody(), nobody))


async def test_commands_work_with_an_engine_on_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function, what it needs of this machine, and its figures."""
    project = docker_project(tmp_path / "project")
    project.add("orders", runtime=RUNTIME)
    async with an_engine_on_a_network() as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        ended = await asyncio.to_thread(
            project.run, "invoke", "orders", "-p", '{"a": 1}', "--json", timeout_s=600
        )
        monkeypatch.delenv("DOCKER_HOST")

    assert ended.code == 0, ended.err
    assert ended.json["response"] == {"answer": {"a": 1}}
    assert 0 < ended.json["max_memory_mb"] <= ended.json["memory_mb"]
    assert containers_of(project) == []
