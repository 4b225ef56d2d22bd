"""What a function's folder says that it depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.conftest import NODE, PYTHON
from workbench.config.dependencies import MAX_BYTES, read_stated
from workbench.errors import InvalidManifest
from workbench.model.dependencies import StatedDependencies
from workbench.model.runtime import Runtime

PACKAGE = '{"dependencies": {"is-number": "7.0.0"}}'


def stated(folder: Path, runtime: Runtime) -> StatedDependencies | None:
    assert runtime.dependencies is not None
    return read_stated(runtime.dependencies, folder)


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"six==1.17.0  # caf\xe9\n")

    found = stated(tmp_path, PYTHON)

    assert found is not None
    assert found.files == {"requirements.txt": b"six==1.17.0  # caf\xe9\n"}


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n", "\n  \n"])
def test_nothing_stated_is_nothing_to_install(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "requirements.txt").write_text(text)

    assert stated(tmp_path, PYTHON) is None


def test_a_missing_lock_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(PACKAGE)

    with pytest.raises(InvalidManifest, match=r"package-lock\.json is missing beside it"):
        stated(tmp_path, NODE)


def test_packages_brought_along_need_no_lock(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(PACKAGE)
    (tmp_path / "node_modules" / "is-number").mkdir(parents=True)

    assert stated(tmp_path, NODE) is None


def test_a_folder_of_that_name_states_nothing(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").mkdir()

    assert stated(tmp_path, PYTHON) is None


def test_a_file_larger_than_any_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "requirements.txt").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(InvalidManifest, match="more than 16,777,216 bytes"):
        stated(tmp_path, PYTHON)


def test_whatever_matters_to_the_result_is_in_the_digest(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(PACKAGE)
    (tmp_path / "package-lock.json").write_text("{}")
    one, same = stated(tmp_path, NODE), stated(tmp_path, NODE)
    (tmp_path / "package-lock.json").write_text("{ }")
    other = stated(tmp_path, NODE)

    assert one is not None
    assert same is not None
    assert other is not None
    assert one.digest("image") == same.digest("image")
    assert len({one.digest("image"), one.digest("another"), other.digest("image")}) == 3
