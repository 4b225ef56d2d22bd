"""Uploaded archives: what a zip file holds, looked at before anything of it is written.

Refused, with the entry's name: paths that lead out of the archive or that no file system here takes,
links that lead out, devices and pipes, encrypted entries, two entries for one path, more than an
archive may unpack to. Links that stay inside become what they lead to, a file or a whole folder, as
they do when a folder's code is taken; those that lead nowhere are left out.

Invariant: nothing here writes, and any bytes are read or refused with a `RequestError`.
Source: Lambda quotas, "Deployment package size"; texts of errors as recorded from Lambda.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from workbench.errors import CodeTooLarge, InvalidArchive, ZipTooLarge
from workbench.expression import expression
from workbench.functions.trees import BLOCK, parents
from workbench.values import dataclass

ZIPPED_BYTES = 52428800
UNZIPPED_BYTES = 262144000
ENTRIES = 100_000
"""Ours: Lambda's is not known, and no function has as many."""
PATH_BYTES = 2048
"""Ours, and so that the path fits into any folder."""
NAME_BYTES = 255
"""Source: NAME_MAX of every file system that code stands on."""
_LINK_BYTES = 4096
_HOPS = 40
"""Source: path_resolution(7), ELOOP."""

_DRIVE = expression(r"[A-Za-z]:")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1 | 0x40
_UTF8 = 0x800
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
    NotImplementedError,
    RuntimeError,
    OSError,
)
"""What the standard library's reader raises for bytes that are no zip. It reads from memory."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive."""

    info: zipfile.ZipInfo
    name: str
    executable: bool

    @property
    def size_bytes(self) -> int:
        return self.info.file_size


def unsafe(path: str) -> str | None:
    """Why no archive may hold an entry of that path; `None`: it may."""
    reason = None
    if "\0" in path:
        reason = "has a NUL in its name"
    elif path.startswith("/"):
        reason = "has an absolute path"
    elif "\\" in path:
        reason = "has a backslash in its path; folders are separated by /"
    elif _DRIVE.match(path):
        reason = "has a drive letter in its path"
    elif ".." in path.split("/"):
        reason = "leads out of its folder (..)"
    else:
        try:
            encoded = path.encode("utf-8")
        except UnicodeEncodeError:
            return "has a name that is not UTF-8"
        if len(encoded) > PATH_BYTES:
            reason = f"has a path of more than {PATH_BYTES} bytes"
        elif any(len(part) > NAME_BYTES for part in encoded.split(b"/")):
            reason = f"has a name of more than {NAME_BYTES} bytes"
    return reason


def check_size(
    sizes: Mapping[str, int], taken_bytes: int, *, limit_bytes: int = UNZIPPED_BYTES
) -> None:
    """Compare code, unpacked, with what Lambda takes. sizes: of its files; taken_bytes: of its
    layers. Raises `CodeTooLarge`.
    """
    if sum(sizes.values()) + taken_bytes >= limit_bytes:
        raise CodeTooLarge(limit_bytes=limit_bytes, sizes=sizes, taken_bytes=taken_bytes)


