"""A package manager, run once in a container of a runtime's image.

The container reaches the network and nothing else: no capability, no new privileges, the files that
state the dependencies read-only, and one folder to fill.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.docker.builder import Builder
from workbench.docker.client import EngineClient
from workbench.docker.creation import USER
from workbench.docker.files import Files
from workbench.docker.host import BuildHost
from workbench.docker.network import NETWORK, ensure_network
from workbench.docker.progress import Progress
from workbench.docker.streams import Item, follow
from workbench.errors import DriverError
from workbench.values import dataclass

if TYPE_CHECKING:
    import docker

SOURCE = "/var/dependencies/source"
INSTALLED = "/var/dependencies/installed"
PIDS = 4096

_INSIDE_CA = "/etc/ssl/workbench-ca.crt"
_CA_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
_NO_COMPILER = (
    "gcc' failed",
    "execute 'gcc'",
    "directory: 'gcc'",
    "directory: 'cc'",
    "find a compiler",
    "unknown compiler",
    "failed building wheel",
    "failed-wheel-build",
    "not found: make",
    "gyp err!",
    "cmake: not found",
    "can't find rust compiler",
)
_NO_COMPILER_HINT = (
    "A package had to be compiled, and runtime images have no compiler. Choose a version of it that "
    "comes ready built (a wheel, a prebuilt binary), or build it elsewhere and put the result into "
    "the function's folder."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is to be run, on what, and where the result goes."""

    image: str
    argv: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    """The runtime's own; PATH is taken from them."""
    source: Path
    installed: Path
    labels: tuple[tuple[str, str], ...]


async def install(builder: Builder, files: Files, wanted: Installation, progress: Progress) -> None:
    """Run it to its end. Raises `BuildFailed` with the tool's own text, and `DriverError`.

    Cancellation: the container is removed.
    """
    client = builder.client
    await ensure_network(client)
    user = await _user(client)
    made: list[str] = []

    async def make() -> None:
        arguments = await _creation(client.api, files, wanted, builder.host, user=user)
        await client.complete(lambda: made.append(_create(client.api, arguments)))

    try:
        async with asyncio.timeout(builder.timeouts.build_s):
            await files.tried(
                make, sources=(wanted.source, wanted.installed, builder.host.ca_bundle)
            )
            await follow(client, lambda api: _run(api, made[0]), lambda item: _hear(item, progress))
            progress.flush()
            ended = await client.call(client.api.wait, made[0])
            if files.copied(wanted.installed) and ended.get("StatusCode") == 0:
                await files.fetch(made[0], INSTALLED, wanted.installed)
    except TimeoutError as error:
        limit_s = builder.timeouts.build_s
        raise progress.failure(f"It was not done after {limit_s:.0f} seconds.") from error
    finally:
        for container in made:
            await asyncio.shield(_remove(client, container))
        for folder in (wanted.source, wanted.installed):
            await asyncio.shield(files.forget(folder))
    status = ended.get("StatusCode")
    if status != 0:
        if any(sign in progress.tail.lower() for sign in _NO_COMPILER):
            progress.text(_NO_COMPILER_HINT)
        raise progress.failure(f"It ended with exit status {status}.")


async def _creation(
    api: docker.APIClient, files: Files, wanted: Installation, host: BuildHost, *, user: str
) -> dict[str, Any]:
    from docker.types import LogConfig

    image = wanted.image
    certificates = await files.given(host.ca_bundle, _INSIDE_CA, image=image)
    given = [
        await files.given(wanted.source, SOURCE, image=image),
        await files.given(wanted.installed, INSTALLED, image=image, writable=True),
        certificates,
    ]
    variables = {
        "PATH": dict(wanted.variables).get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": "/tmp",  # noqa: S108 - the container's own
        "LANG": "C.UTF-8",
        **dict.fromkeys(_CA_VARIABLES, certificates.path),
        **dict(host.package_indexes),
    }
    host_config = api.create_host_config(
        cap_drop=["ALL"],
        network_mode=NETWORK,
        pids_limit=PIDS,
        security_opt=["no-new-privileges"],
        log_config=LogConfig(type=LogConfig.types.NONE),
    )
    host_config["Mounts"] = [each.mount for each in given]
    return {
        "image": image,
        "command": list(wanted.argv),
        "entrypoint": [],
        "environment": variables,
        "user": user,
        "working_dir": SOURCE,
        "labels": dict(wanted.labels),
        "host_config": host_config,
        "name": f"wb-dependencies-{secrets.token_hex(6)}",
        "use_config_proxy": True,
    }


def _create(api: docker.APIClient, arguments: dict[str, Any]) -> str:
    return str(api.create_container(**arguments)["Id"])


async def _user(client: EngineClient) -> str:
    """Nobody in particular; where the engine itself has no privileges, its root is only us."""
    info: dict[str, Any] = await client.call(client.api.info)
    rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or ())
    return "0:0" if rootless else USER


def _run(api: docker.APIClient, container: str) -> Iterable[Item]:
    """Its output, from before its start to its end."""
    output = api.attach(container, stdout=True, stderr=True, stream=True)
    api.start(container)
    for block in output:
        yield {"output": block}


def _hear(item: Item, progress: Progress) -> None:
    progress.output(item["output"])


async def _remove(client: EngineClient, container: str) -> None:
    with suppress(DriverError):  # gone, or left to the sweep at the next start: it has our labels
        await client.call(client.api.remove_container, container, force=True, v=True)
