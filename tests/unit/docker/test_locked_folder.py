"""What a killed workbench leaves of its sockets goes with the next start; what is in use stays."""

from __future__ import annotations

from pathlib import Path

from workbench.docker.locked_folder import locked_folder


def test_it_is_there_while_it_is_open(tmp_path: Path) -> None:
    with locked_folder(tmp_path / "a" / "one"):
        (tmp_path / "a" / "one" / "environment").mkdir()

    assert list((tmp_path / "a").iterdir()) == []


def test_folders_of_killed_workbenches_go_and_all_others_stay(tmp_path: Path) -> None:
    (tmp_path / "killed" / "environment").mkdir(parents=True)
    (tmp_path / "killed" / ".lock").touch()
    (tmp_path / "not ours").mkdir()
    with locked_folder(tmp_path / "living"), locked_folder(tmp_path / "new"):
        found = {path.name for path in tmp_path.iterdir()}

    assert found == {"living", "new", "not ours"}


def test_its_own_remains_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / ".lock").touch()

    with locked_folder(tmp_path / "one"):
        assert (tmp_path / "one").is_dir()
