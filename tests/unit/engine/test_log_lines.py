"""From bytes to entries: the same entries however the bytes are cut, and every byte told."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.log_lines import FramedText, FrameSplitter, LineSplitter, cut

LIMIT = 16


def lines(*chunks: bytes, limit: int = LIMIT) -> list[str]:
    """The lines of chunks, the last one flushed."""
    splitter = LineSplitter(limit_bytes=limit)
    return [text for chunk in chunks for text in splitter.feed(chunk)] + splitter.flush()


def records(*chunks: bytes, limit: int = LIMIT) -> list[FramedText]:
    """The same for frames, whose writer has ended."""
    splitter = FrameSplitter(limit_bytes=limit)
    found = [record for chunk in chunks for record in splitter.feed(chunk)]
    return found + splitter.flush(ended=True)


# --- lines ------------------------------------------------------------------------------------------------

LINES = [
    (b"", []),
    (b"\n", [""]),
    (b"a\nb\n", ["a", "b"]),
    (b"a\nb", ["a", "b"]),
    (b"a\r\nb\r\n", ["a", "b"]),
    (b"a\r", ["a"]),
    (b"a\rb\n", ["a\nb"]),
    (b"\r\n\r\n", ["", ""]),
    (b"0123456789abcdef\n", ["0123456789abcdef"]),
    (b"0123456789abcdef\r\n", ["0123456789abcdef"]),
    (b"0123456789abcdefg\n", ["0123456789abcdef", "g"]),
    (b"0123456789abcdefg\r\n", ["0123456789abcdef", "g"]),
    (b"x" * 32 + b"\n", ["x" * 16] * 2),
    (b"x" * 32 + b"\r\n", ["x" * 16] * 2),
    (b"x" * 33, ["x" * 16, "x" * 16, "x"]),
    ("é".encode() * 9 + b"\n", ["é" * 8, "é"]),
    (b"x" + "é".encode() * 9 + b"\n", ["x" + "é" * 7, "éé"]),
    ("🎉".encode() * 5, ["🎉" * 4, "🎉"]),
    (b"xx" + "🎉".encode() * 4, ["xx🎉🎉🎉", "🎉"]),
    (b"\x80" * 20 + b"\n", ["\ufffd" * 16, "\ufffd" * 4]),
    (b"\xff\xfe\n", ["\ufffd\ufffd"]),
    (b"\x1b[2Jclean\n", ["clean"]),
]


@pytest.mark.parametrize(("raw", "expected"), LINES, ids=[ascii(raw) for raw, _ in LINES])
def test_lines(raw: bytes, expected: list[str]) -> None:
    assert lines(raw) == expected


@pytest.mark.parametrize("raw", [raw for raw, _ in LINES], ids=[ascii(raw) for raw, _ in LINES])
def test_lines_byte_by_byte_are_the_same(raw: bytes) -> None:
    assert lines(*(bytes([byte]) for byte in raw)) == lines(raw)


@st.composite
def chunked(draw: st.DrawFn, content: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    """Bytes, and the same bytes cut somewhere."""
    raw = draw(content)
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    edges = [0, *cuts, len(raw)]
    return raw, [raw[a:b] for a, b in itertools.pairwise(edges)]


PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"x", b"x" * 15, b"x" * 16, b"\xc3", b"\xa9", "🎉".encode(), b"\x1b["]
)
TEXT = st.lists(PIECES, max_size=20).map(b"".join) | st.binary(max_size=60)


@given(chunked(TEXT), st.integers(1, 20))
def test_lines_do_not_depend_on_how_their_bytes_are_cut(
    given_: tuple[bytes, list[bytes]], limit: int
) -> None:
    raw, chunks = given_
    assert lines(*chunks, limit=limit) == lines(raw, limit=limit)


@given(chunked(st.text(st.characters(exclude_categories=("C", "Z"))).map(str.encode)))
def test_no_character_is_lost(given_: tuple[bytes, list[bytes]]) -> None:
    raw, chunks = given_
    assert "".join(lines(*chunks)) == raw.decode()


@given(st.binary(max_size=100), st.integers(1, 20))
def test_no_piece_is_longer_than_the_limit(raw: bytes, limit: int) -> None:
    for piece in cut(raw, limit):
        assert len(piece.encode()) <= 3 * limit  # U+FFFD takes three bytes


def test_a_flush_ends_a_line_and_what_follows_is_another() -> None:
    splitter = LineSplitter(limit_bytes=LIMIT)
    assert splitter.feed(b"half") == []
    assert splitter.flush() == ["half"]
    assert splitter.flush() == []
    assert splitter.feed(b" a line\n") == [" a line"]


def test_an_endless_line_does_not_pile_up() -> None:
    splitter = LineSplitter(limit_bytes=LIMIT)
    texts = [text for _ in range(1000) for text in splitter.feed(b"x" * 10)]
    assert len(texts) >= 10_000 // LIMIT - 1
    assert len(splitter._rest) <= LIMIT + 1


# --- frames -----------------------------------------------------------------------------------------------

TEXT_TYPE, JSON_TYPE = 0xA55A0003, 0xA55A0002
AT_US = 1_767_323_045_678_000


def frame(message: bytes, *, kind: int = TEXT_TYPE, at_us: int = AT_US) -> bytes:
    """As awslambdaric's FramedTelemetryLogSink writes it: type, length, stamp, message."""
    return (
        kind.to_bytes(4, "big")
        + len(message).to_bytes(4, "big")
        + at_us.to_bytes(8, "big")
        + message
    )


