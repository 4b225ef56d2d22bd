"""One HTTP connection: whatever arrives in whatever pieces, its requests are answered in order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http_connection import Connection, Exchange
from workbench.http_connection import field as header

HEAD_BYTES = 4000
BODY_BYTES = 100
LATER = "/later"


class Wire(asyncio.Transport):
    """The other side of a connection: what was written to it, and whether it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.reading = True
        self.closed = False

    def write(self, data: Any) -> None:
        assert not self.closed, "written after its end"
        self.said += data

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True


@dataclass(slots=True)
class Echo:
    """Says what it was asked; what is asked of `LATER` when it is told to."""

    seen: list[str] = field(default_factory=list)
    waiting: list[Exchange] = field(default_factory=list)

    def begin(self, exchange: Exchange) -> None:
        if exchange.target == "/refused":
            self.seen.append("refused")
            exchange.respond(200, "", b"no")

    def complete(self, exchange: Exchange) -> None:
        if exchange.target == LATER:
            self.waiting.append(exchange)
        else:
            self.answer(exchange)

    def hung_up(self, exchange: Exchange) -> None:
        self.seen.append(f"{exchange.target} hung up")

    def answer(self, exchange: Exchange) -> None:
        size = "too large" if exchange.too_large else str(len(exchange.body))
        self.seen.append(f"{exchange.method} {exchange.target} {size}")
        exchange.respond(200, header("X-Size", size), exchange.body)


@dataclass(slots=True)
class Site:
    wire: Wire = field(default_factory=Wire)
    service: Echo = field(default_factory=Echo)
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = Connection(self.service, head_bytes=HEAD_BYTES, body_bytes=BODY_BYTES)
        self.connection.connection_made(self.wire)

    def hear(self, data: bytes, *, pieces_of: int | None = None) -> Site:
        size = pieces_of or max(1, len(data))
        for at in range(0, len(data), size):
            self.connection.data_received(data[at : at + size])
        return self

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", self.wire.said)]


def post(target: str, body: bytes = b"", *fields: str) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(target: str, *pieces: bytes, trailer: bytes = b"", fields: str = "") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{fields}\r\n"
    parts = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return head.encode() + b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


UPGRADE = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAE\r\n"
MIXTURE = b"".join(
    [
        post("/a", b"one"),
        b"GET /b?c=d HTTP/1.1\r\nHost: x\r\n\r\n",
        chunked("/e", b"two", b"three", trailer=b"Host: y\r\nX: y\r\n"),
        post("/f", b"x" * 101),
        post("/g", b"four", *UPGRADE.split("\r\n")[:-1]),
        chunked("/h", b"five", fields=UPGRADE),
        b"GET /i HTTP/1.1\r\nHost: x\r\n" + UPGRADE.encode() + b"\r\n",
        post("/refused", b"never looked at"),
        post("/j", b"", "Expect: 100-continue"),
    ]
)
ANSWERED = [
    "POST /a 3",
    "GET /b?c=d 0",
    "POST /e 8",
    "POST /f too large",
    "POST /g 4",
    "POST /h 4",
    "GET /i 0",
    "refused",
    "POST /j 0",
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 100_000])
def test_however_requests_are_cut_they_are_the_same_requests(size: int) -> None:
    site = Site().hear(MIXTURE, pieces_of=size)

    assert site.service.seen == ANSWERED
    assert [status for status in site.statuses if status != 100] == [200] * len(ANSWERED)
    assert not site.wire.closed


def test_requests_behind_one_that_is_worked_on_wait_unread() -> None:
    site = Site().hear(post(LATER) + post("/second"))
    site.hear(post("/third"))
    assert (site.service.seen, site.wire.reading) == ([], False)
    site.service.answer(site.service.waiting[0])

    assert site.service.seen == ["POST /later 0", "POST /second 0", "POST /third 0"]
    assert site.wire.reading


def test_client_that_does_not_take_its_answers_is_not_served_further() -> None:
    site = Site()
    site.connection.pause_writing()
    site.hear(post("/a") + post("/b"))
    assert (site.service.seen, site.wire.reading) == ([], False)
    site.connection.resume_writing()

    assert site.service.seen == ["POST /a 0", "POST /b 0"]
    assert site.wire.reading


def test_client_that_stalls_in_the_middle_of_a_body_goes_on_where_it_was() -> None:
    site = Site().hear(post("/a", b"half")[:-2])
    site.connection.pause_writing()
    site.hear(b"lf")
    site.connection.resume_writing()

    assert site.service.seen == ["POST /a 4"]


def test_hanging_up_is_told_once_and_only_of_what_was_not_answered() -> None:
    site = Site().hear(post("/a") + post(LATER) + post("/never begun"))
    site.connection.connection_lost(None)
    site.connection.connection_lost(None)
    site.service.answer(site.service.waiting[0])

    assert site.service.seen[:2] == ["POST /a 0", "/later hung up"]
    assert site.statuses == [200]


def test_garbage_is_refused_after_what_came_before_it_is_answered() -> None:
    site = Site().hear(post(LATER) + b"\0garbage\r\n\r\n")
    assert site.statuses == []
    site.service.answer(site.service.waiting[0])

    assert site.statuses == [200, 400]
    assert site.wire.closed


def test_body_that_turns_into_garbage_is_hung_up_on() -> None:
    site = Site().hear(
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
    )
    site.hear(b"zz\r\n")

    assert site.service.seen == ["/a hung up"]
    assert (site.statuses, site.wire.closed) == ([400], True)


