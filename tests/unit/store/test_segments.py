from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.fakes.versions import an_acceptance
from workbench.model.invocation import Acceptance
from workbench.store import segments
from workbench.store.changes import Change, encode
from workbench.store.frames import MAGIC, FrameKind, buffers
from workbench.store.segments import SegmentWriter, delete_taken, paths_of, read_backlog

MINE = "0a1b2c3d"


def write(writer: SegmentWriter, sequence: int, payload: bytes = b"{}") -> Acceptance:
    change = an_acceptance(payload=payload)
    writer.append(buffers(*_framed(change, sequence)), sequence)
    return change


def _framed(change: Change, sequence: int) -> tuple[FrameKind, int, bytes, bytes]:
    kind, metadata, payload = encode(change)
    return kind, sequence, metadata, payload


def read(folder: Path, after: int = 0) -> list[Change]:
    backlog = read_backlog(paths_of(folder, MINE), after, limit=1000, limit_bytes=10**9)
    return backlog.changes


def test_nothing_is_on_disk_before_there_is_something_to_say(tmp_path: Path) -> None:
    SegmentWriter(tmp_path, MINE)

    assert list(tmp_path.iterdir()) == []


def test_changes_are_read_in_order_across_files(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    written = []
    for sequence in range(1, 31):
        written.append(write(writer, sequence))
        if sequence % 3 == 0:
            writer.finish()

    assert len(paths_of(tmp_path, MINE)) == 10
    assert read(tmp_path) == written
    assert read(tmp_path, after=17) == written[17:]


def test_a_file_is_for_its_owner_only(tmp_path: Path) -> None:
    write(SegmentWriter(tmp_path, MINE), 1)

    (path,) = paths_of(tmp_path, MINE)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_large_file_is_left_for_the_next(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)

    write(writer, 1, payload=bytes(segments.SEGMENT_BYTES))
    write(writer, 2)

    assert [one.last for one in writer.finished] == [1]
    assert len(paths_of(tmp_path, MINE)) == 2


def test_a_file_whose_content_is_in_the_database_is_left_when_it_is_worth_it(
    tmp_path: Path,
) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    write(writer, 1)
    writer.all_taken(1)
    write(writer, 2, payload=bytes(segments.IDLE_SEGMENT_BYTES))
    writer.all_taken(1)
    assert not writer.finished

    writer.all_taken(2)

    assert [one.last for one in writer.finished] == [2]


def test_only_files_that_are_wholly_in_the_database_are_deleted(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    for sequence in range(1, 7):
        write(writer, sequence)
        if sequence % 2 == 0:
            writer.finish()

    delete_taken(writer.finished, 3)

    assert [path.name for path in paths_of(tmp_path, MINE)] == [f"{MINE}-2", f"{MINE}-3"]


def test_a_file_that_somebody_deleted_is_no_trouble(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    write(writer, 1)
    writer.finish()
    paths_of(tmp_path, MINE)[0].unlink()

    delete_taken(writer.finished, 1)

    assert not writer.finished


def test_files_are_ordered_by_number_not_by_name(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    for sequence in range(1, 13):
        write(writer, sequence)
        writer.finish()

    numbers = [int(path.name.rpartition("-")[2]) for path in paths_of(tmp_path, MINE)]

    assert numbers == list(range(1, 13))


def test_journals_are_told_apart_by_their_instance(tmp_path: Path) -> None:
    write(SegmentWriter(tmp_path, MINE), 1)
    write(SegmentWriter(tmp_path, "ffff0000"), 1)
    (tmp_path / "notes.txt").write_text("not a journal")

    assert segments.instances_with_segments(tmp_path) == {MINE, "ffff0000"}
    assert len(paths_of(tmp_path, MINE)) == 1


def test_a_folder_that_is_not_there_has_no_journals(tmp_path: Path) -> None:
    assert segments.instances_with_segments(tmp_path / "none") == set()


def test_a_backlog_is_read_in_stretches_of_at_least_one_change(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    written = [write(writer, sequence, payload=bytes(1000)) for sequence in range(1, 6)]
    paths = paths_of(tmp_path, MINE)

    two = read_backlog(paths, 0, limit=2, limit_bytes=10**9)
    tiny = read_backlog(paths, two.last, limit=100, limit_bytes=1)
    rest = read_backlog(paths, tiny.last, limit=100, limit_bytes=10**9)
    none = read_backlog(paths, rest.last, limit=100, limit_bytes=10**9)

    assert [two.changes, tiny.changes, rest.changes] == [written[:2], written[2:3], written[3:]]
    assert (none.changes, none.last, none.size_bytes) == ([], 5, 0)


def test_a_frame_that_says_nothing_we_know_is_passed_over(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    first = write(writer, 1)
    writer.append(buffers(FrameKind.ENDED, 2, b'["nonsense"]', b""), 2)
    last = write(writer, 3)

    assert read(tmp_path) == [first, last]


def test_a_torn_frame_at_the_end_of_a_file_does_not_hide_the_next_file(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, MINE)
    first = write(writer, 1)
    torn = b"".join(buffers(*_framed(an_acceptance(), 2)))[:-1]
    writer.append((torn,), 1)
    writer.finish()
    second = write(writer, 2)

    assert read(tmp_path) == [first, second]


def test_a_folder_that_cannot_be_written_is_an_error_each_time(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "missing", MINE)

    for sequence in (1, 2):
        with pytest.raises(FileNotFoundError):
            write(writer, sequence)

    (tmp_path / "missing").mkdir()
    written = write(writer, 3)
    assert read(tmp_path / "missing") == [written]


@pytest.mark.parametrize(
    ("content", "known"),
    [(b"", True), (MAGIC[:5], True), (MAGIC + b"...", True), (b"workbench journal 2\n", False)],
)
def test_a_newer_format_is_told_from_a_file_cut_short(
    tmp_path: Path, content: bytes, known: bool
) -> None:
    path = tmp_path / f"{MINE}-1"
    path.write_bytes(content)

    assert segments.is_known_format(path) is known
