"""The yardstick for invocations: the bare Runtime API and an Invoke, and nothing else.

The same web library as the echo server, a runtime client in the same image, without a
supervisor, a channel, a log, a history, states, deadlines or figures.
Run as `python -m benchmarks.prototype_server`; prints its port.
"""

from __future__ import annotations

import asyncio
import uuid

import uvloop
from aiohttp import web


class Prototype:
    """Events wait in one queue; whichever container asks gets the next."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[bytes]] = {}

    async def serve(self, request: web.BaseRequest) -> web.Response:
        parts = request.raw_path.split("/")
        if parts[-1] == "next":
            return await self._next()
        if parts[-1] == "response":
            self._answers.pop(parts[-2]).set_result(await request.read())
            return web.Response(status=202)
        if parts[-1] == "invocations":
            return await self._invoke(await request.read())
        return web.Response(status=404)

    async def _next(self) -> web.Response:
        request_id, event = await self._events.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": "4102444800000",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:echo",
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }
        return web.Response(body=event, headers=headers, content_type="application/json")

    async def _invoke(self, event: bytes) -> web.Response:
        request_id = str(uuid.uuid4())
        answer = self._answers[request_id] = asyncio.get_running_loop().create_future()
        self._events.put_nowait((request_id, event))
        return web.Response(body=await answer, content_type="application/json")


async def _main() -> None:
    server = web.Server(Prototype().serve, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main())
