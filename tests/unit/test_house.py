"""The house is as docs/design.md says: sizes, docstrings, rooms, tasks, promises, nothing private."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import tomli

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "workbench"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)

CODE_LINES = 400
"""A file over this says in its docstring why it is one thing: `Over the usual size because …`."""
PUBLIC_METHODS = 20
WIDE = {
    "WorkbenchApp": "the `Front` that actions are given: one method for each thing a screen can do",
}
"""Classes with more, and why."""
UNISSUED = 10
"""TODOs at most, each with the number of its issue."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def docstring_lines(module: ast.Module) -> set[int]:
    """Lines of docstrings, of fields too."""
    found: set[int] = set()
    for node in ast.walk(module):
        match node:
            case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=int(last)):
                found.update(range(first, last + 1))
    return found


@cache
def code_lines(path: Path) -> int:
    """Lines that are neither blank nor comment nor docstring."""
    documented = docstring_lines(tree(path))
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(
        1
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#") and number not in documented
    )


# --- files and classes -----------------------------------------------------------------------------------


def test_every_module_says_what_it_is() -> None:
    assert [name_of(path) for path in MODULES if not ast.get_docstring(tree(path))] == []


def test_public_classes_say_what_they_are() -> None:
    silent = [
        f"{name_of(path)}: {node.name}"
        for path in MODULES
        for node in tree(path).body
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_a_file_holds_one_concept_or_says_why_it_holds_more() -> None:
    large = [
        f"{name_of(path)}: {lines} lines of code, and no reason"
        for path in MODULES
        if (lines := code_lines(path)) > CODE_LINES
        and "over the usual size because" not in (ast.get_docstring(tree(path)) or "").lower()
    ]
    assert large == []


def test_a_reason_is_only_given_where_one_is_needed() -> None:
    needless = [
        name_of(path)
        for path in MODULES
        if code_lines(path) <= CODE_LINES
        and "over the usual size" in (ast.get_docstring(tree(path)) or "").lower()
    ]
    assert needless == []


TEXTUALS_OWN = re.compile(r"(on|action|watch|compute|validate|key|check|get)_|compose$|render")


def public_methods(node: ast.ClassDef) -> list[str]:
    """Its public methods, but for those by which Textual calls a widget."""
    return [
        each.name
        for each in node.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and not each.name.startswith("_")
        and not TEXTUALS_OWN.match(each.name)
    ]


def test_a_class_has_few_public_methods_or_is_listed() -> None:
    wide = {
        node.name: len(public_methods(node))
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and len(public_methods(node)) > PUBLIC_METHODS
    }
    assert {name: count for name, count in wide.items() if name not in WIDE} == {}


# --- tasks ------------------------------------------------------------------------------------------------

ORPHANS = {"create_task", "ensure_future", "gather", "wait_for"}
LOOPS = re.compile(r"(^|\.)_?(asyncio|\w*loop)$|get_(running|event)_loop\(\)$")


def orphans(module: ast.Module) -> Iterator[str]:
    """Calls that start a task nobody awaits: on a loop or on asyncio, not on a task group."""
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(attr=str(attribute), value=receiver) if attribute in ORPHANS:
                if LOOPS.search(ast.unparse(receiver)):
                    yield f"{node.lineno}: {ast.unparse(node.func)}"
            case ast.Name(id=str(name)) if name in ORPHANS:
                yield f"{node.lineno}: {name}"


def test_every_task_has_a_parent() -> None:
    found = [f"{name_of(path)}:{each}" for path in MODULES for each in orphans(tree(path))]
    assert found == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("loop.create_task(x())", 1),
        ("self._loop.create_task(x())", 1),
        ("asyncio.create_task(x())", 1),
        ("asyncio.get_running_loop().create_task(x())", 1),
        ("create_task(x())", 1),
        ("asyncio.gather(x())", 1),
        ("await wait_for(ensure_future(x()), 1)", 2),
        ("tasks.create_task(x())", 0),
        ("self._background.create_task(x())", 0),
    ],
)
def test_a_task_without_a_parent_is_noticed(source: str, count: int) -> None:
    assert len(list(orphans(ast.parse(source)))) == count


# --- rooms --------------------------------------------------------------------------------------------------


def rooms_on_disk() -> set[str]:
    """Folders as `name/`, files as `name.py`."""
    entries = [path for path in PACKAGE.iterdir() if not path.name.startswith(("_", "."))]
    folders = {f"{path.name}/" for path in entries if (path / "__init__.py").exists()}
    return folders | {path.name for path in entries if path.suffix == ".py"}


