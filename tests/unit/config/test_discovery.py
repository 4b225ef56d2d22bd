"""Finding functions: which folders are one, what is said of those in the way, and at what cost.

Measured: 1,000 functions, each with a manifest, variables, a handler and two events, on two cores:
155 ms with their files in the page cache, 490 ms with none of them there. The tests count what is
opened instead, because that is what a change would spoil first.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

import pytest

from tests.unit.config.conftest import GOOD, RUNTIMES, ProjectOnDisk, complaints
from workbench.config import discovery
from workbench.config.discovery import ProjectReader, read_function, read_project
from workbench.errors import InvalidParameter
from workbench.model.function import Severity

_HEARD = ("open", "os.scandir", "os.listdir", "exec", "import")


class _Witness:
    """Counts what a thread opens and lists, and what any thread executes, through the interpreter's own
    audit events. Other threads, those of pytest's plugins too, may have files to open.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.paths: list[str] = []
        self.watching: int | None = None
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.watching is None or event not in _HEARD:
            return
        if event == "exec" or self.watching == get_ident():
            self.counts[event] += 1
            self.paths.append(str(arguments[0]))

    @contextmanager
    def watch(self) -> Iterator[None]:
        self.counts.clear()
        self.paths.clear()
        self.watching = get_ident()
        try:
            yield
        finally:
            self.watching = None


@pytest.fixture(scope="module")
def witness() -> _Witness:
    """One for all tests: a hook cannot be removed."""
    return _Witness()


def names(disk: ProjectOnDisk) -> list[str]:
    return [str(function.name) for function in disk.read().project.functions]


def test_empty_project_has_no_functions(disk: ProjectOnDisk) -> None:
    project = disk.read().project

    assert project.functions == ()
    assert project.problems == ()
    assert project.root == disk.root


def test_functions_at_any_depth_are_listed_by_name(disk: ProjectOnDisk) -> None:
    for folder in ("zebra", "a/b/c/deep", "billing"):
        disk.function(folder)

    assert names(disk) == ["billing", "deep", "zebra"]


