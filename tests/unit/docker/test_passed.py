"""What a supervisor passes: read in order, looked at before it is used, and never left open."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from workbench.clock import SystemClock
from workbench.docker.channel import Channel
from workbench.docker.channel_socket import ChannelSocket
from workbench.docker.frames import FrameType, frame
from workbench.docker.gauges import Gauges
from workbench.docker.nobody import Nobody
from workbench.model.container import Figures, LogStream, RuntimeExit
from workbench.runtime_streams.connection import asks_for_work

PATIENCE_S = 20.0
EXIT = frame(FrameType.EXITED, b"code=0 signal=0 core=0 error=0")


class Stopped(SystemClock):
    """Goes on when it is told to."""

    at_s = 0.0

    def monotonic(self) -> float:
        return self.at_s


class Served(asyncio.Protocol):
    """What serves a connection."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def data_received(self, data: bytes) -> None:
        self._told.add(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._told.add("hung up")


@dataclass
class Told(Nobody):
    """All that was told, in its order."""

    happened: list[object] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, what: object) -> None:
        self.happened.append(what)
        self.news.set()

    async def until(self, what: object) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while what not in self.happened:
                self.news.clear()
                await self.news.wait()

    def on_log(self, stream: LogStream, at_us: int, chunk: bytes) -> None:
        assert at_us > 0
        self.add((stream, chunk))

    def on_figures(self, figures: Figures) -> None:
        self.add(figures)

    def on_exit(self, ended: RuntimeExit) -> None:
        self.add(ended)

    def on_lost(self, why: str) -> None:
        del why
        self.add("lost")

    def connections(self) -> Served:
        return Served(self)