def rooms_in_design() -> set[str]:
    """First column of the table under `The rooms`."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    section = text.partition("## The rooms")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def test_the_design_names_every_room_and_no_other() -> None:
    assert rooms_in_design() == rooms_on_disk()


def test_every_room_has_its_layer() -> None:
    settings = tomli.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    named = {room.strip() for layer in layers for room in layer.split("|")}
    assert named == {room.rstrip("/").removesuffix(".py") for room in rooms_on_disk()}


def test_a_room_says_what_it_is_and_imports_nothing() -> None:
    for path in PACKAGE.glob("*/__init__.py"):
        imports = [
            each for each in tree(path).body if isinstance(each, ast.Import | ast.ImportFrom)
        ]
        foreign = [each for each in imports if getattr(each, "module", None) != "__future__"]
        assert foreign == [], name_of(path)


# --- promises -----------------------------------------------------------------------------------------------


@cache
def every_test() -> frozenset[str]:
    """Every test there is, by its name."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def broken_promises(readme: str) -> list[str]:
    """Rows of the table `Promise | Test` whose test does not exist."""
    table = re.search(
        r"^\|\s*Promise\s*\|\s*Test\w*\s*\|\n\|[-| :]+\|\n((?:\|.*\|\n?)+)", readme, re.MULTILINE
    )
    if table is None:
        heading = re.search(r"^#+\s+.*\bpromises?\b", readme, re.MULTILINE | re.IGNORECASE)
        return ["a heading about promises, and no table `Promise | Test`"] if heading else []
    broken = []
    for row in table[1].splitlines():
        promise, named = (cell.strip() for cell in row.strip().strip("|").rsplit("|", 1))
        found = re.findall(r"\btest_\w+(?!\w*\.py)\b", re.sub(r"[\w/]+\.py(::)?", "", named))
        paths = re.findall(r"[\w/]+\.py", named)
        if not found and not paths:
            broken.append(f"{promise}: names no test")
        broken += [f"{promise}: no test named {name}" for name in found if name not in every_test()]
        broken += [f"{promise}: no file {path}" for path in paths if not (ROOT / path).is_file()]
    return broken


def test_every_promise_of_the_readme_names_the_test_that_keeps_it() -> None:
    assert broken_promises((ROOT / "README.md").read_text(encoding="utf-8")) == []


KEPT = "test_every_promise_of_the_readme_names_the_test_that_keeps_it"


@pytest.mark.parametrize(
    ("readme", "broken"),
    [
        ("# Workbench\n", 0),
        ("# Workbench\n\n## Promises\n\nWe do our best.\n", 1),
        (f"## Promises\n\n| Promise | Test |\n|---|---|\n| Good | `{KEPT}` |\n", 0),
        (f"| Promise | Test |\n|---|---|\n| Good | `tests/unit/test_house.py::{KEPT}` |\n", 0),
        ("| Promise | Test |\n|---|---|\n| Good | `tests/unit/test_house.py` |\n", 0),
        ("| Promise | Test |\n|---|---|\n| Bad | `test_that_is_not_there` |\n", 1),
        ("| Promise | Test |\n|---|---|\n| Bad | `tests/unit/test_not_there.py` |\n", 1),
        ("| Promise | Test |\n|---|---|\n| Bad | we are sure |\n| Worse | |\n", 2),
    ],
)
def test_a_promise_nobody_keeps_is_noticed(readme: str, broken: int) -> None:
    assert len(broken_promises(readme)) == broken


# --- what must not be in the repository -----------------------------------------------------------------------


@cache
def tracked() -> dict[str, str]:
    """Every text file that git knows, by its path."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    texts = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            raw = path.read_bytes()
            if b"\0" not in raw:
                texts[name] = raw.decode("utf-8", errors="replace")
    return texts


def occurrences(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for name, text in tracked().items()
        for match in pattern.finditer(text)
    ]


def test_every_todo_has_an_issue_and_there_are_few() -> None:
    marks = occurrences(re.compile(r"\b(?:TODO|FIXM[E]|XX[X])\b[^\n]*"))
    here = name_of(Path(__file__))
    marks = [mark for mark in marks if not mark.startswith(here)]
    assert [mark for mark in marks if not re.search(r"TODO\(#\d+\)", mark)] == []
    assert len(marks) <= UNISSUED


FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w.~-])/(?:work|root|home/\w+|Users/\w+)(?:/[\w.-]+|(?=[\s\"'`]))",
    "a registry": r"\b(?:ghcr|quay|gcr|index\.docker|registry-1\.docker)\.io\b|\becr\.aws\b"
    r"|\bmcr\.microsoft\.com\b|\bregistry\.npmjs\.\w+|\bfiles\.pythonhosted\.\w+|\bpypi\.org/simple",
    "a mirror": r"https?://[\w.-]*(?:mirror|artifactory|nexus|proxy)[\w.-]*(?<!\.example)(?![\w.-])",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an access key": r"\b(?:AKIA|ASIA)(?!\w*EXAMPLE)[0-9A-Z]{16}\b",
}


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN)
def test_nothing_private_is_in_the_repository(pattern: str) -> None:
    assert occurrences(re.compile(pattern)) == []


def configured_hosts() -> set[str]:
    """Where this machine gets its packages from, as far as its environment says."""
    about = re.compile(
        r"^(pip|uv|npm_config|yarn|docker)_|_(proxy|registry|mirror)$", re.IGNORECASE
    )
    hosts = {urlsplit(value).hostname for name, value in os.environ.items() if about.search(name)}
    return {host for host in hosts if host and "." in host and not host.startswith("127.")}


def test_nothing_says_where_this_machine_gets_its_packages_from() -> None:
    hosts = configured_hosts()
    if hosts:
        assert occurrences(re.compile("|".join(map(re.escape, sorted(hosts))))) == []
