"""The code store: what is taken, what is left out, and that nothing taken ever changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import FunctionNotReady
from workbench.functions.code import CodeStore
from workbench.functions.sources import IgnoredPaths
from workbench.model.names import FunctionName
from workbench.model.version import Code

NAME = FunctionName("orders")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "orders"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context): return 1\n")
    (folder / "pkg").mkdir()
    (folder / "pkg" / "util.py").write_text("X = 1\n")
    return folder


@pytest.fixture
def store(tmp_path: Path) -> CodeStore:
    return CodeStore(tmp_path / "store")


async def take(store: CodeStore, folder: Path, *patterns: str, mount: tuple[str, ...] = ()) -> Code:
    return await store.take(NAME, folder, ignored=IgnoredPaths(patterns), mount_points=mount)


def contents(code: Code) -> dict[str, bytes]:
    return {
        path.relative_to(code.folder).as_posix(): path.read_bytes()
        for path in code.folder.rglob("*")
        if path.is_file()
    }


async def test_takes_every_file_byte_for_byte(store: CodeStore, folder: Path) -> None:
    (folder / "data.bin").write_bytes(bytes(range(256)) * 5000)

    code = await take(store, folder)

    assert contents(code) == {
        "app.py": (folder / "app.py").read_bytes(),
        "pkg/util.py": (folder / "pkg" / "util.py").read_bytes(),
        "data.bin": (folder / "data.bin").read_bytes(),
    }


async def test_same_content_has_the_same_digest_wherever_it_stands(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    first = await take(store, folder)
    moved = folder.rename(tmp_path / "elsewhere")

    assert (await take(store, moved)).digest == first.digest


@pytest.mark.parametrize(
    "edit",
    [
        lambda f: (f / "app.py").write_text("changed\n"),
        lambda f: (f / "new.py").write_text(""),
        lambda f: (f / "pkg" / "util.py").unlink(),
        lambda f: (f / "app.py").rename(f / "main.py"),
        lambda f: (f / "app.py").chmod(0o755),
    ],
)
async def test_any_edit_changes_the_digest(store: CodeStore, folder: Path, edit: object) -> None:
    before = await take(store, folder)
    assert callable(edit)
    edit(folder)

    assert (await take(store, folder)).digest != before.digest


async def test_what_was_taken_survives_edits_and_deletion(store: CodeStore, folder: Path) -> None:
    code = await take(store, folder)
    before = contents(code)

    with (folder / "app.py").open("r+") as file:  # truncated in place, as some editors save
        file.truncate(0)
    await take(store, folder)
    (folder / "pkg" / "util.py").unlink()
    await take(store, folder)

    assert contents(code) == before


async def test_unchanged_files_are_not_copied_again(store: CodeStore, folder: Path) -> None:
    first = await take(store, folder)
    (folder / "app.py").write_text("changed\n")
    second = await take(store, folder)

    assert (first.folder / "pkg/util.py").stat().st_ino == (
        second.folder / "pkg/util.py"
    ).stat().st_ino


async def test_readable_by_the_sandbox_user_and_written_by_nobody(
    store: CodeStore, folder: Path
) -> None:
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    (folder / "bootstrap").chmod(0o700)
    (folder / "app.py").chmod(0o600)

    code = await take(store, folder)

    modes = {p.name: p.stat().st_mode & 0o777 for p in code.folder.rglob("*")}
    assert modes == {"app.py": 0o444, "bootstrap": 0o555, "pkg": 0o755, "util.py": 0o444}
    assert code.folder.stat().st_mode & 0o777 == 0o755


async def test_leaves_out_what_is_no_code(store: CodeStore, folder: Path) -> None:
    for path in (
        ".git/HEAD",
        "__pycache__/app.cpython-311.pyc",
        "events/one.json",
        "function.toml",
        ".app.py.swp",
        "app.py~",
        "4913",
        ".venv/lib/x.py",
        "notes/todo.md",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")

    assert set(contents(await take(store, folder, "notes/"))) == {"app.py", "pkg/util.py"}


async def test_a_nested_events_folder_is_code(store: CodeStore, folder: Path) -> None:
    (folder / "pkg" / "events").mkdir()
    (folder / "pkg" / "events" / "handlers.py").write_text("")

    assert "pkg/events/handlers.py" in contents(await take(store, folder))


async def test_mount_points_are_left_out_and_made_empty(store: CodeStore, folder: Path) -> None:
    (folder / "node_modules" / "left").mkdir(parents=True)
    (folder / "node_modules" / "left" / "index.js").write_text("1")

    plain = await take(store, folder)
    code = await take(store, folder, mount=("node_modules",))

    assert list((code.folder / "node_modules").iterdir()) == []
    assert code.digest != plain.digest


async def test_links_are_followed_and_loops_end(
    store: CodeStore, folder: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "lib.py").write_text("Y = 2\n")
    (folder / "shared").symlink_to(shared)
    (folder / "self").symlink_to(folder)
    (folder / "dangling").symlink_to(tmp_path / "nowhere")

    assert set(contents(await take(store, folder))) == {"app.py", "pkg/util.py", "shared/lib.py"}


async def test_a_pipe_in_the_folder_is_not_opened(store: CodeStore, folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    assert "pipe" not in contents(await take(store, folder))


async def test_odd_names_survive(store: CodeStore, folder: Path) -> None:
    raw = os.fsencode(folder) + b"/caf\xe9 \xf0\x9f\x98\x80\n.txt"
    with open(raw, "wb") as file:  # noqa: PTH123 - not a name that a Path of text would give
        file.write(b"x")

    code = await take(store, folder)

    assert b"caf\xe9 \xf0\x9f\x98\x80\n.txt" in os.listdir(os.fsencode(code.folder))  # noqa: PTH208 - pathlib takes no bytes


async def test_says_what_cannot_be_read(store: CodeStore, tmp_path: Path) -> None:
    with pytest.raises(FunctionNotReady, match="gone"):
        await take(store, tmp_path / "gone")


async def test_an_empty_folder_is_code_too(store: CodeStore, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    code = await take(store, tmp_path / "empty")

    assert code.folder.is_dir()
    assert contents(code) == {}


async def test_two_stores_on_one_folder_agree(folder: Path, tmp_path: Path) -> None:
    one, two = CodeStore(tmp_path / "store"), CodeStore(tmp_path / "store")

    assert await take(one, folder) == await take(two, folder)


async def test_prune_keeps_what_is_new_and_shared(store: CodeStore, folder: Path) -> None:
    old = await take(store, folder)
    os.utime(old.folder, (1000, 1000))
    (folder / "app.py").write_text("new\n")
    new = await take(store, folder)

    removed = await store.prune(unused_for_s=10, now_s=5000, keep=())

    assert removed == 1
    assert not old.folder.exists()
    assert contents(new) == {"app.py": b"new\n", "pkg/util.py": b"X = 1\n"}
    assert len(list((new.folder.parent / "files").iterdir())) == 2


async def test_taking_again_after_a_prune_restores_the_tree(store: CodeStore, folder: Path) -> None:
    old = await take(store, folder)
    os.utime(old.folder, (1000, 1000))
    await store.prune(unused_for_s=10, now_s=5000, keep=())

    assert contents(await take(store, folder))["pkg/util.py"] == b"X = 1\n"


@given(name=st.sampled_from(["a.pyc", "x/__pycache__/y", ".git/config", "b.swp", "events/e.json"]))
def test_default_patterns_need_no_configuration(name: str) -> None:
    assert IgnoredPaths().matches(name)


async def test_files_of_variables_are_no_code(store: CodeStore, folder: Path) -> None:
    (folder / "dev.env").write_text("API_TOKEN=hunter2\n")
    (folder / ".env").write_text("the function's own\n")
    (folder / "pkg" / "x.env").write_text("the function's own\n")

    assert set(contents(await take(store, folder))) == {
        "app.py",
        "pkg/util.py",
        ".env",
        "pkg/x.env",
    }


async def test_what_looks_unchanged_is_read_again_all_the_same(
    store: CodeStore, folder: Path
) -> None:
    """As long and as old as before: what `cp -p` over it, or a restored backup, leaves."""
    app = folder / "app.py"
    before = app.stat()
    await take(store, folder)
    app.write_bytes(app.read_bytes().replace(b"1", b"2"))
    os.utime(app, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert contents(await take(store, folder))["app.py"] == app.read_bytes()


async def test_changes_within_one_tick_of_the_file_systems_clock_are_seen(
    store: CodeStore, folder: Path
) -> None:
    app = folder / "app.py"
    taken = []
    for number in range(200):
        app.write_bytes(b"%3d" % number)
        taken.append(contents(await take(store, folder))["app.py"])

    assert taken == [b"%3d" % number for number in range(200)]
