"""A registry with one tiny image, on loopback, where engines allow plain HTTP."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from tests.e2e.workshop import ARCHITECTURE

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ARCHITECTURES = {"x86_64": "amd64"}


@dataclass(slots=True)
class Registry:
    """What it serves, and what was asked of it."""

    address: str
    asked: list[str]

    @property
    def image(self) -> str:
        """Of the one image there is."""
        return f"{self.address}/tiny:1"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _blobs() -> tuple[bytes, dict[str, bytes]]:
    """The manifest, and by digest what it is made of."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("hello")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"hello"))
    layer = gzip.compress(out.getvalue(), mtime=0)
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(ARCHITECTURE, ARCHITECTURE),
            "os": "linux",
            "config": {"Entrypoint": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(out.getvalue())]},
            "history": [{"created_by": "a test"}],
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "size": len(config),
            "digest": _digest(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": len(layer),
                "digest": _digest(layer),
            }
        ],
    }
    return json.dumps(manifest).encode(), {_digest(config): config, _digest(layer): layer}


@asynccontextmanager
async def a_registry(*, silent: bool = False) -> AsyncIterator[Registry]:
    """Serve while the context is open. silent: it accepts connections and never answers."""
    manifest, blobs = _blobs()
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        if silent:
            await asyncio.Event().wait()
        kind, _, name = request.path.removeprefix("/v2/").partition("/")[2].partition("/")
        if request.path == "/v2/":
            return web.Response()
        if kind == "manifests" and name in ("1", _digest(manifest)):
            headers = {"Docker-Content-Digest": _digest(manifest)}
            return web.Response(body=manifest, content_type=_MANIFEST, headers=headers)
        if kind == "blobs" and name in blobs:
            return web.Response(body=blobs[name], content_type="application/octet-stream")
        return web.json_response({"errors": [{"code": "NOT_FOUND"}]}, status=404)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield Registry(f"127.0.0.1:{port}", asked)
    finally:
        await runner.cleanup()
