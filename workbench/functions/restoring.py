"""A tree as it should be: unpacked from its zip where nobody has needed it yet, else read in full, and
mended from its zip where it is damaged.

Trees share their files, so that one damaged blob is the damage of many: the blob is mended first,
where it stands, and then linked into the tree where it is missing. The folder stays the one it was, for who runs from it.

Invariant: what is put in place has been read from a zip whose SHA-256 is right and whose content
makes the tree's own digest.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from workbench.errors import CodeDamaged, RequestError
from workbench.functions.archives import Archive
from workbench.functions.packages import Packages
from workbench.functions.trees import (
    Listing,
    Trees,
    blob_name,
    content_of,
    is_blob,
    is_executable,
    walk,
)


def verify(trees: Trees, packages: Packages, digest: str) -> Path:
    """The tree of that digest, with the content it had when it was taken.

    Raises `CodeDamaged`, `OSError`.
    """
    tree = trees.tree(digest)
    if tree.is_dir() and _listing(tree).digest == digest:
        return tree
    broken: list[str] = []
    for kept in packages.all_of(digest):
        if not kept.sound:
            broken.append(f"{kept.place} is missing or has other content")
            continue
        with trees.workshop() as workshop:
            try:
                listing, new = unpack(trees, Archive(kept.place.read_bytes()), workshop)
            except RequestError as error:
                broken.append(f"{kept.place} cannot be unpacked ({error})")
                continue
            if listing.digest != digest:
                broken.append(f"{kept.place} has other code")
                continue
            for blob in new:
                _mend_blob(trees, blob, workshop)
            _mend_tree(trees, tree, listing)
            return tree
    raise CodeDamaged(digest, tree=tree, broken=[*complaints(trees, tree), *broken])


def unpack(trees: Trees, archive: Archive, workshop: Path) -> tuple[Listing, set[str]]:
    """What the tree of an archive's files is, and those of its blobs that are not there, or damaged:
    they are in `workshop`, each under its name. Raises `InvalidArchive`, `OSError`.
    """
    blobs: dict[str, str] = {}
    missing: set[str] = set()
    files: dict[str, str] = {}
    for path, member in archive.files.items():
        blob = blobs.get(member.name)
        if blob is None:
            blob, new = trees.write(archive.read(member), workshop, executable=member.executable)
            blobs[member.name] = blob
            if new:
                missing.add(blob)
        files[path] = blob
    return Listing(files, archive.empty), missing


def _listing(tree: Path) -> Listing:
    """What a tree has, every file read."""
    files, empty = walk(tree)
    return Listing(
        {
            file.path: blob_name(content_of(file.place), executable=file.executable)
            for file in files
            if not file.place.is_symlink()
        },
        tuple(empty),
    )


def _mend_blob(trees: Trees, blob: str, workshop: Path) -> None:
    """Give a blob its content again: in place, so that every tree that has it is mended too."""
    kept = trees.blob(blob)
    if kept.is_file() and not kept.is_symlink():
        with suppress(OSError):  # it is being run, or belongs to somebody else
            kept.chmod(0o644)
            shutil.copyfile(workshop / blob, kept)
            kept.chmod(0o555 if is_executable(blob) else 0o444)
    if not is_blob(kept, blob):
        trees.adopt(blob, workshop)


def _mend_tree(trees: Trees, tree: Path, listing: Listing) -> None:
    """Put in place what is missing or different, and take away what does not belong."""
    if not tree.is_dir():
        trees.make(listing)
        return
    with trees.workshop() as aside:
        folders = listing.folders
        for file in walk(tree)[0]:
            if listing.files.get(file.path) is None or file.place.is_symlink():
                _move_away(file.place, aside)
        for folder in sorted(_folders_of(tree) - folders, reverse=True):
            _move_away(tree / folder, aside)
        for folder in sorted(folders):
            (tree / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
        for number, (path, blob) in enumerate(listing.files.items()):
            if not is_blob(tree / path, blob):
                fresh = aside / f"new{number}"
                trees.link(blob, fresh)
                fresh.replace(tree / path)


def _folders_of(tree: Path) -> set[str]:
    return {
        path.relative_to(tree).as_posix()
        for path in tree.rglob("*")
        if path.is_dir() and not path.is_symlink()
    }


def _move_away(place: Path, aside: Path) -> None:
    place.rename(Path(tempfile.mkdtemp(dir=aside)) / "moved")


def complaints(trees: Trees, tree: Path) -> list[str]:
    """What is seen to be wrong with a tree of which nothing says what it should be."""
    if not tree.is_dir():
        return [f"{tree} is missing"]
    name = trees.names()
    changed = [
        f"{file.path!r} has other content"
        for file in walk(tree)[0]
        if not is_blob(file.place, name(file))
    ]
    return changed or ["files are missing, or there are others beside them"]