@dataclass
class Supervisor:
    """Its end of a channel, and what it passes."""

    folder: Path
    end: socket.socket
    stack: ExitStack
    told: Told = field(default_factory=Told)

    def say(self, kind: FrameType, detail: int, *descriptors: int, connection: int = 0) -> None:
        said = frame(kind, detail=detail, connection=connection)
        socket.send_fds(self.end, [said], descriptors)

    def pipes(self) -> list[int]:
        """Passed as log pipes; the ends to write to."""
        made = [os.pipe() for _ in range(3)]
        self.say(FrameType.TAPS, 3, *(ours for ours, _ in made))
        for ours, theirs in made:
            os.close(ours)
            self.stack.callback(os.close, theirs)
        return [theirs for _, theirs in made]

    def connection(self, number: int) -> socket.socket:
        """Passed as a connection of the runtime; the runtime's end."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = self.stack.enter_context(socket.create_connection(listener.getsockname()))
            ours, _ = listener.accept()
        self.say(FrameType.OPEN, 1, ours.fileno(), connection=number)
        ours.close()
        return theirs

    def file(self, name: str, text: str) -> int:
        path = self.folder / name
        path.write_text(text)
        descriptor = os.open(path, os.O_RDONLY)
        self.stack.callback(os.close, descriptor)
        return descriptor


@contextmanager
def supervisor(folder: Path) -> Iterator[tuple[Supervisor, Channel]]:
    with ExitStack() as stack:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        acting = Supervisor(folder, stack.enter_context(theirs), stack)
        channel = Channel(acting.told, acting.told.connections)
        ChannelSocket(ours, channel).begin(channel, reading=True)
        stack.callback(channel.end)
        yield acting, channel


def of_stream(told: object, stream: LogStream) -> bool:
    return isinstance(told, tuple) and told[0] is stream


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_line_written_before_a_request_is_told_before_it(tmp_path: Path) -> None:
    with supervisor(tmp_path) as (acting, _):
        peak = acting.file("peak", "12\n")
        cpu = acting.file("cpu", "7\n")
        acting.say(FrameType.GAUGES, 0b1001, peak, cpu)
        out, err, framed = acting.pipes()
        request = acting.connection(1)
        for turn in range(50):
            text = f"{turn}".encode()
            os.write(out, b"out" + text)
            os.write(err, b"err" + text)
            os.write(framed, b"framed" + text)
            request.sendall(b"GET " + text)
            await acting.told.until(b"GET " + text)

    for stream in (LogStream.STDOUT, LogStream.STDERR, LogStream.FRAMED):
        name = {"stdout": "out", "stderr": "err"}.get(stream.value, "framed")
        told = [e for e in acting.told.happened if isinstance(e, bytes) or of_stream(e, stream)]
        expected: list[object] = []
        for turn in range(50):
            expected += [(stream, f"{name}{turn}".encode()), f"GET {turn}".encode()]
        assert told == expected
    before_each = [e for e in acting.told.happened if isinstance(e, bytes | Figures)]
    figures = Figures(peak_bytes=12, cpu_ns=7)
    assert before_each[:2] == [figures, b"GET 0"]
    assert before_each.count(figures) == 50


async def test_what_is_answered_is_read_at_the_other_end(tmp_path: Path) -> None:
    with supervisor(tmp_path) as (acting, channel):
        acting.pipes()

        class Answers(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                transport.write(b"an answer")
                transport.close()

        channel.adopt(acting.told, Answers)
        request = acting.connection(7)
        received = await asyncio.to_thread(request.recv, 100)
        told = await asyncio.to_thread(acting.end.recv, 100)

    assert received == b"an answer"
    assert told == frame(FrameType.CLOSE, connection=7)


async def test_what_is_left_is_told_before_the_end(tmp_path: Path) -> None:
    with supervisor(tmp_path) as (acting, channel):
        out, _, _ = acting.pipes()
        request = acting.connection(3)
        channel.pause_reading()
        os.write(out, b"last words")
        request.sendall(b"last request")
        request.close()
        acting.say(FrameType.CLOSE, 0, connection=3)
        acting.end.sendall(EXIT)
        channel.resume_reading()
        await acting.told.until(RuntimeExit(code=0))

    told = [each for each in acting.told.happened if not isinstance(each, Figures)]
    assert told == [
        (LogStream.STDOUT, b"last words"),
        b"last request",
        "hung up",
        RuntimeExit(code=0),
    ]


@pytest.mark.parametrize("said", [False, True], ids=["by the runtime", "by the supervisor"])
@pytest.mark.parametrize("turns", range(8))
async def test_end_of_a_connection_is_never_told_after_the_channels(
    tmp_path: Path, turns: int, *, said: bool
) -> None:
    """However far the one has come when the other happens."""
    with supervisor(tmp_path) as (acting, _):
        request = acting.connection(3)
        request.sendall(b"request")
        await acting.told.until(b"request")
        request.close()
        if said:
            acting.say(FrameType.CLOSE, 0, connection=3)
        for _ in range(turns):
            await SystemClock().sleep(0)
        acting.end.close()
        await acting.told.until("lost")
        for _ in range(20):
            await SystemClock().sleep(0)

    told = [each for each in acting.told.happened if not isinstance(each, Figures)]
    assert told == [b"request", "hung up", "lost"]


async def test_nothing_is_taken_while_reading_is_paused(tmp_path: Path) -> None:
    with supervisor(tmp_path) as (acting, channel):
        out, _, _ = acting.pipes()
        request = acting.connection(3)
        request.sendall(b"first")
        await acting.told.until(b"first")
        channel.pause_reading()
        told = len(acting.told.happened)
        os.write(out, b"line")
        request.sendall(b"second")
        await asyncio.to_thread(os.stat, tmp_path)
        assert len(acting.told.happened) == told
        channel.resume_reading()
        await acting.told.until(b"second")

    assert acting.told.happened[told:][:2] == [(LogStream.STDOUT, b"line"), b"second"]


LIES = [
    (kind, what)
    for kind, truth in (
        (FrameType.OPEN, ""),
        (FrameType.TAPS, "pipe"),
        (FrameType.GAUGES, "file"),
    )
    for what in ("nothing", "file", "pipe", "unix socket", "datagram socket")
    if what != truth
]


@pytest.mark.parametrize(("kind", "lie"), LIES)
async def test_what_is_not_what_it_says_ends_the_channel_and_is_closed(
    tmp_path: Path, kind: FrameType, lie: str
) -> None:
    before = open_descriptors()
    with supervisor(tmp_path) as (acting, channel), ExitStack() as stack:
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        stack.callback(os.close, writing)
        family, of_type = (
            (socket.AF_INET, socket.SOCK_DGRAM)
            if lie.startswith("datagram")
            else (socket.AF_UNIX, socket.SOCK_STREAM)
        )
        descriptor = {
            "file": acting.file("text", "1\n"),
            "pipe": reading,
        }.get(lie, stack.enter_context(socket.socket(family, of_type)).fileno())
        count, detail = {
            FrameType.OPEN: (1, 1),
            FrameType.TAPS: (3, 3),
            FrameType.GAUGES: (4, 0b1111),
        }[kind]
        acting.say(kind, detail, *([] if lie == "nothing" else [descriptor] * count))
        await acting.told.until("lost")
        assert not channel.alive

    assert acting.told.happened == ["lost"]
    assert open_descriptors() == before


async def test_descriptors_without_a_frame_are_not_kept(tmp_path: Path) -> None:
    before = open_descriptors()
    with supervisor(tmp_path) as (acting, _):
        file = acting.file("text", "1\n")
        for _ in range(40):
            socket.send_fds(acting.end, [frame(FrameType.MEASURED, bytes(32))], [file] * 8)
        socket.send_fds(acting.end, [EXIT], [file] * 250)
        await acting.told.until(RuntimeExit(code=0))

    assert open_descriptors() == before


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            [
                "4096\n",
                "1024\n",
                "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n",
                "usage_usec 5\nuser_usec 3\n",
            ],
            Figures(peak_bytes=4096, current_bytes=1024, oom_kills=2, cpu_ns=5000),
        ),
        (
            ["4096\n", "1024\n", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", "123456\n"],
            Figures(peak_bytes=4096, current_bytes=1024, oom_kills=1, cpu_ns=123456),
        ),
        (["max\n", "", "oom 1\n", "nr_periods 4\n"], Figures()),
    ],
)
def test_gauges_of_both_versions_are_read(
    tmp_path: Path, texts: list[str], expected: Figures
) -> None:
    files = {}
    for number, text in enumerate(texts):
        (tmp_path / f"{number}").write_text(text)
        files[number] = os.open(tmp_path / f"{number}", os.O_RDONLY)
    gauges = Gauges(files)
    read = gauges.read()
    gauges.close()

    assert read == expected
    assert Gauges({}).read() == Figures()


@pytest.mark.parametrize(
    ("data", "asks"),
    [
        (b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n", True),
        (b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\n\r\n{}", False),
        (b"POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET /next HTTP/1.1\r\n\r\n", True),
        (b"ET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n", True),
    ],
)
def test_whatever_may_be_a_question_for_work_is_measured(data: bytes, asks: bool) -> None:
    assert asks_for_work(data) == asks
