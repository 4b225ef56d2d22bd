"""What an engine answers to an attach, in whatever pieces it comes."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.docker.attached import Attached
from workbench.docker.channel import Channel
from workbench.docker.nobody import Nobody, nobody
from workbench.errors import ContainerLost, ContainerRefused

HEAD = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class Hearing(Channel):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__(Nobody(), nobody)
        self.heard = b""
        self.lost = 0

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.lost += 1


class Connection(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True


def attached() -> tuple[Attached, Hearing, Connection]:
    channel, connection = Hearing(), Connection()
    made = Attached(b"asked", channel)
    made.connection_made(connection)
    return made, channel, connection


FRAMES = st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.binary(max_size=40)), max_size=8)


@given(frames=FRAMES, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_stdout_is_the_channels_whatever_the_pieces(
    frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    async def check() -> None:
        made, channel, connection = attached()
        data = HEAD + b"".join(
            struct.pack(">BxxxI", stream, len(content)) + content for stream, content in frames
        )
        ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
        for start, end in zip([0, *ends], ends, strict=False):
            made.data_received(data[start:end])
        await made.answered
        channel.send(b"order")

        assert channel.heard == b"".join(content for stream, content in frames if stream == 1)
        assert connection.written == b"askedorder"

    asyncio.run(check())


async def test_its_end_is_the_channels_once_it_is_connected() -> None:
    made, channel, _ = attached()
    made.data_received(HEAD)
    made.connection_lost(None)

    assert (channel.lost, channel.alive) == (1, False)


async def test_a_refusal_is_told_in_the_engines_words_and_is_not_the_channels() -> None:
    made, channel, connection = attached()
    made.data_received(
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\nNo such one"
    )
    made.data_received(b"more")
    made.abort()
    made.connection_lost(None)

    with pytest.raises(ContainerRefused, match="No such one"):
        await made.answered
    assert connection.aborted
    assert (channel.heard, channel.lost) == (b"", 0)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 UP"])
async def test_an_engine_that_hangs_up_is_told(answer: bytes) -> None:
    made, channel, _ = attached()
    made.data_received(answer)
    made.connection_lost(None)

    with pytest.raises(ContainerLost, match="hung up"):
        await made.answered
    assert channel.lost == 0


async def test_a_head_without_an_end_is_refused() -> None:
    made, _, _ = attached()
    for _ in range(100):
        made.data_received(b"x" * 1000)

    with pytest.raises(ContainerRefused, match="more than a head"):
        await made.answered
