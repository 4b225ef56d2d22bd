"""Build contexts: folders under runtimes/ as one deterministic archive.

Invariant: the same files give the same bytes and the same digest on every machine, so that an image
is found again by name, and the builder's own cache holds.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

from workbench.errors import InvalidManifest
from workbench.values import dataclass

CA_FILE = "ca.crt"
"""Where builder stages find the host's certificates. Not part of the digest."""

_NOT_COPIED = re.compile(r"runtime\.toml|template|__pycache__|process_client\..*|\..*")
"""Names of what no image holds: data, what `init` copies, what runs where there are no containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """The files of a build, by path inside the context."""

    files: tuple[tuple[str, bytes], ...]
    digest: str
    """Hex SHA-256 over paths and contents."""

    def archive(self, *, ca_bundle: Path) -> bytes:
        """As a tar, with the host's certificates beside the files. Blocks."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, content in (*self.files, (CA_FILE, ca_bundle.read_bytes())):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                # modes are lost on the way through some archives and file systems
                member.mode = 0o755 if content.startswith(b"#!") else 0o644
                archive.addfile(member, io.BytesIO(content))
        return out.getvalue()


def read_context(runtimes: Path, folders: Iterable[str]) -> BuildContext:
    """The files of some folders under `runtimes` that Dockerfiles may copy from. Blocks."""
    found: dict[str, bytes] = {}
    try:
        for folder in folders:
            if not (runtimes / folder).is_dir():
                raise InvalidManifest(
                    "This folder is missing. Install workbench again.", path=runtimes / folder
                )
            for path in (runtimes / folder).rglob("*"):
                inside = path.relative_to(runtimes)
                if path.is_file() and not any(map(_NOT_COPIED.fullmatch, inside.parts)):
                    found[inside.as_posix()] = path.read_bytes()
    except OSError as error:
        path = Path(error.filename) if error.filename else runtimes
        raise InvalidManifest(f"It cannot be read: {error.strerror}.", path=path) from error
    files = tuple(sorted(found.items()))
    whole = hashlib.sha256()
    for name, content in files:
        whole.update(f"{name}\0{len(content)}\0".encode())
        whole.update(content)
    return BuildContext(files=files, digest=whole.hexdigest())
