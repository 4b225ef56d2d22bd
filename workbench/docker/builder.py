"""Runs Dockerfiles: the engine's own builder, one step after the other, told as they go.

The API without BuildKit, which every engine since 1.10 has (also Podman's).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.docker.client import EngineClient
from workbench.docker.context import BuildContext
from workbench.docker.host import BuildHost
from workbench.docker.progress import Progress
from workbench.docker.pulls import layer_line
from workbench.docker.streams import Item, follow
from workbench.errors import DriverError, ImageMissing
from workbench.model.function import Architecture
from workbench.model.settings import Timeouts
from workbench.values import dataclass

if TYPE_CHECKING:
    import docker

IMAGE_LABEL = "workbench.image"
"""On every image that we make, and on what its build left in the builder's cache: what it is."""
RUNTIME_LABEL = "workbench.runtime"
"""On the image of a runtime: its name."""

PLATFORMS = {Architecture.X86_64: "amd64", Architecture.ARM64: "arm64"}
_STEP = re.compile(r"step (\d+)/(\d+) ?: (.*)", re.IGNORECASE)
_FOREIGN = re.compile(r"exec format error", re.IGNORECASE)
FOREIGN_HINT = (
    "This machine cannot run programs of that architecture. Install the packages qemu-user-static "
    "and binfmt-support, or set another architecture in function.toml."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """One image to build."""

    tag: str
    label: str
    """What the image is: the value of `workbench.image`."""
    runtime: str = ""
    """The value of `workbench.runtime`; empty for what is no runtime."""
    dockerfile: str
    """Inside the context."""
    context: BuildContext
    architecture: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Ending:
    """What the builder said last."""

    error: str | None = None


class Builder:
    """Builds images and finds those that were built."""

    def __init__(self, client: EngineClient, *, host: BuildHost, timeouts: Timeouts) -> None:
        self.client = client
        self.host = host
        self.timeouts = timeouts

    async def find(self, reference: str) -> str | None:
        """The id (`sha256:…`) of an image that is here; `None` when it is not."""
        try:
            found = await self.client.call(self.client.api.inspect_image, reference)
        except ImageMissing:
            return None
        return str(found["Id"])

    def platform(self, architecture: str) -> str | None:
        """How the engine names a foreign architecture; `None` for its own, which needs no name."""
        wanted = PLATFORMS.get(Architecture(architecture), architecture)
        return None if wanted == self.client.described.get("Arch") else f"linux/{wanted}"

    async def build(self, order: BuildOrder, progress: Progress) -> str:
        """Build one image; its id. Raises `BuildFailed` naming the step.

        Cancellation: the engine gives the build up.
        """
        archive = await asyncio.to_thread(order.context.archive, ca_bundle=self.host.ca_bundle)
        platform = self.platform(order.architecture)
        arguments = dict(self.host.package_indexes) | dict(order.arguments)
        ending = _Ending()

        def start(api: docker.APIClient) -> Iterable[Item]:
            import io

            return api.build(
                fileobj=io.BytesIO(archive),
                custom_context=True,
                dockerfile=order.dockerfile,
                tag=order.tag,
                labels={IMAGE_LABEL: order.label, RUNTIME_LABEL: order.runtime},
                buildargs=arguments,
                platform=platform,
                rm=True,
                forcerm=True,
                decode=True,
                use_config_proxy=True,
            )

        try:
            async with asyncio.timeout(self.timeouts.build_s):
                await follow(self.client, start, lambda item: _take(item, ending, progress))
        except TimeoutError as error:
            raise progress.failure(
                f"It was not done after {self.timeouts.build_s:.0f} seconds."
            ) from error
        if ending.error is not None:
            if _FOREIGN.search(ending.error):
                progress.text(FOREIGN_HINT)
            raise progress.failure(ending.error)
        image = await self.find(order.tag)
        if image is None:
            raise progress.failure("The engine ended the build without an image.")
        return image


def _take(item: Item, ending: _Ending, progress: Progress) -> None:
    """One item of the builder's answer."""
    if "error" in item:
        ending.error = str(item["error"])
    text = item.get("stream")
    if isinstance(text, str):
        step = _STEP.match(text)
        if step:
            progress.step(int(step[1]), int(step[2]), step[3].strip())
        else:
            progress.text(text)
    elif isinstance(item.get("status"), str):
        progress.text(layer_line(item))


def only_digest(image_id: str) -> str:
    """The 64 hex digits of an image id."""
    digest = image_id.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise DriverError(f"The container engine gave an image the id {image_id!r}.")
    return digest
