"""Hot reload: what a save does to invocations before, during and after it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.functions.stage import FolderReader, stage, write
from tests.integration.store import disks
from workbench.clock import SystemClock
from workbench.errors import (
    BuildFailed,
    DiskFull,
    FunctionNotFound,
    FunctionNotReady,
    ThrottledError,
)
from workbench.functions.watch import watch
from workbench.model.function import Function, Project
from workbench.model.names import FunctionName
from workbench.model.telemetry import CodeReloaded, EventsChanged, ProjectChanged, ReloadRejected
from workbench.model.version import Image
from workbench.telemetry import Bus

Save = Callable[[Path, bytes], None]


def truncate_and_write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def write_and_rename(path: Path, content: bytes) -> None:
    """vim, IntelliJ, and everyone careful."""
    beside = path.with_name(f"{path.name}___tmp")
    beside.write_bytes(content)
    beside.replace(path)


def move_away_and_write(path: Path, content: bytes) -> None:
    """vim with `backupcopy=no`."""
    path.rename(path.with_name(f"{path.name}~"))
    path.write_bytes(content)


def delete_and_write(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def write_in_pieces(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        for byte in content:
            file.write(bytes([byte]))
            file.flush()


@pytest.mark.parametrize(
    "save",
    [
        truncate_and_write,
        write_and_rename,
        move_away_and_write,
        delete_and_write,
        write_in_pieces,
    ],
)
async def test_next_invocation_after_a_save_runs_the_new_code(
    save: Save, project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        assert await on.call() == b'"old"'
        save(folder / "answer", b'"new"')
        await on.hear(CodeReloaded)

        assert await on.call() == b'"new"'


async def test_invocation_in_flight_keeps_the_files_it_started_with(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        slow = await on.start(payload=b'"slow"')
        (folder / "answer").write_text('"new"')
        await on.hear(CodeReloaded)
        quick = await on.start()

        assert (await quick.outcome()).payload == b'"new"'
        assert (await slow.outcome()).payload == b'"old"'


async def test_no_invocation_is_refused_or_lost_and_none_goes_back_in_time(
    project_folder: Path, state_folder: Path
) -> None:
    """Saves as fast as they come, invocations all the while."""
    folder = write(project_folder, "orders", "0")
    answers: list[int] = []
    async with stage(project_folder, state_folder) as on:
        await on.call()

        async def save_often() -> None:
            for number in range(1, 26):
                (folder / "answer").write_text(str(number))
                await on.hear(CodeReloaded)

        async with asyncio.TaskGroup() as tasks:
            saving = tasks.create_task(save_often())
            while not saving.done():
                answers.append(int(await on.call()))
        last = int(await on.call())

    assert answers == sorted(answers)
    assert last == 25
    assert len(set(answers)) > 1


async def test_a_burst_of_changes_is_one_reload(project_folder: Path, state_folder: Path) -> None:
    """As a git checkout writes 500 files."""
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        for number in range(500):
            (folder / f"module_{number}.py").write_text(f"X = {number}\n")
        (folder / "answer").write_text('"new"')
        await on.hear(CodeReloaded)

        assert await on.call() == b'"new"'
        later = [value for value in on.heard if isinstance(value, CodeReloaded)]
        assert len(later) <= 2  # a slow machine may pause in the middle of the burst


@pytest.mark.parametrize(
    "path", ["__pycache__/x.pyc", ".app.py.swp", "notes.md", ".git/index", "answer~", "4913"]
)
async def test_ignored_paths_reload_nothing(
    path: str, project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("x")
        (folder / "answer").write_text('"new"')  # something to wait for
        await on.hear(CodeReloaded)
        await on.call()

        assert len(on.driver.containers) == 2


async def test_code_that_a_link_leads_to_is_watched_too(
    project_folder: Path, state_folder: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "lib.py").write_text("1")
    folder = write(project_folder, "orders", '"same"')
    (folder / "shared").symlink_to(shared)
    (folder / "loop").symlink_to(folder)
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (shared / "lib.py").write_text("2")

        assert (await on.hear(CodeReloaded)).function == "orders"


async def test_a_file_in_a_new_folder_reloads(project_folder: Path, state_folder: Path) -> None:
    folder = write(project_folder, "orders", '"same"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / "deep" / "er").mkdir(parents=True)
        await on.call()
        (folder / "deep" / "er" / "module.py").write_text("1")
        await on.hear(CodeReloaded)
        (folder / "deep").rename(folder / "moved")
        await on.hear(CodeReloaded)
        (folder / "moved" / "er" / "module.py").write_text("2")

        assert (await on.hear(CodeReloaded)).function == "orders"


async def test_our_own_files_and_installed_packages_are_not_watched(
    project_folder: Path, state_folder: Path
) -> None:
    """Every record of the journal would be an event on the loop that serves invocations."""
    folder = write(project_folder, "orders", '"same"')
    seen: list[Path] = []
    (folder / "node_modules" / "left").mkdir(parents=True)
    async with watch(project_folder, seen.append, Bus()):
        (state_folder / "journal").mkdir()
        (state_folder / "journal" / "1").write_text("x")
        (folder / "node_modules" / "left" / "index.js").write_text("x")
        (folder / "answer").write_text("x")
        async with asyncio.timeout(10):
            while folder / "answer" not in seen:
                await SystemClock().sleep(0.01)

    assert set(seen) == {folder / "answer"}


async def see(seen: list[Path], *any_of: Path) -> None:
    async with asyncio.timeout(10):
        while not set(any_of) & set(seen):
            await SystemClock().sleep(0.01)


async def test_folders_that_take_each_others_names_lose_no_change(
    project_folder: Path, tmp_path: Path
) -> None:
    """watchdog's own books do not survive this: the folder that went keeps the name of its successor."""
    folder = write(project_folder, "orders", '"first"')
    seen: list[Path] = []
    async with watch(project_folder, seen.append, Bus()):
        folder.rename(tmp_path / "away")
        write(project_folder, "orders", '"second"')
        await see(seen, folder)
        seen.clear()
        shutil.rmtree(folder)
        await see(seen, folder)
        write(project_folder, "other", '"other"')
        shutil.rmtree(tmp_path / "away")
        write(project_folder, "orders", '"third"')
        seen.clear()
        (project_folder / "last").touch()
        await see(seen, project_folder / "last", project_folder)
        seen.clear()
        (folder / "answer").write_text('"fourth"')
        await see(seen, folder / "answer")


