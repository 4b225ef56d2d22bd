"""The code store: what functions and layers were made of at one moment, by content.

A function never runs from the folder its author edits. `take` copies what changed since the last
time and hard-links the rest, so that an invocation in flight keeps the files it started with. What
is published is kept as a zip (`functions/packages.py`), which is what CodeSha256 is of, and unpacked
where it is run or compared for the first time. Layout: trees and blobs (`functions/trees.py`), `zips/` and `packages/`.

Invariant: nothing in the store is ever written twice; what has a digest's name has its content.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from workbench.errors import CodeDamaged, FunctionNotReady, ZipTooLarge
from workbench.functions.archives import UNZIPPED_BYTES, ZIPPED_BYTES, Archive
from workbench.functions.packages import Packages, hex_of, make_zip
from workbench.functions.restoring import complaints, unpack, verify
from workbench.functions.sources import IgnoredPaths, Source, Stat, list_sources
from workbench.functions.trees import Listing, Trees, blob_name, content_of, merge, walk
from workbench.model.release import CodePackage
from workbench.model.version import Code

_T = TypeVar("_T")


class CodeStore:
    """All code that versions were made of."""

    def __init__(self, folder: Path) -> None:
        self._trees = Trees(folder)
        self._packages = Packages(folder)
        self._known: dict[Path, dict[str, tuple[Stat | None, str]]] = {}
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

    async def package_folder(
        self,
        name: str,
        folder: Path,
        *,
        ignored: IgnoredPaths,
        mount_points: tuple[str, ...] = (),
        taken_bytes: int = 0,
    ) -> tuple[Code, CodePackage]:
        """The folder's code as it is now, and the zip that `package` makes of it, kept for good.

        Nothing is unpacked for it: the code's folder is there once `verified` was asked for its
        digest. ignored, mount_points: as `take`. taken_bytes, and what it raises: as `package`.
        """
        return await self._in_thread(
            name, lambda: self._package_folder(folder, ignored, mount_points, taken_bytes)
        )

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
        """The code of that digest, read in full the first time, once in a process. What is not there
        unpacked, or damaged, is made of its zip.

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
        sources = list_sources(folder, ignored, mount_points)
        with self._trees.used():
            try:
                return self._keep_all(folder, sources, mount_points)
            except FileNotFoundError:
                # Either a file of the folder went, or a blob that another workbench has deleted.
                if self._known.pop(folder, None) is None:
                    raise
                return self._keep_all(folder, sources, mount_points)

    def _keep_all(self, folder: Path, sources: list[Source], mount_points: tuple[str, ...]) -> Code:
        with self._trees.workshop() as workshop:

            def keep(source: Source) -> str:
                return self._trees.keep(source.file, workshop)

            blobs = self._blobs(folder, sources, workshop, keep)
        return self._made(Listing(blobs, mount_points))

    def _blobs(
        self, folder: Path, sources: list[Source], workshop: Path, read: Callable[[Source], str]
    ) -> dict[str, str]:
        """The blob of each file, by path: told by `read`, unless it is known already."""
        before = self._known.get(folder, {})
        known: dict[str, tuple[Stat | None, str]] = {}
        # Files carry the time of a clock that ticks every few milliseconds. One changed in the very
        # tick in which we begin to read can change once more without a trace (as in git's index).
        now_ns = workshop.stat().st_ctime_ns
        for source in sources:
            remembered = before.get(source.file.path)
            if remembered is not None and remembered[0] == source.stat:
                known[source.file.path] = remembered
            else:
                stamp = source.stat if source.stat[1] < now_ns else None
                known[source.file.path] = (stamp, read(source))
        self._known[folder] = known
        return {path: blob for path, (_, blob) in known.items()}

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
            listing, new = unpack(self._trees, found, workshop)
            for blob in new:
                self._trees.adopt(blob, workshop)
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
            if package := self._own(code.digest, taken_bytes):
                return package
            files, empty = walk(code.folder)
            with self._trees.workshop() as workshop:
                package = make_zip(files, empty, workshop / "made.zip", taken_bytes=taken_bytes)
                if package.digest != code.digest:
                    raise CodeDamaged(
                        code.digest, tree=code.folder, broken=complaints(self._trees, code.folder)
                    )
                self._packages.keep(workshop / "made.zip", package, uploaded=False)
        return package

    def _package_folder(
        self, folder: Path, ignored: IgnoredPaths, mount_points: tuple[str, ...], taken_bytes: int
    ) -> tuple[Code, CodePackage]:
        sources = list_sources(folder, ignored, mount_points)
        with self._trees.used(), self._trees.workshop() as workshop:
            blobs = self._blobs(folder, sources, workshop, _content_of)
            package = self._own(Listing(blobs, mount_points).digest, taken_bytes)
            if package is None:
                # Read once more, and what was read then is what it is.
                files = [source.file for source in sources]
                place = workshop / "made.zip"
                package = make_zip(files, sorted(mount_points), place, taken_bytes=taken_bytes)
                self._packages.keep(place, package, uploaded=False)
        return Code(folder=self._trees.tree(package.digest), digest=package.digest), package

    def _own(self, digest: str, taken_bytes: int) -> CodePackage | None:
        """The package that was made of that code before, where there is one to rely upon."""
        kept = self._packages.own(digest)
        if kept is None or kept.package.unzipped_bytes + taken_bytes >= UNZIPPED_BYTES:
            return None
        # A zip that is all there is of its code is read in full.
        return kept.package if self._trees.tree(digest).is_dir() or kept.sound else None

    def _zip_of(self, package: CodePackage) -> Path:
        place = self._packages.place(hex_of(package.sha256))
        if not self._packages.sound(package):
            self._verify(package.digest)
            with suppress(FileNotFoundError):
                place.unlink()  # another one of the same bytes may be made of the tree
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


def _content_of(source: Source) -> str:
    return blob_name(content_of(source.file.place), executable=source.file.executable)
