"""Images from a registry, with their layers told as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.docker.client import EngineClient
from workbench.docker.progress import Progress
from workbench.docker.room import tells_full
from workbench.docker.streams import Item, follow
from workbench.errors import DiskFull, DriverError
from workbench.model.settings import Timeouts
from workbench.model.terminal_text import safe

if TYPE_CHECKING:
    import docker


async def pull(
    client: EngineClient,
    reference: str,
    progress: Progress,
    *,
    platform: str | None,
    first_answer_s: float,
    timeouts: Timeouts,
) -> str:
    """Pull an image; its id.

    first_answer_s: how long the registry may take to say anything at all. Raises `DriverError`
    with the engine's own words; `DiskFull` when it has no room for the image. Cancellation: the engine gives the pull up.
    """
    errors: list[str] = []
    heard = False

    def start(api: docker.APIClient) -> Iterable[Item]:
        answer: Iterable[Item] = api.pull(reference, stream=True, decode=True, platform=platform)
        return answer

    try:
        async with asyncio.timeout(first_answer_s) as patience:

            def take(item: Item) -> None:
                nonlocal heard
                if not heard:
                    heard = True
                    patience.reschedule(asyncio.get_running_loop().time() + timeouts.pull_s)
                if "error" in item:
                    errors.append(safe(str(item["error"])))
                progress.text(layer_line(item))

            await follow(client, start, take)
    except TimeoutError as error:
        waited_s = timeouts.pull_s if heard else first_answer_s
        raise DriverError(f"The registry did not answer within {waited_s:.0f} s.") from error
    if errors:
        raise (DiskFull if tells_full(errors[-1]) else DriverError)(errors[-1])
    return str((await client.call(client.api.inspect_image, reference))["Id"])


def layer_line(item: Item) -> str:
    """A layer on its way: `3f4d: Downloading [==>  ] 12MB/30MB`."""
    words = [str(item.get("status") or item.get("error") or "")]
    if isinstance(item.get("id"), str):
        words.insert(0, f"{item['id']}:")
    if isinstance(item.get("progress"), str):
        words.append(item["progress"])
    return " ".join(words)
