"""Long answers of the engine (builds, pulls), item by item, which cancelling really ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workbench.docker.client import EngineClient

if TYPE_CHECKING:
    import docker
    import requests

Item = dict[str, Any]


async def follow(
    client: EngineClient,
    start: Callable[[docker.APIClient], Iterable[Item]],
    take: Callable[[Item], None],
) -> None:
    """Run `start` in a thread and hand each item it yields to `take`, on the event loop.

    `start` gets a connection of its own. Raises `DriverError`.
    Cancellation: the connection is closed, and with it the engine gives the work up.
    """
    loop = asyncio.get_running_loop()
    stream = _Stream(client.api.api_version)

    def hand_over(item: Item) -> None:
        loop.call_soon_threadsafe(take, item)

    try:
        await client.call(stream.run, start, hand_over)
    except asyncio.CancelledError:
        stream.abort()
        raise


class _Stream:
    """One request whose answer takes long. A thread reads it; `abort` comes from the loop."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._responses: list[requests.Response] = []
        self._aborted = False

    def run(
        self,
        start: Callable[[docker.APIClient], Iterable[Item]],
        hand_over: Callable[[Item], None],
    ) -> None:
        import docker
        from docker.utils import kwargs_from_env

        api = docker.APIClient(**kwargs_from_env(), version=self._version)
        api.hooks["response"].append(self._opened)
        try:
            for item in start(api):
                if self._aborted:
                    return
                hand_over(item)
        finally:
            for response in self._responses:
                response.close()  # an attached one would keep its socket
            api.close()

    def _opened(self, response: requests.Response, *_args: Any, **_options: Any) -> None:
        self._responses.append(response)
        if self._aborted:
            self.abort()

    def abort(self) -> None:
        """End it from outside. A thread that waits for bytes would not notice anything less."""
        self._aborted = True
        from docker.errors import DockerException
        from docker.types import CancellableStream

        for response in list(self._responses):
            # else it has ended by itself already, or (over ssh) will end with its next item
            with suppress(OSError, AttributeError, DockerException):
                CancellableStream(iter(()), response).close()