async def test_more_changes_than_the_kernel_can_hold_are_one_look_at_everything(
    project_folder: Path,
) -> None:
    """It drops what is beyond fs.inotify.max_queued_events while nobody reads."""
    folder = write(project_folder, "orders", '"first"')
    seen: list[Path] = []
    async with watch(project_folder, seen.append, Bus()):
        for number in range(9000):
            (folder / f"with a name as long as some are {number}").touch()
        (folder / "new").mkdir()
        (folder / "new" / "before").touch()
        await see(seen, project_folder)
        async with asyncio.timeout(30):  # until the queue is empty they are part of "everything"
            while not any(path.parent == folder / "new" for path in seen):
                (folder / "new" / "after").touch()
                await SystemClock().sleep(0.01)


async def test_watching_leaves_no_file_descriptor_behind(project_folder: Path) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(3):
        async with watch(project_folder, lambda path: None, Bus()):
            pass

    assert len(list(Path("/dev/fd").iterdir())) == before


async def test_saving_the_same_content_keeps_the_environment(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"same"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / "answer").write_text('"same"')
        os.utime(folder / "answer")
        on.reload.noticed(folder / "answer")
        await on.call()  # waits until the change has been taken up

        assert len(on.driver.containers) == 1


async def test_a_changed_manifest_is_a_new_version(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", "1", manifest="30")
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / "function.toml").write_text("7")
        await on.hear(CodeReloaded)

        assert (await on.start()).acceptance.timeout_s == 7


async def test_changed_dependencies_are_a_new_version(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", "1")
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / "requirements.txt").write_text("one")
        await on.hear(CodeReloaded)
        await on.call()

        assert [len(container.spec.mounts) for container in on.driver.containers] == [1, 2]


