from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.config.conftest import PYTHON, RUNTIMES
from workbench.config.discovery import read_project
from workbench.config.scaffold import PLACEHOLDER, create_function
from workbench.errors import AlreadyExists, InvalidManifest, InvalidParameter
from workbench.model.names import FunctionName
from workbench.model.runtime import Runtime

NAME = FunctionName("orders")
PICTURE = b"\x89PNG\xff{{name}}"


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    template = tmp_path / "template"
    (template / "events").mkdir(parents=True)
    (template / "function.toml").write_text(
        f'runtime = "python3.13"\ndescription = "{PLACEHOLDER} says hello."\n'
    )
    (template / "app.py").write_text("def handler(event, context):\n    return {}\n")
    (template / "README.md").write_text(f"# {PLACEHOLDER}\n\n{PLACEHOLDER} — ü\n")
    (template / "events" / "hello.json").write_text('{"name": "{{ not ours }}"}')
    (template / "run").write_text("#!/bin/sh\n")
    (template / "run").chmod(0o755)
    (template / "picture.png").write_bytes(PICTURE)
    return replace(PYTHON, template=template)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir(mode=0o755)
    return root


def test_new_function_is_the_template_with_its_name_filled_in(root: Path, runtime: Runtime) -> None:
    folder = create_function(root, NAME, runtime)

    assert folder == root / "orders"
    assert "orders says hello." in (folder / "function.toml").read_text()
    assert (folder / "README.md").read_text() == "# orders\n\norders — ü\n"
    assert (folder / "events" / "hello.json").read_text() == '{"name": "{{ not ours }}"}'
    assert (folder / "picture.png").read_bytes() == PICTURE
    assert (folder / "run").stat().st_mode & 0o111
    assert folder.stat().st_mode & 0o777 == 0o755


def test_new_function_is_sound_at_once(root: Path, runtime: Runtime) -> None:
    create_function(root, NAME, runtime)

    (function,) = read_project(root, runtimes=RUNTIMES).project.functions

    assert function.problems == ()
    assert function.events == ("hello",)


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_overwritten(root: Path, runtime: Runtime, kind: str) -> None:
    target = root / "orders"
    if kind == "folder":
        target.mkdir()
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("nowhere")

    with pytest.raises(AlreadyExists, match="exists already"):
        create_function(root, NAME, runtime)

    assert [path.name for path in root.iterdir()] == ["orders"]


def test_failure_leaves_nothing_half_made(root: Path, runtime: Runtime) -> None:
    assert runtime.template is not None
    (runtime.template / "dangling").symlink_to("nowhere")

    with pytest.raises(InvalidManifest, match="It cannot be made"):
        create_function(root, NAME, runtime)

    assert list(root.iterdir()) == []


def test_folder_that_may_not_be_written_says_so(runtime: Runtime, unprivileged: Path) -> None:
    root = unprivileged / "project"
    root.mkdir(mode=0o500)

    with pytest.raises(InvalidManifest, match="Permission denied"):
        create_function(root, NAME, runtime)


def test_runtime_without_a_template_is_refused(root: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"python3\.13 has no template"):
        create_function(root, NAME, PYTHON)
