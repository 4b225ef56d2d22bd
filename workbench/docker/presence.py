"""Whether the engine is there, told by the engine itself.

It is asked for its events; while it lives the answer does not end. No polling, and its going is
known at once.
"""

from __future__ import annotations

from typing import Any

from workbench.docker.client import EngineClient


class DockerPresence:
    """See `functions.keeper.Presence`."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    async def wait_lost(self) -> str:
        # Container events of ours only: none are read, but the stream has to be for something.
        stream = await self._client.call(
            self._client.api.events, filters={"label": "workbench.instance"}
        )
        try:
            await self._client.call(_exhaust, stream)
        except Exception:  # noqa: BLE001, S110 - however it ends, it has ended
            pass
        finally:
            stream.close()
        return "The container engine stopped answering."

    async def check(self) -> None:
        await self._client.call(self._client.api.ping)


def _exhaust(stream: Any) -> None:
    for _ in stream:
        pass
