"""A channel over the engine's own API: the supervisor's stdin and stdout.

For engines that run elsewhere (Docker Desktop's and others' virtual machines, DOCKER_HOST over a
network): a container there cannot connect to a socket of this machine. The engine's own connection is
kept instead, one for each container; when it ends, the supervisor's stdin does, whoever died.

Source: Docker Engine API, `POST /containers/{id}/attach`: after the answer's head, bytes for stdin go
as they are, and what comes are frames: u8 stream (1 stdout, 2 stderr), three zeros, u32 length.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from workbench.docker.channel import Channel
from workbench.errors import ContainerLost, ContainerRefused, EngineUnreachable

if TYPE_CHECKING:
    import docker

    from workbench.docker.client import EngineClient

CONNECT_S = 10.0
_ASKED = (
    "POST /v{version}/containers/{container}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\n"
    "Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
)
_HEAD = 64 * 1024
"""No answer's head, and no refusal, is larger."""
_FRAME = 8
_STDOUT = 1


async def attach(client: EngineClient, container_id: str, channel: Channel) -> None:
    """Let `channel` go over the stdin and stdout of a container that is not started yet.

    Raises `DriverError`.
    """
    asked = _ASKED.format(version=client.api.api_version, container=container_id).encode()
    try:
        async with asyncio.timeout(CONNECT_S):
            attached = await _connect(client.api, asked, channel)
            try:
                await attached.answered
            except BaseException:
                attached.abort()
                raise
    except (OSError, TimeoutError) as error:
        raise EngineUnreachable(
            cause=f"The container engine did not connect to a container: {str(error) or 'no answer'}.",
            remedy="Start it again; the workbench goes on by itself.",
        ) from error


async def _connect(api: docker.APIClient, asked: bytes, channel: Channel) -> Attached:
    loop = asyncio.get_running_loop()
    address = urlsplit(str(api.base_url))
    if address.scheme == "http+docker":
        path = cast("Any", api.get_adapter("http+docker://")).socket_path
        _, attached = await loop.create_unix_connection(lambda: Attached(asked, channel), path)
        return attached
    _, attached = await loop.create_connection(
        lambda: Attached(asked, channel),
        address.hostname or "",
        address.port or 0,
        ssl=_tls(api) if address.scheme == "https" else None,
    )
    return attached


def _tls(api: docker.APIClient) -> ssl.SSLContext:
    """As the SDK has read DOCKER_CERT_PATH and DOCKER_TLS_VERIFY."""
    context = ssl.create_default_context(cafile=api.verify if isinstance(api.verify, str) else None)
    if api.verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if api.cert is not None:
        context.load_cert_chain(*([api.cert] if isinstance(api.cert, str) else api.cert))
    return context


class Attached(asyncio.Protocol):
    """The connection: an HTTP answer's head, then frames in and plain bytes out."""

    def __init__(self, asked: bytes, channel: Channel) -> None:
        self._asked = asked
        self._channel = channel
        self._transport: asyncio.Transport | None = None
        self._begun = False
        """What comes is the container's."""
        self._buffer = bytearray()
        self._left = 0
        """Bytes of the current frame that are still to come."""
        self._stdout = False
        """They are the channel's."""
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """The engine has connected it with the container, or has not: `DriverError`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._transport.write(self._asked)

    def data_received(self, data: bytes) -> None:
        if self._begun:
            self._take(data)
            return
        if self.answered.done():
            return  # refused, and soon aborted
        self._buffer += data
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if end:
            self._buffer.clear()
            self._begin(head, rest)
        elif len(self._buffer) > _HEAD:
            self._refuse("it answered with more than a head.")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._begun:
            self._channel.connection_lost(exc)
        elif not self.answered.done():
            self.answered.set_exception(ContainerLost("The container engine hung up."))

    def _begin(self, head: bytes, rest: bytes) -> None:
        status = head.split(b"\r\n", 1)[0].split(b" ", 2)[1:2]
        if status not in ([b"101"], [b"200"]):  # the second: engines that know of no upgrade
            self._refuse(rest[:1000].decode("utf-8", "replace").strip() or repr(head[:100]))
            return
        assert self._transport is not None
        self._begun = True
        self.answered.set_result(None)
        self._channel.connection_made(self._transport)
        self._take(rest)

    def _refuse(self, why: str) -> None:
        self.answered.set_exception(ContainerRefused(why))

    def abort(self) -> None:
        """It is of no use."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, data: bytes) -> None:
        """Hand on what is the channel's, as it comes: a frame may be long."""
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                if self._stdout:
                    self._channel.data_received(piece)
                continue
            missing = _FRAME - len(self._buffer)
            self._buffer += data[at : at + missing]
            at += missing
            if len(self._buffer) == _FRAME:
                self._stdout = self._buffer[0] == _STDOUT
                self._left = int.from_bytes(self._buffer[4:], "big")
                self._buffer.clear()
