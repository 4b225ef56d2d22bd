"""The channel: a supervisor may send anything, and nothing it sends can break or fill the workbench."""

from __future__ import annotations

import asyncio
import functools
import struct
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workbench.docker.channel import CONNECTIONS, Channel
from workbench.docker.frames import HEADER, Frame, FrameReader, FrameType, frame
from workbench.docker.relayed import HELD, WINDOW
from workbench.model.container import Figures, Interrupted, LogStream, RuntimeExit, RuntimeStart
from workbench.runtime_streams.turns import TURNS, after_turns

HELLO = frame(FrameType.HELLO, b"protocol=1")
EXIT = frame(FrameType.EXITED, b"code=0 signal=0 core=0 error=0")


class Wire(asyncio.Transport):
    """The supervisor's end: what it was sent, as frames."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = FrameReader()
        self.frames: list[Frame] = []
        self.aborted = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.frames += self.reader.feed(bytes(data))

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def sent(self, kind: FrameType, connection: int | None = None) -> list[Frame]:
        return [
            each
            for each in self.frames
            if each.kind == kind and connection in (None, each.connection)
        ]

    def bytes_sent(self, connection: int) -> int:
        return sum(len(each.payload) for each in self.sent(FrameType.DATA, connection))


class Served(asyncio.Protocol):
    """What serves a connection."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.data = b""
        self.ended = 0
        self.writing = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended += 1

    def pause_writing(self) -> None:
        assert self.writing
        self.writing = False

    def resume_writing(self) -> None:
        assert not self.writing
        self.writing = True


