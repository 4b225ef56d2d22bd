"""Files of a project, read as the hostile things they are and written whole or not at all.

Invariant: reading never blocks (a pipe, a device), never takes more memory than the limit, and
ends in a value, `FileNotFoundError`, or `InvalidManifest` with the line.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from workbench.errors import InvalidManifest

MAX_BYTES = 1024 * 1024
"""No file a person writes by hand for the workbench comes near this."""

_BLOCK = 256 * 1024
_BOM = "\ufeff"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_bytes(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises `FileNotFoundError`, and `InvalidManifest` for everything else that is in the way.
    """
    try:
        # A pipe that nobody writes to would keep an ordinary open() waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise InvalidManifest(unreadable(error), path=path) from error
    try:
        return read_descriptor(descriptor, path, limit=limit)
    finally:
        os.close(descriptor)


def read_descriptor(descriptor: int, path: Path, *, limit: int) -> bytes:
    """The content of an open file, which `path` names in complaints."""
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise InvalidManifest(f"This is {kind}; a file was expected here.", path=path)
        if found.st_size > limit:
            raise InvalidManifest(_too_large(found.st_size, limit), path=path)
        blocks: list[bytes] = []
        size = 0
        while block := os.read(descriptor, _BLOCK):
            blocks.append(block)
            size += len(block)
            if size > limit:  # it grows while it is read
                raise InvalidManifest(_too_large(size, limit), path=path)
        return b"".join(blocks)
    except OSError as error:
        raise InvalidManifest(unreadable(error), path=path) from error


def decode(content: bytes, path: Path) -> tuple[str, str | None]:
    """UTF-8 text with its line ends made newlines; and what is wrong with its byte order mark.

    Raises `InvalidManifest` with the line of the first byte that is not UTF-8.
    """
    if content.startswith(_UTF_16):
        raise InvalidManifest(
            "This is UTF-16, not UTF-8. Save it as UTF-8 without a byte order mark.",
            path=path,
            line=1,
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidManifest(
            f"Byte 0x{content[error.start]:02x} is not UTF-8. Save the file as UTF-8.",
            path=path,
            line=content.count(b"\n", 0, error.start) + 1,
        ) from error
    complaint = None
    if text.startswith(_BOM):
        text = text.removeprefix(_BOM)
        complaint = "It starts with a byte order mark. Save it as UTF-8 without one."
    return text.replace("\r\n", "\n"), complaint


def unreadable(error: OSError | ValueError) -> str:
    """Why the system would not let us, as a sentence."""
    if isinstance(error, OSError) and error.strerror:
        return f"It cannot be read: {error.strerror}."
    return f"It cannot be read: {error}."


def _too_large(size: int, limit: int) -> str:
    return f"It has {size:,} bytes; at most {limit:,} are read."


def write_atomically(path: Path, content: bytes, *, overwrite: bool = True) -> None:
    """Write a file so that any reader sees the old one, none, or the new one.

    The mode of an existing file is kept; a link is replaced, never written through.
    Raises `FileExistsError` when something is there and `overwrite` is false.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        write_in(folder, path.name, content, overwrite=overwrite)
    finally:
        os.close(folder)


def write_in(folder: int, name: str, content: bytes, *, overwrite: bool = True) -> None:
    """`write_atomically` for a file of the open directory `folder`."""
    temporary = f".{name[:80]}.{secrets.token_hex(4)}.tmp"
    descriptor = os.open(
        temporary,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o666,  # the umask decides, as for any file a person makes
        dir_fd=folder,
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            mode = _mode(folder, name)
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            move_in(folder, temporary, name)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)


def move_in(folder: int, name: str, to: str) -> None:
    """Give a file of the open directory `folder` another name. Raises `FileExistsError`."""
    try:
        os.link(name, to, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        # A file system without links, or another user's file: here, two at once can still
        # overwrite each other.
        if is_there(folder, to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to) from error
        os.rename(name, to, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def is_there(folder: int, name: str) -> bool:
    """Does the open directory `folder` have anything of that name, a dangling link included?"""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _mode(folder: int, name: str) -> int | None:
    """The permissions of a regular file that is there already."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else None
