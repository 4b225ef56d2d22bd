"""The code store: what functions and layers were made of at one moment, by content.

A function never runs from the folder its author edits. `take` copies what changed since the last
time and hard-links the rest, so that an invocation in flight keeps the files it started with. What
is published is kept as a zip as well (`functions/packages.py`), which is what CodeSha256 is of.
Layout: trees and blobs (`functions/trees.py`), `zips/` and `packages/`.

Invariant: nothing in the store is ever written twice; what has a digest's name has its content.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from workbench.errors import CodeDamaged, FunctionNotReady, InvalidParameter, ZipTooLarge
from workbench.functions.archives import (
    UNZIPPED_BYTES,
    ZIPPED_BYTES,
    Archive,
    check_size,
    unsafe,
)
from workbench.functions.packages import Packages, hex_of
from workbench.functions.packing import TooLong, pack
from workbench.functions.restoring import complaints, unpack, verify
from workbench.functions.trees import Listing, Trees, content_of, merge, walk
from workbench.model.release import CodePackage
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
    "/.function.toml.*.tmp",
    "/[!.]*.env",
)
"""Neither code nor a reason to reload: what tools and editors leave about, and our own files.
(`4913` is what vim writes to see whether it can.) Events, function.toml and
NAME.env are watched apart; secrets in the latter have no business among the code."""

_T = TypeVar("_T")
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
        self._trees = Trees(folder)
        self._packages = Packages(folder)
        self._known: dict[Path, dict[str, tuple[_Stat | None, str]]] = {}
        """By function folder: what each file's content was when it had that stat. `None`: it could
        have other content by now and still look the same."""
        self._verified: set[str] = set()
        """Digests of the trees that this process has read in full and found right."""

    async def take(
        self,
        name: str,
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

    async def take_archive(
        self, name: str, archive: Path | bytes, *, taken_bytes: int = 0
    ) -> tuple[Code, CodePackage]:
        """The code in an uploaded zip file, and the file itself, kept as it came.

        Permissions are those of code taken from a folder: readable, and executable where the
        archive says so. Links become what they lead to (`functions/archives.py`). A refused
        archive leaves nothing behind. taken_bytes: what layers take of the size allowed.

        Raises `ZipTooLarge`, `CodeTooLarge`, `InvalidArchive`; `FunctionNotReady` when it cannot be
        read or kept. name: whose code it is, for that text.
        """
        return await self._in_thread(name, lambda: self._take_archive(archive, taken_bytes))

    async def package(self, name: str, code: Code, *, taken_bytes: int = 0) -> CodePackage:
        """The zip that `code` is published as, kept for good; the same code has the same one.

        It is made of the files alone, without times or owners. zlib decides about its bytes: another
        release of it may make another zip of the same code. taken_bytes: what layers take of the
        size allowed.

        Raises `ZipTooLarge`, `CodeTooLarge`; `InvalidParameter` for a path that no zip may hold;
        `CodeDamaged`; `FunctionNotReady` when files cannot be read or written.
        """
        package = await self._in_thread(name, lambda: self._package(code, taken_bytes))
        self._verified.add(code.digest)
        return package

    async def zip_of(self, name: str, package: CodePackage) -> Path:
        """The zip file of a package that is kept, read in full; made again where it can be.

        Raises `CodeDamaged`; `FunctionNotReady` when the disk fails. name: as `package`.
        """
        return await self._in_thread(name, lambda: self._zip_of(package))

    async def verified(self, digest: str) -> Code:
        """The code of that digest, read in full the first time, once in a process. What is damaged
        is mended from its zip.

        Raises `CodeDamaged` where there is no sound one; `FunctionNotReady` when the disk fails.
        """
        tree = self._trees.tree(digest)
        if digest not in self._verified or not await asyncio.to_thread(tree.is_dir):
            await self._in_thread(f"code {digest[:12]}", lambda: self._verify(digest))
            self._verified.add(digest)
        return Code(folder=tree, digest=digest)

    async def merged(self, name: str, codes: Sequence[Code]) -> Code:
        """Several trees as one, as layers are merged: of files with one path, the last one's counts.

        Also where a file of one has the path of another's folder: the last one's counts, and what
        the folder had is gone. What the trees are is not read, see `verified`.
        Raises `FunctionNotReady` when files cannot be read.
        Source: Lambda Developer Guide, "Adding layers to functions", for files; the rest is ours.
        """
        return await self._in_thread(name, lambda: self._merge(codes))

    async def prune(self, *, unused_for_s: float, now_s: float, keep: Collection[str]) -> int:
        """Delete code that nobody has taken for so long, and what killed processes have left; how
        many trees. keep: digests that are needed, as trees and as zips, however old.

        Only while nothing runs from this store: the folders of running environments would be
        emptied under them. What is being taken or packaged meanwhile, also by other processes,
        is waited for.
        """
        return await asyncio.to_thread(self._prune, now_s - unused_for_s, frozenset(keep))

    async def _in_thread(self, name: str, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            where = error.filename or self._trees.folder
            raise FunctionNotReady(name, reason=f"{where}: {error.strerror or error}") from error

    # --- in a thread ------------------------------------------------------------------------------------

    def _take(self, folder: Path, ignored: IgnoredPaths, mount_points: tuple[str, ...]) -> Code:
        sources = sorted(
            _walk(str(folder), ignored, mount_points), key=lambda source: source.relative
        )
        with self._trees.used():
            try:
                return self._keep_all(folder, sources, mount_points)
            except FileNotFoundError:
                # Either a file of the folder went, or a blob that another workbench has deleted.
                if self._known.pop(folder, None) is None:
                    raise
                return self._keep_all(folder, sources, mount_points)

    def _keep_all(
        self, folder: Path, sources: list[_Source], mount_points: tuple[str, ...]
    ) -> Code:
        before = self._known.get(folder, {})
        known: dict[str, tuple[_Stat | None, str]] = {}
        with self._trees.workshop() as workshop:
            # Files carry the time of a clock that ticks every few milliseconds. One changed in the
            # very tick in which we begin to read can change once more without a trace (as in git's
            # index).
            now_ns = workshop.stat().st_ctime_ns
            for source in sources:
                remembered = before.get(source.relative)
                if remembered is not None and remembered[0] == source.stat:
                    known[source.relative] = remembered
                else:
                    stamp = source.stat if source.stat[1] < now_ns else None
                    blob = self._trees.keep(
                        source.path, executable=source.executable, workshop=workshop
                    )
                    known[source.relative] = (stamp, blob)
        self._known[folder] = known
        listing = Listing({path: blob for path, (_, blob) in known.items()}, mount_points)
        return self._made(listing)

    def _made(self, listing: Listing) -> Code:
        tree = self._trees.make(listing)
        return Code(folder=tree, digest=tree.name)

    def _take_archive(self, archive: Path | bytes, taken_bytes: int) -> tuple[Code, CodePackage]:
        if isinstance(archive, Path):
            size = archive.stat().st_size
            if size >= ZIPPED_BYTES:
                raise ZipTooLarge(limit_bytes=ZIPPED_BYTES, found_bytes=size)
            archive = archive.read_bytes()
        found = Archive(archive, taken_bytes=taken_bytes)
        with self._trees.used(), self._trees.workshop() as workshop:
            listing = unpack(self._trees, found, workshop)
            for blob in set(listing.files.values()):
                self._trees.adopt(workshop / blob, blob)
            code = self._made(listing)
            package = CodePackage(
                digest=code.digest,
                sha256=base64.b64encode(hashlib.sha256(archive).digest()).decode(),
                zip_bytes=len(archive),
                unzipped_bytes=found.unzipped_bytes,
            )
            kept = workshop / "uploaded.zip"
            kept.write_bytes(archive)
            self._packages.keep(kept, package, uploaded=True)
        return code, package

    def _package(self, code: Code, taken_bytes: int) -> CodePackage:
        with self._trees.used():
            kept = self._packages.own(code.digest)
            if kept and kept.package.unzipped_bytes + taken_bytes < UNZIPPED_BYTES:
                return kept.package
            files, empty = walk(code.folder)
            sizes = {file.path: file.size_bytes for file in files}
            check_size(sizes, taken_bytes)
            for path in (*(file.path for file in files), *empty):
                if reason := unsafe(path):
                    raise InvalidParameter(f"{path!r} {reason}.", parameter="Code")
            with self._trees.workshop() as workshop:
                place = workshop / "made.zip"
                with place.open("wb") as target:
                    try:
                        blobs = pack(files, empty, target, limit_bytes=ZIPPED_BYTES)
                    except TooLong as error:
                        raise ZipTooLarge(
                            limit_bytes=ZIPPED_BYTES, sizes=sizes, found_bytes=None
                        ) from error
                if Listing(blobs, tuple(empty)).digest != code.digest:
                    raise CodeDamaged(
                        code.digest, tree=code.folder, broken=complaints(self._trees, code.folder)
                    )
                package = CodePackage(
                    digest=code.digest,
                    sha256=base64.b64encode(bytes.fromhex(content_of(place))).decode(),
                    zip_bytes=place.stat().st_size,
                    unzipped_bytes=sum(sizes.values()),
                )
                self._packages.keep(place, package, uploaded=False)
        return package

    def _zip_of(self, package: CodePackage) -> Path:
        place = self._packages.place(hex_of(package.sha256))
        if not self._packages.sound(package):
            with suppress(FileNotFoundError):
                place.unlink()  # another one of the same bytes may be made of the tree
            self._verify(package.digest)
            self._package(Code(folder=self._trees.tree(package.digest), digest=package.digest), 0)
            if not self._packages.sound(package):
                reason = f"{place} is missing, and the tree makes another zip now"
                tree = self._trees.tree(package.digest)
                raise CodeDamaged(package.digest, tree=tree, broken=[reason])
        return place

    def _verify(self, digest: str) -> None:
        with self._trees.used():
            os.utime(verify(self._trees, self._packages, digest))

    def _merge(self, codes: Sequence[Code]) -> Code:
        with self._trees.used():
            return self._made(merge([self._trees.listing(code.folder) for code in codes]))

    def _prune(self, before_s: float, keep: frozenset[str]) -> int:
        with self._trees.used(alone=True):
            old = self._trees.prune(keep, before_s)
            self._known.clear()
            self._verified.intersection_update(keep)
            self._packages.prune(keep, before_s)
        return old


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
