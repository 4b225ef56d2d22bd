"""Blobs and trees: files by their content, and folders of links to them.

Layout: `files/<sha256>` (and `-x` when executable), and `<digest>/` trees linked from them. What
is being made has a name that begins with `tmp`, in the same folder.

Invariant: a tree, or a blob, was complete before it got its name, and nothing writes to it after.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from workbench.expression import expression
from workbench.values import dataclass

BLOCK = 1024 * 1024
TEMPORARY = "tmp"
DIGEST = expression(r"[0-9a-f]{64}")
_EXECUTABLE = "-x"


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in a tree."""

    files: dict[str, str]
    """By path, with `/`: the name of its blob."""
    empty: tuple[str, ...] = ()
    """Folders with nothing in them."""

    @property
    def digest(self) -> str:
        """The tree's name: hex SHA-256 over paths, modes and contents."""
        whole = hashlib.sha256()
        for folder in sorted(self.empty):
            whole.update(f"{folder}/\0".encode("utf-8", "surrogateescape"))
        for path, blob in sorted(self.files.items()):
            whole.update(f"{path}\0{blob}\0".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()

    @property
    def folders(self) -> set[str]:
        """All folders that it takes."""
        found = set(self.empty)
        for path in (*self.files, *self.empty):
            found.update(parents(path))
        return found


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file of a tree, as it stands on disk."""

    path: str
    """Relative to the tree."""
    place: Path
    executable: bool
    size_bytes: int
    inode: int


def parents(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first."""
    while (cut := path.rfind("/")) > 0:
        path = path[:cut]
        yield path


def blob_name(sha256: str, *, executable: bool) -> str:
    """What a file's content is called. sha256: hex."""
    return sha256 + _EXECUTABLE if executable else sha256


def is_executable(blob: str) -> bool:
    """The file of that content may be run."""
    return blob.endswith(_EXECUTABLE)


def content_of(place: Path) -> str:
    """Hex SHA-256 of a file's content."""
    sha = hashlib.sha256()
    with open(place, "rb", buffering=0) as file:  # noqa: PTH123 - thousands of times
        while block := file.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


def walk(tree: Path) -> tuple[list[TreeFile], list[str]]:
    """A tree's files, by path, and its empty folders. What is no file, links too, counts as one
    of no content: it has no business there.
    """
    files: list[TreeFile] = []
    empty: list[str] = []
    pending = [(str(tree), "")]
    while pending:
        folder, prefix = pending.pop()
        with os.scandir(folder) as entries:
            found = list(entries)
        if prefix and not found:
            empty.append(prefix.rstrip("/"))
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                pending.append((entry.path, f"{prefix}{entry.name}/"))
                continue
            here = entry.stat(follow_symlinks=False)
            files.append(
                TreeFile(
                    path=f"{prefix}{entry.name}",
                    place=Path(entry.path),
                    executable=bool(here.st_mode & 0o111),
                    size_bytes=here.st_size,
                    inode=here.st_ino,
                )
            )
    return sorted(files, key=lambda file: file.path), sorted(empty)


def is_blob(place: Path, blob: str) -> bool:
    """A file has a blob's content and mode."""
    try:
        executable = bool(place.lstat().st_mode & 0o111)
        return not place.is_symlink() and blob == blob_name(
            content_of(place), executable=executable
        )
    except OSError:
        return False


def _holds(path: str, content: bytes, *, executable: bool) -> bool:
    """As `is_blob`, for a small file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        mode = os.fstat(descriptor).st_mode
        return (
            stat.S_ISREG(mode)
            and bool(mode & 0o111) == executable
            and os.read(descriptor, len(content) + 1) == content
        )
    finally:
        os.close(descriptor)


class Trees:
    """The folder that has them. Everything here blocks, and raises `OSError`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"

    @contextmanager
    def used(self, *, alone: bool = False) -> Iterator[None]:
        """While the context is open, nothing is deleted; alone: nothing is made either. Waits for
        whom that excludes, in other processes too.
        """
        self.files.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.files, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A temporary folder on the same file system, gone at the end."""
        self.files.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=self.folder, prefix=TEMPORARY))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def tree(self, digest: str) -> Path:
        """Where a tree is, or would be."""
        return self.folder / digest

    def blob(self, name: str) -> Path:
        """Where a blob is, or would be."""
        return self.files / name

    def write(
        self, content: Iterator[bytes], workshop: Path, *, executable: bool
    ) -> tuple[str, bool]:
        """The blob that has this content, in blocks, and whether it is new: then it is in `workshop`
        under its name. One that is there already is only read, which is cheaper by far than a new
        file; where it is damaged, there is a new one.
        """
        # The sandbox's user reads it; nobody writes it.
        mode = 0o555 if executable else 0o444
        first, second = next(content, b""), next(content, b"")
        if second:
            return self._write_large(chain((first, second), content), workshop, mode)
        blob = blob_name(hashlib.sha256(first).hexdigest(), executable=executable)
        if _holds(f"{self.files}/{blob}", first, executable=executable):
            return blob, False
        with (
            suppress(FileExistsError),  # the same content came before
            open(f"{workshop}/{blob}", "xb") as new,  # noqa: PTH123 - thousands of times
        ):
            os.fchmod(new.fileno(), mode)
            new.write(first)
        return blob, True

    def _write_large(self, content: Iterator[bytes], workshop: Path, mode: int) -> tuple[str, bool]:
        sha = hashlib.sha256()
        place = workshop / "large"
        with place.open("wb") as copy:
            for block in content:
                sha.update(block)
                copy.write(block)
        place.chmod(mode)
        blob = blob_name(sha.hexdigest(), executable=bool(mode & 0o111))
        kept = self.blob(blob)
        if is_blob(kept, blob):
            place.unlink()
            return blob, False
        place.rename(workshop / blob)
        return blob, True

    def keep(self, file: TreeFile, workshop: Path) -> str:
        """Keep a copy of a file; the name of the blob."""
        with open(file.place, "rb", buffering=0) as original:  # noqa: PTH123 - thousands of times
            blob, new = self.write(
                iter(lambda: original.read(BLOCK), b""), workshop, executable=file.executable
            )
        if new:
            self.adopt(blob, workshop)
        return blob

    def adopt(self, blob: str, workshop: Path) -> None:
        """Make what `write` has left in `workshop` the blob of that name."""
        os.rename(f"{workshop}/{blob}", f"{self.files}/{blob}")  # noqa: PTH104 - as above

    def make(self, listing: Listing) -> Path:
        """The tree of what is listed, made if it is not there. Its blobs are."""
        tree = self.tree(listing.digest)
        try:
            os.utime(tree)
        except FileNotFoundError:
            self._link(tree, listing)
        return tree

    def _link(self, tree: Path, listing: Listing) -> None:
        with self.workshop() as temporary:
            temporary.chmod(0o755)
            for folder in sorted(listing.folders):
                (temporary / folder).mkdir(mode=0o755)
            for path, blob in listing.files.items():
                self.link(blob, f"{temporary}/{path}")
            try:
                temporary.rename(tree)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise  # another workbench of this project made the same tree meanwhile

    def link(self, blob: str, place: str | Path) -> None:
        """Let a blob stand at that place too."""
        try:
            os.link(f"{self.files}/{blob}", place)
        except OSError as error:
            if error.errno not in (errno.EMLINK, errno.EPERM, errno.ENOTSUP):
                raise
            # a file system without links, or with no more for this file
            shutil.copy2(self.blob(blob), place)

    def listing(self, tree: Path) -> Listing:
        """What is in a tree, told by what its files are linked to, without reading them."""
        files, empty = walk(tree)
        name = self.names()
        return Listing({file.path: name(file) for file in files}, tuple(empty))

    def names(self) -> Callable[[TreeFile], str]:
        """Tells the blob of a tree's file by what it is linked to, without reading it."""
        with os.scandir(self.files) as entries:
            blobs = {entry.inode(): entry.name for entry in entries}

        def name(file: TreeFile) -> str:
            known = blobs.get(file.inode)
            if known is not None and not known.startswith(TEMPORARY):
                return known
            return blob_name(content_of(file.place), executable=file.executable)

        return name

    def prune(self, keep: frozenset[str], before_s: float) -> int:
        """Delete trees that are not to be kept and that nobody used since, and the blobs of no
        tree; how many trees. For who is alone here.
        """
        with self.workshop() as rubbish:
            old = 0
            for place in self.folder.iterdir():
                temporary = place.name.startswith(TEMPORARY) and place != rubbish
                if not (temporary or DIGEST.fullmatch(place.name)) or place.name in keep:
                    continue
                if place.stat().st_mtime < before_s:
                    # In one step: half a tree must not have a tree's name.
                    place.rename(rubbish / place.name)
                    old += not temporary
        for blob in self.files.iterdir():
            if blob.stat().st_nlink == 1:
                blob.unlink(missing_ok=True)
        return old


def merge(listings: Sequence[Listing]) -> Listing:
    """One tree of several. The last one counts: for a file, and for whether a path is a file or a
    folder, with all that the folder had.
    """
    files: dict[str, str] = {}
    folders: set[str] = set()
    for listing in listings:
        theirs = listing.folders
        for path in listing.files.keys() & folders:
            files = {at: blob for at, blob in files.items() if not at.startswith(f"{path}/")}
            folders = {at for at in folders if at != path and not at.startswith(f"{path}/")}
        for path in files.keys() & theirs:
            del files[path]
        files.update(listing.files)
        folders |= theirs
    occupied = {above for path in (*files, *folders) for above in parents(path)}
    return Listing(files, tuple(sorted(folders - occupied)))
