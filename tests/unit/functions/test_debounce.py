"""When changes that belong together are over."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.functions.debounce import Burst


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A function's folder and its last copy, alike."""
    found = tmp_path / "orders", tmp_path / "copy"
    for folder in found:
        (folder / "lib").mkdir(parents=True)
        (folder / "app.py").write_text("1")
        (folder / "lib" / "part.py").write_text("2")
        (folder / "lib" / "__init__.py").touch()
    return found


def burst(*paths: Path) -> Burst:
    return Burst(began_s=1.0, last_s=1.5, paths=set(paths))


def test_it_is_over_when_it_falls_quiet_and_at_the_latest_after_the_limit() -> None:
    assert burst().due_s(quiet_s=0.1, limit_s=1.0) == 1.6
    assert burst().due_s(quiet_s=0.1, limit_s=0.55) == 1.55


@pytest.mark.parametrize("name", ["app.py", "lib/part.py"])
def test_file_that_lost_its_content_is_half_saved(folders: tuple[Path, Path], name: str) -> None:
    folder, copy = folders
    file = folder / name
    assert not burst(file).half_saved(folder, copy)

    file.write_text("")
    assert burst(file).half_saved(folder, copy)

    file.unlink()
    assert burst(file).half_saved(folder, copy)

    file.write_text("3")
    assert not burst(file).half_saved(folder, copy)


def test_what_never_had_content_is_not(folders: tuple[Path, Path]) -> None:
    folder, copy = folders
    new = folder / "new.py"
    new.touch()
    temporary = folder / "app.py___jb_tmp___"

    assert not burst(new, temporary, folder / "lib" / "__init__.py").half_saved(folder, copy)


def test_what_belongs_to_another_folder_is_not(folders: tuple[Path, Path]) -> None:
    folder, copy = folders

    assert not burst(folder.parent / "workbench.toml").half_saved(folder, copy)


def test_checkout_of_many_files_is_not_looked_at(folders: tuple[Path, Path]) -> None:
    folder, copy = folders
    (folder / "app.py").unlink()
    many = (folder / f"{number}.py" for number in range(200))

    assert not burst(folder / "app.py", *many).half_saved(folder, copy)
