"""Packages: the zip files that code is kept as, and which tree each of them is of.

Layout: `zips/<sha256>.zip`; `packages/<digest>.json` for the zip that was made of a tree, and
`packages/<digest>-<sha256>.json` for each that was uploaded and unpacked to it. Digests in hex.

Invariant: a zip is on the disk before anything says so, and its name is its content's SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.errors import InvalidParameter, ZipTooLarge
from workbench.functions.archives import ENTRIES, ZIPPED_BYTES, check_size, unsafe
from workbench.functions.packing import TooLong, pack
from workbench.functions.trees import BLOCK, TreeFile, content_of
from workbench.model.release import CodePackage
from workbench.values import dataclass


@dataclass(frozen=True, slots=True)
class KeptZip:
    """One zip of a tree."""

    package: CodePackage
    place: Path
    note: Path
    """The file that says so."""

    @property
    def sound(self) -> bool:
        """It is there, and has its content."""
        try:
            return content_of(self.place) == self.place.stem
        except OSError:
            return False


def hex_of(sha256: str) -> str:
    """A CodeSha256 as names have it. Raises `ValueError` when it is none."""
    return base64.b64decode(sha256, validate=True).hex()


class Packages:
    """The folders that have them. Everything here blocks, and raises `OSError`."""

    def __init__(self, folder: Path) -> None:
        self.zips = folder / "zips"
        self.notes = folder / "packages"

    def place(self, sha256_hex: str) -> Path:
        """Where a zip is, or would be."""
        return self.zips / f"{sha256_hex}.zip"

    def sound(self, package: CodePackage) -> bool:
        """The zip of that package is there, and has its content."""
        place = self.place(hex_of(package.sha256))
        return KeptZip(package, place, place).sound

    def own(self, digest: str) -> KeptZip | None:
        """The zip that was made of a tree, if it is there at its full length. Counts as a use."""
        kept = self._read(self.notes / f"{digest}.json", digest)
        if kept is None:
            return None
        try:
            if kept.place.stat().st_size != kept.package.zip_bytes:
                return None
            os.utime(kept.note)
        except OSError:
            return None
        return kept

    def all_of(self, digest: str) -> Iterator[KeptZip]:
        """Every zip that unpacks to a tree, the one made of it first."""
        for note in (
            self.notes / f"{digest}.json",
            *sorted(self.notes.glob(f"{digest}-*.json")),
        ):
            if kept := self._read(note, digest):
                yield kept

    def keep(self, temporary: Path, package: CodePackage, *, uploaded: bool) -> None:
        """Keep a finished zip for good. temporary: in the same file system; gone afterwards."""
        for folder in (self.zips, self.notes):
            folder.mkdir(parents=True, exist_ok=True)
        sha256_hex = hex_of(package.sha256)
        _sync(temporary)
        temporary.chmod(0o444)
        temporary.rename(self.place(sha256_hex))
        _sync(self.zips)
        note = temporary.with_suffix(".json")
        with note.open("w", encoding="ascii") as file:
            json.dump(
                {
                    "sha256": package.sha256,
                    "zip_bytes": package.zip_bytes,
                    "unzipped_bytes": package.unzipped_bytes,
                },
                file,
            )
        _sync(note)
        name = f"{package.digest}-{sha256_hex}" if uploaded else package.digest
        note.rename(self.notes / f"{name}.json")
        _sync(self.notes)

    def prune(self, keep: frozenset[str], before_s: float) -> None:
        """Delete what no digest in `keep` needs, and nobody used since."""
        wanted: set[str] = set()
        doubtful = False
        for note in _in(self.notes):
            digest = note.stem.partition("-")[0]
            if digest not in keep and note.stat().st_mtime < before_s:
                note.unlink(missing_ok=True)
            elif kept := self._read(note, digest):
                wanted.add(kept.place.name)
            else:
                doubtful = True  # whose zip that was is not known any more
        for place in () if doubtful else _in(self.zips):
            if place.name not in wanted and place.stat().st_mtime < before_s:
                place.unlink(missing_ok=True)

    def _read(self, note: Path, digest: str) -> KeptZip | None:
        """What a note says; `None` when it is not there or says nothing of use."""
        try:
            said = json.loads(note.read_bytes())
            package = CodePackage(
                digest=digest,
                sha256=str(said["sha256"]),
                zip_bytes=int(said["zip_bytes"]),
                unzipped_bytes=int(said["unzipped_bytes"]),
            )
            return KeptZip(package, self.place(hex_of(package.sha256)), note)
        except (OSError, ValueError, KeyError, TypeError, binascii.Error):
            return None


def make_zip(
    files: Sequence[TreeFile], empty: Sequence[str], place: Path, *, taken_bytes: int
) -> CodePackage:
    """Write a zip of files and empty folders at `place`, each by path; what code that is, as it was
    read. taken_bytes: what layers take of the size allowed.

    Raises `CodeTooLarge`, `ZipTooLarge`; `InvalidParameter` for what no zip may hold.
    """
    sizes = {file.path: file.size_bytes for file in files}
    check_size(sizes, taken_bytes)
    if len(files) + len(empty) > ENTRIES:
        raise InvalidParameter(f"It has more than {ENTRIES} files.", parameter="Code")
    for path in (*sizes, *empty):
        if reason := unsafe(path):
            raise InvalidParameter(f"{path!r} {reason}.", parameter="Code")
    with place.open("wb", buffering=BLOCK) as target:
        try:
            listing, sizes_read = pack(files, empty, target, limit_bytes=ZIPPED_BYTES)
        except TooLong as error:
            raise ZipTooLarge(limit_bytes=ZIPPED_BYTES, sizes=sizes, found_bytes=None) from error
    check_size(sizes_read, taken_bytes)  # files may have grown
    return CodePackage(
        digest=listing.digest,
        sha256=base64.b64encode(bytes.fromhex(content_of(place))).decode(),
        zip_bytes=place.stat().st_size,
        unzipped_bytes=sum(sizes_read.values()),
    )


def _in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _sync(place: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
