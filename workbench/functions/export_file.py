"""The file that a function is exported to: a zip of zips.

Layout: `manifest.json` (`functions/export_manifest.py`); `code/<sha256>.zip` for code and layers, as
the code store keeps them; `dependencies/<sha256>.zip`; `folder/function.toml`; `events/<file>`. The
inner zips are stored as they are, named by the SHA-256 of their bytes, in hex.

Invariant: of a file that is read nothing is believed that was not checked, and no more memory is
spent on it than the limits here say.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from workbench.config.events import EVENT, EXPECTATION
from workbench.errors import AlreadyExists, InvalidArchive, InvalidExport, InvalidParameter
from workbench.functions.archives import ZIPPED_BYTES, entry_kind, entry_name, reading
from workbench.functions.dependency_zips import DEPENDENCIES_ZIPPED_BYTES
from workbench.functions.export_manifest import ExportManifest, Refused, from_json, to_json
from workbench.functions.packages import hex_of
from workbench.functions.trees import BLOCK, DIGEST
from workbench.model.names import event_name
from workbench.values import dataclass

MANIFEST = "manifest.json"
CODE, DEPENDENCIES, EVENTS = "code", "dependencies", "events"
FUNCTION_TOML = "folder/function.toml"

MOST_BYTES = 4 * 1024**3 - 1
"""What a zip file can have without the larger records, which are not read."""
_DIRECTORY_BYTES = 16 * 1024**2
_MANIFEST_BYTES = 32 * 1024**2
_TOML_BYTES = 1024**2
_EVENT_BYTES = 64 * 1024**2
_EVENTS_BYTES = 512 * 1024**2
_DATE = (1980, 1, 1, 0, 0, 0)
_END = struct.Struct("<4sHHHHIIH")
_WIDE_LOCATOR_BYTES = 20
_SUFFIX = ".zip"


# --- writing -------------------------------------------------------------------------------------------


class ExportWriter:
    """A file that is being written. Blocks for the disk."""

    def __init__(self, target: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(target, "w", allowZip64=False)
        self._there: set[str] = set()

    def add_code(self, sha256: str, place: Path) -> None:
        """A zip of the code store. sha256: base64."""
        self._add_file(f"{CODE}/{hex_of(sha256)}{_SUFFIX}", place)

    def add_dependencies(self, place: Path) -> str:
        """A zip of installed dependencies; its SHA-256, in hex."""
        with place.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._add_file(f"{DEPENDENCIES}/{digest}{_SUFFIX}", place)
        return digest

    def add_event(self, file: str, content: bytes) -> None:
        """file: its name in `events/`."""
        self._add(f"{EVENTS}/{file}", content)

    def add_function_toml(self, content: bytes) -> None:
        """As it is to be seen by others."""
        self._add(FUNCTION_TOML, content)

    def finish(self, manifest: ExportManifest) -> None:
        """Nothing is added after it."""
        self._add(MANIFEST, to_json(manifest))
        self._zip.close()

    def _add(self, name: str, content: bytes) -> None:
        info = _info(name)
        info.compress_type = zipfile.ZIP_DEFLATED
        self._zip.writestr(info, content)

    def _add_file(self, name: str, place: Path) -> None:
        if name in self._there:
            return
        self._there.add(name)
        info = _info(name)
        info.file_size = place.stat().st_size
        with place.open("rb") as source, self._zip.open(info, "w") as target:
            while block := source.read(BLOCK):
                target.write(block)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


@contextmanager
def exporting_to(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which has its name only when it is whole, on the disk.

    Raises `AlreadyExists`, `InvalidParameter` when it cannot be written.
    """
    if os.path.lexists(path):
        raise AlreadyExists(f"{path} exists already. Name another file: -o FILE.")
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError as error:
        raise AlreadyExists(f"{path} exists already. Name another file: -o FILE.") from error
    except zipfile.LargeZipFile as error:
        raise InvalidParameter(
            f"{path} would have more than 4 GB. Delete versions that nobody needs first.",
            parameter="-o",
        ) from error
    except OSError as error:
        raise InvalidParameter(
            f"{path} cannot be written: {error.strerror or error}.", parameter="-o"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


# --- reading -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    info: zipfile.ZipInfo
    limit_bytes: int


class ExportReader:
    """A file that somebody else may have written. Blocks for the disk."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Look through it. Raises `InvalidExport`."""
        self.path = path
        with self._refusing():
            _check_end(file)
            with reading("It"):
                self._zip = zipfile.ZipFile(file)
            self._entries: dict[str, _Entry] = {}
            for info in self._zip.infolist():
                self._look_at(info)
            self.events = tuple(sorted(_under(self._entries, EVENTS)))
            """Names of files."""
            if sum(self._size(f"{EVENTS}/{file}") for file in self.events) > _EVENTS_BYTES:
                raise Refused(f"Its events have more than {_EVENTS_BYTES} bytes.")
            self.manifest = from_json(self._read(MANIFEST))
            self._check_complete()

    def code(self, sha256: str) -> bytes:
        """A zip of code. sha256: base64. Raises `InvalidExport`."""
        return self._inner(CODE, hex_of(sha256))

    def dependencies(self, digest: str) -> bytes:
        """A zip of installed dependencies. Raises `InvalidExport`."""
        return self._inner(DEPENDENCIES, digest)

    def event(self, file: str) -> bytes:
        """One of `events`. Raises `InvalidExport`."""
        with self._refusing():
            return self._read(f"{EVENTS}/{file}")

    def function_toml(self) -> bytes:
        """Raises `InvalidExport`."""
        with self._refusing():
            return self._read(FUNCTION_TOML)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except Refused as error:
            raise InvalidExport(self.path, str(error)) from None
        except InvalidArchive as error:
            raise InvalidExport(self.path, error.reason) from None
        except OSError as error:
            raise InvalidExport(
                self.path, f"It cannot be read: {error.strerror or error}."
            ) from error

    def _look_at(self, info: zipfile.ZipInfo) -> None:
        name = entry_name(info)
        if entry_kind(info, name, folder=False) == stat.S_IFLNK:
            raise Refused(f"{name!r} is a link.")
        if name in self._entries:
            raise Refused(f"{name!r} is in it twice.")
        limit = _limit_of(name)
        if info.file_size > limit:
            raise Refused(f"{name!r} has {info.file_size} bytes; at most {limit} are read.")
        self._entries[name] = _Entry(info, limit)

    def _check_complete(self) -> None:
        needed = {f"{CODE}/{hex_of(sha256)}{_SUFFIX}" for sha256 in self.manifest.packages}
        needed |= {f"{DEPENDENCIES}/{each}{_SUFFIX}" for each in self.manifest.dependencies}
        if self.manifest.folder is not None:
            needed.add(FUNCTION_TOML)
        for name in sorted(needed - self._entries.keys()):
            raise Refused(f"{name!r} is not in it: export it again.")

    def _inner(self, folder: str, digest: str) -> bytes:
        name = f"{folder}/{digest}{_SUFFIX}"
        with self._refusing():
            content = self._read(name)
            if hashlib.sha256(content).hexdigest() != digest:
                raise Refused(f"{name!r} is damaged: its content has another SHA-256.")
            return content

    def _size(self, name: str) -> int:
        return self._entries[name].info.file_size

    def _read(self, name: str) -> bytes:
        entry = self._entries.get(name)
        if entry is None:
            raise Refused(f"It has no {name}: it was not made by `workbench export`.")
        with reading(repr(name)), self._zip.open(entry.info) as source:
            content = source.read(entry.info.file_size + 1)
        if len(content) != entry.info.file_size:
            raise Refused(f"{name!r} is not as long as the file says.")
        return content


def _check_end(file: BinaryIO) -> None:
    """What the directory may cost is told before it is read. One that has a comment, or the larger
    records, is none that we have written.
    """
    size = file.seek(0, os.SEEK_END)
    strange = Refused(
        "It is no export of a function, or it is not whole: `workbench export` makes one."
    )
    if size < _END.size:
        raise strange
    if size > MOST_BYTES:
        raise Refused(f"It has {size} bytes; at most {MOST_BYTES} are read.")
    file.seek(max(0, size - _END.size - _WIDE_LOCATOR_BYTES))
    tail = file.read()
    mark, _, _, _, _, directory_bytes, _, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\5\6" or comment:
        raise strange
    if tail[: -_END.size].startswith(b"PK\6\7") or directory_bytes > _DIRECTORY_BYTES:
        raise strange
    file.seek(0)


def _under(names: dict[str, _Entry], folder: str) -> Iterator[str]:
    for name in names:
        around, _, file = name.rpartition("/")
        if around == folder:
            yield file


def _limit_of(name: str) -> int:
    """How large an entry of that name may be. Raises `Refused` for what no export has."""
    if name == MANIFEST:
        return _MANIFEST_BYTES
    if name == FUNCTION_TOML:
        return _TOML_BYTES
    folder, _, file = name.partition("/")
    if folder in (CODE, DEPENDENCIES) and file.endswith(_SUFFIX):
        if DIGEST.fullmatch(file.removesuffix(_SUFFIX)):
            return ZIPPED_BYTES if folder == CODE else DEPENDENCIES_ZIPPED_BYTES
    elif folder == EVENTS:
        for end in (EXPECTATION, EVENT):
            if file.endswith(end):
                with suppress(InvalidParameter):
                    event_name(file.removesuffix(end))
                    return _EVENT_BYTES
    raise Refused(f"{name!r} is in it, which no export of a function has.")
