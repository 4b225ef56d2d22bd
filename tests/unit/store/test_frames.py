from __future__ import annotations

import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.store.frames import MAGIC, Frame, FrameKind, buffers, frames

some_frames = st.lists(
    st.builds(
        Frame,
        kind=st.sampled_from(FrameKind),
        sequence=st.integers(0, 2**64 - 1),
        metadata=st.binary(max_size=100),
        payload=st.binary(max_size=100),
    ),
    max_size=6,
)


def segment(written: list[Frame]) -> bytes:
    return MAGIC + b"".join(
        b"".join(buffers(one.kind, one.sequence, one.metadata, one.payload)) for one in written
    )


@given(some_frames)
def test_what_was_written_is_read(written: list[Frame]) -> None:
    assert list(frames(segment(written))) == written


@given(some_frames)
def test_a_frame_knows_how_much_of_the_file_it_takes(written: list[Frame]) -> None:
    assert len(segment(written)) == len(MAGIC) + sum(one.size_bytes for one in written)


@given(some_frames, st.data())
def test_a_file_cut_anywhere_gives_the_whole_frames_before_the_cut(
    written: list[Frame], data: st.DataObject
) -> None:
    whole = segment(written)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [len(segment(written[:count])) for count in range(len(written) + 1)]

    expected = sum(end <= cut for end in ends[1:])

    assert list(frames(whole[:cut])) == written[:expected]


@given(some_frames.filter(bool), st.data())
def test_a_changed_byte_ends_the_reading_and_invents_nothing(
    written: list[Frame], data: st.DataObject
) -> None:
    whole = bytearray(segment(written))
    at = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))

    read = list(frames(bytes(whole)))

    assert len(read) < len(written)
    assert read == written[: len(read)]


@given(some_frames, st.integers(1, 5000))
def test_zeros_after_the_last_frame_are_no_frame(written: list[Frame], zeros: int) -> None:
    assert list(frames(segment(written) + bytes(zeros))) == written


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(content: bytes) -> None:
    list(frames(content))
    list(frames(MAGIC + content))


def test_a_file_of_another_format_has_no_frames_for_us() -> None:
    content = segment([Frame(kind=FrameKind.ENDED, sequence=1, metadata=b"[]", payload=b"")])

    assert list(frames(content.replace(b"journal 1", b"journal 2"))) == []


def test_kinds_have_the_numbers_that_are_on_disk() -> None:
    numbers = [kind.value for kind in FrameKind]

    assert numbers[0] == 1
    assert all(after == before + 1 for before, after in pairwise(numbers))


@pytest.mark.parametrize("number", [0, 5, 255])
def test_a_kind_we_do_not_know_ends_the_reading(number: int) -> None:
    rest = struct.pack(">BQII", number, 1, 0, 0)
    unknown = struct.pack(">I", zlib.crc32(rest)) + rest

    assert list(frames(MAGIC + unknown)) == []
