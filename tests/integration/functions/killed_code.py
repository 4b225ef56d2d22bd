"""Kills a child of its own by SIGKILL before each thing that it does to a code store's files.

Run as a program, by `test_code_crashes.py`: one scenario in one folder. Says at how many points it
killed, and fails where what is left does not do.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeGuard

from workbench.functions.code import CodeStore
from workbench.functions.sources import IgnoredPaths
from workbench.functions.trees import content_of
from workbench.model.names import FunctionName
from workbench.model.release import CodePackage
from workbench.model.version import Code

NAME = FunctionName("orders")
IGNORED = IgnoredPaths()
CHANGES = {
    "open",
    "os.rename",
    "os.link",
    "os.mkdir",
    "os.chmod",
    "os.utime",
    "os.scandir",
    "os.truncate",
}
DELETIONS = {"os.remove", "os.rmdir"}
"""Named relative to a folder that is open."""
LATER_S = 1e10
Work = Callable[[CodeStore], Coroutine[Any, Any, object]]


def killed_before(point: int, work: Work, folder: Path) -> bool:
    """Do `work` in a child, which ends before its `point`th use of a file of the store; whether it
    came so far.
    """
    child = os.fork()
    if child == 0:
        try:
            _count_down(point, str(folder))
            asyncio.run(work_on(folder, work))
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


async def work_on(folder: Path, work: Work) -> object:
    return await work(CodeStore(folder))


def _count_down(point: int, folder: str) -> None:
    left = point

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        ours = any(folder in os.fsdecode(each) for each in arguments if is_path(each))
        if event in DELETIONS or (event in CHANGES and ours):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def is_path(argument: object) -> TypeGuard[str | bytes | os.PathLike[str]]:
    return isinstance(argument, str | bytes | os.PathLike)


def archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        made.writestr("app.py", "pass")
        made.writestr("lib/b.py", "b")
        made.writestr("lib/c.py", "c")
    return target.getvalue()


class Scenario:
    """A store as it is before, what is done to it, and what must hold whatever happened."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        (self.source / "pkg").mkdir(parents=True)
        (self.source / "app.py").write_text("def handler(event, context): return 1\n")
        (self.source / "pkg" / "run").write_text("#!/bin/sh\n")
        (self.source / "pkg" / "run").chmod(0o755)

    async def take(self, store: CodeStore) -> Code:
        return await store.take(NAME, self.source, ignored=IGNORED)

    async def before(self, store: CodeStore) -> None:
        """Nothing yet."""

    async def work(self, store: CodeStore) -> object:
        return await self.take(store)

    async def after(self, store: CodeStore) -> set[str]:
        """Digests that are to be kept; asserts."""
        return {(await sound(store, await self.take(store))).digest}


class Packaging(Scenario):
    async def work(self, store: CodeStore) -> object:
        return await store.package(NAME, await self.take(store))

    async def after(self, store: CodeStore) -> set[str]:
        code = await sound(store, await self.take(store))
        package = await store.package(NAME, code)
        assert package == await store.package(NAME, code)
        return {code.digest}


class Publishing(Scenario):
    """From the folder, without a tree."""

    async def package(self, store: CodeStore) -> tuple[Code, CodePackage]:
        return await store.package_folder(NAME, self.source, ignored=IGNORED)

    async def work(self, store: CodeStore) -> object:
        return await self.package(store)

    async def after(self, store: CodeStore) -> set[str]:
        code, package = await self.package(store)
        assert await self.package(store) == (code, package)
        assert await sound(store, code) == await self.take(store)
        return {code.digest}


class Unpacking(Publishing):
    """The first run of what was published."""

    async def before(self, store: CodeStore) -> None:
        self.code, _ = await self.package(store)

    async def work(self, store: CodeStore) -> object:
        return await store.verified(self.code.digest)

    async def after(self, store: CodeStore) -> set[str]:
        await self.work(store)
        return await super().after(store)


class Uploading(Scenario):
    async def work(self, store: CodeStore) -> object:
        return await store.take_archive(NAME, archive())

    async def after(self, store: CodeStore) -> set[str]:
        code, package = await store.take_archive(NAME, archive())
        assert package.zip_bytes == len(archive())
        return {(await sound(store, code)).digest}


