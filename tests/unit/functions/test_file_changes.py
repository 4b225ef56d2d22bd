"""Two trees held against each other, on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.functions.comparing import TEXT_BYTES, Allowance, file_changes
from workbench.model.difference import ChangeType, FileChange


def tree(place: Path, files: dict[str, bytes]) -> Path:
    place.mkdir(exist_ok=True)
    for path, content in files.items():
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return place


def changes(tmp_path: Path, a: dict[str, bytes], b: dict[str, bytes]) -> dict[str, FileChange]:
    found = file_changes(tree(tmp_path / "a", a), tree(tmp_path / "b", b))
    return {change.path: change for change in found}


def test_files_are_added_removed_changed_or_the_same(tmp_path: Path) -> None:
    found = changes(
        tmp_path,
        {"same": b"1", "gone": b"1\n", "lib/app.py": b"one\n"},
        {"same": b"1", "new": b"2\n", "lib/app.py": b"two\n"},
    )

    assert {path: change.type for path, change in found.items()} == {
        "gone": ChangeType.REMOVED,
        "lib/app.py": ChangeType.CHANGED,
        "new": ChangeType.ADDED,
    }
    assert found["lib/app.py"].diff == ("@@ -1 +1 @@", "-one", "+two")
    assert found["new"].diff == ("@@ -0,0 +1 @@", "+2")
    assert found["gone"].diff == ("@@ -1 +0,0 @@", "-1")


def test_a_mode_is_a_change(tmp_path: Path) -> None:
    a, b = tree(tmp_path / "a", {"run": b"x"}), tree(tmp_path / "b", {"run": b"x"})
    (b / "run").chmod(0o755)

    (change,) = file_changes(a, b)

    assert change.a is not None
    assert change.b is not None
    assert (change.a.executable, change.b.executable, change.diff) == (False, True, ())


def test_binary_and_large_files_are_told_by_size(tmp_path: Path) -> None:
    large = b"x\n" * TEXT_BYTES
    found = changes(tmp_path, {"b": b"\0", "l": large}, {"b": b"\0\0", "l": large[:-2] + b"y\n"})

    assert (found["b"].diff, found["b"].no_diff) == (None, "binary")
    assert found["l"].diff is None
    assert found["l"].no_diff.startswith("too large")
    assert found["l"].b is not None
    assert found["l"].b.size_bytes == len(large)


def test_files_that_are_one_on_the_disk_are_not_read(tmp_path: Path) -> None:
    a, b = tree(tmp_path / "a", {"app": b"x"}), tree(tmp_path / "b", {})
    os.link(a / "app", b / "app")
    (a / "app").chmod(0)

    assert file_changes(a, b) == ()


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    a, b = tree(tmp_path / "a", {}), tree(tmp_path / "b", {})
    (b / "node_modules").mkdir()

    (change,) = file_changes(a, b)

    assert (change.path, change.type) == ("node_modules/", ChangeType.ADDED)


def test_what_is_too_much_for_one_comparison_is_said(tmp_path: Path) -> None:
    a = tree(tmp_path / "a", {"1": b"a\nb\n", "2": b"a\nb\n"})
    b = tree(tmp_path / "b", {"1": b"b\na\n", "2": b"b\na\n"})

    first, second = file_changes(a, b, allowance=Allowance(work=8))
    assert first.diff
    assert (second.diff, second.no_diff) == (None, "too different to be compared line by line")
    first, second = file_changes(a, b, allowance=Allowance(text_bytes=8))
    assert first.diff
    assert second.no_diff == "not compared line by line: too much else has changed"
