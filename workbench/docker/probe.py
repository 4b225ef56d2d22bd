"""Is a container engine there? Asked without its client, which takes a tenth of a second to import.

Only says yes when it is sure; everything else is for `client.EngineClient.connect` to find out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from workbench.docker.address import engine_address

PATIENCE_S = 1.0


async def surely_answers(environment: Mapping[str, str]) -> bool:
    """An engine on a unix socket has just answered. `environment` is the process's own."""
    socket = (await asyncio.to_thread(engine_address, environment)).socket
    if socket is None:
        return False
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await _ping(socket)
    except (OSError, TimeoutError):
        return False


async def _ping(path: str) -> bool:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    finally:
        writer.close()