class Mending(Packaging):
    async def before(self, store: CodeStore) -> None:
        code = await self.take(store)
        await store.package(NAME, code)
        broken = code.folder / "app.py"
        broken.chmod(0o644)
        broken.write_text("damaged")
        (code.folder / "pkg" / "run").unlink()

    async def work(self, store: CodeStore) -> object:
        (tree,) = (path for path in self.store_of(store).iterdir() if len(path.name) == 64)
        return await store.verified(tree.name)

    async def after(self, store: CodeStore) -> set[str]:
        await self.work(store)
        return await super().after(store)

    def store_of(self, store: CodeStore) -> Path:
        return store._trees.folder


class Merging(Scenario):
    async def before(self, store: CodeStore) -> None:
        await store.take_archive(NAME, archive())
        await self.take(store)

    async def work(self, store: CodeStore) -> object:
        uploaded, _ = await store.take_archive(NAME, archive())
        return await store.merged(NAME, [await self.take(store), uploaded])

    async def after(self, store: CodeStore) -> set[str]:
        code = await self.work(store)
        assert isinstance(code, Code)
        assert (code.folder / "app.py").read_text() == "pass"
        return {(await sound(store, code)).digest}


class Pruning(Scenario):
    """One tree that is kept, published; one that is not, published; and one that never was."""

    kept = ""

    async def before(self, store: CodeStore) -> None:
        kept, _ = await store.take_archive(NAME, archive())
        self.kept = kept.digest
        await store.package(NAME, await self.take(store))
        (self.source / "more.py").touch()
        await self.take(store)

    async def work(self, store: CodeStore) -> object:
        return await store.prune(unused_for_s=0, now_s=LATER_S, keep={self.kept})

    async def after(self, store: CodeStore) -> set[str]:
        await store.verified(self.kept)
        await store.package(NAME, await sound(store, await self.take(store)))
        return {self.kept}


async def sound(store: CodeStore, code: Code) -> Code:
    """It is what its digest says, read in full."""
    return await store.verified(code.digest)


def check_only(folder: Path, keep: set[str]) -> None:
    """The store has what is kept, all of it sound, and nothing else."""
    assert {path.name for path in folder.iterdir()} <= {"files", "zips", "packages", *keep}
    blobs = {path.stat().st_ino for path in (folder / "files").iterdir()}
    trees = {
        path.stat().st_ino
        for digest in keep
        for path in (folder / digest).rglob("*")
        if path.is_file()
    }
    assert blobs == trees
    for path in folder.glob("zips/*"):
        assert content_of(path) == path.stem
    assert {path.stem[:64] for path in folder.glob("packages/*")} <= keep


SCENARIOS = {
    each.__name__.lower(): each
    for each in (
        Scenario,
        Packaging,
        Publishing,
        Unpacking,
        Uploading,
        Mending,
        Merging,
        Pruning,
    )
}


def run(scenario: Scenario, folder: Path) -> int:
    """Kill at every point there is; how many."""
    beginning = folder / "beginning"
    asyncio.run(work_on(beginning, scenario.before))
    beginning.mkdir(exist_ok=True)
    point = 0
    killed = True
    while killed:
        point += 1
        store = folder / f"store{point}"
        copy(beginning, store)
        killed = killed_before(point, scenario.work, store)
        keep = asyncio.run(after(scenario, store))
        check_only(store, keep)
        shutil.rmtree(store)
    return point - 1


def copy(source: Path, target: Path) -> None:
    """As it is, hard links too."""
    inodes: dict[int, Path] = {}

    def link(place: str, there: str) -> str:
        known = inodes.setdefault(Path(place).stat().st_ino, Path(there))
        if known == Path(there):
            return str(shutil.copy2(place, there))
        os.link(known, there)
        return there

    shutil.copytree(source, target, copy_function=link)


async def after(scenario: Scenario, folder: Path) -> set[str]:
    keep = await scenario.after(CodeStore(folder))
    await CodeStore(folder).prune(unused_for_s=0, now_s=LATER_S, keep=keep)
    for digest in keep:
        await CodeStore(folder).verified(digest)
    return keep


if __name__ == "__main__":
    points = run(SCENARIOS[sys.argv[1]](Path(sys.argv[2])), Path(sys.argv[2]))
    sys.stdout.write(f"{points}\n")