# Source: awslambdaric 4.2.2, lambda_runtime_log_utils: _TEXT_FRAME_TYPES and _JSON_FRAME_TYPES.
LEVELS = [
    (0xA55A0003, None),
    (0xA55A000B, "DEBUG"),
    (0xA55A000F, "INFO"),
    (0xA55A0013, "WARN"),
    (0xA55A0017, "ERROR"),
    (0xA55A001B, "FATAL"),
    (0xA55A0002, None),
    (0xA55A000A, "DEBUG"),
    (0xA55A000E, "INFO"),
    (0xA55A0012, "WARN"),
    (0xA55A0016, "ERROR"),
    (0xA55A001A, "FATAL"),
    (0xA55A0007, "TRACE"),
    (0xA55A001F, None),
]


@pytest.mark.parametrize(("kind", "level"), LEVELS, ids=[hex(kind) for kind, _ in LEVELS])
def test_levels_of_the_official_client(kind: int, level: str | None) -> None:
    assert records(frame(b"hello\n", kind=kind)) == [FramedText("hello", level, AT_US)]


def test_a_record_of_many_lines_is_one_entry() -> None:
    raw = frame(b"one\ntwo\n\n") + frame(b"three")
    assert records(raw) == [
        FramedText("one\ntwo\n", None, AT_US),
        FramedText("three", None, AT_US),
    ]


def test_a_record_over_the_limit_is_several_entries_with_one_level() -> None:
    assert records(frame(b"x" * 20, kind=0xA55A0017)) == [
        FramedText("x" * 16, "ERROR", AT_US),
        FramedText("x" * 4, "ERROR", AT_US),
    ]


def test_an_empty_record_is_an_empty_entry() -> None:
    assert records(frame(b"")) == [FramedText("", None, AT_US)]


def test_a_mark_is_no_record_and_is_told() -> None:
    splitter = FrameSplitter(limit_bytes=LIMIT)
    raw = frame(b"", kind=0xA55A8000) + frame(b"hello")
    found = [record for byte in raw for record in splitter.feed(bytes([byte]))]
    assert found == [FramedText("hello", None, AT_US)]
    assert splitter.marked


def test_a_record_with_text_is_no_mark() -> None:
    splitter = FrameSplitter(limit_bytes=LIMIT)
    assert splitter.feed(frame(b"hello", kind=0xA55A8000)) == [FramedText("hello", None, AT_US)]
    assert not splitter.marked


HOSTILE = [
    (struct.pack(">IIQ", TEXT_TYPE, 0xFFFFFFFF, 0) + b"x\n", "x"),
    (struct.pack(">IIQ", TEXT_TYPE, 4 * 1024 * 1024 + 1, 0) + b"x\n", "x"),
    (struct.pack(">IIQ", 0xDEADBEEF, 1, 0) + b"x\n", "x"),
    (b"just a line that somebody printed\n", "line"),
]


@pytest.mark.parametrize(("raw", "part"), HOSTILE)
def test_what_is_no_frame_is_a_line_and_frames_go_on_after_it(raw: bytes, part: str) -> None:
    *odd, good = records(raw + frame(b"good"), limit=1000)
    assert part in "".join(record.text for record in odd)
    assert good == FramedText("good", None, AT_US)


def test_a_stamp_of_any_size_is_taken() -> None:
    assert records(frame(b"x", at_us=2**64 - 1)) == [FramedText("x", None, 2**64 - 1)]


def test_half_a_frame_is_waited_for_until_its_writer_has_ended() -> None:
    splitter = FrameSplitter(limit_bytes=LIMIT)
    whole = frame(b"0123456789", kind=0xA55A0017)
    assert splitter.feed(whole[:20]) == []
    assert splitter.flush(ended=False) == []
    assert splitter.feed(whole[20:]) == [FramedText("0123456789", "ERROR", AT_US)]
    assert splitter.feed(whole[:20]) == []
    assert splitter.flush(ended=True) == [FramedText("0123", "ERROR", AT_US)]
    assert splitter.feed(whole) == [FramedText("0123456789", "ERROR", AT_US)]


def test_half_a_line_is_told_at_the_end_of_a_phase() -> None:
    splitter = FrameSplitter(limit_bytes=1000)
    assert splitter.feed(b"no frame, and no line end") == []
    assert splitter.flush(ended=False) == [FramedText("no frame, and no line end")]


def test_a_piece_shorter_than_a_header_is_told_at_the_end() -> None:
    assert records(b"short") == [FramedText("short")]


FRAMES = st.lists(
    st.one_of(
        st.builds(frame, st.binary(max_size=40), kind=st.sampled_from([k for k, _ in LEVELS])),
        st.binary(max_size=30),
        st.just(b"\n"),
        st.just(struct.pack(">IIQ", TEXT_TYPE, 0xFFFFFFFF, 7)),
        st.just(frame(b"cut short")[:-3]),
    ),
    max_size=8,
).map(b"".join)


@given(chunked(FRAMES))
def test_records_do_not_depend_on_how_their_bytes_are_cut(
    given_: tuple[bytes, list[bytes]],
) -> None:
    raw, chunks = given_
    assert records(*chunks) == records(raw)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_well_formed_frames_are_read_one_by_one(messages: list[bytes]) -> None:
    found = records(b"".join(map(frame, messages)), limit=1000)
    assert [record.text for record in found] == [
        text for message in messages for text in cut(message.removesuffix(b"\n"), 1000)
    ]
