"""Build contexts: the same files are the same bytes; what is no part of an image changes nothing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from workbench.docker.context import read_context
from workbench.errors import InvalidManifest


@pytest.fixture
def runtimes(tmp_path: Path) -> Path:
    folder = tmp_path / "runtimes"
    (folder / "x1").mkdir(parents=True)
    (folder / "_shared" / "deep").mkdir(parents=True)
    (folder / "x1" / "Dockerfile").write_text("FROM scratch\n")
    (folder / "x1" / "bootstrap").write_text("#!/bin/sh\n")
    (folder / "_shared" / "deep" / "data").write_bytes(b"\x00\xff")
    return folder


def members(archive: bytes) -> dict[str, tuple[int, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            member.name: (member.mode, file.read())
            for member in tar
            if (file := tar.extractfile(member)) is not None
        }


def test_archive_holds_the_folders_and_the_certificates(runtimes: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"certificates")

    archive = read_context(runtimes, ("x1", "_shared")).archive(ca_bundle=bundle)

    assert members(archive) == {
        "_shared/deep/data": (0o644, b"\x00\xff"),
        "x1/Dockerfile": (0o644, b"FROM scratch\n"),
        "x1/bootstrap": (0o755, b"#!/bin/sh\n"),
        "ca.crt": (0o644, b"certificates"),
    }


def test_same_files_are_the_same_bytes_whatever_their_times_and_modes(
    runtimes: Path, tmp_path: Path
) -> None:
    before = read_context(runtimes, ("x1",))
    (runtimes / "x1" / "bootstrap").chmod(0o600)
    (runtimes / "x1" / "bootstrap").touch()
    after = read_context(runtimes, ("x1",))
    bundle = tmp_path / "b"
    bundle.touch()

    assert before.digest == after.digest
    assert before.archive(ca_bundle=bundle) == after.archive(ca_bundle=bundle)


@pytest.mark.parametrize(
    "path",
    [
        "x1/runtime.toml",
        "x1/template/app.py",
        "x1/.swp",
        "x1/__pycache__/a.pyc",
        "x1/process_client.py",
    ],
)
def test_what_is_no_part_of_the_image_changes_nothing(runtimes: Path, path: str) -> None:
    before = read_context(runtimes, ("x1",)).digest
    (runtimes / path).parent.mkdir(exist_ok=True)
    (runtimes / path).write_text("new")

    assert read_context(runtimes, ("x1",)).digest == before


@pytest.mark.parametrize("change", ["content", "name", "shared"])
def test_what_is_part_of_it_changes_the_digest(runtimes: Path, change: str) -> None:
    before = read_context(runtimes, ("x1", "_shared")).digest
    if change == "content":
        (runtimes / "x1" / "Dockerfile").write_text("FROM scratch \n")
    elif change == "name":
        (runtimes / "x1" / "bootstrap").rename(runtimes / "x1" / "bootstrap2")
    else:
        (runtimes / "_shared" / "more").touch()

    assert read_context(runtimes, ("x1", "_shared")).digest != before


def test_folder_that_is_missing_is_told(runtimes: Path) -> None:
    with pytest.raises(InvalidManifest, match="missing") as caught:
        read_context(runtimes, ("x1", "_gone"))

    assert caught.value.path == runtimes / "_gone"
