"""What a killed workbench leaves in its folders goes with the next start; what is in use stays."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from workbench.locked_folder import LockedFolder


def _open(path: Path) -> closing[LockedFolder]:
    return closing(LockedFolder.claim(path))


def test_it_is_there_while_it_is_open(tmp_path: Path) -> None:
    with _open(tmp_path / "a" / "one"):
        (tmp_path / "a" / "one" / "environment").mkdir()

    assert list((tmp_path / "a").iterdir()) == []


def test_folders_of_killed_workbenches_go_and_all_others_stay(tmp_path: Path) -> None:
    (tmp_path / "killed" / "environment").mkdir(parents=True)
    (tmp_path / "killed" / ".lock").touch()
    (tmp_path / "not ours").mkdir()
    with _open(tmp_path / "living"), _open(tmp_path / "new"):
        found = {path.name for path in tmp_path.iterdir()}

    assert found == {"living", "new", "not ours"}


def test_its_own_remains_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / ".lock").touch()

    with _open(tmp_path / "one"):
        assert (tmp_path / "one").is_dir()


def test_what_runs_out_of_a_folder_that_goes_is_ended_first(tmp_path: Path) -> None:
    ended: list[tuple[str, bool]] = []

    def end(folder: Path) -> None:
        ended.append((folder.name, (folder / "environment").is_dir()))

    with _open(tmp_path / "living"):
        (tmp_path / "killed" / "environment").mkdir(parents=True)
        (tmp_path / "killed" / ".lock").touch()
        with closing(LockedFolder.claim(tmp_path / "new", end=end)):
            assert not (tmp_path / "killed").exists()

    assert ended == [("killed", True)]
