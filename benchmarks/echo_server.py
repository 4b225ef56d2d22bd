"""The yardstick for HTTP: a server on the same library that does nothing but echo.

Run as `python -m benchmarks.echo_server`; prints its port.
"""

from __future__ import annotations

import asyncio

import uvloop
from aiohttp import web


async def _main() -> None:
    async def echo(request: web.BaseRequest) -> web.Response:
        return web.Response(body=await request.read(), content_type="application/json")

    server = web.Server(echo, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main())
