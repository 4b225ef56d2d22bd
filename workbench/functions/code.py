"""The code store: function folders as they were at one moment, by content.

A function never runs from the folder its author edits. `take` copies what changed since the last
time and hard-links the rest, so that an invocation in flight keeps the files it started with.
Layout: `files/<sha256>` (and `-x` when executable), and `<digest>/` trees linked from them.

Invariant: nothing in the store is ever written twice; what has a digest's name has its content.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import FunctionNotReady
from workbench.model.names import FunctionName
from workbench.model.version import Code
from workbench.values import dataclass

ALWAYS_IGNORED = (
    ".git/",
    ".hg/",
    ".svn/",
    ".workbench/",
    ".venv/",
    ".idea/",
    ".vscode/",
    "__pycache__/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    "*.py[cod]",
    "*.sw[a-p]",
    ".*.sw[a-p]",
    "*~",
    ".#*",
    "#*#",
    "4913",
    ".DS_Store",
    "/events/",
    "/function.toml",
    "/[!.]*.env",
)
"""Neither code nor a reason to reload: what tools and editors leave about, and our own files.
(`4913` is what vim writes to see whether it can.) Events, function.toml and
NAME.env are watched apart; secrets in the latter have no business among the code."""

_BLOCK = 1024 * 1024
_Stat = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Source:
    """One file of the folder, links followed."""

    path: str
    relative: str
    executable: bool
    stat: _Stat


class IgnoredPaths:
    """Which paths of a function's folder are not its code."""

    def __init__(self, patterns: tuple[str, ...] = ()) -> None:
        import pathspec  # 25 ms that only who looks at code waits for

        self._spec = pathspec.GitIgnoreSpec.from_lines((*ALWAYS_IGNORED, *patterns))

    def matches(self, relative: str) -> bool:
        """`relative` to the function's folder, with `/`; a folder ends with one."""
        return self._spec.match_file(relative)


