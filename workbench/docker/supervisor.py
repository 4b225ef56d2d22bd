"""The supervisor: the program that is PID 1 of every container, built once and kept on this machine."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.docker.builder import BuildOrder
from workbench.docker.context import BuildContext, read_context
from workbench.docker.images import DockerImages
from workbench.docker.progress import announced
from workbench.errors import DriverError

if TYPE_CHECKING:
    import docker

CONTEXT = "_supervisor"
SUITE = "trixie"
"""What it is compiled on; being static, it runs anywhere."""
_MEMBER = "supervisor"
_ELF = b"\x7fELF"


def supervisor_path(cache: Path, runtimes: Path, architecture: str) -> Path:
    """Where the supervisor made from today's sources is, or will be. Blocks for a few files."""
    context = read_context(runtimes, (CONTEXT,))
    return cache / f"supervisor-{architecture}-{context.digest[:16]}"


async def ensure_supervisor(images: DockerImages, *, cache: Path, architecture: str) -> Path:
    """The supervisor, built first when it is not in `cache`; then no call to the engine is made.

    Raises `DriverError`.
    """
    path = await asyncio.to_thread(supervisor_path, cache, images.runtimes, architecture)
    if await asyncio.to_thread(path.is_file):
        return path
    context = await asyncio.to_thread(read_context, images.runtimes, (CONTEXT,))
    base = await images.bases.ensure(SUITE, architecture)
    async with announced(images.bus, images.clock, "supervisor") as progress:
        order = _order(context, base, architecture)
        image = await images.builder.build(order, progress)
        client = images.builder.client
        try:
            program = await client.call(_taken_out, client.api, image)
        finally:
            with suppress(DriverError):  # its layers stay in the builder's cache
                await client.call(client.api.remove_image, order.tag, noprune=True)
        await asyncio.to_thread(_keep, path, program)
    return path


def _order(context: BuildContext, base: str, architecture: str) -> BuildOrder:
    return BuildOrder(
        tag=f"workbench/supervisor:{architecture}-{context.digest[:12]}",
        label="supervisor",
        dockerfile=f"{CONTEXT}/Dockerfile",
        context=context,
        architecture=architecture,
        arguments=(("BASE", base),),
    )


def _taken_out(api: docker.APIClient, image: str) -> bytes:
    """The program, out of an image that holds nothing else. Its container never runs."""
    container = api.create_container(image, command=[f"/{_MEMBER}"])["Id"]
    try:
        blocks, _ = api.get_archive(container, f"/{_MEMBER}")
        with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as archive:
            member = archive.extractfile(_MEMBER)
            program = b"" if member is None else member.read()
    finally:
        api.remove_container(container, force=True)
    if not program.startswith(_ELF):
        raise DriverError("The container engine built a supervisor that is no program.")
    return program


def _keep(path: Path, program: bytes) -> None:
    """Put it there whole or not at all: another workbench may be doing the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".supervisor-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(program)
        Path(temporary).chmod(0o755)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
