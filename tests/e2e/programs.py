"""The program on the real engine: a project in a folder, and the containers that are its."""

from __future__ import annotations

import asyncio
from pathlib import Path

import docker

from tests.integration.cli.program import Project

RUNTIME = "python3.13"


def docker_project(root: Path) -> Project:
    """An empty project whose functions run in containers."""
    root.mkdir(exist_ok=True)
    return Project(root, engine="docker")


def containers_of(project: Project) -> list[str]:
    """Names of all containers of the project, running or not."""
    client = docker.from_env()
    try:
        label = f"workbench.project={project.root.resolve()}"
        found = client.api.containers(all=True, filters={"label": label})
        return sorted(container["Names"][0] for container in found if container["Names"])
    finally:
        client.close()


def containers_by_instance(project: Project) -> dict[str, list[str]]:
    """The same, by the workbench that made them."""
    client = docker.from_env()
    try:
        label = f"workbench.project={project.root.resolve()}"
        by_instance: dict[str, list[str]] = {}
        for container in client.api.containers(all=True, filters={"label": label}):
            instance = container["Labels"]["workbench.instance"]
            by_instance.setdefault(instance, []).extend(container["Names"])
        return {instance: sorted(names) for instance, names in by_instance.items()}
    finally:
        client.close()


async def wait_no_containers(project: Project) -> None:
    """Wait until the last one is gone; who removes it does not tell us."""
    async with asyncio.timeout(60):
        while await asyncio.to_thread(containers_of, project):  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.1)  # noqa: TID251 - see above


async def wait_named(project: Project, names: set[str]) -> dict[str, list[str]]:
    """`containers_by_instance`, once all of `names` are among them: one that stood ready gets its
    environment's name when its first invocation has been answered.
    """
    async with asyncio.timeout(60):
        while True:
            found = await asyncio.to_thread(containers_by_instance, project)
            if names <= {name for each in found.values() for name in each}:
                return found
            await asyncio.sleep(0.1)  # noqa: TID251 - see above