async def test_a_function_with_an_image_of_its_own_has_its_dependencies_in_there(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", "1")
    (folder / "requirements.txt").write_text("one")
    (folder / "image").write_text("orders:1")
    async with stage(project_folder, state_folder) as on:
        await on.call()

        assert [len(container.spec.mounts) for container in on.driver.containers] == [1]


async def test_a_broken_manifest_is_said_at_once_and_the_last_good_one_serves(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / "function.toml").write_text("nonsense")
        rejected = await on.hear(ReloadRejected)
        served_while_broken = await on.call()
        (folder / "function.toml").write_text("30")
        (folder / "answer").write_text('"mended"')
        await on.hear(CodeReloaded)

        assert rejected.problems[0].line == 1
        assert rejected.problems[0].path == folder / "function.toml"
        assert served_while_broken == b'"old"'
        assert await on.call() == b'"mended"'


async def test_what_a_full_disk_kept_out_is_taken_up_when_there_is_room_again(
    project_folder: Path, tmp_path: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    with disks.small_disk(tmp_path / "disk", size="1m") as disk:
        async with stage(project_folder, disk / "state") as on:
            await on.call()
            filler = disks.fill(disk)
            (folder / "answer").write_text('"new"')
            rejected = await on.hear(ReloadRejected)
            served_while_full = await on.call()
            filler.unlink()
            await on.hear(CodeReloaded)  # nobody has touched the file again
            served_after = await on.call()
            said_again = [value for value in on.heard if isinstance(value, ReloadRejected)]

    assert "No space left on device" in rejected.problems[0].message
    assert served_while_full == b'"old"'
    assert served_after == b'"new"'
    assert said_again == []


async def test_a_failed_build_keeps_the_last_good_version(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        on.images.fails = BuildFailed("python3.13", step="Step 3/7", output="no such package")
        (folder / "answer").write_text('"new"')
        rejected = await on.hear(ReloadRejected)

        assert "no such package" in rejected.problems[0].message
        assert await on.call() == b'"old"'


async def test_a_build_that_a_full_disk_broke_is_tried_again_without_another_save(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        on.images.fails = DiskFull("dependencies of orders: no space left on device")
        (folder / "answer").write_text('"new"')
        rejected = await on.hear(ReloadRejected)
        served_while_full = await on.call()
        on.images.fails = None
        await on.hear(CodeReloaded)

        assert "The container engine's disk is full" in rejected.problems[0].message
        assert served_while_full == b'"old"'
        assert await on.call() == b'"new"'


async def test_a_function_that_was_never_sound_says_why_and_recovers(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"ok"', manifest="broken")
    async with stage(project_folder, state_folder) as on:
        with pytest.raises(FunctionNotReady, match=r"function\.toml:1"):
            await on.call()
        (folder / "function.toml").write_text("30")
        await on.hear(ProjectChanged)

        assert await on.call() == b'"ok"'


@pytest.mark.parametrize("save", [lambda path: path.write_bytes(b""), Path.unlink])
async def test_what_stays_half_saved_is_taken_as_it_is(
    save: Callable[[Path], object], project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    (folder / "other").write_text("something")
    async with stage(project_folder, state_folder) as on:
        await on.call()
        save(folder / "other")

        reloaded = await on.hear(CodeReloaded)

        assert reloaded.old_digest != reloaded.new_digest
        assert await on.call() == b'"old"'


async def test_a_build_that_failed_once_is_tried_again_by_the_next_invocation(
    project_folder: Path, state_folder: Path
) -> None:
    write(project_folder, "orders", '"ok"')
    async with stage(project_folder, state_folder) as on:
        on.images.fails = BuildFailed("python3.13", step="Step 1/7", output="network down")
        with pytest.raises(BuildFailed, match="network down"):
            await on.call()
        on.images.fails = None

        assert await on.call() == b'"ok"'


async def test_functions_come_and_go_while_others_serve(
    project_folder: Path, state_folder: Path
) -> None:
    write(project_folder, "orders", '"orders"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        write(project_folder, "billing", '"billing"')
        while FunctionName("billing") not in (await on.hear(ProjectChanged)).functions:
            pass
        billing = await on.call("billing")
        shutil.rmtree(project_folder / "billing")
        while on.registry.project.functions[0].name == "billing":
            await on.hear(ProjectChanged)

        assert billing == b'"billing"'
        with pytest.raises(FunctionNotFound, match="orders"):
            await on.call("billing")
        assert await on.call() == b'"orders"'


async def test_a_folder_deleted_and_made_again_serves_its_new_code(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        shutil.rmtree(folder)
        write(project_folder, "orders", '"new"')
        async with asyncio.timeout(10):
            while True:
                try:
                    answer = await on.call()
                except (FunctionNotFound, FunctionNotReady):
                    answer = b""
                if answer == b'"new"':
                    break
                await SystemClock().sleep(0.02)


async def test_a_new_event_is_announced_and_reloads_no_code(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    (folder / "events").mkdir()
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / "events" / "one.json").write_text("{}")

        assert (await on.hear(EventsChanged)).function == "orders"
        assert len(on.driver.containers) == 1


async def test_an_invocation_that_arrives_during_a_reload_waits_for_the_new_code(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    async with stage(project_folder, state_folder) as on:
        await on.call()
        (folder / "answer").write_text('"new"')
        on.reload.noticed(folder / "answer")  # as soon as the kernel has told us

        assert await on.call() == b'"new"'


class CountingReader(FolderReader):
    """Counts how often a function was read by itself. `timeout` takes the place of what files say."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.alone: list[str] = []
        self.timeout: str | None = None
        self._whole = False

    def read(self) -> Project:
        self._whole = True
        project = super().read()
        self._whole = False
        return project

    def read_function(self, folder: Path, manifest: bytes | None = None) -> Function | None:
        if not self._whole:
            self.alone.append(folder.name)
        if self.timeout is not None:
            manifest = self.timeout.encode()
        return super().read_function(folder, manifest)


async def test_what_was_read_while_it_was_watched_is_not_read_again_for_its_first_call(
    project_folder: Path, state_folder: Path
) -> None:
    folder = write(project_folder, "orders", '"old"')
    write(project_folder, "others", '"others"')
    reader = CountingReader(project_folder)
    async with stage(project_folder, state_folder, reader=reader) as on:
        assert await on.call() == b'"old"'  # anything could have changed before it was watched
        assert reader.alone == ["orders"]
        write(project_folder, "third", '"third"')
        await on.hear(ProjectChanged)
        assert await on.call("others") == b'"others"'
        assert reader.alone == ["orders"]

        (folder / "function.toml").write_text("31")
        on.reload.noticed(folder / "function.toml")
        await on.call()
        assert reader.alone == ["orders", "orders"]


async def test_what_the_project_says_meanwhile_counts_for_the_first_version_too(
    project_folder: Path, state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project_folder, "orders", '"answer"')
    reader = CountingReader(project_folder)
    async with stage(project_folder, state_folder, reader=reader) as on:
        ensure = on.images.ensure
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def ensure_later(*arguments: Any, **named: Any) -> Image:
            reached.set()
            await go_on.wait()
            return await ensure(*arguments, **named)

        monkeypatch.setattr(on.images, "ensure", ensure_later)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(on.start())
            await reached.wait()
            reader.timeout = "77"  # as workbench.toml would, whose change is the project's
            on.registry.adopt(reader.read())
            go_on.set()
        await first.result().outcome()

        assert (await on.start()).acceptance.timeout_s == 77


async def test_a_caller_that_goes_away_does_not_stop_the_preparation(
    project_folder: Path, state_folder: Path
) -> None:
    write(project_folder, "orders", '"ok"')
    async with stage(project_folder, state_folder) as on:
        async with asyncio.TaskGroup() as tasks:
            caller = tasks.create_task(on.call())
            await SystemClock().sleep(0)
            caller.cancel()

        assert await on.call() == b'"ok"'


# --- what is the function's and no version's --------------------------------------------------------------


async def test_reserving_and_keeping_replace_no_environment(tmp_path: Path) -> None:
    root, state = tmp_path / "project", tmp_path / "state"
    root.mkdir()
    write(root, "orders", '"one"')
    async with stage(root, state) as here:
        await (await here.start()).record()
        (before,) = here.scheduler.snapshots()

        (root / "orders" / "function.toml").write_text("30 reserved=0 keep=7000")
        await here.hear(ProjectChanged)
        with pytest.raises(ThrottledError, match="orders is switched off"):
            await here.call()
        (kept,) = here.scheduler.snapshots()

        (root / "orders" / "function.toml").write_text("30 reserved=1 keep=7000")
        await here.hear(ProjectChanged)
        assert await here.call() == b'"one"'
        (after,) = here.scheduler.snapshots()
        assert len(here.driver.containers) == 1

    assert before.environment_id == kept.environment_id == after.environment_id
    assert kept.idle_until is not None
    assert kept.idle_until - kept.changed_at > timedelta(seconds=6000)
    assert before.idle_until is not None
    assert before.idle_until - before.changed_at == timedelta(seconds=600)


async def test_a_broken_manifest_keeps_what_the_function_has_reserved(tmp_path: Path) -> None:
    root, state = tmp_path / "project", tmp_path / "state"
    root.mkdir()
    write(root, "orders", '"one"', manifest="30 reserved=1")
    async with stage(root, state) as here:
        assert await here.call() == b'"one"'
        (root / "orders" / "function.toml").write_text("no timeout")
        await here.hear(ReloadRejected)

        slow = await here.start("orders", b'"slow"')
        with pytest.raises(ThrottledError, match="1 invocations at a time"):
            await here.start("orders")
        assert (await slow.outcome()).payload == b'"one"'

        (root / "orders" / "function.toml").unlink()
        while here.registry.reservations():
            await here.hear(ProjectChanged)
        assert here.registry.project.functions == ()


async def test_the_accounts_limit_holds_from_its_save_on(tmp_path: Path) -> None:
    root, state = tmp_path / "project", tmp_path / "state"
    root.mkdir()
    write(root, "orders", '"one"')
    async with stage(root, state) as here:
        assert await here.call() == b'"one"'
        (root / "account.toml").write_text("1")
        async with asyncio.timeout(10):
            while here.reload._ledger.shares.limit != 1:
                await SystemClock().sleep(0.01)

        slow = await here.start("orders", b'"slow"')
        with pytest.raises(ThrottledError, match="1 invocations at a time"):
            await here.start("orders")
        assert (await slow.outcome()).payload == b'"one"'
        assert len(here.driver.containers) == 1
