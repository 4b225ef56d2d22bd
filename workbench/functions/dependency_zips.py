"""Installed dependencies as zip files, and back: links stay links, and files keep their times, by
which Python knows what it has compiled.

Invariant: what is unpacked has its name only when it is whole, and nothing of it leads out.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from workbench.errors import CodeTooLarge
from workbench.functions.archives import Archive
from workbench.functions.trees import BLOCK

DEPENDENCIES_ZIPPED_BYTES = 512 * 1024**2
DEPENDENCIES_BYTES = 1024**3
"""Ours, and four times what Lambda takes of a whole function."""

_DATE = (1980, 1, 1, 0, 0, 0)
_TIME = struct.Struct("<HHBI")
_TIME_ID = 0x5455
"""Source: Info-ZIP, extended timestamp."""
_TIME_LAST = 2**32 - 1


def pack_dependencies(folder: Path, target: IO[bytes]) -> None:
    """Write a zip of a folder: the same bytes for the same content and times. Raises `CodeTooLarge`,
    `OSError`.
    """
    found = sorted(folder.rglob("*"))
    sizes = {
        path.relative_to(folder).as_posix(): path.lstat().st_size
        for path in found
        if path.is_file() and not path.is_symlink()
    }
    if sum(sizes.values()) >= DEPENDENCIES_BYTES:
        raise CodeTooLarge(limit_bytes=DEPENDENCIES_BYTES, sizes=sizes)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for path in found:
            name = path.relative_to(folder).as_posix()
            here = path.lstat()
            if stat.S_ISLNK(here.st_mode):
                packed.writestr(_info(name, stat.S_IFLNK | 0o777, here), str(path.readlink()))
            elif stat.S_ISDIR(here.st_mode):
                packed.writestr(_info(f"{name}/", stat.S_IFDIR | 0o755, here), b"")
            else:
                mode = stat.S_IFREG | (0o755 if here.st_mode & 0o111 else 0o644)
                info = _info(name, mode, here)
                info.file_size = here.st_size
                with path.open("rb") as source, packed.open(info, "w") as entry:
                    shutil.copyfileobj(source, entry, BLOCK)
    if target.tell() >= DEPENDENCIES_ZIPPED_BYTES:
        raise CodeTooLarge(limit_bytes=DEPENDENCIES_ZIPPED_BYTES, sizes=sizes)


def unpack_dependencies(content: bytes, *, around: Path, name: str, inner: str) -> Path:
    """Unpack a zip to `around/name/inner`, unless it is there; which folder that is.

    Raises `InvalidArchive`, `CodeTooLarge`, `OSError`.
    """
    place = around / name
    if not place.is_dir():
        archive = Archive(
            content, zipped_bytes=DEPENDENCIES_ZIPPED_BYTES, unzipped_bytes=DEPENDENCIES_BYTES
        )
        around.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(dir=around, prefix=".unfinished-"))
        try:
            _unpack(archive, workshop / "whole" / inner)
            try:
                (workshop / "whole").rename(place)
            except OSError:
                if not place.is_dir():  # else another workbench was quicker
                    raise
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    os.utime(place)
    return place / inner


def _unpack(archive: Archive, folder: Path) -> None:
    folder.mkdir(parents=True)
    files, links, folders = archive.as_stored
    for within in folders:
        (folder / within).mkdir(parents=True, exist_ok=True)
    for path, member in files.items():
        place = folder / path
        with place.open("xb") as file:
            for block in archive.read(member):
                file.write(block)
        place.chmod(0o555 if member.executable else 0o444)
        time = _time_of(member.info.extra)
        if time is not None:
            os.utime(place, (time, time))
    for path, target in links.items():  # last: nothing is written through one
        (folder / path).symlink_to(target)
    for place in (folder.parent, folder, *folder.rglob("*")):
        if place.is_dir() and not place.is_symlink():
            place.chmod(0o755)


def _info(name: str, mode: int, here: os.stat_result) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    time = min(max(0, int(here.st_mtime)), _TIME_LAST)
    info.extra = _TIME.pack(_TIME_ID, 5, 1, time)
    return info


def _time_of(extra: bytes) -> int | None:
    """Seconds since the epoch."""
    if len(extra) != _TIME.size:
        return None
    kind, size, flags, time = _TIME.unpack(extra)
    return int(time) if (kind, size, flags) == (_TIME_ID, 5, 1) else None
