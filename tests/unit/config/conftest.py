"""A project that tests write file by file, and runtimes that look like the real ones."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.config.discovery import ProjectFiles, read_project
from workbench.config.settings import Overrides
from workbench.model.function import Function, FunctionConfiguration, Problem
from workbench.model.names import RuntimeName
from workbench.model.runtime import DependencyRule, HandlerRule, Runtime


def a_runtime(
    name: str, handler: HandlerRule, dependencies: DependencyRule | None = None
) -> Runtime:
    return Runtime(
        name=RuntimeName(name),
        folder=Path("/runtimes") / name,
        language=name.rstrip("0123456789.x"),
        summary="",
        base="trixie",
        context=(),
        command=("/var/runtime/bootstrap",),
        log_frames=False,
        execution_env=None,
        variables=(("PATH", "/usr/bin"),),
        handler=handler,
        dependencies=dependencies,
        process=None,
        preload=None,
        template=None,
    )


PYTHON = a_runtime(
    "python3.13",
    HandlerRule(
        default="app.handler",
        files=("{module}.py", "{module}/__init__.py"),
        symbol=r"^\s*(?:async\s+)?(?:def|class)\s+{name}\b|^\s*{name}\s*(?::[^=\n]+)?=(?!=)",
    ),
    DependencyRule(
        files=("requirements.txt",),
        required=(),
        install=("pip",),
        mount="/var/dependencies",
        states=r"(?m)^\s*[^#\s]",
    ),
)
NODE = a_runtime(
    "nodejs22.x",
    HandlerRule(
        default="index.handler",
        files=("{module}.js", "{module}.mjs", "{module}.cjs"),
        symbol=r"\bexports\.{name}\b|\bmodule\.exports\s*=\s*\{[^;]*?\b{name}\b"
        r"|\bexport\s+(?:async\s+)?(?:function|const|let)\s+{name}\b",
    ),
    DependencyRule(
        files=("package.json", "package-lock.json"),
        required=("package-lock.json",),
        install=("npm",),
        mount="/var/task/node_modules",
        states=r'"dependencies"\s*:\s*\{\s*"',
    ),
)
CUSTOM = a_runtime(
    "provided.al2023",
    HandlerRule(default="bootstrap", files=("bootstrap",), symbol=None, executable=True),
)
RUNTIMES = {runtime.name: runtime for runtime in (PYTHON, NODE, CUSTOM)}

GOOD = 'runtime = "python3.13"\n'
HANDLER = "def handler(event, context):\n    return event\n"


class ProjectOnDisk:
    """A project's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, content: str | bytes) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def function(self, name: str, manifest: str | bytes = GOOD, *, code: str = HANDLER) -> Path:
        """A function's folder; its handler is there unless `code` is empty."""
        self.write(f"{name}/function.toml", manifest)
        if code:
            self.write(f"{name}/app.py", code)
        return self.root / name

    def read(self, **overrides: str) -> ProjectFiles:
        return read_project(
            self.root,
            runtimes=RUNTIMES,
            overrides=Overrides(environment_name=overrides.get("environment")),
        )

    def only(self) -> Function:
        """The one function there is."""
        (function,) = self.read().project.functions
        return function

    def configuration(self) -> FunctionConfiguration:
        """Of the one function there is, which is sound."""
        function = self.only()
        assert function.configuration is not None, complaints(function.problems, self.root)
        return function.configuration

    def complaints(self) -> list[str]:
        """Everything that is wrong anywhere, as `path:line: message` relative to the project."""
        project = self.read().project
        found = [*project.problems, *(p for f in project.functions for p in f.problems)]
        return complaints(found, self.root)


def complaints(problems: list[Problem] | tuple[Problem, ...], root: Path) -> list[str]:
    return [str(problem).replace(f"{root}/", "").replace(str(root), ".") for problem in problems]


@pytest.fixture
def disk(tmp_path: Path) -> ProjectOnDisk:
    root = tmp_path / "project"
    root.mkdir()
    return ProjectOnDisk(root)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder to work in as somebody whom permissions apply to, root or not."""
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    folder.chmod(0o777)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if user == 0:
            os.seteuid(0)
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.rmdir()
