"""Saved events on a real file system: bytes, undo, and that nothing outside is ever touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.config.conftest import ProjectOnDisk
from tests.unit.model.test_expectation import a_record
from workbench.config.events import EventFiles
from workbench.errors import (
    AlreadyExists,
    EventNotFound,
    InvalidManifest,
    InvalidParameter,
)
from workbench.model.expectation import Expectation
from workbench.model.function import Function, Severity
from workbench.model.invocation import OutcomeKind
from workbench.model.names import FunctionName

BYTES = b'{\r\n\t"a" :1.0,  "b": "\xc3\xa9"}   \n\n'
EXPECTATION = 'outcome = "error"\n'


@pytest.fixture
def orders(disk: ProjectOnDisk) -> Function:
    folder = disk.function("orders")
    disk.write("orders/events/created.json", BYTES)
    disk.write("orders/events/created.expect.toml", EXPECTATION)
    disk.write("orders/events/broken.json", "{\n  oops\n")
    return Function(name=FunctionName("orders"), folder=folder, configuration=None)


@pytest.fixture
def files(disk: ProjectOnDisk) -> EventFiles:
    return EventFiles(disk.root, disk.root / ".workbench" / "trash")


def snapshot(function: Function) -> dict[str, bytes]:
    events = function.folder / "events"
    return {path.name: path.read_bytes() for path in events.iterdir() if path.is_file()}


# --- reading ---------------------------------------------------------------------------------------------


def test_lists_events_by_name_without_looking_into_them(
    files: EventFiles, orders: Function
) -> None:
    os.utime(orders.folder / "events" / "created.json", (1_800_000_000, 1_800_000_000))
    (orders.folder / "events" / "notes.txt").write_text("")
    (orders.folder / "events" / "not an event.json").write_text("")
    (orders.folder / "events" / "folder.json").mkdir()

    broken, created = files.list(orders)

    assert (broken.name, created.name) == ("broken", "created")
    assert (broken.expected, created.expected) == (False, True)
    assert created.function == "orders"
    assert created.path == orders.folder / "events" / "created.json"
    assert created.size_bytes == len(BYTES)
    assert created.changed_at == datetime.fromtimestamp(1_800_000_000, UTC)


def test_function_without_events_has_none(files: EventFiles, disk: ProjectOnDisk) -> None:
    bare = Function(name=FunctionName("x"), folder=disk.function("x"), configuration=None)

    assert files.list(bare) == ()
    with pytest.raises(EventNotFound, match="It has none yet"):
        files.read(bare, "created")


def test_reads_exactly_the_bytes_on_disk(files: EventFiles, orders: Function) -> None:
    assert files.read(orders, "created") == BYTES


def test_event_that_is_not_there_names_those_that_are(files: EventFiles, orders: Function) -> None:
    with pytest.raises(EventNotFound, match="It has: broken, created"):
        files.read(orders, "nothing")


def test_expectation_is_what_its_file_says_and_else_success(
    files: EventFiles, orders: Function
) -> None:
    assert files.expectation(orders, "created").outcome is OutcomeKind.ERROR
    assert files.expectation(orders, "broken") == Expectation()


def test_wrong_expectation_names_file_and_line(files: EventFiles, orders: Function) -> None:
    (orders.folder / "events" / "created.expect.toml").write_text("# \noutcme = 1\nx = 2\n")

    with pytest.raises(InvalidManifest) as caught:
        files.expectation(orders, "created")

    assert caught.value.path == orders.folder / "events" / "created.expect.toml"
    assert caught.value.line == 2
    assert caught.value.message == (
        'Unknown key "outcme"; did you mean outcome? (1 more mistakes below.)'
    )


def test_problems_are_of_every_event_and_expectation(files: EventFiles, orders: Function) -> None:
    (orders.folder / "events" / "created.expect.toml").write_text("outcome = 1\n")

    found = [(p.path.name, p.line, p.severity) for p in files.problems(orders)]

    assert found == [
        ("broken.json", 2, Severity.WARNING),
        ("created.expect.toml", 1, Severity.ERROR),
    ]


# --- writing ---------------------------------------------------------------------------------------------


def test_saves_byte_for_byte_and_keeps_the_mode(files: EventFiles, orders: Function) -> None:
    path = orders.folder / "events" / "created.json"
    path.chmod(0o640)

    files.save(orders, "created", b"\x00\xff not JSON at all")

    assert path.read_bytes() == b"\x00\xff not JSON at all"
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(snapshot(orders)) == ["broken.json", "created.expect.toml", "created.json"]


def test_first_event_makes_the_folder(files: EventFiles, disk: ProjectOnDisk) -> None:
    bare = Function(name=FunctionName("x"), folder=disk.function("x"), configuration=None)

    files.save(bare, "first", b"{}")

    assert files.read(bare, "first") == b"{}"


def test_reader_sees_the_old_bytes_or_the_new_ones(files: EventFiles, orders: Function) -> None:
    """The old file stays whole for whoever has it open: it is replaced, not written over."""
    with (orders.folder / "events" / "created.json").open("rb") as reader:
        files.save(orders, "created", b"new")

        assert reader.read() == BYTES


def test_copy_has_the_event_and_what_is_expected_of_it(files: EventFiles, orders: Function) -> None:
    files.duplicate(orders, "created", "created-2")
    files.duplicate(orders, "broken", "broken-2")

    found = snapshot(orders)
    assert found["created-2.json"] == found["created.json"] == BYTES
    assert found["created-2.expect.toml"] == EXPECTATION.encode()
    assert "broken-2.json" in found
    assert "broken-2.expect.toml" not in found


def test_renamed_event_takes_its_expectation_along(files: EventFiles, orders: Function) -> None:
    files.rename(orders, "created", "made")

    assert snapshot(orders) == {
        "made.json": BYTES,
        "made.expect.toml": EXPECTATION.encode(),
        "broken.json": b"{\n  oops\n",
    }


def test_nothing_is_ever_overwritten_by_a_copy_or_a_new_name(
    files: EventFiles, orders: Function
) -> None:
    before = snapshot(orders)

    for name in ("broken", "created"):
        with pytest.raises(AlreadyExists):
            files.duplicate(orders, "created", name)
        with pytest.raises(AlreadyExists):
            files.rename(orders, "broken", name)

    assert snapshot(orders) == before


def test_name_whose_expectation_is_taken_is_taken(files: EventFiles, orders: Function) -> None:
    (orders.folder / "events" / "orphan.expect.toml").write_text("")

    with pytest.raises(AlreadyExists):
        files.rename(orders, "created", "orphan")


@pytest.mark.parametrize("act", ["duplicate", "rename", "delete"])
def test_what_is_not_there_cannot_be_changed(files: EventFiles, orders: Function, act: str) -> None:
    before = snapshot(orders)
    arguments = ("new",) if act != "delete" else ()

    with pytest.raises(EventNotFound):
        getattr(files, act)(orders, "nothing", *arguments)

    assert snapshot(orders) == before


def test_expectation_is_recorded_beside_its_event(files: EventFiles, orders: Function) -> None:
    path = files.expect(orders, "broken", a_record(b'{"ok": true}'))

    assert path == orders.folder / "events" / "broken.expect.toml"
    assert files.expectation(orders, "broken") == Expectation(response=(("ok", True),))


def test_recorded_expectation_overwrites_none_and_needs_its_event(
    files: EventFiles, orders: Function
) -> None:
    before = snapshot(orders)

    with pytest.raises(AlreadyExists):
        files.expect(orders, "created", a_record())
    with pytest.raises(EventNotFound):
        files.expect(orders, "nothing", a_record())

    assert snapshot(orders) == before


# --- the trash -------------------------------------------------------------------------------------------


def test_deleted_event_comes_back_as_it_was(files: EventFiles, orders: Function) -> None:
    before = snapshot(orders)

    token = files.delete(orders, "created")
    assert list(snapshot(orders)) == ["broken.json"]

    files.restore(token)
    assert snapshot(orders) == before


def test_deleted_event_comes_back_after_its_folder_went(
    files: EventFiles, orders: Function
) -> None:
    (orders.folder / "events" / "broken.json").unlink()
    token = files.delete(orders, "created")
    (orders.folder / "events").rmdir()

    files.restore(token)

    assert files.read(orders, "created") == BYTES


def test_restoring_never_overwrites(files: EventFiles, orders: Function) -> None:
    token = files.delete(orders, "created")
    files.save(orders, "created", b"newer")

    with pytest.raises(AlreadyExists):
        files.restore(token)
    assert files.read(orders, "created") == b"newer"

    files.rename(orders, "created", "newer")
    files.restore(token)
    assert files.read(orders, "created") == BYTES


@pytest.mark.parametrize("token", ["", "0" * 32, "../../etc", "g" * 32, "a/../" + "0" * 27])
def test_what_is_not_in_the_trash_cannot_be_restored(files: EventFiles, token: str) -> None:
    with pytest.raises(InvalidParameter):
        files.restore(token)


def test_restored_once_is_restored(files: EventFiles, orders: Function) -> None:
    token = files.delete(orders, "created")
    files.restore(token)

    with pytest.raises(InvalidParameter):
        files.restore(token)


def test_trash_is_emptied_by_age(files: EventFiles, orders: Function, disk: ProjectOnDisk) -> None:
    old, new = files.delete(orders, "created"), files.delete(orders, "broken")
    os.utime(disk.root / ".workbench" / "trash" / old, (1_000_000_000, 1_000_000_000))

    assert files.empty_trash(before=datetime(2020, 1, 1, tzinfo=UTC)) == 1
    with pytest.raises(InvalidParameter):
        files.restore(old)
    files.restore(new)


def test_no_trash_is_empty(files: EventFiles) -> None:
    assert files.empty_trash(before=datetime(2020, 1, 1, tzinfo=UTC)) == 0


# --- nothing outside -------------------------------------------------------------------------------------

BAD_NAMES = [
    "",
    ".",
    "..",
    ".hidden",
    "a/b",
    "../app",
    "a\\b",
    "a\0b",
    "ü",
    "x" * 101,
    "a\nb",
    "/etc/x",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_could_leave_the_folder_are_refused(
    files: EventFiles, orders: Function, name: str
) -> None:
    for act in (files.read, files.delete, files.expectation):
        with pytest.raises(InvalidParameter):
            act(orders, name)
    with pytest.raises(InvalidParameter):
        files.save(orders, name, b"")
    for act_on_two in (files.duplicate, files.rename):
        with pytest.raises(InvalidParameter):
            act_on_two(orders, "created", name)


def test_link_is_not_an_event(files: EventFiles, orders: Function, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    (orders.folder / "events" / "link.json").symlink_to(secret)

    assert "link" not in [event.name for event in files.list(orders)]
    with pytest.raises(InvalidManifest, match="This is a link, and not read"):
        files.read(orders, "link")
    with pytest.raises(InvalidManifest):
        files.duplicate(orders, "link", "copy")
    with pytest.raises(InvalidManifest):
        files.delete(orders, "link")
    with pytest.raises(EventNotFound):
        files.rename(orders, "link", "other")

    files.save(orders, "link", b"{}")

    assert secret.read_text() == "hunter2"
    assert files.read(orders, "link") == b"{}"


def test_events_folder_that_is_a_link_is_never_entered(
    files: EventFiles, disk: ProjectOnDisk, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "created.json").write_text("secret")
    function = Function(name=FunctionName("x"), folder=disk.function("x"), configuration=None)
    (function.folder / "events").symlink_to(outside)

    acts: list[Callable[[], object]] = [
        lambda: files.list(function),
        lambda: files.read(function, "created"),
        lambda: files.save(function, "created", b"{}"),
        lambda: files.duplicate(function, "created", "copy"),
        lambda: files.rename(function, "created", "other"),
        lambda: files.delete(function, "created"),
        lambda: files.expect(function, "created", a_record()),
    ]
    for act in acts:
        with pytest.raises(InvalidManifest, match="It is a link or no folder"):
            act()

    assert [path.name for path in outside.iterdir()] == ["created.json"]
    assert (outside / "created.json").read_text() == "secret"


def test_file_in_the_folders_place_is_said(files: EventFiles, disk: ProjectOnDisk) -> None:
    function = Function(name=FunctionName("x"), folder=disk.function("x"), configuration=None)
    (function.folder / "events").write_text("")

    with pytest.raises(InvalidManifest, match="It is a link or no folder"):
        files.save(function, "created", b"{}")


def test_folder_that_may_not_be_written_says_so_and_leaves_nothing(unprivileged: Path) -> None:
    disk = ProjectOnDisk(unprivileged)
    disk.write("orders/events/created.json", BYTES)
    events = unprivileged / "orders" / "events"
    function = Function(name=FunctionName("o"), folder=events.parent, configuration=None)
    files = EventFiles(unprivileged, unprivileged / "trash")
    events.chmod(0o500)

    with pytest.raises(InvalidManifest, match="Permission denied"):
        files.save(function, "created", b"new")

    assert [path.name for path in events.iterdir()] == ["created.json"]
    assert files.read(function, "created") == BYTES


def test_event_that_may_not_be_read_says_so(unprivileged: Path) -> None:
    disk = ProjectOnDisk(unprivileged)
    disk.write("orders/events/created.json", BYTES).chmod(0)
    function = Function(
        name=FunctionName("orders"), folder=unprivileged / "orders", configuration=None
    )
    files = EventFiles(unprivileged, unprivileged / "trash")

    with pytest.raises(InvalidManifest, match="It cannot be read: Permission denied"):
        files.read(function, "created")
    assert [p.message for p in files.problems(function)] == [
        "It cannot be read: Permission denied."
    ]


def test_event_that_is_a_pipe_is_not_waited_for(files: EventFiles, orders: Function) -> None:
    os.mkfifo(orders.folder / "events" / "pipe.json")

    assert "pipe" not in [event.name for event in files.list(orders)]
    with pytest.raises(InvalidManifest, match="no regular file"):
        files.read(orders, "pipe")


@given(name=st.text(max_size=110), content=st.binary(max_size=20))
def test_any_name_is_saved_inside_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("project")
    (root / "orders").mkdir()
    function = Function(name=FunctionName("orders"), folder=root / "orders", configuration=None)
    files = EventFiles(root, root / "trash")

    try:
        files.save(function, name, content)
    except InvalidParameter:
        assert list(root.rglob("*")) == [root / "orders"]
    else:
        assert files.read(function, name) == content
        assert [event.name for event in files.list(function)] == [name]
        assert sorted(path.name for path in root.rglob("*")) == sorted(
            ["orders", "events", f"{name}.json"]
        )
