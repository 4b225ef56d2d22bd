"""The network that containers of ours are on: they reach the world, and not one another."""

from __future__ import annotations

from typing import Any

from workbench.docker.client import EngineClient
from workbench.errors import ContainerRefused

NETWORK = "workbench"
ISOLATION = "com.docker.network.bridge.enable_icc"


async def ensure_network(client: EngineClient) -> None:
    """Make it, unless it is there. Raises `DriverError`."""
    if await find_network(client) is not None:
        return
    try:
        await client.call(
            client.api.create_network,
            NETWORK,
            driver="bridge",
            options={ISOLATION: "false"},
            check_duplicate=True,
            labels={"workbench": "network"},
        )
    except ContainerRefused:
        if await find_network(client) is None:  # else another workbench was quicker
            raise


async def find_network(client: EngineClient) -> dict[str, Any] | None:
    """What the engine says of it; `None` when it is not there."""
    found = await client.call(client.api.networks, names=[f"^{NETWORK}$"])
    return dict(found[0]) if found else None