class Archive:
    """A zip file in memory, found to be safe."""

    def __init__(
        self,
        data: bytes,
        *,
        taken_bytes: int = 0,
        zipped_bytes: int = ZIPPED_BYTES,
        unzipped_bytes: int = UNZIPPED_BYTES,
    ) -> None:
        """Look through it. taken_bytes: what layers take of the size allowed. zipped_bytes,
        unzipped_bytes: what it has to be smaller than.

        Raises `ZipTooLarge`, `CodeTooLarge`, `InvalidArchive`.
        """
        if len(data) >= zipped_bytes:
            raise ZipTooLarge(limit_bytes=zipped_bytes, found_bytes=len(data))
        # Each entry of the directory has this mark; counted before memory is spent on them.
        if data.count(b"PK\1\2") > ENTRIES:
            raise InvalidArchive(f"It has more than {ENTRIES} entries.")
        with reading("It"):
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        self._files: dict[str, Member] = {}
        self._links: dict[str, str] = {}
        self._folders: set[str] = {""}
        self._look_through()
        self.files: dict[str, Member] = {}
        """By path, sorted: what stands there, links followed."""
        self.empty: tuple[str, ...] = ()
        """Folders with nothing in them."""
        self._lay_out()
        self.unzipped_bytes = sum(member.size_bytes for member in self.files.values())
        sizes = {path: member.size_bytes for path, member in self.files.items()}
        check_size(sizes, taken_bytes, limit_bytes=unzipped_bytes)

    @property
    def as_stored(self) -> tuple[Mapping[str, Member], Mapping[str, str], Collection[str]]:
        """Its files, its links with what they lead to, and its folders: links not followed. None
        leads out, and nothing stands below one.
        """
        return self._files, self._links, self._folders

    def read(self, member: Member) -> Iterator[bytes]:
        """A file's content, in blocks. Raises `InvalidArchive` when it is not what the archive says
        it is.
        """
        seen = 0
        with reading(repr(member.name)):
            source = self._zip.open(member.info)
        with source:
            while True:
                with reading(repr(member.name)):
                    block = source.read(BLOCK)
                if not block:
                    break
                seen += len(block)
                if seen > member.size_bytes:
                    break
                yield block
        if seen != member.size_bytes:
            raise InvalidArchive(f"{member.name!r} is not as long as the archive says.")

    # --- what is in it ---------------------------------------------------------------------------------

    def _look_through(self) -> None:
        for info in self._zip.infolist():
            name = entry_name(info)
            path = "/".join(part for part in name.split("/") if part not in ("", "."))
            folder = name.endswith("/")
            kind = entry_kind(info, name, folder=folder)
            if not path:
                if not folder:
                    raise InvalidArchive(f"{name!r} has no name.")
                continue
            self._claim(path, name, folder=folder)
            if folder:
                continue
            if kind == stat.S_IFLNK:
                self._links[path] = self._target_of(info, name)
            else:
                self._files[path] = Member(info, name, bool(_mode_of(info) & 0o111))

    def _claim(self, path: str, name: str, *, folder: bool) -> None:
        """One path, one entry; and what is a file is no folder of others."""
        taken = path in self._files or path in self._links
        if taken or (not folder and path in self._folders):
            raise InvalidArchive(f"{name!r} is in it twice, or is a file and a folder.")
        for above in parents(path):
            if above in self._folders:
                break
            if above in self._files or above in self._links:
                raise InvalidArchive(f"{above!r} is a file and a folder (of {name!r}).")
            self._folders.add(above)
        if folder:
            self._folders.add(path)

    def _target_of(self, info: zipfile.ZipInfo, name: str) -> str:
        if info.file_size > _LINK_BYTES:
            raise InvalidArchive(f"{name!r} is a link with more than {_LINK_BYTES} bytes.")
        with reading(repr(name)):
            target = self._zip.read(info).decode("utf-8")
        if not target or "\0" in target:
            raise InvalidArchive(f"{name!r} is a link to nothing.")
        if target.startswith("/") or "\\" in target or _DRIVE.match(target):
            raise InvalidArchive(f"{name!r} is a link that leads out of the archive: {target!r}.")
        return target

    # --- links -----------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Walk through it as through a folder, with links followed."""
        children: dict[str, list[str]] = {folder: [] for folder in self._folders}
        for path in (*self._files, *self._links, *self._folders):
            if path:
                children[path.rpartition("/")[0]].append(path)
        found: dict[str, Member] = {}
        folders: list[str] = []
        visited = 0
        pending: list[tuple[str, str, frozenset[str]]] = [("", "", frozenset())]
        while pending:
            folder, prefix, above = pending.pop()
            within = above | {folder}
            folders.append(prefix.rstrip("/"))
            for path in children[folder]:
                visited += 1
                if visited > ENTRIES:
                    raise InvalidArchive(f"Its links followed, it has more than {ENTRIES} entries.")
                at = prefix + path.rpartition("/")[2]
                if reason := unsafe(at):
                    raise InvalidArchive(f"{at!r} {reason}, its links followed.")
                real = self._resolve(path) if path in self._links else path
                if real in self._files:
                    found[at] = self._files[real]
                elif real in self._folders and real not in within:
                    pending.append((real, f"{at}/", within))
        self.files = dict(sorted(found.items()))
        occupied = {above for path in (*found, *folders) for above in parents(path)}
        self.empty = tuple(sorted(set(folders) - occupied - {""}))

    def _resolve(self, link: str) -> str:
        """The path, free of links, that a link leads to; it need not exist."""
        at = link.split("/")
        pending = [at.pop()]
        hops = 0
        while pending:
            part = pending.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    raise InvalidArchive(f"{link!r} is a link that leads out of the archive.")
                at.pop()
                continue
            at.append(part)
            target = self._links.get("/".join(at))
            if target is not None:
                hops += 1
                if hops > _HOPS:
                    raise InvalidArchive(f"{link!r} is a link that leads to itself.")
                at.pop()
                pending.extend(reversed(target.split("/")))
        return "/".join(at)


@contextmanager
def reading(subject: str) -> Iterator[None]:
    """What the standard library's reader raises within this is that `subject` cannot be read."""
    try:
        yield
    except UnicodeError as error:
        raise InvalidArchive(f"{subject} has a name that is not UTF-8.") from error
    except _BROKEN as error:
        said = str(error) or type(error).__name__
        raise InvalidArchive(f"{subject} cannot be read: {said}.") from error


def entry_name(info: zipfile.ZipInfo) -> str:
    """An entry's name, found to be safe. Without the mark of UTF-8 it may be UTF-8 all the same: so
    does `zip` on Linux write it. Raises `InvalidArchive`.
    """
    name = info.orig_filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError as error:
            raise InvalidArchive(f"{name!r} has a name that is not UTF-8.") from error
    if reason := unsafe(name):
        raise InvalidArchive(f"{name!r} {reason}.")
    return name


def _mode_of(info: zipfile.ZipInfo) -> int:
    """Type and permissions; 0 where no Unix wrote the archive."""
    return info.external_attr >> 16 if info.create_system == 3 else 0


def entry_kind(info: zipfile.ZipInfo, name: str, *, folder: bool) -> int:
    """The type of an entry, of those that are allowed. Raises `InvalidArchive`."""
    if info.flag_bits & _ENCRYPTED:
        raise InvalidArchive(f"{name!r} is encrypted.")
    if info.compress_type not in _METHODS:
        raise InvalidArchive(
            f"{name!r} is compressed by method {info.compress_type}; Lambda takes deflate."
        )
    kind = stat.S_IFMT(_mode_of(info))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise InvalidArchive(f"{name!r} is a device, a pipe or a socket.")
    if kind and (kind == stat.S_IFDIR) != folder:
        raise InvalidArchive(f"{name!r} is a file and a folder.")
    if folder and info.file_size:
        raise InvalidArchive(f"{name!r} is a folder with content.")
    return kind