class CodeStore:
    """All code that versions were made of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = folder / "files"
        self._known: dict[Path, dict[str, tuple[_Stat | None, str]]] = {}
        """By function folder: what each file's content was when it had that stat. `None`: it could
        have other content by now and still look the same."""

    async def take(
        self,
        name: FunctionName,
        folder: Path,
        *,
        ignored: IgnoredPaths,
        mount_points: tuple[str, ...] = (),
    ) -> Code:
        """The folder's code as it is now.

        mount_points: folders, relative to it, that are left out and made empty, because something
        else will be mounted there. Raises `FunctionNotReady` when the folder cannot be read.
        """
        try:
            return await asyncio.to_thread(self._take, folder, ignored, mount_points)
        except OSError as error:
            where = error.filename or folder
            raise FunctionNotReady(name, reason=f"{where}: {error.strerror or error}") from error

    def _take(self, folder: Path, ignored: IgnoredPaths, mount_points: tuple[str, ...]) -> Code:
        self._files.mkdir(parents=True, exist_ok=True)
        sources = sorted(
            _walk(str(folder), ignored, mount_points), key=lambda source: source.relative
        )
        before = self._known.get(folder, {})
        known: dict[str, tuple[_Stat | None, str]] = {}
        whole = hashlib.sha256()
        for point in mount_points:
            whole.update(f"{point}/\0".encode())
        for source in sources:
            remembered = before.get(source.relative)
            if remembered is not None and remembered[0] == source.stat:
                stamp, blob = remembered
            else:
                stamp, blob = self._keep(source)
            known[source.relative] = (stamp, blob)
            whole.update(f"{source.relative}\0{blob}\0".encode("utf-8", "surrogateescape"))
        self._known[folder] = known
        digest = whole.hexdigest()
        tree = self._folder / digest
        if tree.is_dir():
            os.utime(tree)
        else:
            self._link(tree, known, mount_points)
        return Code(folder=tree, digest=digest)

    def _keep(self, source: _Source) -> tuple[_Stat | None, str]:
        """Copy one file into the store: the stat it is known again by, and its name there."""
        sha = hashlib.sha256()
        descriptor, temporary = tempfile.mkstemp(dir=self._files)
        # Files carry the time of a clock that ticks every few milliseconds. One changed in the very
        # tick in which we begin to read it can change once more without a trace (as in git's index).
        now_ns = os.fstat(descriptor).st_ctime_ns
        stamp = source.stat if source.stat[1] < now_ns else None
        try:
            with os.fdopen(descriptor, "wb") as copy, Path(source.path).open("rb") as original:
                while block := original.read(_BLOCK):
                    sha.update(block)
                    copy.write(block)
            blob = sha.hexdigest() + ("-x" if source.executable else "")
            # The sandbox's user reads it; nobody writes it.
            Path(temporary).chmod(0o555 if source.executable else 0o444)
            Path(temporary).rename(self._files / blob)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return stamp, blob

    def _link(
        self,
        tree: Path,
        known: dict[str, tuple[_Stat | None, str]],
        mount_points: tuple[str, ...],
    ) -> None:
        temporary = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            temporary.chmod(0o755)
            folders = {Path(relative).parent for relative in known} | {
                Path(point) for point in mount_points
            }
            for place in sorted(folders):
                (temporary / place).mkdir(mode=0o755, parents=True, exist_ok=True)
            for relative, (_, blob) in known.items():
                _link_or_copy(self._files / blob, temporary / relative)
            try:
                temporary.rename(tree)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise  # another workbench of this project made the same tree meanwhile
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    async def prune(self, *, unused_for_s: float, now_s: float) -> int:
        """Delete code that nobody has taken for so long; how many trees. Only while nothing runs
        from this store: the folders of running environments would be emptied under them.
        """
        return await asyncio.to_thread(self._prune, now_s - unused_for_s)

    def _prune(self, before_s: float) -> int:
        if not self._files.is_dir():
            return 0
        old = [
            tree
            for tree in self._folder.iterdir()
            if tree != self._files and tree.stat().st_mtime < before_s
        ]
        for tree in old:
            shutil.rmtree(tree, ignore_errors=True)
        self._known.clear()
        for blob in self._files.iterdir():
            if blob.stat().st_nlink == 1:
                blob.unlink(missing_ok=True)
        return len(old)


def _link_or_copy(blob: Path, target: Path) -> None:
    try:
        os.link(blob, target)
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EPERM, errno.ENOTSUP):
            raise
        shutil.copy2(blob, target)  # a file system without links, or with no more for this file


def _walk(root: str, ignored: IgnoredPaths, mount_points: tuple[str, ...]) -> Iterator[_Source]:
    """Every file that is code. Links are followed, also out of the folder: the code they lead to is
    part of the function. A folder that contains itself is entered once.
    """
    pending: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(root, "", frozenset())]
    while pending:
        folder, prefix, above = pending.pop()
        here = Path(folder).stat()
        identity = (here.st_dev, here.st_ino)
        if identity in above:
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                relative = f"{prefix}{entry.name}"
                if relative in mount_points:
                    continue
                found = _stat_of(entry)
                if found is None:
                    continue
                if stat.S_ISDIR(found.st_mode):
                    if not ignored.matches(f"{relative}/"):
                        pending.append((entry.path, f"{relative}/", above | {identity}))
                elif stat.S_ISREG(found.st_mode) and not ignored.matches(relative):
                    yield _Source(
                        path=entry.path,
                        relative=relative,
                        executable=bool(found.st_mode & 0o111),
                        # the second one, because anybody can set the first
                        stat=(
                            found.st_mtime_ns,
                            found.st_ctime_ns,
                            found.st_size,
                            found.st_ino,
                            found.st_mode,
                        ),
                    )


def _stat_of(entry: os.DirEntry[str]) -> os.stat_result | None:
    """What the entry leads to; `None` for a dangling link, or a file gone since it was listed."""
    try:
        return entry.stat(follow_symlinks=True)
    except FileNotFoundError:
        return None
