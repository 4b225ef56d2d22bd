"""Frames: what the supervisor sends is understood or refused, whatever it is."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.docker.frames import (
    HEADER,
    MAX_PAYLOAD,
    BadFrame,
    Frame,
    FrameReader,
    FrameType,
    acknowledged,
    check_hello,
    figures,
    frame,
    interrupted,
    log_chunk,
    pause_frame,
    run_frame,
    runtime_exit,
)
from workbench.model.container import Figures, LogStream, RuntimeExit, RuntimeStart

PARSERS = (acknowledged, check_hello, figures, interrupted, log_chunk, runtime_exit)

frames = st.builds(
    Frame,
    kind=st.integers(0, 255),
    detail=st.integers(0, 255),
    connection=st.integers(0, 65_535),
    payload=st.binary(max_size=300),
)
numbers = st.one_of(
    st.integers(), st.integers(-2, 70), st.sampled_from([2**63, 10**4400, -(2**70)])
)
words = st.lists(
    st.tuples(
        st.sampled_from(
            ["peak", "now", "oom", "cpu", "code", "signal", "core", "error", "computing", "x"]
        ),
        st.one_of(numbers.map(lambda n: f"{n:#x}" if abs(n) > 10**4000 else str(n)), st.text()),
    )
)

# Any bytes but NUL, as Python has them.
words_of_a_start = st.binary().map(
    lambda raw: raw.replace(b"\0", b"").decode(errors="surrogateescape")
)


def joined(each: list[tuple[str, str]]) -> bytes:
    return " ".join(f"{name}={value}" for name, value in each).encode(errors="replace")


def read(payload: bytes, *, detail: int = 0) -> Frame:
    return Frame(0, detail, 0, payload)


def packed(each: Frame) -> bytes:
    return HEADER.pack(each.kind, each.detail, each.connection, len(each.payload)) + each.payload


@given(sent=st.lists(frames), cuts=st.lists(st.integers(1, 50)))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    sent: list[Frame], cuts: list[int]
) -> None:
    data = b"".join(packed(each) for each in sent)
    reader = FrameReader()
    got: list[Frame] = []
    for cut in cuts:
        got += reader.feed(data[:cut])
        data = data[cut:]
    got += reader.feed(data)

    assert got == sent


@given(st.lists(st.binary(max_size=5000)))
def test_any_bytes_are_frames_or_a_bad_frame_and_never_pile_up(chunks: list[bytes]) -> None:
    reader = FrameReader()
    for chunk in chunks:
        try:
            for _ in reader.feed(chunk):
                pass
        except BadFrame:
            return
        assert len(reader._rest) <= HEADER.size + MAX_PAYLOAD


def test_frame_that_claims_to_be_enormous_is_refused_before_it_comes() -> None:
    header = HEADER.pack(FrameType.LOG, 0, 0, MAX_PAYLOAD + 1)
    with pytest.raises(BadFrame, match="1048577 bytes"):
        list(FrameReader().feed(header))


def test_largest_frame_is_taken() -> None:
    sent = Frame(FrameType.DATA, 0, 7, b"x" * MAX_PAYLOAD)
    assert list(FrameReader().feed(packed(sent))) == [sent]


@given(payload=st.one_of(st.binary(max_size=200), words.map(joined)))
@example(payload=b"code=0 signal=-5 core=0 error=0")
@example(payload=b"code=0 signal=0 core=0 error=1099511627776")
@example(payload=b"protocol=" + b"9" * 5000)
@example(payload=b"signal=9223372036854775808")
@example(payload="protocol=٣".encode())
@example(payload=struct.pack(">4q", 2**63 - 1, -(2**63), 0, -1))
@pytest.mark.parametrize("parse", PARSERS)
def test_any_payload_is_understood_or_a_bad_frame(parse: Any, payload: bytes) -> None:
    for detail in (0, 2, 3, 255):
        try:
            value = parse(read(payload, detail=detail))
        except BadFrame:
            continue
        if isinstance(value, Figures):
            known = (value.peak_bytes, value.current_bytes, value.cpu_ns, value.oom_kills)
            assert all(each is None or 0 <= each < 2**63 for each in known)
        if isinstance(value, RuntimeExit):
            assert value.start_error is not None or value.reason is None or value.reason


def test_figures_that_are_unknown_are_none() -> None:
    assert figures(read(struct.pack(">4q", 5, -1, 0, -1))) == Figures(peak_bytes=5, oom_kills=0)


@pytest.mark.parametrize(
    ("payload", "ended"),
    [
        (b"code=3 signal=0 core=0 error=0", RuntimeExit(code=3)),
        (b"code=-1 signal=9 core=0 error=0", RuntimeExit(code=None, signal=9)),
        (
            b"code=-1 signal=11 core=1 error=0",
            RuntimeExit(code=None, signal=11, core_dumped=True),
        ),
        (
            b"code=-1 signal=0 core=0 error=2",
            RuntimeExit(code=None, start_error="No such file or directory"),
        ),
    ],
)
def test_end_is_read(payload: bytes, ended: RuntimeExit) -> None:
    assert runtime_exit(read(payload)) == ended


def test_log_chunk_has_its_stream_and_stamp() -> None:
    payload = struct.pack(">Q", 1_767_323_045_678_000) + b"said"
    stream, at_us, chunk = log_chunk(read(payload, detail=2))
    assert (stream, at_us, chunk) == (LogStream.FRAMED, 1_767_323_045_678_000, b"said")


def test_hello_of_another_protocol_is_refused() -> None:
    check_hello(read(b"protocol=1"))
    for other in (b"protocol=2", b"", b"protocol=-1"):
        with pytest.raises(BadFrame):
            check_hello(read(other))


def test_order_to_pause_names_its_connection() -> None:
    assert pause_frame(258, pause=True) == b"P\x01\x01\x02\0\0\0\0"
    assert pause_frame(258, pause=False) == b"P\x00\x01\x02\0\0\0\0"


@given(
    argv=st.lists(words_of_a_start, min_size=1),
    variables=st.lists(st.tuples(st.text("AB_", min_size=1), words_of_a_start)),
    framed=st.booleans(),
)
def test_order_to_start_holds_every_word_as_it_is(
    argv: list[str], variables: list[tuple[str, str]], framed: bool
) -> None:
    start = RuntimeStart(
        command=tuple(argv), handler="", variables=tuple(variables), log_frames=framed
    )
    (order,) = FrameReader().feed(run_frame(start, cwd="/var/task"))
    *sent, end = order.payload.decode(errors="surrogateescape").split("\0")

    assert end == ""
    assert sent[:3] == ["/var/task", "f" if framed else "-", str(len(argv))]
    assert sent[3 : 3 + len(argv)] == argv
    assert sent[3 + len(argv) :] == [f"{name}={value}" for name, value in variables]


def test_word_with_a_nul_is_refused() -> None:
    start = RuntimeStart(command=("a\0b",), handler="", variables=(), log_frames=False)
    with pytest.raises(ValueError, match="NUL"):
        run_frame(start, cwd="/")


def test_frame_is_packed_in_network_order() -> None:
    assert frame(FrameType.DATA, b"xy", detail=1, connection=513) == b"D\x01\x02\x01\0\0\0\x02xy"
