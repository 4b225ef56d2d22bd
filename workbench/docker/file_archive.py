"""Folders as the archives that an engine's API takes and gives. What it gives is hostile until parsed."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

from workbench.errors import DriverError


def pack(source: Path, archive: IO[bytes], *, under: str) -> None:
    """Write a folder, or one file in a folder, as an archive in which the folder is called `under`; all
    of it root's. Raises `OSError`.
    """
    name = f"{under}/{source.name}" if source.is_file() else under
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(source, arcname=name, filter=_roots)
    archive.seek(0)


def _roots(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def unpack(archive: IO[bytes], into: Path) -> None:
    """Files, folders and links of an archive of one folder, into one that is there and empty.

    Nothing is written outside of it. Links are kept as they are, whatever they lead to, and not followed.
    Raises `DriverError` for any other kind of file, and `OSError`.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            for member in tar:
                parts = PurePosixPath(member.name).parts[1:]  # the first is the folder's own name
                if parts:
                    _unpack_one(tar, member, _place(into, parts, member.name), into)
    except tarfile.TarError as error:
        raise DriverError(f"The container engine gave an archive that is none: {error}.") from error


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, into: Path) -> None:
    if member.isdir():
        target.mkdir(exist_ok=True)
        target.chmod(0o755)
    elif member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        first = PurePosixPath(member.linkname).parts[1:]
        os.link(_place(into, first, member.linkname), target, follow_symlinks=False)
    elif (content := tar.extractfile(member)) is not None and member.isreg():
        with target.open("xb") as file:
            shutil.copyfileobj(content, file)
        target.chmod(member.mode & 0o755 | 0o600)
        os.utime(target, (member.mtime, member.mtime))  # compiled Python goes by it
    else:
        raise DriverError(
            f"Something else than a file, a folder or a link: {member.name!r}. Only those can be copied "
            "from the container engine."
        )


def _place(into: Path, parts: tuple[str, ...], name: str) -> Path:
    """Where it is to be, by way of folders alone."""
    path = into
    for part in parts[:-1]:
        path /= part
        if path.is_symlink():
            break
    else:
        if parts and ".." not in parts:
            return into.joinpath(*parts)
    raise DriverError(f"The container engine gave a file outside of its folder: {name!r}.")