@dataclass
class Bench:
    """A channel between a wire and what listens."""

    said: list[Any] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wire = Wire()
        self.channel = Channel(self, self.connect)
        self.channel.connection_made(self.wire)

    def on_created(self) -> None:
        raise AssertionError("no channel says that")

    def on_log(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        self.said.append((stream, at_us, chunk))

    def on_figures(self, figures: Figures) -> None:
        self.said.append(figures)

    def on_interrupted(self, work: Interrupted) -> None:
        self.said.append(work)

    def on_exit(self, ended: RuntimeExit) -> None:
        self.said.append(ended)

    def on_lost(self, why: str) -> None:
        self.said.append(why)

    def connect(self) -> asyncio.Protocol:
        self.served.append(Served())
        return self.served[-1]

    def feed(self, *data: bytes) -> None:
        for each in data:
            self.channel.data_received(each)

    def open(self, connection: int) -> Served:
        self.feed(frame(FrameType.OPEN, connection=connection))
        return self.served[-1]

    @property
    def losses(self) -> list[str]:
        return [each for each in self.said if isinstance(each, str)]


async def turns(count: int = TURNS + 2) -> None:
    """Let the loop go round."""
    for _ in range(count):
        passed = asyncio.Event()
        asyncio.get_running_loop().call_soon(passed.set)
        await passed.wait()


# --- anything at all ---------------------------------------------------------------------------------


kinds = st.one_of(st.sampled_from(list(FrameType)).map(int), st.integers(0, 255))
payloads = st.one_of(
    st.binary(max_size=100),
    st.sampled_from(
        [
            b"protocol=1",
            b"code=0 signal=0 core=0 error=0",
            struct.pack(">4q", 1, 1, 0, 1),
            struct.pack(">I", 2**32 - 1),
            struct.pack(">Q", 1) + b"log",
        ]
    ),
)
any_frame = st.builds(
    lambda kind, detail, connection, payload: (
        HEADER.pack(kind, detail, connection, len(payload)) + payload
    ),
    kinds,
    st.integers(0, 4),
    st.integers(0, 5),
    payloads,
)


@given(st.lists(st.one_of(any_frame, st.binary(max_size=50)), max_size=60))
def test_whatever_comes_is_taken_or_ends_the_channel_once(chunks: list[bytes]) -> None:
    async def check() -> None:
        bench = Bench()
        for chunk in chunks:
            bench.feed(chunk)
            for served in bench.served:
                served.transport.write(b"answer")
        await turns()
        assert len(bench.losses) <= 1
        assert bench.wire.aborted == bool(bench.losses)
        if bench.losses:
            assert bench.said[-1] == bench.losses[0], "nothing comes after it"
            assert all(served.ended == 1 for served in bench.served)
        bench.channel.connection_lost(None)
        await turns()
        assert len(bench.losses) == 1
        assert all(served.ended == 1 for served in bench.served)

    asyncio.run(check())


@given(
    sizes=st.lists(st.integers(0, 3 * WINDOW), max_size=8),
    acknowledgements=st.lists(st.integers(0, 2**32 - 1), max_size=8),
    closes=st.booleans(),
)
def test_no_more_than_the_window_is_ever_on_the_way(
    sizes: list[int], acknowledgements: list[int], closes: bool
) -> None:
    async def check() -> None:
        bench = Bench()
        served = bench.open(1)
        acknowledged = 0
        for size in sizes:
            served.transport.write(b"d" * size)
            assert bench.wire.bytes_sent(1) <= WINDOW
        if closes:
            served.transport.close()
        for count in acknowledgements:
            on_the_way = bench.wire.bytes_sent(1) - acknowledged
            acknowledged += min(count, on_the_way)
            bench.feed(frame(FrameType.ACKNOWLEDGED, struct.pack(">I", count), connection=1))
            assert bench.wire.bytes_sent(1) - acknowledged <= WINDOW
        while bench.wire.bytes_sent(1) < sum(sizes):
            acknowledged = bench.wire.bytes_sent(1)
            bench.feed(frame(FrameType.ACKNOWLEDGED, struct.pack(">I", WINDOW), connection=1))
            assert bench.wire.bytes_sent(1) > acknowledged
        assert bench.wire.bytes_sent(1) == sum(sizes)
        assert bool(bench.wire.sent(FrameType.CLOSE)) is closes
        if closes:
            assert bench.wire.frames[-1].kind == FrameType.CLOSE, "after all that was written"

    asyncio.run(check())


# --- a hostile supervisor -------------------------------------------------------------------------------


async def test_more_connections_than_a_supervisor_serves_end_the_channel() -> None:
    bench = Bench()
    for connection in range(CONNECTIONS):
        bench.open(connection)
    assert bench.losses == []
    bench.open(CONNECTIONS)
    assert len(bench.losses) == 1
    assert len(bench.served) == CONNECTIONS


async def test_connection_that_is_not_read_is_held_back_and_then_refused() -> None:
    bench = Bench()
    served = bench.open(3)
    served.transport.pause_reading()
    served.transport.pause_reading()
    assert [(each.detail, each.connection) for each in bench.wire.sent(FrameType.PAUSE)] == [(1, 3)]

    piece = frame(FrameType.DATA, b"h" * 65_536, connection=3)
    for _ in range(HELD // 65_536):
        bench.feed(piece)
    assert served.data == b""
    assert bench.losses == []
    bench.feed(piece)
    assert len(bench.losses) == 1


async def test_held_bytes_come_in_order_when_reading_goes_on() -> None:
    bench = Bench()
    served = bench.open(3)
    served.transport.pause_reading()
    bench.feed(frame(FrameType.DATA, b"one ", connection=3))
    served.transport.resume_reading()
    assert served.data == b"", "not inside the call"
    bench.feed(frame(FrameType.DATA, b"two ", connection=3))
    await turns(1)
    bench.feed(frame(FrameType.DATA, b"three", connection=3))

    assert served.data == b"one two three"
    assert [each.detail for each in bench.wire.sent(FrameType.PAUSE)] == [1, 0]


async def test_connection_opened_twice_ends_the_channel() -> None:
    bench = Bench()
    bench.open(1)
    bench.feed(frame(FrameType.OPEN, connection=1))
    assert len(bench.losses) == 1


async def test_frames_for_a_connection_that_is_closed_are_ignored() -> None:
    bench = Bench()
    served = bench.open(1)
    served.transport.close()
    bench.feed(
        frame(FrameType.DATA, b"late", connection=1),
        frame(FrameType.ACKNOWLEDGED, b"\0\0\0\5", connection=1),
        frame(FrameType.CLOSE, connection=1),
    )
    assert served.data == b""
    assert bench.losses == []
    assert bench.open(1) is not served, "its number may come again"


# --- connections --------------------------------------------------------------------------------------


async def test_writer_waits_while_the_window_is_full() -> None:
    bench = Bench()
    served = bench.open(1)
    may_write = []
    served.transport.write(b"x" * WINDOW)
    may_write.append(served.writing)
    served.transport.write(b"y")
    may_write.append(served.writing)
    assert served.transport.get_write_buffer_size() == 1
    bench.feed(frame(FrameType.ACKNOWLEDGED, struct.pack(">I", 65_536), connection=1))
    may_write.append(served.writing)
    assert may_write == [True, False, True]
    assert bench.wire.bytes_sent(1) == WINDOW + 1


async def test_aborted_connection_sends_nothing_that_waited() -> None:
    bench = Bench()
    served = bench.open(1)
    served.transport.write(b"x" * (WINDOW + 1))
    served.transport.abort()
    served.transport.write(b"more")
    bench.feed(frame(FrameType.ACKNOWLEDGED, struct.pack(">I", WINDOW), connection=1))
    assert bench.wire.bytes_sent(1) == WINDOW
    assert served.ended == 1
    assert served.transport.is_closing()


async def test_nothing_is_sent_for_nothing() -> None:
    bench = Bench()
    served = bench.open(1)
    served.transport.write(b"")
    served.transport.writelines([b"", b""])
    assert bench.wire.frames == []
    served.transport.writelines([b"a", b"b"])
    assert [each.payload for each in bench.wire.frames] == [b"ab"]


# --- the order of ends ----------------------------------------------------------------------------------


async def test_end_of_a_connection_and_of_its_runtime_leave_time_to_act_upon_its_last_bytes() -> (
    None
):
    bench = Bench()
    served = bench.open(1)
    bench.feed(
        frame(FrameType.DATA, b"last", connection=1) + frame(FrameType.CLOSE, connection=1) + EXIT
    )
    assert (served.data, served.ended, bench.said) == (b"last", 0, [])
    await turns()
    assert served.ended == 1
    assert bench.said == [RuntimeExit(code=0)]


async def test_end_that_was_not_told_yet_is_not_told_after_the_channel_was_closed() -> None:
    bench = Bench()
    bench.feed(EXIT)
    bench.channel.end()
    await turns()
    assert bench.said == []


async def test_channel_closed_on_purpose_tells_nothing_and_sends_nothing() -> None:
    bench = Bench()
    bench.feed(HELLO)
    alive = bench.channel.alive
    served = bench.open(1)
    bench.channel.end()
    bench.channel.kill_runtime()
    bench.channel.pause_reading()
    bench.channel.start_runtime(
        RuntimeStart(command=("x",), handler="", variables=(), log_frames=False), cwd="/"
    )
    bench.feed(frame(FrameType.LOG, b"\0" * 8 + b"late"))
    bench.channel.connection_lost(None)

    assert alive
    assert served.ended == 1
    assert bench.said == []
    assert bench.wire.frames == []
    assert not bench.channel.alive
    assert bench.channel.gone.is_set()


async def test_channel_that_ends_before_hello_wakes_who_waits_for_it() -> None:
    bench = Bench()
    bench.channel.connection_lost(None)
    assert bench.channel.greeted.is_set()
    assert not bench.channel.alive
    assert bench.losses == ["The container went away."]


async def test_supervisor_that_connects_too_late_is_turned_away() -> None:
    bench = Bench()
    bench.channel.end()
    late = Wire()
    bench.channel.connection_made(late)
    assert late.aborted


async def test_orders_are_frames() -> None:
    bench = Bench()
    bench.channel.kill_runtime()
    bench.channel.pause_reading()
    paused = not bench.wire.reading
    bench.channel.resume_reading()
    assert paused
    assert bench.wire.reading
    (kill,) = bench.wire.frames
    assert (kill.kind, kill.detail, kill.connection) == (FrameType.SIGNAL, 9, 1)


async def test_actions_happen_after_so_many_turns() -> None:
    happened: list[int] = []
    for count in (5, 2, 0, 3):
        after_turns(count, functools.partial(happened.append, count))
    assert happened == [0]
    await turns()
    assert happened == [0, 2, 3, 5]


START = RuntimeStart(command=("/bin/app",), handler="", variables=(("A", "1"),), log_frames=True)
READY = frame(FrameType.STARTED, b"pid=2") + frame(FrameType.READY)


def flags(bench: Bench) -> list[bytes]:
    """Of every order to start a runtime."""
    return [each.payload.split(b"\0")[1] for each in bench.wire.sent(FrameType.RUN)]


async def test_preloaded_runtime_is_told_its_variables_and_no_program() -> None:
    bench = Bench()
    bench.channel.preload_runtime(START, cwd="/var/task")
    bench.feed(READY)
    waited = bench.channel.preloaded.is_set(), bench.channel.waits
    bench.channel.start_runtime(START, cwd="/var/task")

    assert waited == (True, True)
    assert flags(bench) == [b"fp"]
    assert [each.payload for each in bench.wire.sent(FrameType.BIND)] == [b"A=1\0"]
    assert not bench.channel.waits


async def test_runtime_started_after_a_preloaded_one_is_started_plainly() -> None:
    bench = Bench()
    bench.channel.preload_runtime(START, cwd="/var/task")
    bench.feed(READY)
    bench.channel.start_runtime(START, cwd="/var/task")
    bench.feed(frame(FrameType.STARTED, b"pid=2"), EXIT)
    await turns()
    bench.channel.start_runtime(START, cwd="/var/task")

    assert bench.said == [RuntimeExit(code=0)]
    assert flags(bench) == [b"fp", b"f"]


async def test_preloaded_runtime_that_died_before_it_was_anybodys_is_started_anew() -> None:
    bench = Bench()
    bench.channel.preload_runtime(START, cwd="/var/task")
    bench.feed(READY)
    bench.channel.start_runtime(START, cwd="/var/task")
    bench.feed(EXIT)
    await turns()
    before = list(bench.said)
    bench.feed(frame(FrameType.STARTED, b"pid=9"), EXIT)
    await turns()

    assert flags(bench) == [b"fp", b"f"]
    assert before == []
    assert bench.said == [RuntimeExit(code=0)]


async def test_preloaded_runtime_that_was_killed_at_the_claim_is_dead() -> None:
    bench = Bench()
    bench.feed(READY)
    bench.channel.start_runtime(START, cwd="/var/task")
    bench.channel.kill_runtime()
    bench.feed(EXIT)
    await turns()

    assert flags(bench) == []
    assert bench.said == [RuntimeExit(code=0)]


async def test_channel_that_ends_before_the_runtime_waits_wakes_who_waits_for_it() -> None:
    bench = Bench()
    bench.channel.connection_lost(None)

    assert bench.channel.preloaded.is_set()
    assert not bench.channel.waits


async def test_what_comes_after_it_was_adopted_is_told_to_the_new_listener() -> None:
    bench, owner = Bench(), Bench()
    bench.channel.adopt(owner, owner.connect)
    bench.feed(frame(FrameType.OPEN, connection=1))
    bench.feed(EXIT)
    await turns()

    assert bench.said == []
    assert owner.said == [RuntimeExit(code=0)]
    assert (len(bench.served), len(owner.served)) == (0, 1)