@pytest.mark.parametrize("size", [1, 50, 10_000])
@pytest.mark.parametrize(
    "endless",
    [
        b"GET /" + b"a" * 2 * HEAD_BYTES,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 2 * HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * HEAD_BYTES,
    ],
    ids=["target", "header", "headers"],
)
def test_head_without_an_end_is_given_up(endless: bytes, size: int) -> None:
    site = Site().hear(endless, pieces_of=size).hear(b"a" * HEAD_BYTES).hear(b"a")

    assert (site.statuses, site.wire.closed, site.service.seen) == ([400], True, [])


def test_one_who_asks_before_it_sends_is_told_once() -> None:
    site = Site().hear(post("/a", b"body", "Expect: 100-continue")[:-4])
    assert site.wire.said == b"HTTP/1.1 100 Continue\r\n\r\n"
    site.hear(b"body")

    assert site.statuses == [100, 200]


def test_one_who_asks_and_is_refused_is_hung_up_on() -> None:
    """Whether its body will come, nobody knows."""
    site = Site().hear(post("/refused", b"body", "Expect: 100-continue")[:-4])

    assert b"Connection: close\r\n" in site.wire.said
    assert (site.statuses, site.wire.closed) == ([200], True)


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
    ],
)
def test_connection_is_kept_as_its_client_wishes(head: bytes, kept: bool) -> None:
    site = Site().hear(head)

    assert site.wire.closed is not kept
    assert (b"Connection: close\r\n" in site.wire.said) is not kept
    assert (b"Connection: keep-alive\r\n" in site.wire.said) is (kept and b"1.0" in head)


def test_answer_to_head_has_no_body() -> None:
    site = Site().hear(b"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")

    assert b"Content-Length: 3\r\n" in site.wire.said
    assert site.wire.said.endswith(b"\r\n\r\n")


def test_header_value_never_becomes_two_headers() -> None:
    assert header("A", "b\r\nC: d\0\x7fü€") == "A: b  C: d  ü€\r\n"


@given(data=st.binary(max_size=300), before=st.booleans(), size=st.integers(1, 50))
def test_no_bytes_break_it(data: bytes, before: bool, size: int) -> None:
    site = Site().hear((MIXTURE if before else b"") + data, pieces_of=size)
    site.connection.connection_lost(None)

    assert site.service.seen[: len(ANSWERED)] == (ANSWERED if before else site.service.seen)[:9]


@given(
    st.lists(st.sampled_from([MIXTURE, post(LATER), b"\r\n", b"\0", b"GET / HTTP/1.0\r\n\r\n"])),
    st.integers(1, 500),
)
def test_nothing_is_said_after_the_end(pieces: list[bytes], size: int) -> None:
    site = Site().hear(b"".join(pieces), pieces_of=size)
    for exchange in site.service.waiting:  # more are added as the earlier are answered
        site.service.answer(exchange)
    site.connection.close()

    assert len(site.statuses) >= len([line for line in site.service.seen if "hung up" not in line])


def a_request(method: str, target: str, version: str, fields: tuple[str, ...], body: str) -> bytes:
    """As a client would write it, or as nobody should."""
    lines = [f"{method} {target} HTTP/{version}", *fields]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", body]).encode("utf-8", "surrogateescape")


REQUESTS = st.builds(
    a_request,
    st.sampled_from(["GET", "POST", "HEAD", "get", "PUT", ""]),
    st.sampled_from(["/a", "/b?c=d", "/refused", "", "*", "/a b", "/\u00e9", "/a#b", "/\x01", "a"]),
    st.sampled_from(["1.1", "1.1", "1.0", "2.0", "1.1 "]),
    st.sampled_from(
        [
            ("Host: x",),
            ("Host: x", "X-Y: z"),
            ("Host: x", "Connection: close"),
            ("Host: x", "Expect: 100-continue"),
            ("Host: x", "Upgrade: h2c", "Connection: Upgrade"),
            ("Host : x",),
        ]
    ),
    st.sampled_from(["", "x", "xy", "\r\n\r\n", "y" * (BODY_BYTES + 1)]),
)


@given(requests=st.lists(REQUESTS, max_size=8), twice=st.booleans())
def test_what_is_recognised_is_what_would_be_parsed(requests: list[bytes], twice: bool) -> None:
    once, parsed = Site(), Site()
    for request in requests * (2 if twice else 1):
        for site, cut in ((once, len(request)), (parsed, 1)):
            for piece in (request[:cut], request[cut:]):
                if piece and not site.wire.closed:
                    site.connection.data_received(piece)
    assert once.service.seen == parsed.service.seen
    assert once.wire.said == parsed.wire.said
    assert once.wire.closed == parsed.wire.closed


def test_what_is_said_again_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()
    site.hear(post("/one", b"abc", "X-Y: z"))
    monkeypatch.setattr(Connection, "_feed", None)  # what parses
    site.hear(post("/two", b"def", "X-Y: z")).hear(post("/three?a=b", b"\r\n\r", "X-Y: z"))
    assert site.wire.said.endswith(b"\r\n\r\n\r\n\r")
    site.hear(post("/one", b"ghi", "X-Y: z"))
    assert site.service.seen == ["POST /one 3", "POST /two 3", "POST /three?a=b 3", "POST /one 3"]
    assert site.wire.said.endswith(b"\r\n\r\nghi")


def test_a_repeated_head_with_half_of_its_body_is_parsed() -> None:
    site = Site()
    whole = post("/one", b"abc", "X-Y: z")
    site.hear(whole).hear(whole[:-2]).hear(whole[-2:]).hear(whole + whole)
    assert site.service.seen == ["POST /one 3"] * 4