def test_function_inside_a_function_is_part_of_it(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    disk.function("orders/vendored")

    assert names(disk) == ["orders"]


@pytest.mark.parametrize(
    "folder",
    [
        ".git/x",
        ".venv/x",
        "node_modules/x",
        ".workbench/x",
        "a/__pycache__/x",
        "a/.hidden/x",
        "venv/x",
    ],
)
def test_hidden_and_foreign_folders_are_not_looked_into(disk: ProjectOnDisk, folder: str) -> None:
    disk.function(folder)
    disk.function("orders")

    assert names(disk) == ["orders"]


def test_project_that_is_a_function_has_that_one(disk: ProjectOnDisk) -> None:
    disk.write("function.toml", f'{GOOD}name = "solo"')
    disk.write("app.py", "def handler(e, c): ...")

    assert names(disk) == ["solo"]


def test_project_that_is_no_folder_is_refused(disk: ProjectOnDisk) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_project(disk.root / "nowhere", runtimes=RUNTIMES)

    assert caught.value.parameter == "project"
    assert "is not a folder" in str(caught.value)


def test_two_functions_of_one_name_are_both_listed_and_name_each_other(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    disk.function("copy", f'{GOOD}\nname = "orders"\n')
    disk.function("billing")

    project = disk.read().project
    root = disk.root

    assert [f.name for f in project.functions] == ["billing", "orders", "orders"]
    assert disk.complaints() == [
        (
            "copy/function.toml:3: Another function is named orders too: orders/function.toml. "
            "Give one of them another name."
        ),
        (
            "orders/function.toml: Another function is named orders too: copy/function.toml. "
            "Give one of them another name."
        ),
    ]
    assert [f.broken for f in project.functions] == [False, True, True]
    assert complaints(list(project.functions[0].problems), root) == []


def test_manifest_that_is_a_folder_is_a_broken_function(disk: ProjectOnDisk) -> None:
    (disk.root / "orders" / "function.toml").mkdir(parents=True)
    disk.function("billing")

    assert names(disk) == ["billing", "orders"]
    assert disk.complaints() == [
        "orders/function.toml: This is a folder; a file was expected here."
    ]


def test_folder_that_cannot_be_listed_is_a_problem_and_hides_no_other(unprivileged: Path) -> None:
    disk = ProjectOnDisk(unprivileged)
    disk.function("orders")
    locked = unprivileged / "locked"
    locked.mkdir(mode=0)

    assert names(disk) == ["orders"]
    assert disk.complaints() == ["locked: It cannot be read: Permission denied."]


def test_manifest_that_cannot_be_read_is_a_broken_function(unprivileged: Path) -> None:
    disk = ProjectOnDisk(unprivileged)
    disk.function("billing")
    (disk.function("orders") / "function.toml").chmod(0)

    assert names(disk) == ["billing", "orders"]
    assert disk.complaints() == ["orders/function.toml: It cannot be read: Permission denied."]


def test_project_too_large_to_search_says_so(
    disk: ProjectOnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "_MOST_FOLDERS", 5)
    for index in range(6):
        (disk.root / f"empty{index}").mkdir()

    assert disk.complaints() == [
        (
            ".: It has more than 5 folders, and not all were looked at. Name those without functions "
            "under ignore in [project] of workbench.toml."
        )
    ]


# --- links ---------------------------------------------------------------------------------------------


def test_link_back_to_a_folder_around_it_is_not_followed(disk: ProjectOnDisk) -> None:
    disk.function("group/orders")
    (disk.root / "group" / "again").symlink_to(disk.root)

    assert names(disk) == ["orders"]
    assert disk.complaints() == [
        "group/again: This link leads back to a folder around it, and was not followed."
    ]


def test_link_to_itself_is_a_problem(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    (disk.root / "loop").symlink_to("loop")

    assert names(disk) == ["orders"]
    assert disk.complaints() == ["loop: This link leads back to itself."]


def test_link_to_nowhere_is_a_warning(disk: ProjectOnDisk) -> None:
    (disk.root / "gone").symlink_to("nowhere")

    (problem,) = disk.read().project.problems

    assert problem.message == "This link leads nowhere."
    assert problem.severity is Severity.WARNING


def test_link_within_the_project_lists_nothing_twice(disk: ProjectOnDisk) -> None:
    disk.function("group/orders")
    (disk.root / "same").symlink_to("group")

    assert names(disk) == ["orders"]
    assert disk.complaints() == []


def test_link_to_a_function_elsewhere_is_taken_and_said(
    disk: ProjectOnDisk, tmp_path: Path
) -> None:
    ProjectOnDisk(tmp_path / "elsewhere").function("shared")
    (disk.root / "shared").symlink_to(tmp_path / "elsewhere" / "shared")

    function = disk.only()

    assert function.configuration is not None
    assert function.folder == disk.root / "shared"
    assert [problem.message for problem in function.problems] == [
        f"This folder is a link to {tmp_path}/elsewhere/shared, outside of the project."
    ]
    assert not function.broken


def test_link_to_any_other_folder_elsewhere_is_not_looked_into(
    disk: ProjectOnDisk, tmp_path: Path, witness: _Witness
) -> None:
    ProjectOnDisk(tmp_path / "elsewhere").function("shared")
    (disk.root / "all").symlink_to(tmp_path / "elsewhere")

    with witness.watch():
        project = disk.read().project

    assert project.functions == ()
    assert "and was not followed. Link to the functions themselves" in project.problems[0].message
    assert not any("elsewhere" in path for path in witness.paths)


def test_manifest_that_is_a_link_out_of_the_project_is_said(
    disk: ProjectOnDisk, tmp_path: Path
) -> None:
    disk.function("orders")
    (disk.root / "orders" / "function.toml").rename(tmp_path / "shared.toml")
    (disk.root / "orders" / "function.toml").symlink_to(tmp_path / "shared.toml")

    assert disk.complaints() == [
        "orders/function.toml: This file is a link that leads out of the project."
    ]
    assert disk.configuration().runtime == "python3.13"


def test_manifest_that_is_a_dangling_link_is_a_broken_function(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    (disk.root / "orders" / "function.toml").unlink()
    (disk.root / "orders" / "function.toml").symlink_to("gone.toml")

    assert names(disk) == ["orders"]
    assert disk.only().broken


def test_env_file_that_is_a_dangling_link_is_said(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    (disk.root / "orders" / "dev.env").symlink_to("gone.env")

    assert disk.complaints() == ["orders/dev.env: It cannot be read: No such file or directory."]


def test_link_to_a_file_is_no_business_of_ours(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    (disk.root / "notes").symlink_to("/etc/hostname")

    assert disk.complaints() == []


# --- events ----------------------------------------------------------------------------------------------


def test_events_are_named_without_being_read(disk: ProjectOnDisk, witness: _Witness) -> None:
    disk.function("orders")
    for name in ("b", "a.1", "c-d_e"):
        disk.write(f"orders/events/{name}.json", "not even JSON")
    disk.write("orders/events/b.expect.toml", "")
    disk.write("orders/events/notes.txt", "")

    with witness.watch():
        function = disk.only()

    assert function.events == ("a.1", "b", "c-d_e")
    assert function.problems == ()
    assert not any(path.endswith((".json", ".expect.toml")) for path in witness.paths)


def test_what_cannot_be_an_event_is_a_warning(disk: ProjectOnDisk) -> None:
    folder = disk.function("orders")
    disk.write("orders/events/good.json", "{}")
    disk.write("orders/events/two words.json", "{}")
    disk.write("orders/events/typo.expect.toml", "")
    (folder / "events" / "folder.json").mkdir()
    (folder / "events" / "link.json").symlink_to("good.json")

    function = disk.only()

    assert function.events == ("good",)
    assert not function.broken
    assert disk.complaints() == [
        "orders/events/folder.json: This is no file, and not used as an event.",
        "orders/events/link.json: This is a link, and not used as an event. Copy the file.",
        (
            "orders/events/two words.json: 'two words' cannot be an event name: use letters, digits, "
            "'.', '-' and '_', not starting with a dot."
        ),
        (
            'orders/events/typo.expect.toml: It says what to expect of an event "typo", which is not '
            "there."
        ),
    ]


def test_events_folder_that_is_a_link_is_not_used(disk: ProjectOnDisk, tmp_path: Path) -> None:
    disk.function("orders")
    ProjectOnDisk(tmp_path / "secret").write("key.json", "{}")
    (disk.root / "orders" / "events").symlink_to(tmp_path / "secret")

    assert disk.only().events == ()
    assert disk.complaints() == ["orders/events: This is a link, and its events are not used."]


def test_file_in_the_place_of_events_is_said(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    disk.write("orders/events", "")

    assert disk.only().events == ()
    assert disk.complaints() == ["orders/events: Its events cannot be listed: Not a directory."]


# --- cost ------------------------------------------------------------------------------------------------


def test_a_thousand_functions_cost_two_listings_and_two_files_each(
    disk: ProjectOnDisk, witness: _Witness
) -> None:
    disk.write("workbench.toml", "[defaults]\nmemory_mb = 256\n")
    disk.write("dev.env", "STAGE=dev\n")
    for index in range(1000):
        disk.function(f"function{index}", f'{GOOD}[environment]\nTABLE = "t"\n')
        disk.write(f"function{index}/events/created.json", "{}")

    disk.read()  # our own values write their `__init__` the first time, and the memory is read once
    with witness.watch():
        project = disk.read().project

    assert len(project.functions) == 1000
    assert not any(function.problems for function in project.functions)
    # function.toml and the handler's file; the folder and events/
    assert witness.counts["open"] == 2 * 1000 + 2, [
        path for path in witness.paths if str(disk.root) not in path
    ]
    assert witness.counts["os.scandir"] == 2 * 1000 + 1
    assert witness.counts["exec"] == 0


def test_nothing_of_the_project_is_executed(disk: ProjectOnDisk, witness: _Witness) -> None:
    disk.function("orders", code=f"open({str(disk.root / 'ran')!r}, 'w')\ndef handler(e, c): ...")
    disk.write("orders/requirements.txt", "evil @ file:///evil\n")
    disk.write("dev.env", f"X1=$(touch {disk.root}/ran)\nY1=`touch {disk.root}/ran`\n")

    disk.read()  # as above
    with witness.watch():
        disk.read()

    assert witness.counts["exec"] == 0
    assert not (disk.root / "ran").exists()


# --- reading again -----------------------------------------------------------------------------------------


def test_function_read_again_is_as_the_project_reads_it(disk: ProjectOnDisk) -> None:
    disk.write("workbench.toml", "[defaults]\nmemory_mb = 512\n")
    disk.write("dev.env", "STAGE=dev\n")
    folder = disk.function("orders")
    files = disk.read()
    disk.write("orders/function.toml", f"{GOOD}timeout_s = 9\n")
    disk.write("orders/events/new.json", "{}")

    again = read_function(folder, files=files, runtimes=RUNTIMES)

    assert again == disk.only()
    assert again.configuration is not None
    assert again.configuration.timeout_s == 9
    assert again.configuration.memory_mb == 512
    assert again.events == ("new",)


def test_function_whose_manifest_is_gone_is_none_any_more(disk: ProjectOnDisk) -> None:
    folder = disk.function("orders")
    files = disk.read()
    (folder / "function.toml").unlink()

    assert read_function(folder, files=files, runtimes=RUNTIMES) is None
    (folder / "app.py").unlink()
    folder.rmdir()
    assert read_function(folder, files=files, runtimes=RUNTIMES) is None


def test_function_read_again_under_anothers_name_says_so(disk: ProjectOnDisk) -> None:
    disk.function("orders")
    folder = disk.function("billing")
    files = disk.read()
    disk.write("billing/function.toml", f'{GOOD}name = "orders"')

    again = read_function(folder, files=files, runtimes=RUNTIMES)

    assert again is not None
    assert again.broken
    assert "Another function is named orders too" in again.problems[0].message


def test_function_that_can_no_longer_be_listed_is_broken(unprivileged: Path) -> None:
    disk = ProjectOnDisk(unprivileged)
    folder = disk.function("orders")
    files = disk.read()
    folder.chmod(0)

    again = read_function(folder, files=files, runtimes=RUNTIMES)

    assert again is not None
    assert again.name == "orders"
    assert [str(p) for p in again.problems] == [f"{folder}: It cannot be read: Permission denied."]


def test_reader_takes_up_what_the_project_shares(disk: ProjectOnDisk) -> None:
    folder = disk.function("orders")
    reader = ProjectReader(disk.root, runtimes=RUNTIMES)
    disk.write("workbench.toml", "[defaults]\nmemory_mb = 512\n")

    stale = reader.read_function(folder)
    fresh = reader.read().functions[0]

    assert stale is not None
    assert stale.configuration is not None
    assert stale.configuration.memory_mb == 128
    assert fresh.configuration is not None
    assert fresh.configuration.memory_mb == 512
    assert reader.read_function(folder) == fresh
