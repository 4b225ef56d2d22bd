"""The unix socket that a channel goes over, with the descriptors that come along."""

from __future__ import annotations

import asyncio
import os
import socket
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.docker.channel import Channel
from workbench.docker.room import own_files
from workbench.runtime_streams.connection import PIECE, Connection

_DESCRIPTORS = 8
_ROOM = socket.CMSG_SPACE(_DESCRIPTORS * array("i").itemsize)
_FLAGS = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class ChannelSocket(Connection):
    """Hands descriptors over before the bytes they came with."""

    def __init__(self, connected: socket.socket, channel: Channel) -> None:
        super().__init__(connected, before=_nothing, closed=_forget)
        self._channel = channel

    def _receive(self) -> bytes:
        data, ancillary, _, _ = self._socket.recvmsg(PIECE, _ROOM, _FLAGS)
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                received = array("i")
                received.frombytes(content[: len(content) - len(content) % received.itemsize])
                self._channel.passed.receive(received.tolist())
        return data


@contextmanager
def listening(path: Path, channel: Channel) -> Iterator[None]:
    """Wait at `path`, while the context is open, for the one supervisor that connects to `channel`.

    Whoever connects after it is turned away. Raises `DriverError`.
    """
    loop = asyncio.get_running_loop()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    taken = False

    def accept() -> None:
        nonlocal taken
        try:
            connected, _ = server.accept()
        except OSError:
            return  # nobody is there any more
        if taken:
            connected.close()
            return
        taken = True
        connected.setblocking(False)  # noqa: FBT003 - the standard library's signature
        ChannelSocket(connected, channel).begin(channel, reading=True)

    with server:
        server.setblocking(False)  # noqa: FBT003 - likewise
        with own_files():
            server.bind(os.fspath(path))
            path.chmod(0o666)
        server.listen()
        loop.add_reader(server.fileno(), accept)
        try:
            yield
        finally:
            loop.remove_reader(server.fileno())


def _nothing(_: bytes) -> None:
    """Order is the channel's own affair."""


def _forget(_: Connection) -> None:
    """Nobody keeps a list."""
